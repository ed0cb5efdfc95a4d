"""Overview: where things stand, and a guided tour."""

from __future__ import annotations

from collections.abc import Callable
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
from pages.shell import loaders, places, spice, tour
from pages.shell.selection import Selection, current
from pages.shell.widgets import MOMENT

DONE, WORKING, MISSING = "green", "blue", "gray"


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
    runs = places.run_folders(selection.circuit.id).items()
    states = {name: RunStore(folder).readable_status().state for name, folder in runs}
    if working := [name for name, state in states.items() if not state.is_finished()]:
        step("Training", WORKING, "running", f"Run {working[0]} is at work.", page)
        return
    status = RunStore(selection.run).readable_status()
    colour = DONE if status.state == RunState.DONE else MISSING
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
left, right = st.columns([5, 1], vertical_alignment="center")
left.markdown(
    f"{selection.circuit.description} Crossfab learns it in process A, transfers to process B "
    "with few simulations, sizes it to your specs, and confirms the sizes in SPICE."
)
with right.container(horizontal=True, horizontal_alignment="right"):
    tour.start_button()
dataset, fault = None, ""
if selection.data.is_dir():
    try:
        dataset = loaders.dataset(selection.data, selection.circuit.id)
    except CrossfabError as error:
        fault = str(error).splitlines()[0]
evaluation = None
if selection.run is not None and (selection.run / "evaluation.json").is_file():
    evaluation = RunStore(selection.run).read_json("evaluation.json")
steps: tuple[Callable[[], None], ...] = (
    lambda: data_step(selection, dataset, fault),
    lambda: training_step(selection),
    lambda: ensemble_step(evaluation),
    lambda: design_step(evaluation),
    spice_step,
)
cards = st.columns([8, 1] * (len(steps) - 1) + [8], gap="xxsmall", vertical_alignment="center")
for number, draw in enumerate(steps):
    with cards[2 * number]:
        draw()
for arrow in cards[1::2]:
    arrow.markdown(":gray[:material/arrow_forward:]", text_alignment="center")
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
