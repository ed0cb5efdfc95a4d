"""Distributions of one column in process A and process B, over each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from core.figures import style
from core.figures.quantity import Quantity

COLOURS = {"A": style.A, "B": style.B}


def bin_edges(values: ArrayLike, log: bool, bins: int = 60) -> NDArray[np.float64]:
    """Return common bin edges of finite values; without any, those of the unit interval."""
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite) & ((finite > 0) | (not log))]
    if finite.size == 0:
        return np.linspace(0.0, 1.0, bins + 1)
    # Half a per mille at either end may lie decades away; they would squeeze all the others.
    low, high = np.quantile(finite, [0.0005, 0.9995])
    if low == high:
        low, high = low - abs(low) * 0.05 - 1e-30, high + abs(high) * 0.05 + 1e-30
    if log and low > 0:
        return np.geomspace(low, high, bins + 1)
    return np.linspace(low, high, bins + 1)


def distribution(
    samples: Mapping[str, ArrayLike], quantity: Quantity, *, log: bool, height: int = 210
) -> go.Figure:
    """Draw the share of designs in each bin, one outline a process.

    Args:
        samples: stored values by process, ``A`` and ``B``; NaN is left out and counted.
        quantity: how the column is shown.
        log: logarithmic axis; for a quantity in dB the axis is one already.
    """
    shown = {name: quantity.shown(values) for name, values in samples.items()}
    spaced = log and not quantity.decibels
    edges = bin_edges(np.concatenate(list(shown.values())), spaced)
    figure = go.Figure()
    for name, values in shown.items():
        finite = values[np.isfinite(values)]
        counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
        share = 100.0 * counts / max(len(finite), 1)
        colour = COLOURS.get(name, style.CANDIDATE)
        figure.add_scatter(
            x=np.repeat(edges, 2).astype("f4"),
            y=np.concatenate([[0.0], np.repeat(share, 2), [0.0]]).astype("f4"),
            name=f"{name}: {len(finite):,}",
            mode="lines",
            line={"color": colour, "width": 1.5},
            fill="tozeroy",
            fillcolor=style.faint(colour, 0.18),
            hovertemplate=f"{name} %{{x:.4~s}} {quantity.shown_unit}: %{{y:.2f}} %<extra></extra>",
        )
    style.laid_out(figure, height)
    figure.update_xaxes(**quantity.axis(spaced))
    figure.update_yaxes(ticksuffix=" %", rangemode="tozero")
    return figure
