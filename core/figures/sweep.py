"""Metrics over one swept variable, a line a process."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.circuits import Circuit
from core.figures import style
from core.figures.quantity import quantities

COLOURS = {"A": style.A, "B": style.B}
POINTS = 21


def sweep_designs(circuit: Circuit, design: Mapping[str, float], variable: str) -> pd.DataFrame:
    """Return copies of a design with one variable moved over its grid, at most ``POINTS``."""
    grid = circuit.variable(variable).grid
    step = -(-len(grid) // POINTS)
    values = grid[::step]
    designs = pd.DataFrame([dict(design)] * len(values))[circuit.variable_names]
    return designs.assign(**{variable: values})


def sweep_chart(
    tables: Mapping[str, pd.DataFrame], circuit: Circuit, variable: str, height: int = 250
) -> go.Figure:
    """Draw every metric over the variable.

    Args:
        tables: by process (``A``, ``B``): the swept variable and the metrics, stored units;
            NaN where not measured.
        circuit: names and units.
        variable: the swept one.
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
    prefixed = across.unit in ("A", "F", "Ohm")
    figure.update_xaxes(
        title_text=across.title,
        type="log" if across.log else "linear",
        tickformat="~s" if prefixed else "~g",
        nticks=5,
    )
    figure.update_yaxes(tickformat="~s", nticks=5)
    return figure
