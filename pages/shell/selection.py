"""Which circuit, data set and run all pages look at; it lives in the URL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.circuits import Circuit, load_circuit
from pages.shell import places

STATE = "selection"
FRESH_DATA = "data_fresh"  # a data set that was just made: it is looked at next
FRESH_RUN = "run_fresh"  # a run that another part of a page picks for all pages


@dataclass(frozen=True)
class Selection:
    """What is looked at; ``run`` is None where the circuit has no trained run yet."""

    circuit: Circuit
    data_name: str
    data: Path
    run_name: str
    run: Path | None


@st.cache_resource
def circuit_of(circuit_id: str) -> Circuit:
    """Read a circuit that comes with Crossfab, once."""
    return load_circuit(circuit_id)


def choose() -> None:
    """Draw the three selectors and remember what is chosen."""
    names = {id: circuit_of(id).name for id in places.circuits()}
    circuit_id = st.selectbox(
        "Circuit",
        list(names),
        format_func=lambda id: names[id],
        key="circuit",
        bind="query-params",
        label_visibility="collapsed",
        width=180,
        help="Circuit",
    )
    folders = places.data_folders(circuit_id)
    if (fresh := st.session_state.pop(FRESH_DATA, None)) in folders:
        st.session_state["data"] = fresh
    data_name = st.selectbox(
        "Data set",
        list(folders),
        format_func=lambda name: f"data: {name}",
        key="data",
        bind="query-params",
        label_visibility="collapsed",
        width=180,
    )
    runs = places.run_folders(circuit_id)
    if (fresh := st.session_state.pop(FRESH_RUN, None)) in runs:
        st.session_state["run"] = fresh
    run_name = st.selectbox(
        "Run",
        list(runs),
        format_func=lambda name: f"run: {name}",
        key="run",
        bind="query-params",
        label_visibility="collapsed",
        placeholder="no trained run",
        width=220,
    )
    st.session_state[STATE] = Selection(
        circuit_of(circuit_id), data_name, folders[data_name], run_name or "", runs.get(run_name)
    )


def current() -> Selection:
    """Return what is chosen."""
    chosen: Selection = st.session_state[STATE]
    return chosen
