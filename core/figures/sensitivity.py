"""Which variable moves which metric, as a map of elasticities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures import style
from core.figures.cells import NOTHING, CellColours, cell_map


def elasticity_map(
    table: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], theme: str, height: int = 300
) -> go.Figure:
    """Draw by how many per cent a quantity moves when a variable grows by one per cent.

    Args:
        table: quantities as rows, variables as columns.
        rows: labels of the quantities.
        columns: labels of the variables.
        theme: ``light`` or ``dark``.
        height: of the figure in px.
    """
    values = table.to_numpy(dtype=float)
    reach = max(float(np.nanmax(np.abs(values))), 1e-9)
    stops = ((0.0, ("#A16207", 1.0)), (0.5, NOTHING), (1.0, (style.CANDIDATE, 1.0)))
    return cell_map(
        values,
        CellColours(-reach, reach, stops),
        rows,
        columns,
        form="%+.2f",
        hover="%{customdata} +1 %: %{text} %{z:+.2f} %",
        theme=theme,
        height=height,
    )


def importance_map(
    table: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], theme: str, height: int = 300
) -> go.Figure:
    """Draw how much of a metric's variation each variable accounts for, in per cent.

    Args:
        table: metrics as rows, variables as columns; shares 0 to 1.
        rows: labels of the metrics.
        columns: labels of the variables.
        theme: ``light`` or ``dark``.
        height: of the figure in px.
    """
    return cell_map(
        100 * table.to_numpy(dtype=float),
        CellColours(0.0, 100.0, ((0.0, NOTHING), (1.0, (style.CANDIDATE, 1.0)))),
        rows,
        columns,
        form="%.0f",
        hover="%{customdata}: %{z:.0f} % of %{text}",
        theme=theme,
        height=height,
    )
