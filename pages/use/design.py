"""Design: specs in, candidate sizes out, confirmed in SPICE."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import CrossfabError
from core.figures import candidates as pictures
from core.figures.datasheet import datasheet
from core.figures.quantity import quantities
from core.figures.schematic import schematic
from core.figures.slider import reached_values
from core.inverse import DesignResult, Specification, design, guide, report
from core.inverse.link import specification_to_text
from core.spice import Simulation, load_process, pdk_netlist, process_names
from core.training.run_store import RunStore
from pages.shell import library_panel, loaders, sign_off, spice
from pages.shell.places import stamp
from pages.shell.selection import Selection, current
from pages.shell.spec_panel import SpecPanel
from pages.shell.widgets import CHART, needed_run, show_fault

COUNTS = (5, 10, 20, 40)
LIKELY = 0.5  # predicted PASS, as the table marks it
TABS = ("Candidate", "What if", "Corners", "Monte Carlo", "All candidates", "Library")
INK = {"light": "#334155", "dark": "#CBD5E1"}


@st.cache_resource(max_entries=256, show_spinner=False)
def solved(
    run: str,
    model: str,
    version: tuple[int, int],
    text: str,
    count: int,
    supply: float | None,
    _specification: Specification,
) -> DesignResult:
    """Return the candidates of a specification; its text stands for it in the cache."""
    return design(loaders.bench(Path(run), model), _specification, n=count, supply_voltage=supply)


def guidance(result: DesignResult, run: Path, model: str, supply: float | None) -> None:
    """Say how many known designs meet everything, and what cannot be met."""
    found = guide(loaders.bench(run, model), result.specification, supply)
    st.caption(found.sentence)
    if result.conflicts:
        st.warning("\n".join(f"- {text}" for text in result.conflicts), icon=":material/block:")


def candidate_table(result: DesignResult) -> int:
    """Draw the sortable table and return the position of the picked candidate."""
    view = pictures.candidates_view(result.candidates, result.specification)
    likely = view["P(all)"] >= LIKELY
    if st.session_state.get("design_likely") and likely.any():
        view = view[likely]
    picked = st.dataframe(
        view.style.map(pictures.verdict_style, subset=["Predicted"]),
        hide_index=True,
        height="content" if len(view) <= 10 else 388,
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [0]}},
        key=f"design_table_{len(view)}",
        column_config={
            "#": st.column_config.NumberColumn(width=40, pinned=True),
            "P(all)": st.column_config.ProgressColumn(
                format="%.2f",
                min_value=0,
                max_value=1,
                width=90,
                help="Probability that the design meets every spec, by the model",
            ),
            "Predicted": st.column_config.TextColumn(
                width=80, help="* predicted; not simulated yet"
            ),
            "Least sure of": st.column_config.TextColumn(width=110),
            "Distance": st.column_config.NumberColumn(
                format="%.1f",
                help="To the nearest simulated design; 1 is typical of known designs, more is "
                "further from what the model knows",
            ),
            **{
                head: st.column_config.NumberColumn(format="%.4g")
                for head in view.columns
                if "[" in head
            },
        },
        alt="Candidates",
    )
    rows = picked["selection"]["rows"]
    row = rows[0] if rows and rows[0] < len(view) else 0
    return int(view["#"].iloc[row]) - 1


def pictures_of_all(result: DesignResult, run: Path, model: str) -> None:
    """Draw trade-off and parallel coordinates of the candidates."""
    circuit = result.specification.circuit
    shown = quantities(circuit)
    names = [*circuit.metric_names, "supply_current", "gate_area"]
    left, right = st.columns(2)
    x = left.selectbox(
        "Across", names, 2, format_func=lambda name: shown[name].label, key="design_trade_x"
    )
    y = right.selectbox(
        "Up", names, 1, format_func=lambda name: shown[name].label, key="design_trade_y"
    )
    metrics = circuit.metric_names
    if x in metrics and y in metrics:
        known = loaders.predictor(run, model).known_designs()
        figure = pictures.trade_off(result.candidates, known, result.specification, (x, y))
        st.plotly_chart(figure, config=CHART, key="design_trade", alt="Trade-off")
    else:
        st.caption("Pick two of the metrics.")
    st.plotly_chart(
        pictures.parallel_coordinates(
            result.candidates, circuit, [*circuit.variable_names, *circuit.metric_names]
        ),
        config=CHART,
        key="design_parallel",
        alt="Parallel coordinates of all candidates",
    )


def simulated_values(found: Simulation, candidate: pd.Series, supply: float) -> dict[str, float]:
    """Return the simulated quantities of a candidate, power and area with them."""
    return {
        **found.metrics,
        "supply_current": found.supply_current,
        "power": found.supply_current * supply,
        "gate_area": candidate["gate_area"],
    }


def detail(result: DesignResult, number: int, process: str) -> None:
    """Show one candidate: schematic, predicted and simulated values beside the specs."""
    circuit = result.specification.circuit
    candidate = result.candidates.iloc[number]
    sizes = {name: float(candidate[name]) for name in circuit.variable_names}
    marker = (circuit.id, process, tuple(sizes.items()))
    left, right = st.columns([1, 1.7], gap="medium")
    with left:
        st.markdown(f"**Candidate {number + 1}** · W/L in um")
        drawing = schematic(circuit, sizes, colour=INK[st.context.theme.type or "light"])
        if drawing:
            st.image(drawing, width="stretch", alt=f"Schematic of candidate {number + 1}")
        else:
            st.dataframe(pd.Series(sizes, name="Size"), alt="Sizes")
    with right:
        slot = st.container()
        found, simulated = None, None
        with st.container(horizontal=True, vertical_alignment="center"):
            verify = st.button(
                "Verify in SPICE",
                type="primary",
                key="design_verify",
                icon=":material/verified:",
                disabled=not (process and spice.engines()),
                help=None if process else "Pick process B above the table first",
            )
            downloads(result, number, process)
            sheet_slot = st.container(width="content")
            keep = st.container(width="content")
        if verify:
            st.session_state["design_verified"] = marker
        if st.session_state.get("design_verified") == marker:
            try:
                with st.spinner("Simulating"):
                    found = spice.simulation(circuit.id, process, sizes)
            except CrossfabError as error:
                show_fault(error, "SPICE did not run")
        if found is not None:
            simulated = simulated_values(found, candidate, load_process(process).supply)
        with sheet_slot:
            st.download_button(
                "Datasheet",
                datasheet(
                    result.specification,
                    candidate,
                    load_process(process) if process else None,
                    simulated,
                ),
                f"{circuit.id}_candidate_{number + 1:02d}.md",
                "text/markdown",
                key="design_datasheet",
                help="This candidate as a page of Markdown",
                on_click="ignore",
            )
        with keep:
            text = specification_to_text(result.specification)
            library_panel.save_button(circuit, candidate, text, simulated or {}, process)
        with slot:
            sheet = pictures.spec_sheet(result.specification, candidate, simulated)
            verdicts = [column for column in sheet.columns if column.startswith("Verdict")]
            st.dataframe(
                sheet.style.map(pictures.verdict_style, subset=verdicts),
                height="content",
                alt="Predicted and simulated values beside the specs",
            )
            if found is None:
                st.caption("\\* predicted by the model, not simulated yet.")
            elif found.failure:
                st.warning(f"No working amplifier: {found.failure}", icon=":material/error:")
    if found is not None:
        spice.responses({"Candidate": found}, "design")


def downloads(result: DesignResult, number: int, process: str) -> None:
    """Draw the download buttons."""
    circuit = result.specification.circuit
    candidate = result.candidates.iloc[number]
    st.download_button(
        "CSV",
        result.candidates.to_csv(index=False, float_format="%.6g"),
        "candidates.csv",
        "text/csv",
        key="design_csv",
        help="All candidates",
        on_click="ignore",
    )
    st.download_button(
        "JSON",
        json.dumps(report(result), indent=1),
        "report.json",
        "application/json",
        key="design_json",
        help="Specification, candidates and what cannot be met",
        on_click="ignore",
    )
    if process:
        sizes = {name: float(candidate[name]) for name in circuit.variable_names}
        st.download_button(
            "Netlist",
            pdk_netlist(circuit, load_process(process), sizes),
            f"{circuit.id}_candidate_{number + 1:02d}.cir",
            "text/plain",
            key="design_netlist",
            help="This candidate for ngspice with the installed PDK",
            on_click="ignore",
        )


def what_if(result: DesignResult, number: int, run: Path, model: str) -> None:
    """Draw sliders on the sizes of a candidate with live predictions."""
    circuit = result.specification.circuit
    shown = quantities(circuit)
    candidate = result.candidates.iloc[number]
    sizes = {}
    grid = st.grid(4, min_column_width=200)
    text = specification_to_text(result.specification)
    for variable in circuit.variables:
        with grid.cell():
            sizes[variable.name] = st.select_slider(
                f"{variable.label}: {variable.description}",
                variable.grid.tolist(),
                value=float(variable.snap(candidate[variable.name])),
                format_func=shown[variable.name].text,
                key=f"design_what_if_{variable.name}_{number}_{text}",
            )
    predictor, bench = loaders.predictor(run, model), loaders.bench(run, model)
    row = pictures.predicted_row(predictor, bench, sizes, result.supply_voltage)
    sheet = pictures.spec_sheet(result.specification, row)
    st.dataframe(
        sheet.style.map(pictures.verdict_style, subset=["Verdict*"]),
        height="content",
        alt="Predictions of the changed sizes",
    )
    if st.button("Open in the simulator", key="design_open", icon=":material/show_chart:"):
        st.session_state["simulator_design"] = sizes
        st.switch_page("pages/use/simulator.py")


def signed_off(
    draw: Callable[[Specification, pd.DataFrame, str, str], None],
    result: DesignResult,
    number: int,
    process: str,
) -> None:
    """Draw corners or Monte Carlo of a candidate, where process B can be simulated."""
    if not (process and spice.engines()):
        st.caption("Pick process B above the table: its models are simulated here.")
        return
    sizes = result.candidates.iloc[[number]][result.specification.circuit.variable_names]
    st.markdown(f"**Candidate {number + 1}** in {load_process(process).label}")
    draw(result.specification, sizes, process, specification_to_text(result.specification))


@dataclass(frozen=True)
class Choices:
    """What the row above the table says; ``process`` is empty where B cannot be simulated."""

    model: str
    process: str
    count: int
    line: st.delta_generator.DeltaGenerator

    @property
    def supply(self) -> float | None:
        """Supply voltage of process B, V."""
        return load_process(self.process).supply if self.process else None


def choose(selection: Selection, run: Path) -> Choices:
    """Draw the row above the table."""
    trained_for = spice.target_process(RunStore(run).config())
    names = process_names()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", loaders.models(run), key="design_model", width=150)
        process = st.selectbox(
            "Process B",
            names,
            names.index(trained_for) if trained_for else None,
            key=f"design_process_{selection.run_name}",
            placeholder="for SPICE",
            width=170,
            help="The data's own process; pick one where the data do not name theirs",
        )
        count = st.selectbox("Candidates", COUNTS, 1, key="design_count", width=110)
        st.toggle("PASS* only", key="design_likely", help="Hide what is predicted to fail")
        line = st.container(horizontal=True, vertical_alignment="bottom")
    return Choices(model, process or "", count, line)


def outcome(run: Path, specification: Specification, choices: Choices) -> None:
    """Solve the specification; draw the table and what can be done with one candidate."""
    model, process = choices.model, choices.process
    try:
        text = specification_to_text(specification)
        version = stamp(run, "*.safetensors")
        result = solved(
            str(run), model, version, text, choices.count, choices.supply, specification
        )
    except CrossfabError as error:
        show_fault(error, "No candidates")
        return
    choices.line.caption(
        f"{len(result.candidates)} best of {result.counters['distinct']:,} designs judged, "
        f"{result.seconds:.2f} s"
    )
    guidance(result, run, model, choices.supply)
    number = candidate_table(result)
    bodies = (
        lambda: detail(result, number, process),
        lambda: what_if(result, number, run, model),
        lambda: signed_off(sign_off.corners, result, number, process),
        lambda: signed_off(sign_off.monte_carlo, result, number, process),
        lambda: pictures_of_all(result, run, model),
        lambda: library_panel.library(specification.circuit),
    )
    tabs = st.tabs(TABS, on_change="rerun", key="design_tab")
    for tab, draw in zip(tabs, bodies, strict=True):
        if tab.open:
            with tab:
                draw()


@st.fragment
def workspace(selection: Selection, run: Path) -> None:
    """Draw the whole page; a moved slider reruns this part alone."""
    left, right = st.columns([1, 2.35], gap="medium")
    with right:
        choices = choose(selection, run)
    bench = loaders.bench(run, choices.model)
    known = loaders.predictor(run, choices.model).known_designs()
    panel = SpecPanel(selection.circuit, known, reached_values(bench, choices.supply))
    with left, st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.subheader("Specs", anchor=False, width="stretch")
            st.button("Reset", type="tertiary", key="design_reset", on_click=panel.reset)
        specification = panel.draw()
    with right:
        if specification is None:
            st.info("Correct the specification on the left: candidates appear here.")
        else:
            outcome(run, specification, choices)


selection = current()
workspace(selection, needed_run(selection))
