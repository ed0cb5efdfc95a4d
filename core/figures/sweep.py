"""Metrics over one swept variable, a line a process."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from core.circuits import Circuit, Variable
from core.figures import style
from core.figures.quantity import quantities

COLOURS = {"A": style.A, "B": style.B}
POINTS = 21


def sweep_values(variable: Variable, points: int = POINTS) -> NDArray[np.float64]:
    """Return grid values from end to end, even on the variable's own axis, at most ``points``.

    Where the grid is coarser than that, as at the low end of a log axis, every grid value is in.

    Args:
        variable: whose grid it is.
        points: most values, at least 2.
    """
    grid = variable.grid
    if len(grid) <= points:
        return grid
    spaced = np.geomspace if variable.scale == "log" else np.linspace
    return np.unique(variable.snap(spaced(grid[0], grid[-1], points)))


def sweep_designs(circuit: Circuit, design: Mapping[str, float], variable: str) -> pd.DataFrame:
    """Return copies of a design with one variable moved over its grid, at most ``POINTS``."""
    values = sweep_values(circuit.variable(variable))
    designs = pd.DataFrame([dict(design)] * len(values))[circuit.variable_names]
    return designs.assign(**{variable: values})


def sweep_gaps(tables: Mapping[str, pd.DataFrame], circuit: Circuit) -> str:
    """Say how many points of each process have no metric at all; empty where every one has."""
    parts = []
    for process, table in tables.items():
        missing = int(table[circuit.metric_names].isna().all(axis=1).sum())
        if missing:
            parts.append(f"{missing} of {len(table)} points in {process}")
    return f"No working amplifier at {' and '.join(parts)}: left blank." if parts else ""


def sweep_chart(
    tables: Mapping[str, pd.DataFrame],
    circuit: Circuit,
    variable: str,
    here: float,
    height: int = 250,
) -> go.Figure:
    """Draw every metric over the variable.

    Args:
        tables: by process (``A``, ``B``): the swept variable and the metrics, stored units;
            NaN where not measured.
        circuit: names and units.
        variable: the swept one.
        here: its value in the design, stored unit, drawn as a dotted line.
        height: of the figure in px.
    """
    shown = quantities(circuit)
    names = circuit.metric_names
    titles = [shown[name].title for name in names]
    figure = make_subplots(rows=1, cols=len(names), subplot_titles=titles, horizontal_spacing=0.05)
    across = shown[variable]
    for process, table in tables.items():
        for column, name in enumerate(names, start=1):
            figure.add_scatter(
                x=across.shown(table[variable]),
                y=shown[name].shown(table[name]),
                name=process,
                legendgroup=process,
                showlegend=column == 1,
                mode="lines+markers",
                marker={"size": 4},
                line={"color": COLOURS.get(process, style.CANDIDATE), "width": 1.5},
                hovertemplate=f"{process} %{{x:.4~s}}: %{{y:.4~s}}<extra></extra>",
                row=1,
                col=column,
            )
    style.laid_out(figure, height, margin={"t": 48})
    figure.update_annotations(font_size=12)
    figure.update_layout(legend={"y": 1.12})
    figure.add_vline(
        x=float(across.shown(here)),
        line={"color": style.MUTED, "width": 1, "dash": "dot"},
        row="all",
        col="all",
    )
    prefixed = across.unit in ("A", "F", "Ohm")
    figure.update_xaxes(
        title_text=across.title,
        type="log" if across.log else "linear",
        tickformat="~s" if prefixed else "~g",
        nticks=5,
    )
    figure.update_yaxes(tickformat="~s", nticks=5)
    return figure
