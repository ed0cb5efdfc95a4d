"""Data: what was simulated in both processes, how far B drifted, and what is odd."""

from __future__ import annotations

import time
from pathlib import Path

import pandas as pd
import streamlit as st

from core.data import DataSet
from core.data.drift import drift_table
from core.data.paired import paired_designs, paired_drift
from core.data.upload import previews, store_upload, template
from core.errors import CrossfabError
from core.figures import relations
from core.figures.distribution import distribution
from core.figures.findings import rows_view
from core.figures.paired import paired_view
from core.figures.quantity import quantities
from core.spice import process_names
from core.training.generation import (
    Generation,
    GenerationRequest,
    cancel_generation,
    generations,
    start_generation,
)
from core.training.run_store import RunState
from core.units import duration
from pages.shell import loaders, places, spice
from pages.shell.panel_chart import HINT, panel_chart
from pages.shell.selection import FRESH_DATA, Selection, current
from pages.shell.widgets import (
    CHART,
    chart_columns,
    faults_shown,
    needed_dataset,
    show_fault,
    theme,
)

MOST_POINTS = 1000  # of a process in a plot
SECONDS_A_DESIGN = 0.03  # of ngspice on one core
PAIRED_COUNTS = (25, 50, 100, 200)
MOST_ROWS = 1000  # of one finding
JOB_STATES = {
    RunState.RUNNING: ("blue", "running"),
    RunState.DONE: ("green", "done"),
    RunState.CANCELLED: ("gray", "cancelled"),
    RunState.FAILED: ("orange", "failed"),
}

DRIFT_COLUMNS = {
    "label": st.column_config.TextColumn("Column", pinned=True, width=110),
    "kind": st.column_config.TextColumn("Kind"),
    "verdict": st.column_config.TextColumn("Verdict", help="In plain words, from KS and its p"),
    "ks": st.column_config.ProgressColumn(
        "KS",
        format="%.3f",
        min_value=0,
        max_value=1,
        help="Kolmogorov-Smirnov distance: 0 the same distribution, 1 no overlap",
    ),
    "wasserstein": st.column_config.NumberColumn(
        "Wasserstein", format="%.2f", help="In standard deviations of A, as the models see it"
    ),
    "median_ratio": st.column_config.NumberColumn(
        "Median B / A",
        format="%.3g",
        help="Ratio of the medians in physical units; where a variable has few steps, such as four "
        "lengths, its median moves by a whole step or not at all",
    ),
}


def process_label(letter: str, name: str) -> str:
    """Return what a process is called: its letter, and its name where it is known."""
    return f"Process {letter}" if name == letter else f"Process {letter}: {name}"


def facts(dataset: DataSet) -> None:
    """Show the counts of both processes."""
    source, target = dataset.source, dataset.target
    with st.container(horizontal=True):
        st.metric(
            process_label("A", dataset.source_process), f"{len(source):,} designs", border=True
        )
        st.metric("A: working", f"{source.valid.mean():.1%}", border=True)
        st.metric(
            process_label("B", dataset.target_process), f"{len(target):,} designs", border=True
        )
        st.metric("B: working", f"{target.valid.mean():.1%}", border=True)
        st.metric(
            "B: training / held out",
            f"{len(dataset.train_rows)} / {len(dataset.validation_rows)}",
            border=True,
        )
    st.caption(f"Fingerprint {dataset.fingerprint[:16]}")


def distributions(dataset: DataSet) -> None:
    """Draw the distribution of every metric and variable in A and B."""
    with st.container(horizontal=True, vertical_alignment="center"):
        scale = st.segmented_control(
            "Axis",
            ["log", "linear"],
            default="log",
            required=True,
            key="data_scale",
            persist_state="session",
            label_visibility="collapsed",
        )
        heading = st.segmented_control(
            "Columns",
            ["Metrics", "Design variables"],
            default="Metrics",
            required=True,
            key="data_columns",
            persist_state="session",
            label_visibility="collapsed",
        )
        valid_only = st.toggle(
            "Working amplifiers only", value=True, key="data_valid", persist_state="session"
        )
    shown = quantities(dataset.circuit)
    domains = {"A": dataset.source, "B": dataset.target}
    metrics, variables = dataset.circuit.metric_names, dataset.circuit.variable_names
    names, per_row = (metrics, 3) if heading == "Metrics" else (variables, 4)
    for name, column in zip(names, chart_columns(len(names), per_row), strict=True):
        samples = {}
        for process, table in domains.items():
            part = table.metrics if name in table.metrics else table.designs
            samples[process] = (part[table.valid] if valid_only else part)[name].to_numpy()
        quantity = shown[name]
        log = scale == "log" and quantity.unit != "deg"
        with column:
            panel_chart(
                distribution(samples, quantity, log=log),
                f"data_distribution_{name}",
                alt=f"Distribution of {quantity.label} in A and B. {quantity.help}",
            )
    st.caption(HINT)


@st.cache_data(max_entries=12, show_spinner="Comparing A and B")
def drift_of(folder: Path, circuit_id: str, version: tuple[int, int]) -> pd.DataFrame:
    """Return the drift table of a data set in one state of its files."""
    return drift_table(loaders.dataset(folder, circuit_id))


def drift(selection: Selection, dataset: DataSet) -> None:
    """Show the drift of every column with its verdict."""
    st.caption(
        "Both processes are sampled from the same design space, so the sizes should not drift; "
        "the metrics do. Sort by a column's head."
    )
    table = drift_of(selection.data, selection.circuit.id, places.stamp(selection.data))
    shown = quantities(dataset.circuit)
    table = table.assign(label=[shown[name].label for name in table.index])
    st.dataframe(
        table.sort_values("ks", ascending=False),
        hide_index=True,
        column_order=list(DRIFT_COLUMNS),
        column_config=DRIFT_COLUMNS,
        height="content",
        alt="Drift from A to B of every column",
    )
    paired(selection, dataset)


@st.fragment
def paired(selection: Selection, dataset: DataSet) -> None:
    """Simulate the same designs in both processes and show what moves."""
    st.subheader("The same designs in both processes", anchor=False)
    names = process_names()
    if not spice.engines():
        st.caption("No SPICE engine works here: see the Simulator page.")
        return
    chosen = []
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for letter, name, other in (
            ("A", dataset.source_process, "sky130"),
            ("B", dataset.target_process, "gf180mcu"),
        ):
            start = names.index(name if name in names else other)
            process = st.selectbox(
                f"Process {letter}", names, start, key=f"data_paired_{letter}", width=170
            )
            chosen.append(process)
        count = st.selectbox("Designs", PAIRED_COUNTS, 1, key="data_paired_count", width=110)
        pressed = st.button("Simulate them", key="data_paired", icon=":material/play_arrow:")
    marker = (selection.data, *chosen, count)
    if pressed:
        st.session_state["data_paired_marker"] = marker
    if st.session_state.get("data_paired_marker") != marker:
        st.caption(
            "Working designs of B, simulated once more in both: a shift without sampling noise. "
            f"About {2 * count * SECONDS_A_DESIGN:.0f} s."
        )
        return
    designs = paired_designs(dataset, count)
    try:
        with st.spinner("Simulating in both processes"):
            source, target = (
                spice.simulations(selection.circuit.id, process, designs, "tt", 27.0, None)
                for process in chosen
            )
    except CrossfabError as error:
        show_fault(error, "SPICE did not run")
        return
    st.dataframe(
        paired_view(paired_drift(selection.circuit, source, target), selection.circuit),
        height="content",
        column_config={
            "B ranks as A": st.column_config.ProgressColumn(
                format="%.3f", min_value=0, max_value=1, help="Spearman's rank correlation"
            ),
        },
        alt="What the same designs do in both processes",
    )


def correlations(dataset: DataSet) -> None:
    """Show the rank correlations of A, B and their difference."""
    which = st.segmented_control(
        "Process",
        ["A", "B", "B minus A"],
        default="B minus A",
        required=True,
        key="data_correlation",
        label_visibility="collapsed",
    )
    a, b = (relations.rank_correlation(table) for table in (dataset.source, dataset.target))
    matrix = {"A": a, "B": b, "B minus A": b - a}[which].loc[dataset.circuit.metric_names]
    shown = quantities(dataset.circuit)
    st.caption("Spearman's rank correlation of each metric with each variable and metric.")
    st.plotly_chart(
        relations.correlation_map(matrix, [shown[name].label for name in matrix.columns], theme()),
        config=CHART,
        key="data_correlation_map",
        alt=f"Rank correlations, {which}",
    )


def scatter(dataset: DataSet) -> None:
    """Draw two scatter plots linked by a brush."""
    shown = quantities(dataset.circuit)
    metrics, variables = dataset.circuit.metric_names, dataset.circuit.variable_names
    defaults = (variables[0], metrics[1], metrics[2], metrics[4])
    with st.container(horizontal=True):
        picked = [
            st.selectbox(
                label,
                list(shown),
                index=list(shown).index(default),
                format_func=lambda name: shown[name].label,
                key=f"data_scatter_{number}",
            )
            for number, (label, default) in enumerate(
                zip(("Left: x", "Left: y", "Right: x", "Right: y"), defaults, strict=True)
            )
        ]
    pairs = [(shown[picked[0]], shown[picked[1]]), (shown[picked[2]], shown[picked[3]])]
    columns = list({quantity.name: quantity for pair in pairs for quantity in pair}.values())
    domains = {"A": dataset.source, "B": dataset.target}
    table = relations.scatter_table(domains, columns, most=MOST_POINTS)
    st.caption(
        "Draw a box in either plot: its designs stay coloured in both. "
        f"{MOST_POINTS:,} working designs a process at most."
    )
    st.altair_chart(relations.linked_scatter(table, pairs), key="data_scatter_chart")


def quality(selection: Selection, dataset: DataSet) -> None:
    """List what is odd in the data; the rows of one finding stand below."""
    found = loaders.findings(selection.data, selection.circuit.id)
    st.caption(
        "Duplicates within a process, missing columns and missing values without a reason are "
        "faults: a data set that has them is refused with each fault at its place."
    )
    if found.empty:
        st.success("Nothing odd: every value lies on the grid, every metric was measured.")
        return
    found = found.sort_values("rows", ascending=False, ignore_index=True)
    picked = st.dataframe(
        found.drop(columns="positions"),
        hide_index=True,
        height="content" if len(found) < 10 else 360,
        on_select="rerun",
        selection_mode="single-row-required",
        selection_default={"selection": {"rows": [0]}},
        key=f"data_findings_{selection.circuit.id}_{selection.data_name}",
        column_config={
            "domain": "Process",
            "column": "Column",
            "finding": st.column_config.TextColumn("Finding", width="large"),
            "rows": st.column_config.NumberColumn("Rows", format="localized"),
            "example": st.column_config.NumberColumn("First row", format="%d"),
        },
        alt="Quality findings; pick one to see its rows",
    )
    finding = found.iloc[(picked["selection"]["rows"] or [0])[0]]
    table = dataset.source if finding["domain"] == "A" else dataset.target
    positions = finding["positions"][:MOST_ROWS]
    more = f", the first {MOST_ROWS:,}" if len(positions) < finding["rows"] else ""
    st.subheader("Its rows", anchor=False)
    st.caption(f"{finding['domain']}, {finding['column']}: {finding['finding']}{more}")
    st.dataframe(
        rows_view(table, positions, dataset.circuit),
        height="content" if len(positions) < 14 else 480,
        column_config={"Reason": st.column_config.TextColumn(width=260)},
        alt="Rows of the finding that is picked",
    )


@st.fragment
def upload(selection: Selection) -> None:
    """Take a data set of one's own: check it, show each fault at its place, keep it."""
    st.markdown(
        "Four CSV files, or a zip that holds them: designs and targets of the source process (A) "
        "and of the target process (B). SI units, W and L in um; a metric cell may be empty only "
        "where `failure` says why."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name of the data set", key="data_upload_name", width=300)
        st.download_button(
            "Template",
            template(selection.circuit),
            f"{selection.circuit.id}_template.zip",
            "application/zip",
            key="data_template",
            icon=":material/download:",
            help="The four files with their columns and one example row",
            on_click="ignore",
        )
    files = st.file_uploader(
        "Files", type=["csv", "zip", "json"], accept_multiple_files=True, key="data_upload_files"
    )
    if st.button("Check and keep", type="primary", key="data_upload", disabled=not files):
        keep_upload(selection, {file.name: file.getvalue() for file in files}, name)
    if files:
        with faults_shown("The files cannot be read"):
            for part in previews({file.name: file.getvalue() for file in files}):
                with st.expander(f"Preview of {part.name}: {part.rows:,} rows"):
                    st.dataframe(part.head, hide_index=True)


def keep_upload(selection: Selection, files: dict[str, bytes], name: str) -> None:
    """Check uploaded files; keep and select them, or show every fault."""
    root = places.UPLOADS / selection.circuit.id
    try:
        with st.spinner("Checking"):
            kept = store_upload(files, selection.circuit, root, name)
    except CrossfabError as error:
        show_fault(error, "The upload was not kept")
        return
    counts = f"{len(kept.source):,} designs of A, {len(kept.target):,} of B"
    st.toast(f"Kept as **{name}**: {counts}", icon=":material/check:")
    st.session_state[FRESH_DATA] = name
    st.rerun()


def generate(selection: Selection) -> None:
    """Generate a data set in SPICE, with progress and cancel."""
    root = places.UPLOADS / selection.circuit.id
    running = any(job.state == RunState.RUNNING for job in generations(root))
    left, right = st.columns([1, 1.3], gap="medium")
    with left, st.container(border=True):
        generation_form(selection, root)
    with right:
        st.fragment(generation_list, run_every=1.0 if running else None)(root)


def generation_form(selection: Selection, root: Path) -> None:
    """Draw the form of a new generation."""
    names = process_names()
    name = st.text_input("Name of the data set", key="data_generate_name")
    first, second = st.columns(2)
    source = first.selectbox("Process A", names, names.index("sky130"), key="data_source")
    target = second.selectbox("Process B", names, names.index("gf180mcu"), key="data_target")
    n_source = first.number_input("Designs in A", 30, 100_000, 2000, 500, key="data_n_source")
    n_target = second.number_input("Designs in B", 30, 100_000, 300, 50, key="data_n_target")
    seed = first.number_input("Seed", 0, 2**31 - 1, 1, key="data_seed")
    st.caption(
        f"About {(n_source + n_target) * SECONDS_A_DESIGN / 60:.1f} min on one core; it goes on "
        "when this page is closed."
    )
    if st.button("Generate", type="primary", key="data_generate", disabled=not name):
        request = GenerationRequest(
            selection.circuit.id, source, target, int(n_source), int(n_target), int(seed)
        )
        with faults_shown("Nothing was started"):
            start_generation(root, name, request)
            st.rerun()


def generation_list(root: Path) -> None:
    """Show the generations with their progress."""
    jobs = generations(root)
    if not jobs:
        st.caption("Generations appear here with their progress.")
    for job in jobs[:6]:
        with st.container(horizontal=True, vertical_alignment="center"):
            colour, word = JOB_STATES[job.state]
            st.markdown(f"**{job.name}** :{colour}-badge[{word}]")
            if job.state == RunState.RUNNING and st.button(
                "Cancel", key=f"data_cancel_{job.name}", icon=":material/stop:"
            ):
                cancel_generation(root, job.name)
        if job.state == RunState.RUNNING:
            st.progress(job.done / max(job.total, 1), text=remaining(job))
        elif job.state == RunState.CANCELLED:
            st.caption("Stopped by a person; nothing was kept. Generate it again when you like.")
        elif job.state == RunState.FAILED:
            st.caption(f":orange[{job.message}]")
    was = st.session_state.get("data_generating", False)
    st.session_state["data_generating"] = any(job.state == RunState.RUNNING for job in jobs)
    if was and not st.session_state["data_generating"]:
        st.rerun()


def remaining(job: Generation) -> str:
    """Return progress and time left as text."""
    if not job.total:
        return "Starting"
    text = f"{job.done:,} of {job.total:,} designs"
    spent = time.time() - job.started
    if job.done:
        text += f" · about {duration(spent * (job.total - job.done) / job.done)} left"
    return text


selection = current()
tabs = st.tabs(
    [
        "Distributions",
        "Drift",
        "Correlations",
        "Scatter",
        "Quality",
        "Upload",
        "Generate",
    ],
    on_change="rerun",
    key="data_tab",
    bind="query-params",
)
if tabs[5].open:
    with tabs[5]:
        upload(selection)
elif tabs[6].open:
    with tabs[6]:
        generate(selection)
else:
    dataset = needed_dataset(selection)
    if tabs[0].open:
        with tabs[0]:
            facts(dataset)
            distributions(dataset)
    if tabs[1].open:
        with tabs[1]:
            drift(selection, dataset)
    if tabs[2].open:
        with tabs[2]:
            correlations(dataset)
    if tabs[3].open:
        with tabs[3]:
            scatter(dataset)
    if tabs[4].open:
        with tabs[4]:
            quality(selection, dataset)
