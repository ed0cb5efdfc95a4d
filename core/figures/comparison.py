"""Saved designs as a list, and side by side with what differs marked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd

from core.circuits import Circuit
from core.figures.quantity import quantities
from core.saved_designs import SavedDesign


def saved_table(designs: Sequence[SavedDesign]) -> pd.DataFrame:
    """Return one row a design: number, note, time, whether SPICE has seen it."""
    return pd.DataFrame(
        {
            "#": [design.id for design in designs],
            "Note": [design.note for design in designs],
            "Saved": [datetime.fromtimestamp(design.saved) for design in designs],
            "SPICE": ["simulated" if design.simulated else "predicted*" for design in designs],
        }
    )


def side_by_side(designs: Sequence[SavedDesign], circuit: Circuit) -> pd.DataFrame:
    """Return sizes, predicted and simulated quantities as text: one column a design."""
    shown = quantities(circuit)
    columns = {}
    for design in designs:
        column = {"Note": design.note or "–", "Process B": design.process or "–"}
        for variable in circuit.variables:
            column[variable.label] = shown[variable.name].text(design.sizes[variable.name])
        for name in [*circuit.metric_names, "supply_current", "gate_area"]:
            if name in design.predicted:
                column[f"{shown[name].label}, predicted"] = shown[name].text(design.predicted[name])
            if name in design.simulated:
                column[f"{shown[name].label}, SPICE"] = shown[name].text(design.simulated[name])
        columns[f"#{design.id}"] = column
    table = pd.DataFrame(columns).fillna("–")
    return table[table.ne("–").any(axis=1)]


def differing(table: pd.DataFrame) -> pd.Series:
    """Return which rows differ between the columns."""
    return table.ne(table.iloc[:, 0], axis=0).any(axis=1)
