"""Which circuit, data set and run all pages look at; it lives in the URL."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def spell_out(page: st.Page) -> None:
    """Open the page again by an address whose names are those that the selectors show.

    A selector reads and writes what it shows: a name alone, as people write links, would select
    nothing, and would be gone after a reload.
    """
    asked = st.query_params.to_dict()
    if not asked.keys() & {"circuit", "data", "run"} or "circuit" in st.session_state:
        return
    names = {id: circuit_of(id).name for id in places.circuits()}
    by_name = {name: id for id, name in names.items()} | {id: id for id in names}
    circuit_id = by_name.get(asked.get("circuit", ""), next(iter(names)))
    known = {
        "circuit": names,
        "data": _labels("data", places.data_folders(circuit_id)),
        "run": _labels("run", places.run_folders(circuit_id)),
    }
    spelt = {key: known.get(key, {}).get(value, value) for key, value in asked.items()}
    if spelt != asked:
        st.switch_page(page, query_params=spelt)


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
    data_labels = _labels("data", folders)
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
    run_labels = _labels("run", runs)
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


def _labels(kind: str, names: Iterable[str]) -> dict[str, str]:
    return {name: f"{kind}: {name}" for name in names}


def _read_address(key: str, labels: Mapping[str, str], what: str) -> None:
    """Note an unknown name in the address; put one that is chosen back where it was lost.

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
