"""What more simulations of B would buy: the table of a run, or the button that computes it."""

from __future__ import annotations

import streamlit as st

from core.circuits import Circuit
from core.figures.learning_curve import learning_curve_chart, simulations_saved
from core.figures.quantity import quantities
from core.training.learning_curve import (
    kept_learning_curve,
    learning_curve_state,
    start_learning_curve,
)
from core.training.run_store import RunStore
from pages.shell.metric_help import meanings_popover
from pages.shell.widgets import CHART

POLL = 2.0  # s, while the trainings run


def learning_curve_tab(circuit: Circuit, run: RunStore) -> None:
    """Draw the curves of a run; compute them on request."""
    table = kept_learning_curve(run)
    if table is None:
        working, _ = learning_curve_state(run)
        st.fragment(_request, run_every=POLL if working else None)(run)
        return
    shown = quantities(circuit)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Metric",
            circuit.metric_names,
            format_func=lambda name: shown[name].label,
            key="ensemble_learning_metric",
            width=260,
        )
        meanings_popover(circuit, "ensemble_learning_meanings")
    models = run.read_json("evaluation.json")["models"]
    best = models.get("ensemble") or next(iter(models.values()))
    own = best["metrics"][name]["median_relative_error"]
    st.plotly_chart(
        learning_curve_chart(table, shown[name], own),
        config=CHART,
        key="ensemble_learning",
        alt=f"Median error of {shown[name].label} over the number of simulations of B",
    )
    st.markdown(simulations_saved(table, name))
    st.caption(
        "Median of the relative error over the same held-out designs; of voltage ratios in V/V, "
        "where 1 % is 0.09 dB. The trainings on growing parts of B's rows are short; the run's own "
        "is longer and better."
    )


def _request(run: RunStore) -> None:
    """Draw the button, or how far the trainings are."""
    working, line = learning_curve_state(run)
    was_working = st.session_state.get("ensemble_learning_active", False)
    st.session_state["ensemble_learning_active"] = working
    if was_working and not working:
        st.rerun()
    if working:
        st.info(
            f"Training on growing parts of B: {line or 'starting'}. It goes on when this page is "
            "closed.",
            icon=":material/hourglass:",
        )
        return
    st.markdown(
        "How much better would the model be with more simulations of B, and how many does the "
        "transfer from A save? Short trainings on 25 to 800 of B's rows tell."
    )
    if line:
        st.caption(f":orange[It stopped: {line}]")
    if st.button(
        "Compute, a few minutes", key="ensemble_learning_start", icon=":material/play_arrow:"
    ):
        start_learning_curve(run)
        st.session_state["ensemble_learning_active"] = True
        st.rerun()
