"""A small histogram as SVG text: what process B reaches, behind a spec slider."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.figures import style

WIDTH, HEIGHT = 400, 34
GAP = 8  # below the bars, for the label of the slider's thumb


def reachable(
    positions: ArrayLike, low: float | None, high: float | None, *, bins: int = 80
) -> str:
    """Draw how often each slider position occurs among known designs.

    Args:
        positions: where known designs lie on the slider, 0 (left end) to 1 (right end);
            values outside count at the ends, NaN is left out.
        low: left end of what the spec allows, as a position; None where it is open.
        high: right end of what the spec allows, as a position; None where it is open.

    Returns:
        SVG text, ``WIDTH`` by ``HEIGHT + GAP``; bars that satisfy the spec are teal.
    """
    values = np.asarray(positions, dtype=float)
    values = np.clip(values[np.isfinite(values)], 0.0, 1.0)
    counts, edges = np.histogram(values, bins=bins, range=(0.0, 1.0))
    heights = (HEIGHT - 2) * np.sqrt(counts / max(counts.max(), 1))
    centres = (edges[:-1] + edges[1:]) / 2
    left, right = -np.inf if low is None else low, np.inf if high is None else high
    bars = [
        f'<rect x="{edge * WIDTH:.1f}" y="{HEIGHT - bar:.1f}" width="{WIDTH / bins - 0.6:.1f}" '
        f'height="{bar:.1f}" fill="{style.CANDIDATE if left <= centre <= right else style.MUTED}" '
        f'opacity="{0.85 if left <= centre <= right else 0.4}"/>'
        for edge, centre, bar in zip(edges[:-1], centres, heights, strict=True)
        if bar > 0
    ]
    axis = f'<rect x="0" y="{HEIGHT - 1}" width="{WIDTH}" height="1" fill="{style.MUTED}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT + GAP}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT + GAP}" preserveAspectRatio="none">'
        f"{axis}{''.join(bars)}</svg>"
    )
