"""How good the predictor is: parity, residuals, coverage, fusion weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import torch
from numpy.typing import ArrayLike

from core.data import DomainTable
from core.ensemble import Predictor
from core.figures import style
from core.figures.model_names import model_name
from core.figures.quantity import Quantity

LAST_TICK = {"l": 8, "r": 24, "t": 8, "b": 8}  # px; the label at the end of the axis needs room


@torch.no_grad()
def standardised_residuals(predictor: Predictor, table: DomainTable) -> pd.DataFrame:
    """Return (simulated - predicted) / sigma in the model's own space (n x m)."""
    mu, sigma = predictor.moments(torch.from_numpy(table.designs.to_numpy(dtype=float, copy=True)))
    simulated = torch.from_numpy(table.metrics.to_numpy(dtype=float, copy=True))
    z = (predictor.transforms.metrics.transform(simulated) - mu) / sigma
    return pd.DataFrame(z.numpy(), columns=table.metrics.columns)


def parity(
    measured: ArrayLike,
    median: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    quantity: Quantity,
    *,
    height: int = 300,
) -> go.Figure:
    """Draw predicted over simulated values with their intervals; misses are orange-red.

    Args:
        measured: n simulated values, stored unit.
        median: n predicted values.
        lower: n lower ends of the intervals.
        upper: n upper ends of the intervals.
        quantity: how they are shown.
        height: of the figure in px.
    """
    x, y, low, high = (quantity.shown(v) for v in (measured, median, lower, upper))
    keep = np.isfinite(x) & np.isfinite(y)
    x, y, low, high, rows = x[keep], y[keep], low[keep], high[keep], np.flatnonzero(keep)
    covered = (x >= low) & (x <= high)
    figure = go.Figure()
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))] if x.size else [0.0, 1.0]
    figure.add_scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": style.MUTED, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    for inside, colour, name in ((True, style.CANDIDATE, "inside"), (False, style.FAIL, "outside")):
        part = covered == inside
        figure.add_scatter(
            x=x[part],
            y=y[part],
            customdata=rows[part],
            name=f"{name} its interval: {int(part.sum())}",
            mode="markers",
            marker={"color": colour, "size": 5, "opacity": 0.85},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (high - y)[part],
                "arrayminus": (y - low)[part],
                "color": style.faint(colour, 0.35),
                "thickness": 1,
                "width": 0,
            },
            hovertemplate=(
                f"simulated %{{x:.4~s}} {quantity.shown_unit}<br>"
                f"predicted %{{y:.4~s}} {quantity.shown_unit}<br>row %{{customdata}}<extra></extra>"
            ),
        )
    style.laid_out(figure, height, legend={"y": 1.0})
    axis = quantity.axis()
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_xaxes(title_text=f"Simulated {quantity.title}")
    figure.update_yaxes(title_text=f"Predicted [{quantity.shown_unit}]")
    return figure


def residuals(z: ArrayLike, quantity: Quantity, *, height: int = 240) -> go.Figure:
    """Draw the histogram of residuals in units of the predicted sigma beside a unit normal."""
    values = np.asarray(z, dtype=float)
    values = np.clip(values[np.isfinite(values)], -4.0, 4.0)
    counts, edges = np.histogram(values, bins=40, range=(-4.0, 4.0))
    density = counts / max(counts.sum() * (edges[1] - edges[0]), 1e-30)
    grid = np.linspace(-4, 4, 121)
    figure = go.Figure()
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=density,
        marker_color=style.faint(style.CANDIDATE, 0.6),
        name=quantity.label,
        hovertemplate="%{x:.1f} sigma: %{y:.2f}<extra></extra>",
    )
    figure.add_scatter(
        x=grid,
        y=np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi),
        mode="lines",
        line={"color": style.MUTED, "width": 1.5, "dash": "dot"},
        name="unit normal",
        hoverinfo="skip",
    )
    style.laid_out(figure, height)
    figure.update_xaxes(title_text=f"{quantity.label}: (simulated - predicted) / sigma")
    figure.update_yaxes(title_text="Density")
    return figure


def reliability(z: Mapping[str, ArrayLike], *, height: int = 300) -> go.Figure:
    """Draw the share of values inside their central interval over the interval's nominal level.

    Args:
        z: residuals in units of the predicted sigma, by label of the metric.
        height: of the figure in px.
    """
    from scipy.stats import norm

    levels = np.linspace(0.02, 0.98, 49)
    half_widths = norm.ppf(0.5 + levels / 2)
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": style.MUTED, "width": 1, "dash": "dot"},
        name="exact",
        hoverinfo="skip",
    )
    for (label, values), colour in zip(z.items(), style.PALETTE, strict=False):
        size = np.abs(np.asarray(values, dtype=float))
        size = size[np.isfinite(size)]
        share = (
            [100.0 * float(np.mean(size <= width)) for width in half_widths] if size.size else []
        )
        figure.add_scatter(
            x=100 * levels,
            y=share,
            mode="lines",
            name=label,
            line={"color": colour, "width": 1.8},
            hovertemplate=f"{label}<br>nominal %{{x:.0f}} %, found %{{y:.0f}} %<extra></extra>",
        )
    style.laid_out(figure, height, margin=LAST_TICK)
    figure.update_xaxes(title_text="Nominal level", ticksuffix=" %", range=[0, 100])
    figure.update_yaxes(title_text="Found inside", ticksuffix=" %", range=[0, 100])
    return figure


def fusion_weights(weights: pd.DataFrame, *, height: int = 240) -> go.Figure:
    """Draw each member's share in the ensemble, one bar a metric.

    Args:
        weights: members as rows, metrics as columns, shares 0 to 1.
        height: of the figure in px.
    """
    figure = go.Figure()
    for member, row in weights.iterrows():
        figure.add_bar(
            y=list(weights.columns),
            x=100.0 * row.to_numpy(dtype=float),
            name=model_name(str(member)),
            showlegend=True,  # One member alone has to say its name too.
            orientation="h",
            marker_color=style.MEMBERS.get(str(member), style.MUTED),
            hovertemplate=f"{model_name(str(member))}: %{{x:.1f}} %<extra></extra>",
        )
    style.laid_out(figure, height, barmode="stack", bargap=0.35, margin=LAST_TICK)
    figure.update_xaxes(ticksuffix=" %", range=[0, 100])
    figure.update_yaxes(autorange="reversed")
    return figure
