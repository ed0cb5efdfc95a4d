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
from core.figures.cells import NOTHING, CellColours, cell_map
from core.figures.quantity import Quantity


def rank_correlation(table: DomainTable) -> pd.DataFrame:
    """Return Spearman's rank correlations of all variables and metrics of the valid rows."""
    joined = pd.concat([table.designs, table.metrics], axis=1)[table.valid]
    return joined.corr(method="spearman")


def correlation_map(
    matrix: pd.DataFrame, labels: Sequence[str], theme: str, height: int = 380
) -> go.Figure:
    """Draw correlations of metrics (rows) with all columns, -1 blue to 1 red.

    Args:
        matrix: rows of metrics, columns of variables and metrics; -2 to 2 for differences.
        labels: the columns' labels; the last ones are those of the rows.
        theme: ``light`` or ``dark``.
        height: of the figure in px.
    """
    stops = ((0.0, (style.A, 1.0)), (0.5, NOTHING), (1.0, (style.B, 1.0)))
    return cell_map(
        np.round(matrix.to_numpy(dtype=float), 3),
        CellColours(-1.0, 1.0, stops),
        list(labels[-len(matrix) :]),
        labels,
        form="%.2f",
        hover="%{text} and %{customdata}: %{z:.2f}",
        theme=theme,
        height=height,
        least=0.05,
    )


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
