"""The colours and the layout that every picture shares; readable on light and dark grounds."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

A = "#3B82F6"  # process A, everywhere
B = "#EF4444"  # process B, everywhere
CANDIDATE = "#14B8A6"
CANDIDATE_TEXT = "#0F8A7E"  # as a text it stands out from light and dark grounds
PASS = "#22A05B"
FAIL = "#EA580C"
MUTED = "#8593A6"
GRID = "rgba(133, 147, 166, 0.22)"

# Lines that belong to neither process: no blue, no red.
PALETTE = ["#14B8A6", "#A16207", "#8B5CF6", "#DB2777", "#65A30D", "#8593A6"]
MEMBERS = {
    "ensemble": CANDIDATE,
    "align": "#8B5CF6",
    "target_only": "#A16207",
    "dual_head": "#DB2777",
    "gaussian_process": "#65A30D",
    "unaided_process": "#3F6212",
    "baseline": MUTED,
}


def faint(colour: str, opacity: float) -> str:
    """Return a ``#RRGGBB`` colour with an opacity, as CSS writes it."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def laid_out(figure: go.Figure, height: int, title: str = "", **layout: Any) -> go.Figure:
    """Give a figure the common margins, legend and height (px)."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 28 if title else 8, "b": 8},
        title={"text": title, "font": {"size": 13}, "x": 0, "xanchor": "left"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hoverlabel={"font": {"size": 12}},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        bargap=0,
    )
    figure.update_layout(**layout)
    figure.update_xaxes(showgrid=True, gridcolor=GRID, zeroline=False, automargin=True)
    figure.update_yaxes(showgrid=True, gridcolor=GRID, zeroline=False, automargin=True)
    return figure
