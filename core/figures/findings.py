"""Rows of a data set as people read them: sizes, metrics, and why one is no working amplifier."""

from __future__ import annotations

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.data import DomainTable
from core.figures.quantity import quantities


def rows_view(table: DomainTable, positions: np.ndarray, circuit: Circuit) -> pd.DataFrame:
    """Return rows of a process as text, numbered as in its file, from 1.

    Args:
        table: the designs and metrics of one process.
        positions: rows counted from 0.
        circuit: of the designs.
    """
    shown = quantities(circuit)
    values = pd.concat([table.designs, table.metrics], axis=1).iloc[positions]
    view = pd.DataFrame(
        {shown[name].label: values[name].map(shown[name].text) for name in values.columns}
    )
    view.insert(0, "Reason", table.reason.iloc[positions])
    return view.set_index(values.index + 1).rename_axis("Row")
