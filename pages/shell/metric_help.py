"""Tooltips of tables that name metrics, and a popover where rows name them."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.circuits import Circuit
from core.figures.metric_help import metric_meanings
from core.figures.quantity import quantities


def explained_heads(circuit: Circuit) -> dict[str, Any]:
    """Return column settings that define every metric and variable under its label."""
    return {
        quantity.label: st.column_config.Column(help=quantity.help)
        for quantity in quantities(circuit).values()
        if quantity.help
    }


def meanings_popover(circuit: Circuit, key: str) -> None:
    """Draw a button that says what the metrics mean; rows of a table have no tooltips."""
    popover = st.popover(
        "What the metrics mean",
        key=key,
        type="tertiary",
        icon=":material/help:",
        on_change="rerun",
        width="content",
    )
    if popover.open:
        popover.markdown(metric_meanings(circuit))
