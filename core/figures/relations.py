"""How columns go together: rank correlations, and scatter plots linked by a brush."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.data import DomainTable
from core.figures import style
from core.figures.quantity import Quantity


def rank_correlation(table: DomainTable) -> pd.DataFrame:
    """Return Spearman's rank correlations of all variables and metrics of the valid rows."""
    joined = pd.concat([table.designs, table.metrics], axis=1)[table.valid]
    return joined.corr(method="spearman")


def correlation_map(matrix: pd.DataFrame, labels: Sequence[str], height: int = 380) -> go.Figure:
    """Draw correlations of metrics (rows) with all columns, -1 blue to 1 red.

    Args:
        matrix: rows of metrics, columns of variables and metrics; -2 to 2 for differences.
        labels: the columns' labels; the last ones are those of the rows.
        height: of the figure in px.
    """
    values = matrix.to_numpy(dtype=float)
    rows = list(labels[-len(matrix) :])
    figure = go.Figure(
        go.Heatmap(
            z=np.round(values, 3),
            zmin=-1,
            zmax=1,
            colorscale=[[0, style.A], [0.5, "rgba(133,147,166,0.06)"], [1, style.B]],
            customdata=np.broadcast_to(np.array(labels), values.shape),
            text=np.broadcast_to(np.array(rows)[:, None], values.shape),
            xgap=1,
            ygap=1,
            showscale=False,
            hovertemplate="%{text} and %{customdata}: %{z:.2f}<extra></extra>",
        )
    )
    figure.add_trace(style.cell_texts(np.where(np.abs(values) < 0.05, np.nan, values), "%.2f", 0.5))
    style.laid_out(figure, height)
    figure.update_xaxes(showgrid=False, tickvals=list(range(len(labels))), ticktext=list(labels))
    figure.update_yaxes(
        showgrid=False, autorange="reversed", tickvals=list(range(len(rows))), ticktext=rows
    )
    return figure


def scatter_table(
    domains: dict[str, DomainTable], columns: Sequence[Quantity], most: int, seed: int = 0
) -> pd.DataFrame:
    """Return valid rows in shown units with a column ``process``, at most ``most`` a process."""
    parts = []
    for process, table in domains.items():
        joined = pd.concat([table.designs, table.metrics], axis=1)[table.valid]
        joined = joined.sample(min(most, len(joined)), random_state=seed)
        shown = {column.name: column.shown(joined[column.name]) for column in columns}
        parts.append(pd.DataFrame({**shown, "process": process, "row": joined.index + 1}))
    return pd.concat(parts, ignore_index=True)


def linked_scatter(
    table: pd.DataFrame, pairs: Sequence[tuple[Quantity, Quantity]], height: int = 320
) -> alt.HConcatChart:
    """Draw one scatter plot a pair; a box drawn in one keeps its designs coloured in all."""
    brush = alt.selection_interval(name="brush")
    colour: Any = alt.condition(
        brush,
        alt.Color(
            "process:N",
            scale=alt.Scale(domain=["A", "B"], range=[style.A, style.B]),
            legend=alt.Legend(title=None, orient="top"),
        ),
        alt.value("rgba(133,147,166,0.18)"),
    )
    charts = [
        alt.Chart(table)
        .mark_circle(size=16, opacity=0.55)
        .encode(
            x=_axis(alt.X, x),
            y=_axis(alt.Y, y),
            color=colour,
            tooltip=["process:N", "row:Q", f"{x.name}:Q", f"{y.name}:Q"],
        )
        .properties(height=height, width=480)
        for x, y in pairs
    ]
    return alt.hconcat(*charts).add_params(brush)


def _axis(channel: Any, quantity: Quantity) -> Any:
    scale = alt.Scale(type="log" if quantity.log else "linear", zero=False, nice=False)
    axis = alt.Axis(
        title=quantity.title, format="~s" if quantity.unit in ("Hz", "A", "F", "Ohm") else ".4~g"
    )
    return channel(f"{quantity.name}:Q", scale=scale, axis=axis)
