"""Distributions of one column in process A and process B, over each other."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import numpy as np
import pandas as pd
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
    samples: Mapping[str, ArrayLike], quantity: Quantity, *, log: bool, height: int = 240
) -> alt.LayerChart:
    """Draw the share of designs in each bin, one outline a process.

    Vega-Lite and not Plotly: this is the first view of its page, and a browser is busy with
    Plotly's program for more than a second before it draws the first chart. Dragging moves along
    the axis, the wheel with Alt held down zooms, a double click goes back.

    Args:
        samples: stored values by process, ``A`` and ``B``; NaN is left out and counted.
        quantity: how the column is shown.
        log: logarithmic axis; for a quantity in dB the axis is one already.
        height: of the figure in px.
    """
    shown = {name: quantity.shown(values) for name, values in samples.items()}
    spaced = log and not quantity.decibels
    edges = bin_edges(np.concatenate(list(shown.values())), spaced)
    tables = [_shares(name, values, edges) for name, values in shown.items()]
    labels = [str(table["process"].iloc[0]) for table in tables]
    colours = [COLOURS.get(name, style.CANDIDATE) for name in shown]
    # Bins without any value start at zero, which a logarithmic axis does not have.
    axis = quantity.axis(spaced and edges[0] > 0)
    prefixes = axis["tickformat"] == "~s"
    digits = ".4~s" if prefixes else ".4~g"
    base = alt.Chart(pd.concat(tables)).encode(
        x=alt.X(
            "low:Q",
            title=quantity.title,
            scale=alt.Scale(type=axis["type"], domain=[edges[0], edges[-1]], nice=False),
            axis=alt.Axis(format="~s" if prefixes else digits, tickCount=5, labelOverlap="greedy"),
        ),
        y=alt.Y("share:Q", title="Designs [%]", stack=None, axis=alt.Axis(tickCount=4)),
        color=alt.Color(
            "process:N",
            title=None,
            scale=alt.Scale(domain=labels, range=colours),
            legend=alt.Legend(orient="top", offset=2),
        ),
        tooltip=[
            alt.Tooltip("process:N", title="Process: designs"),
            alt.Tooltip("low:Q", title=f"From [{quantity.shown_unit}]", format=digits),
            alt.Tooltip("high:Q", title=f"To [{quantity.shown_unit}]", format=digits),
            alt.Tooltip("share:Q", title="Share [%]", format=".2f"),
        ],
    )
    moved = alt.selection_interval(bind="scales", encodings=["x"], zoom="wheel![event.altKey]")
    bars = base.mark_bar(opacity=0.18, clip=True, binSpacing=0).encode(x2="high:Q", y2=alt.datum(0))
    outline = base.mark_line(interpolate="step-after", strokeWidth=1.5, clip=True)
    return (bars.add_params(moved) + outline).properties(height=height)


def _shares(name: str, values: NDArray[np.float64], edges: NDArray[np.float64]) -> pd.DataFrame:
    """Return the bins of one process: ``process``, ``low``, ``high`` (as shown), ``share`` in %."""
    finite = values[np.isfinite(values)]
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    share = 100.0 * counts / max(len(finite), 1)
    # The empty bin at the end closes the outline.
    return pd.DataFrame(
        {
            "process": f"{name}: {len(finite):,}",
            "low": edges,
            "high": np.append(edges[1:], edges[-1]),
            "share": np.append(share, 0.0),
        }
    )
