"""Verified designs go back to process B's data, so that the next training knows them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import streamlit as st

from core.circuits import Circuit
from core.data.additions import Addition
from core.data.upload import copy_dataset
from core.errors import CrossfabError
from core.inverse import add_verified
from core.spice import load_process
from core.training.start import run_data_folder
from pages.shell import places
from pages.shell.selection import FRESH_DATA, current, leave_for
from pages.shell.widgets import show_fault

COPY = "a copy of the run's data"
COPY_NAME = "with verified designs"
DONE = "design_added"  # what was added last: to which data set, and what to say of it


def add_button(circuit: Circuit, run: Path, process: str, verified: pd.DataFrame) -> None:
    """Draw the button that adds all designs verified so far to a data set of one's own.

    Args:
        circuit: whose designs they are.
        run: the trained run that proposed them.
        process: what they were simulated in.
        verified: a row a design: sizes, metrics, ``supply_current`` and ``failure``.
    """
    popover = st.popover(
        "Add to B's data", key="design_add_panel", icon=":material/playlist_add:", on_change="rerun"
    )
    if not popover.open:
        return
    with popover:
        count = f"{len(verified)} verified design" + ("s" if len(verified) > 1 else "")
        st.markdown(f"**{count}** of this visit, simulated in {load_process(process).label}")
        own = _own_data(circuit)
        targets = [*own, COPY]
        target = st.selectbox(
            "Data set",
            targets,
            targets.index(_first_target(run, own)),
            key=f"design_add_target_{circuit.id}_{len(own)}",
            help="Bundled data stay as they are: designs are added to a copy of them",
        )
        name = target
        if target == COPY:
            name = st.text_input("Name of the copy", COPY_NAME, key="design_add_name")
        if st.button(f"Add {count}", key="design_add", type="primary"):
            _add(circuit, run, process, verified, own.get(target), name)
        _say_what_was_added()


def _own_data(circuit: Circuit) -> dict[str, Path]:
    """Data sets that may be changed, by name."""
    folders = places.data_folders(circuit.id)
    return {name: folder for name, folder in folders.items() if name != places.BUNDLED}


def _first_target(run: Path, own: dict[str, Path]) -> str:
    """What is likeliest meant: what was added to last, the run's own data, the selected ones."""
    last, _ = st.session_state.get(DONE, ("", ""))
    trained_on = run_data_folder(run).resolve()
    known = [name for name, folder in own.items() if folder.resolve() == trained_on]
    return next((n for n in (last, *known, current().data_name) if n in own), COPY)


def _add(
    circuit: Circuit,
    run: Path,
    process: str,
    verified: pd.DataFrame,
    folder: Path | None,
    name: str,
) -> None:
    """Add designs to a folder, or to a new copy of the run's data; say what came of it."""
    st.session_state.pop(DONE, None)
    copy = None
    try:
        with st.spinner("Checking the data set against SPICE"):
            if folder is None:
                root = places.UPLOADS / circuit.id
                copy = folder = copy_dataset(run_data_folder(run), circuit, root, name)
            added = add_verified(folder, circuit, load_process(process), verified)
    except CrossfabError as error:
        if copy is not None:  # A copy without the designs is of no use.
            shutil.rmtree(copy)
        show_fault(error, "Nothing was added")
        return
    if copy is not None and not added.added:
        shutil.rmtree(copy)
        name = ""
    st.session_state[DONE] = (name, _sentence(added, name))
    st.rerun()  # The new data set is offered above, too.


def _sentence(added: Addition, name: str) -> str:
    if not name:
        return "Nothing to add: these designs are among the run's data already."
    parts = [f"{added.added} added to the B rows of **{name}**"]
    parts += [f"{added.repeated} there already"] if added.repeated else []
    if added.left_out:
        parts.append(f"{added.left_out} left out: they do not work, and the data cannot say so")
    return ", ".join(parts) + "."


def _say_what_was_added() -> None:
    if DONE not in st.session_state:
        return
    name, sentence = st.session_state[DONE]
    if not name:
        st.info(sentence, icon=":material/info:")
        return
    st.success(sentence, icon=":material/check:")
    if st.button(
        "Train on them",
        key="design_add_train",
        icon=":material/model_training:",
        help="Models learn of them in the next training; earlier runs stay as they were.",
    ):
        st.session_state[FRESH_DATA] = name
        leave_for("pages/learn/training.py")
