"""Paired drift as a table of text."""

from __future__ import annotations

import pandas as pd

from core.circuits import Circuit
from core.figures.quantity import quantities


def paired_view(table: pd.DataFrame, circuit: Circuit) -> pd.DataFrame:
    """Return what the same designs do in both processes, a row a metric.

    Args:
        table: as ``core.data.paired`` makes it.
        circuit: whose metrics they are.
    """
    shown, rows = quantities(circuit), {}
    for name, row in table.iterrows():
        ratio = circuit.metric(str(name)).transform == "log10"
        form = "× {:.3g}" if ratio else "{:+.3g} " + shown[str(name)].shown_unit
        rows[shown[str(name)].label] = {
            "Designs": int(row["designs"]),
            "B against A, median": form.format(row["median"]),
            "10 % of designs below": form.format(row["low"]),
            "10 % above": form.format(row["high"]),
            "B ranks as A": row["rank_correlation"],
        }
    return pd.DataFrame.from_dict(rows, orient="index")
