"""Design: specs in, candidate sizes out, confirmed in SPICE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from core.errors import CrossfabError, InputError
from core.figures import candidates as pictures
from core.figures.model_names import model_name
from core.figures.quantity import quantities
from core.figures.slider import reached_values
from core.inverse import DesignResult, Specification, design, guide, pareto_front
from core.inverse.link import specification_to_text
from core.spice import load_process, process_names
from core.training.run_store import RunStore
from pages.shell import candidate, library_panel, models, sign_off, spice
from pages.shell.places import stamp
from pages.shell.selection import Selection, current
from pages.shell.spec_panel import SpecPanel
from pages.shell.widgets import CHART, listed, show_fault

NARROW = 42  # px, of a column with a number of few digits
COUNTS = (5, 10, 20, 40)
LIKELY = 0.5  # predicted PASS, as the table marks it
UNLIKELY = ("show", "grey out", "hide")
TABS = ("Candidate", "What if", "Corners", "Monte Carlo", "Compare", "All candidates", "Library")
# Plotly draws a white halo around the ticks and black axes, whatever the ground.
PARALLEL = """<style>
.js-plotly-plot .parcoords text { text-shadow: none !important; }
.js-plotly-plot .parcoords .axis path.domain { stroke: #8593A6 !important; }
</style>"""
# Two values of a band and their units stand in one row.
COMPACT = "<style>.st-key-design_specs input { padding-inline: 5px !important; }</style>"
FRONT = "design_front_of"  # specification, model and quantities whose front was asked for
OUTCOME = "design_outcome"  # the part of the page that a moved slider draws again


@st.cache_resource(max_entries=256, show_spinner=False)
def solved(
    run: str,
    model: str,
    version: tuple[int, int],
    text: str,
    count: int,
    supply: float | None,
    from_network: bool,
    _specification: Specification,
) -> DesignResult:
    """Return the candidates of a specification; its text stands for it in the cache."""
    return design(
        models.bench(Path(run), model),
        _specification,
        n=count,
        sampler=models.sampler(Path(run)) if from_network else None,
        supply_voltage=supply,
    )


@st.cache_resource(max_entries=64, show_spinner="Searching along the front")
def front_of(
    run: str,
    model: str,
    version: tuple[int, int],
    text: str,
    supply: float | None,
    objectives: tuple[tuple[str, str], ...],
    _specification: Specification,
) -> pd.DataFrame:
    """Return the front of a specification in two quantities; its text stands for it in the cache.

    Args:
        objectives: quantity and whether to maximize or minimize it.
    """
    bench = models.bench(Path(run), model)
    return pareto_front(bench, _specification, dict(objectives), supply_voltage=supply)


def guidance(result: DesignResult, run: Path, model: str, supply: float | None) -> str:
    """Say how many known designs meet everything, and what cannot be met.

    Returns:
        Which columns of the table are to be seen, picked beside the sentence.
    """
    found = guide(models.bench(run, model), result.specification, supply)
    counters = result.counters
    # The choice stands on the left: on the right the table's own tools would cover it.
    left, right = st.columns([1, 1.2], vertical_alignment="center")
    right.caption(
        f"{found.sentence} {len(result.candidates)} best of {counters['distinct']:,} designs "
        f"judged, {result.seconds:.2f} s."
    )
    with left:
        columns: str = st.segmented_control(
            "Columns",
            pictures.VIEWS,
            default=pictures.VIEWS[0],
            required=True,
            key="design_columns",
            bind="query-params",
            label_visibility="collapsed",
        )
    if result.conflicts:
        st.warning(listed(result.conflicts), icon=":material/block:")
    return columns


def candidate_table(result: DesignResult, columns: str, process: str) -> int:
    """Draw the sortable table and return the position of the picked candidate.

    Args:
        result: the candidates.
        columns: name of the view.
        process: name of process B, in which some were verified; empty: it cannot be simulated.
    """
    circuit = result.specification.circuit
    meanings = {quantity.label: quantity.help for quantity in quantities(circuit).values()}
    verdicts = candidate.spice_verdicts(result, process) if process else []
    view = pictures.candidates_view(result.candidates, result.specification, verdicts)
    likely = view["P(all)"] >= LIKELY
    unlikely = st.session_state["design_unlikely"]
    if unlikely == "hide":
        if likely.any():
            view = view[likely]
        else:
            st.caption("All candidates are predicted to fail; none is hidden.")
    colours = pictures.view_colours(view, result.candidates, result.specification)
    styled = view.style.apply(lambda _: colours, axis=None)
    if unlikely == "grey out":
        faded = view.index[~likely]
        styled = styled.map(lambda _: pictures.FADED, subset=(faded, view.columns))
    picked = st.dataframe(
        styled,
        hide_index=True,
        height="content" if len(view) <= 10 else 388,
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [0]}},
        key=f"design_table_{len(view)}",
        column_order=pictures.view_columns(view, circuit)[columns],
        column_config={
            "#": st.column_config.NumberColumn(width=NARROW, pinned=True),
            "P(all)": st.column_config.ProgressColumn(
                format="%.2f",
                min_value=0,
                max_value=1,
                width=66,
                help="Probability that the design meets every spec, by the model",
            ),
            "Predicted": st.column_config.TextColumn(
                width=72, help="* predicted; not simulated yet"
            ),
            pictures.SPICE: st.column_config.TextColumn(
                width=NARROW, help="Simulated in process B: PASS meets every spec and works"
            ),
            "Least sure of": st.column_config.TextColumn(width=96),
            "Distance": st.column_config.NumberColumn(
                format="%.1f",
                help="To the nearest simulated design; 1 is typical of known designs, more is "
                "further from what the model knows",
            ),
            "From": st.column_config.TextColumn(
                width=NARROW, help="data: simulated before, so its values are known; new: predicted"
            ),
            **{
                head: st.column_config.NumberColumn(
                    format="%.4g", help=meanings.get(head.rpartition(" [")[0])
                )
                for head in view.columns
                if "[" in head
            },
            # W and L by their names alone: a head is wider than its numbers.
            **{
                f"{variable.label} [um]": st.column_config.NumberColumn(
                    variable.label,
                    format="%.4g",
                    width=NARROW,
                    help=f"{variable.description}, um",
                )
                for variable in circuit.variables
                if variable.unit == "um"
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
    known = models.predictor(run, model).known_designs()
    front = traced_front(result, run, model, (x, y))
    figure = pictures.trade_off(result.candidates, known, result.specification, (x, y), front)
    st.plotly_chart(figure, config=CHART, key="design_trade", alt="Trade-off")
    if front is not None and len(front):
        view = pictures.candidates_view(front, result.specification)
        st.dataframe(
            view,
            hide_index=True,
            height=250,
            column_order=pictures.view_columns(view, circuit)["All"],
            column_config={
                head: st.column_config.NumberColumn(format="%.4g")
                for head in view.select_dtypes("number").columns
            },
            alt="Designs of the front",
        )
    elif front is not None:
        st.caption("No design that was found is likely to meet the specs: there is no front.")
    st.html(PARALLEL)
    st.plotly_chart(
        pictures.parallel_coordinates(
            result.candidates,
            circuit,
            [*circuit.variable_names, *circuit.metric_names],
        ),
        config=CHART,
        key="design_parallel",
        alt="Parallel coordinates of all candidates",
    )


def traced_front(
    result: DesignResult, run: Path, model: str, names: tuple[str, str]
) -> pd.DataFrame | None:
    """Offer to search along the front of two quantities; return it once it was asked for."""
    text = specification_to_text(result.specification)
    asked = (text, model, *names)
    pressed = st.button(
        "Trace the front",
        key="design_front",
        icon=":material/timeline:",
        disabled=names[0] == names[1],
        help="Search for the designs that likely meet the specs and of which none is better in "
        "both quantities; some seconds",
    )
    if pressed:
        st.session_state[FRONT] = asked
    if st.session_state.get(FRONT) != asked:
        return None
    return front_of(
        str(run),
        model,
        stamp(run, "*.safetensors"),
        text,
        result.supply_voltage,
        tuple(pictures.better_ends(result.specification, names).items()),
        result.specification,
    )


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
    """What the row above the table says.

    Attributes:
        model: name of the forward model.
        process: name of process B; empty where B cannot be simulated.
        count: how many candidates.
        from_network: whether the inverse network proposes starts too.
    """

    model: str
    process: str
    count: int
    from_network: bool

    @property
    def supply(self) -> float | None:
        """Supply voltage of process B, V."""
        return load_process(self.process).supply if self.process else None


def choose(selection: Selection, run: Path) -> Choices:
    """Draw the row above the table."""
    trained_for = spice.target_process(RunStore(run).config())
    # What the models predict is the process that they learned: SPICE must not be another's.
    names = [trained_for] if trained_for else process_names()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox(
            "Model",
            models.names(run),
            format_func=model_name,
            key="design_model",
            bind="query-params",
            width=155,
        )
        process = st.selectbox(
            "Process B",
            names,
            0 if trained_for else None,
            key=f"design_process_{selection.run_name}",
            bind="query-params",
            placeholder="for SPICE",
            width=140,
            disabled=bool(trained_for),
            help="The process of the data that the run learned; pick one where they name none",
        )
        count = st.selectbox(
            "Candidates", COUNTS, 1, key="design_count", bind="query-params", width=90
        )
        st.segmented_control(
            "Predicted to fail",
            UNLIKELY,
            default="show",
            required=True,
            key="design_unlikely",
            bind="query-params",
            help="What to do with candidates that are predicted to fail",
            on_change=redraw,
        )
        able = models.has_sampler(run)
        from_network = st.toggle(
            "Network starts",
            value=True,
            key="design_network",
            bind="query-params",
            disabled=not able,
            help="Let the inverse network (mixture density) propose starts for the search too",
        )
    return Choices(model, process or "", count, from_network and able)


def redraw() -> None:
    """Draw the candidates again and nothing else."""
    st.rerun(OUTCOME)


@st.fragment(key=OUTCOME)
def outcome(run: Path, panel: SpecPanel, choices: Choices) -> None:
    """Solve the specification; draw the table and what can be done with one candidate."""
    model, process = choices.model, choices.process
    try:
        specification = panel.specification()
    except InputError as error:
        show_fault(error, "Correct the specification on the left: candidates appear here")
        return
    try:
        result = solved(
            str(run),
            model,
            stamp(run, "*.safetensors"),
            specification_to_text(specification),
            choices.count,
            choices.supply,
            choices.from_network,
            specification,
        )
    except CrossfabError as error:
        show_fault(error, "No candidates")
        return
    columns = guidance(result, run, model, choices.supply)
    number = candidate_table(result, columns, process)
    bodies = (
        lambda: candidate.detail(result, number, process, run),
        lambda: candidate.what_if(result, number, run, model),
        lambda: signed_off(sign_off.corners, result, number, process),
        lambda: signed_off(sign_off.monte_carlo, result, number, process),
        lambda: candidate.compare(result, process),
        lambda: pictures_of_all(result, run, model),
        lambda: library_panel.library(specification.circuit),
    )
    tabs = st.tabs(TABS, on_change="rerun", key="design_tab", bind="query-params")
    for tab, draw in zip(tabs, bodies, strict=True):
        if tab.open:
            with tab:
                draw()


selection = current()
run = models.needed_run(selection)
left, right = st.columns([1, 2.15], gap="medium")
with right:
    choices = choose(selection, run)
bench = models.bench(run, choices.model)
known = models.predictor(run, choices.model).known_designs()
panel = SpecPanel(selection.circuit, known, reached_values(bench, choices.supply), OUTCOME)
with left, st.container(border=True, gap="xsmall", key="design_specs"):
    st.html(COMPACT)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader("Specs", anchor=False, width="stretch")
        st.button("Reset", type="tertiary", key="design_reset", on_click=panel.reset)
    panel.draw()
with right:
    outcome(run, panel, choices)
