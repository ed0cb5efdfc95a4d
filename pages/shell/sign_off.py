"""Corners and Monte Carlo of one candidate, on request."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from core.errors import CrossfabError
from core.figures.datasheet_page import datasheet_page
from core.figures.sign_off import corner_colours, corner_view, mismatch_histograms, spread_view
from core.inverse import Specification, simulate_corners, simulate_yield
from core.spice import load_process
from pages.shell import spice
from pages.shell.metric_help import explained_heads, meanings_popover
from pages.shell.widgets import CHART, show_fault

CONDITION_HELP = "Process corner (NMOS, then PMOS: typical, fast, slow), supply, temperature"
SAMPLES = (50, 100, 200, 500)


def _asked(
    label: str, key: str, marker: object, work: Callable[[Callable[[int, int], None]], object]
) -> object:
    """Draw a button; return the result of the work once it was pressed for this marker."""
    if st.button(label, key=key, type="primary", icon=":material/play_arrow:"):
        bar = st.progress(0.0, text="Simulating")
        try:
            result = work(lambda done, total: bar.progress(done / total, text=f"{done} of {total}"))
            st.session_state[f"{key}_result"] = (marker, result)
        except CrossfabError as error:
            show_fault(error, "SPICE did not run")
        bar.empty()
    kept = st.session_state.get(f"{key}_result")
    return kept[1] if kept is not None and kept[0] == marker else None


def corners(specification: Specification, sizes: pd.DataFrame, process: str, text: str) -> None:
    """Draw a candidate over process corners, supply and temperature."""
    marker = (process, text, tuple(sizes.iloc[0]))
    found = _asked(
        "Simulate 17 conditions",
        "design_corners",
        marker,
        lambda progress: simulate_corners(
            specification, sizes, load_process(process), progress=progress
        ),
    )
    if found is None:
        st.caption(
            "Typical, and ff, ss, fs, sf at both ends of supply and temperature: every spec has to "
            "hold in each of them."
        )
        return
    table = found.table
    passed = int((table["verdict"] == "PASS").sum())
    colour = "green" if passed == len(table) else "orange"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":{colour}-badge[{passed} of {len(table)} conditions PASS]")
        st.download_button(
            "Datasheet, HTML",
            lambda: _datasheet(specification, sizes.iloc[0], process, table),
            f"{specification.circuit.id}_datasheet.html",
            "text/html",
            key="design_datasheet_page",
            icon=":material/download:",
            help="One page: specs, values over the conditions, schematic, Bode plot, step response",
            on_click="ignore",
        )
    st.dataframe(
        spread_view(table, specification),
        height="content",
        column_config={"_index": st.column_config.Column("Quantity")},
        alt="Smallest, typical and largest value of every quantity over the conditions",
    )
    meanings_popover(specification.circuit, "design_corner_meanings")
    view = corner_view(table, specification)
    st.dataframe(
        view.style.apply(lambda _: corner_colours(view, table, specification), axis=None),
        height="content",
        column_config={
            **explained_heads(specification.circuit),
            "_index": st.column_config.Column("Condition", help=CONDITION_HELP),
            "Misses": st.column_config.TextColumn(
                help="What does not hold in this condition, and by how much"
            ),
        },
        alt="Verdict and values in every condition",
    )


def _datasheet(
    specification: Specification, sizes: pd.Series, process: str, table: pd.DataFrame
) -> str:
    typical = spice.simulation(specification.circuit.id, process, dict(sizes))
    return datasheet_page(specification, sizes, load_process(process), typical, table)


def monte_carlo(specification: Specification, sizes: pd.DataFrame, process: str, text: str) -> None:
    """Draw a candidate under random mismatch of its transistors."""
    count = st.segmented_control(
        "Samples", SAMPLES, default=100, required=True, key="design_samples"
    )
    marker = (process, text, tuple(sizes.iloc[0]), count)
    found = _asked(
        "Simulate mismatch",
        "design_yield",
        marker,
        lambda progress: simulate_yield(
            specification, sizes.iloc[0], load_process(process), count, progress=progress
        ),
    )
    if found is None:
        st.caption("Threshold and current factor of every transistor vary as Pelgrom's law says.")
        return
    st.markdown(
        f"**Yield {100 * found.share:.1f} %** "
        f"(95 % confidence: {100 * found.low:.1f} % to {100 * found.high:.1f} %) "
        f"of {len(found.table)} samples"
    )
    st.plotly_chart(
        mismatch_histograms(found, specification),
        config=CHART,
        key="design_yield_chart",
        alt="Histograms of every metric under mismatch, in samples, with the specs as lines",
    )
    st.caption("Samples in each bin; dashed lines are the specs.")
