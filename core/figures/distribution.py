"""Distributions of one column in process A and process B, over each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.figures import style
from core.figures.panels import Axis, Line, Panel, PanelChart
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
) -> PanelChart:
    """Return the share of designs in each bin, one outline a process.

    Args:
        samples: stored values by process, ``A`` and ``B``; NaN is left out, the others counted.
        quantity: how the column is shown.
        log: logarithmic axis; for a quantity in dB the axis is one already.
        height: of the figure in px.
    """
    shown = {name: quantity.shown(values) for name, values in samples.items()}
    spaced = log and not quantity.decibels
    edges = bin_edges(np.concatenate(list(shown.values())), spaced)
    # Bins without any value start at zero, which a logarithmic axis does not have.
    axis = Axis(
        quantity.label,
        quantity.shown_unit,
        prefixes=quantity.prefixes,
        logarithmic=bool(spaced and edges[0] > 0),
    )
    outlines = [_outline(name, values, edges) for name, values in shown.items()]
    shares = Panel(Axis("Designs", "%", zero=True), outlines, height)
    return PanelChart("Distribution", axis, [shares])


def _outline(name: str, values: NDArray[np.float64], edges: NDArray[np.float64]) -> Line:
    """Return the shares of the bins in %, as a line with a flat piece a bin."""
    finite = values[np.isfinite(values)]
    counts, _ = np.histogram(np.clip(finite, edges[0], edges[-1]), edges)
    return Line(
        f"{name}: {len(finite):,}",
        COLOURS.get(name, style.CANDIDATE),
        np.repeat(edges, 2)[1:-1].tolist(),
        np.repeat(100.0 * counts / max(len(finite), 1), 2).tolist(),
        filled=True,
    )
