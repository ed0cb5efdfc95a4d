"""Which circuit, data set and run all pages look at; it lives in the URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.circuits import Circuit, load_circuit
from pages.shell import places

STATE = "selection"
UNKNOWN = "selection_unknown"  # by selector: a sentence, and what is chosen instead
MOST_NAMED = 8
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
    _read_address("circuit", names, "circuit")
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
    data_labels = {name: f"data: {name}" for name in folders}
    _read_address("data", data_labels, f"data set of the {names[circuit_id]}")
    data_name = st.selectbox(
        "Data set",
        list(folders),
        format_func=lambda name: data_labels.get(name, name),
        key="data",
        bind="query-params",
        label_visibility="collapsed",
        width=180,
    )
    runs = places.run_folders(circuit_id)
    if (fresh := st.session_state.pop(FRESH_RUN, None)) in runs:
        st.session_state["run"] = fresh
    run_labels = {name: f"run: {name}" for name in runs}
    _read_address("run", run_labels, f"run of the {names[circuit_id]}")
    run_name = st.selectbox(
        "Run",
        list(runs),
        format_func=lambda name: run_labels.get(name, name),
        key="run",
        bind="query-params",
        label_visibility="collapsed",
        placeholder="no trained run",
        width=220,
    )
    st.session_state[STATE] = Selection(
        circuit_of(circuit_id), data_name, folders[data_name], run_name or "", runs.get(run_name)
    )


def _read_address(key: str, labels: Mapping[str, str], what: str) -> None:
    """Take a name from the address before its selector does, which knows its labels alone.

    And put a name that is chosen already back into an address that lost it.

    Args:
        key: of the selector and of the parameter.
        labels: what the selector shows, by name.
        what: the kind of thing, in words.
    """
    asked = st.query_params.get(key)
    if key in st.session_state:
        # Later on the address follows the selectors, a moment behind where one changes another. A
        # page that was left for this one took them from it: set anew they are written again.
        if asked is None:
            st.session_state[key] = st.session_state[key]
        return
    if asked is None or asked in labels.values():
        return
    if asked in labels:
        # In the address by what the selector shows, which outlives a reload.
        st.query_params[key] = labels[asked]
        st.session_state[key] = asked
        return
    shown = next(iter(labels), None)
    named = ", ".join(f"`{name}`" for name in list(labels)[:MOST_NAMED]) or "none yet"
    more = f" and {len(labels) - MOST_NAMED} more" if len(labels) > MOST_NAMED else ""
    instead = f"`{shown}` is shown instead" if shown else "nothing is shown instead"
    # As code: what somebody has put into an address is no markdown of ours.
    quoted = asked[:60].replace("`", "'")
    sentence = f"No {what} is called `{quoted}`: {instead}. There are: {named}{more}."
    st.session_state.setdefault(UNKNOWN, {})[key] = (sentence, shown)


def show_unknown() -> None:
    """Say which names in the address are unknown, until one is chosen or the note is closed."""
    kept = {
        key: (sentence, shown)
        for key, (sentence, shown) in st.session_state.get(UNKNOWN, {}).items()
        if st.session_state.get(key) == shown
    }
    st.session_state[UNKNOWN] = kept
    if not kept:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        sentences = "  \n".join(sentence for sentence, _ in kept.values())
        st.warning(sentences, icon=":material/link_off:")
        st.button("Close", key="selection_close", on_click=_forget_unknown)


def _forget_unknown() -> None:
    st.session_state[UNKNOWN] = {}


def leave_for(page: str) -> None:
    """Go to another page, given by its file; what is chosen stays chosen.

    Widgets are bound to parts of the address, which Streamlit refuses to clear, as a switch without
    parameters would. Setting none does the same, and each selector writes its own again.
    """
    st.switch_page(page, query_params={})


def current() -> Selection:
    """Return what is chosen."""
    chosen: Selection = st.session_state[STATE]
    return chosen
