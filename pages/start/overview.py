"""Overview: where things stand, and a guided tour."""

from __future__ import annotations

from datetime import datetime

import pandas as pd
import streamlit as st

from core.data import DataSet
from core.errors import CrossfabError
from core.figures.comparison import saved_table
from core.figures.quantity import quantities
from core.figures.runs import runs_table
from core.saved_designs import DesignLibrary
from core.training.run_store import RunState, RunStore
from pages.shell import loaders, places, spice
from pages.shell.selection import Selection, current
from pages.shell.widgets import MOMENT

DONE, WORKING, MISSING = "green", "blue", "gray"
TOUR = (
    (
        "Two processes, one amplifier",
        "The same amplifier was simulated thousands of times in process A and a few times in "
        "process B. The sizes come from one design space; the metrics do not: look how far the "
        "DC gain of B lies from that of A.",
        "pages/learn/data.py",
        "See the distributions",
        {},
    ),
    (
        "Learn on A, transfer to B",
        "Networks learn from A's many designs and are tuned on B's few. Beside them stands the "
        "control that has seen B alone. Their held-out errors tell what the transfer is worth.",
        "pages/learn/ensemble.py",
        "See the accuracy",
        {},
    ),
    (
        "From specs to sizes",
        "Drag a spec: the candidates follow within half a second. The bars behind each slider "
        "show what process B reaches; when specs cannot be met together, the page says which one "
        "to relax and by how much.",
        "pages/use/design.py",
        "Set the specs",
        {},
    ),
    (
        "SPICE has the last word",
        "A prediction is marked with a star until SPICE has confirmed it. Press Verify in SPICE on "
        "a candidate, then take its netlist with you; or look at any sizes in both processes.",
        "pages/use/simulator.py",
        "Open the simulator",
        {},
    ),
)


def step(title: str, colour: str, badge: str, text: str, page: str) -> None:
    """Draw one step of the pipeline as a card that links to its page."""
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.page_link(page, label=f"**{title}**")
        st.markdown(f":{colour}-badge[{badge}]")
        st.caption(text)


def data_step(selection: Selection, dataset: DataSet | None, fault: str) -> None:
    """Draw the card of the data."""
    page = "pages/learn/data.py"
    if dataset is None:
        step("Data", MISSING, "missing", fault or "Generate or upload a data set.", page)
        return
    text = (
        f"{len(dataset.source):,} designs in {dataset.source_process} (A), "
        f"{len(dataset.target):,} in {dataset.target_process} (B)"
    )
    step("Data", DONE, "ready", text, page)


def training_step(selection: Selection) -> None:
    """Draw the card of the training run."""
    page = "pages/learn/training.py"
    if selection.run is None:
        step("Training", MISSING, "missing", "No run of this circuit yet.", page)
        return
    status = RunStore(selection.run).status()
    colour = DONE if status.state == RunState.DONE else MISSING
    colour = WORKING if not status.state.is_finished() else colour
    when = f" on {datetime.fromtimestamp(status.finished):%d %b %Y}" if status.finished else ""
    step("Training", colour, str(status.state), f"Run {selection.run_name}{when}", page)


def ensemble_step(evaluation: dict | None) -> None:
    """Draw the card of the ensemble."""
    page = "pages/learn/ensemble.py"
    if evaluation is None:
        step("Ensemble", MISSING, "missing", "Fitted at the end of a run.", page)
        return
    ensemble = evaluation["models"].get("ensemble") or next(iter(evaluation["models"].values()))
    errors = [row["median_relative_error"] for row in ensemble["metrics"].values()]
    text = f"Median errors {100 * min(errors):.2g} to {100 * max(errors):.2g} % on held-out designs"
    step("Ensemble", DONE, "calibrated", text, page)


def design_step(evaluation: dict | None) -> None:
    """Draw the card of the inverse design."""
    page = "pages/use/design.py"
    if evaluation is None:
        step("Design", MISSING, "waits for a run", "Specs in, sizes out.", page)
        return
    step("Design", DONE, "ready", "Specs in, W, L and bias currents of process B out.", page)


def spice_step() -> None:
    """Draw the card of the simulator."""
    page = "pages/use/simulator.py"
    found = spice.engines()
    if not found:
        step("SPICE", MISSING, "no engine", "Install neospice or libngspice.", page)
        return
    step("SPICE", DONE, "ready", "Engines: " + ", ".join(found), page)


def accuracy(selection: Selection, evaluation: dict) -> None:
    """Show the ensemble's accuracy per metric beside the model without transfer."""
    shown = quantities(selection.circuit)
    models = evaluation["models"]
    rows = {}
    for name in selection.circuit.metric_names:
        ensemble = models.get("ensemble", next(iter(models.values())))["metrics"][name]
        row = {
            "Median error": 100 * ensemble["median_relative_error"],
            "95th percentile": 100 * ensemble["p95_relative_error"],
            "R2 (log)": ensemble["log_r2"],
            "In the 90 % interval": 100 * ensemble["coverage"],
        }
        if "target_only" in models:
            control = models["target_only"]["metrics"][name]
            row["Median error, B alone"] = 100 * control["median_relative_error"]
        rows[shown[name].label] = row
    st.dataframe(
        pd.DataFrame.from_dict(rows, orient="index"),
        height="content",
        column_config={
            "R2 (log)": st.column_config.NumberColumn(format="%.4f"),
            **{
                head: st.column_config.NumberColumn(format="%.2f %%")
                for head in (
                    "Median error",
                    "95th percentile",
                    "In the 90 % interval",
                    "Median error, B alone",
                )
            },
        },
        alt="Accuracy of the ensemble per metric",
    )


def tour() -> None:
    """Draw the guided tour: four steps with a link to where each happens."""
    position = st.session_state.setdefault("overview_tour", 0)
    title, text, page, label, parameters = TOUR[position]
    with st.container(border=True):
        st.markdown(f"**Tour, step {position + 1} of {len(TOUR)}: {title}**")
        st.markdown(text)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                page, label=label, icon=":material/arrow_forward:", query_params=parameters
            )
            if st.button("Back", disabled=position == 0, key="overview_back"):
                st.session_state["overview_tour"] = position - 1
                st.rerun()
            if st.button("Next", disabled=position == len(TOUR) - 1, key="overview_next"):
                st.session_state["overview_tour"] = position + 1
                st.rerun()


def last_runs(selection: Selection) -> None:
    """List the newest runs of the circuit."""
    runs = dict(list(places.run_folders(selection.circuit.id).items())[:6])
    if not runs:
        st.caption("No run yet.")
        return
    st.dataframe(
        runs_table(runs),
        hide_index=True,
        height="content",
        column_order=["Run", "State", "Preset", "Started"],
        column_config={"Started": MOMENT},
        alt="Newest runs",
    )


def last_designs(selection: Selection) -> None:
    """List the designs of the circuit that were kept last."""
    kept = DesignLibrary(places.LIBRARY).designs(selection.circuit.id)[:4]
    if not kept:
        st.caption("None kept yet: press Save on a candidate of the Design page.")
        return
    st.dataframe(
        saved_table(kept),
        hide_index=True,
        height="content",
        column_config={"Saved": MOMENT},
        alt="Last designs",
    )


selection = current()
st.markdown(
    f"{selection.circuit.description} Crossfab learns it in process A, transfers to process B "
    "with few simulations, sizes it to your specs, and confirms the sizes in SPICE."
)
dataset, fault = None, ""
if selection.data.is_dir():
    try:
        dataset = loaders.dataset(selection.data, selection.circuit.id)
    except CrossfabError as error:
        fault = str(error).splitlines()[0]
evaluation = None
if selection.run is not None and (selection.run / "evaluation.json").is_file():
    evaluation = RunStore(selection.run).read_json("evaluation.json")
cards = st.columns(5, gap="small")
with cards[0]:
    data_step(selection, dataset, fault)
with cards[1]:
    training_step(selection)
with cards[2]:
    ensemble_step(evaluation)
with cards[3]:
    design_step(evaluation)
with cards[4]:
    spice_step()
left, right = st.columns([1.7, 1], gap="medium")
with left:
    st.subheader("Accuracy in process B", anchor=False)
    if evaluation is None:
        st.caption("Known at the end of a training run.")
    else:
        accuracy(selection, evaluation)
with right:
    st.subheader("Newest runs", anchor=False)
    last_runs(selection)
    st.subheader("Last designs", anchor=False)
    last_designs(selection)
tour()
