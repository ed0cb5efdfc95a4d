"""Accuracy over the number of simulations of B, transfer beside from scratch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.figures import style
from core.figures.quantity import Quantity

NAMES = {"align": "transfer from A", "target_only": "from scratch on B"}


def learning_curve_chart(
    table: pd.DataFrame, quantity: Quantity, own: float, height: int = 360
) -> go.Figure:
    """Draw the median relative error of one metric over the rows of B, both on log axes.

    Args:
        table: as ``core.training.learning_curve`` makes it.
        quantity: the metric.
        own: median relative error of the run itself, drawn as a line.
        height: of the figure in px.
    """
    part = table[table["metric"] == quantity.name]
    figure = go.Figure()
    for model, name in NAMES.items():
        line = part[part["model"] == model].sort_values("rows")
        figure.add_scatter(
            x=line["rows"].to_numpy(),
            y=100 * line["median_relative_error"].to_numpy(),
            mode="lines+markers",
            name=name,
            line={"color": style.MEMBERS[model], "width": 2},
            hovertemplate=f"{name}<br>%{{x}} simulations<br>%{{y:.3g}} %<extra></extra>",
        )
    rows = sorted(part["rows"].unique())
    figure.add_scatter(
        x=[rows[0], rows[-1]],
        y=[100 * own] * 2,
        mode="lines",
        name=f"this run: {100 * own:.2g} %",
        line={"color": style.CANDIDATE, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
    )
    style.laid_out(figure, height)
    figure.update_xaxes(
        type="log", title_text="Simulations of B", tickvals=rows, ticktext=[str(n) for n in rows]
    )
    ticks = _ticks(100 * np.array([own, *part["median_relative_error"]]))
    figure.update_yaxes(
        type="log",
        title_text=f"Median error of {quantity.label} [%]",
        tickvals=ticks,
        ticktext=[f"{tick:g}" for tick in ticks],
    )
    return figure


def _ticks(values: np.ndarray) -> list[float]:
    """Return 1, 2 and 5 in each decade of positive values; plotly writes 0.5 as 5 there."""
    first, last = (int(np.floor(np.log10(end))) for end in (values.min(), values.max()))
    return [step * 10.0**power for power in range(first, last + 1) for step in (1, 2, 5)]


def simulations_saved(table: pd.DataFrame, metric: str) -> str:
    """Say in words what the curves mean: how many rows from scratch a transfer replaces.

    Args:
        table: as ``core.training.learning_curve`` makes it.
        metric: name of the metric.
    """
    part = table[table["metric"] == metric].pivot_table(
        index="rows", columns="model", values="median_relative_error"
    )
    most = part.index.max()
    goal = part.loc[most, "target_only"]
    enough = part.index[part["align"] <= goal]
    if len(enough) == 0:
        return f"With all {most} simulations, from scratch is the better of the two."
    return (
        f"From scratch needs {most} simulations for a median error of {100 * goal:.2g} %; "
        f"transfer is as good with {enough.min()}."
    )
