"""The library of saved designs: keep, reopen, compare, remove."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.circuits import Circuit
from core.errors import InputError
from core.figures.comparison import differing, saved_table, side_by_side
from core.inverse.link import specification_from_text
from core.saved_designs import DesignLibrary, SavedDesign
from pages.shell import places
from pages.shell.selection import leave_for
from pages.shell.widgets import MOMENT

MOST_COMPARED = 4


def save_button(design: SavedDesign) -> None:
    """Draw the button that keeps a candidate with a note."""
    popover = st.popover("Save", key="design_save_panel", on_change="rerun")
    if not popover.open:
        return
    with popover:
        note = st.text_input("Note", key="design_note", placeholder="what it is for")
        if st.button("Keep in the library", key="design_save", type="primary"):
            number = DesignLibrary(places.LIBRARY).save(replace(design, note=note))
            st.toast(f"Kept as #{number}", icon=":material/bookmark_added:")


def _readable(specification: str, circuit: Circuit) -> str:
    """The requirements in words; the text of the link where it is of another time."""
    try:
        wanted = specification_from_text(specification, circuit)
    except InputError:
        return specification
    return ", ".join(one.text(circuit) for one in wanted.requirements)


def library(circuit: Circuit) -> None:
    """Draw the saved designs of a circuit and what can be done with them."""
    kept = DesignLibrary(places.LIBRARY)
    designs = kept.designs(circuit.id)
    if not designs:
        st.caption("Nothing is saved yet: press Save on a candidate.")
        return
    table = saved_table(designs)
    table["Specification"] = [_readable(design.specification, circuit) for design in designs]
    picked = st.dataframe(
        table,
        hide_index=True,
        height="content" if len(table) < 9 else 320,
        on_select="rerun",
        selection_mode="multi-row",
        key="design_library",
        column_config={"Saved": MOMENT},
        alt="Saved designs",
    )
    chosen = [designs[row] for row in picked["selection"]["rows"] if row < len(designs)]
    if not chosen:
        st.caption(f"Tick one to reopen or remove it, up to {MOST_COMPARED} to compare them.")
        return
    if len(chosen) == 1:
        with st.container(horizontal=True):
            _single(kept, chosen[0])
    compared(chosen[:MOST_COMPARED], circuit, "saved_designs")


def compared(designs: Sequence[SavedDesign], circuit: Circuit, name: str) -> None:
    """Draw designs side by side with what differs marked; the name is that of the CSV file."""
    comparison = side_by_side(designs, circuit)
    st.download_button(
        "CSV",
        comparison.to_csv(),
        f"{name}.csv",
        "text/csv",
        key=f"design_{name}_csv",
        icon=":material/download:",
        on_click="ignore",
    )
    marked = differing(comparison)
    st.dataframe(
        comparison.style.apply(
            lambda row: (
                ["background-color: rgba(20, 184, 166, 0.16)" if marked[row.name] else ""]
                * len(row)
            ),
            axis=1,
        ),
        height="content",
        column_config={"_index": st.column_config.TextColumn(width=190)},
        alt="Designs side by side; what differs is marked",
    )
    st.caption("Rows in teal differ between the designs; – was not simulated.")


def _single(kept: DesignLibrary, design: SavedDesign) -> None:
    if st.button("Reopen its specs", key="design_reopen", icon=":material/restart_alt:"):
        st.session_state["design_wanted"] = design.specification
        st.rerun()
    if st.button("Open in the simulator", key="design_library_open"):
        st.session_state["simulator_design"] = dict(design.sizes)
        leave_for("pages/use/simulator.py")
    if st.button("Remove", key="design_remove", icon=":material/delete:"):
        kept.remove(design.id)
        st.rerun(scope="fragment")
