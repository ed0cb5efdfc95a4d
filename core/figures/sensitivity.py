"""Which variable moves which metric, as a map of elasticities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures import style

_NOTHING = "rgba(133,147,166,0.06)"


def elasticity_map(
    table: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], height: int = 300
) -> go.Figure:
    """Draw by how many per cent a quantity moves when a variable grows by one per cent.

    Args:
        table: quantities as rows, variables as columns.
        rows: labels of the quantities.
        columns: labels of the variables.
        height: of the figure in px.
    """
    values = table.to_numpy(dtype=float)
    reach = max(float(np.nanmax(np.abs(values))), 1e-9)
    cells = go.Heatmap(
        z=values,
        zmin=-reach,
        zmax=reach,
        colorscale=[[0, "#A16207"], [0.5, _NOTHING], [1, style.CANDIDATE]],
        hovertemplate="%{customdata} +1 %: %{text} %{z:+.2f} %<extra></extra>",
    )
    texts = style.cell_texts(values, "%+.2f", 0.35 * reach)
    return _labelled(cells, texts, rows, columns, height)


def importance_map(
    table: pd.DataFrame, rows: Sequence[str], columns: Sequence[str], height: int = 300
) -> go.Figure:
    """Draw how much of a metric's variation each variable accounts for, in per cent.

    Args:
        table: metrics as rows, variables as columns; shares 0 to 1.
        rows: labels of the metrics.
        columns: labels of the variables.
        height: of the figure in px.
    """
    values = 100 * table.to_numpy(dtype=float)
    cells = go.Heatmap(
        z=values,
        zmin=0,
        zmax=100,
        colorscale=[[0, _NOTHING], [1, style.CANDIDATE]],
        hovertemplate="%{customdata}: %{z:.0f} % of %{text}<extra></extra>",
    )
    return _labelled(cells, style.cell_texts(values, "%.0f", 35.0), rows, columns, height)


def _labelled(
    cells: go.Heatmap, texts: go.Scatter, rows: Sequence[str], columns: Sequence[str], height: int
) -> go.Figure:
    """Cells with their numbers on them; rows and columns by name, also where the mouse rests."""
    shape = cells.z.shape
    cells.update(
        xgap=1,
        ygap=1,
        showscale=False,
        customdata=np.broadcast_to(np.array(columns), shape),
        text=np.broadcast_to(np.array(rows)[:, None], shape),
    )
    figure = go.Figure([cells, texts])
    style.laid_out(figure, height)
    figure.update_xaxes(showgrid=False, tickvals=list(range(len(columns))), ticktext=list(columns))
    figure.update_yaxes(
        showgrid=False, autorange="reversed", tickvals=list(range(len(rows))), ticktext=list(rows)
    )
    return figure
