"""Small parts that several pages draw alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import streamlit as st

from core.data import DataSet
from core.errors import CrossfabError, InputError
from pages.shell import loaders
from pages.shell.selection import Selection

CHART = {"displaylogo": False, "displayModeBar": False, "responsive": True}
MOMENT = st.column_config.DatetimeColumn(format="MMM DD, HH:mm")
INK = {"light": "#334155", "dark": "#CBD5E1"}  # of drawings, by theme


def theme() -> str:
    """Return ``light`` or ``dark``, whichever the page is seen in."""
    return st.context.theme.type or "light"


def listed(sentences: Sequence[str]) -> str:
    """Return sentences as a list of points, a single one as it is."""
    return "\n".join(f"- {text}" for text in sentences) if len(sentences) > 1 else sentences[0]


def show_fault(error: CrossfabError, title: str = "") -> None:
    """Show each fault of an error as a sentence of its own."""
    faults = error.faults if isinstance(error, InputError) else (str(error),)
    more = f"\n- and {len(faults) - 20} more" if len(faults) > 20 else ""
    st.error(listed(faults[:20]) + more, title=title or None, icon=":material/error:")


@contextmanager
def faults_shown(title: str = "") -> Iterator[None]:
    """Turn a user's fault inside the block into a message, and go on after the block."""
    try:
        yield
    except CrossfabError as error:
        show_fault(error, title)


def empty_state(title: str, text: str, page: Path | str = "", label: str = "") -> None:
    """Say what is missing and what to do next."""
    with st.container(border=True):
        st.subheader(title, anchor=False)
        st.markdown(text)
        if page:
            st.page_link(str(page), label=label, icon=":material/arrow_forward:")


def needed_dataset(selection: Selection) -> DataSet:
    """Return the selected data set; where it is missing or at fault say so and end the page."""
    if not selection.data.is_dir():
        empty_state(
            "No data set yet",
            f"There is no data set of the {selection.circuit.name} at this place. "
            "Generate one in SPICE, or upload your own.",
        )
        with st.container(horizontal=True):
            for tab in ("Generate", "Upload"):
                st.button(tab, key=f"data_empty_{tab}", on_click=_open_tab, args=(tab,))
        st.stop()
    try:
        return loaders.dataset(selection.data, selection.circuit.id)
    except CrossfabError as error:
        show_fault(error, title=f"The data set {selection.data_name} cannot be used")
        st.stop()


def _open_tab(tab: str) -> None:
    st.session_state["data_tab"] = tab


def chart_columns(count: int, per_row: int) -> Iterator[st.delta_generator.DeltaGenerator]:
    """Yield one column after the other, in rows of equal width."""
    for start in range(0, count, per_row):
        yield from st.columns(per_row)[: min(per_row, count - start)]
