"""What SPICE answers: Bode plot and step response."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.figures import style

COLOURS = {"A": style.A, "B": style.B}


def bode(sweeps: Mapping[str, pd.DataFrame], *, height: int = 340) -> go.Figure:
    """Draw gain (dB) over phase (degrees), and mark each unity-gain frequency.

    Args:
        sweeps: by name (``A``, ``B`` or a candidate), columns ``frequency`` in Hz,
            ``gain`` in dB, ``phase`` in degrees.
        height: of the figure in px.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06)
    for name, sweep in sweeps.items():
        colour = COLOURS.get(name, style.CANDIDATE)
        line = {"color": colour, "width": 1.8}
        frequency = sweep["frequency"].to_numpy()
        for row, column, unit in ((1, "gain", "dB"), (2, "phase", "°")):
            figure.add_scatter(
                x=frequency,
                y=sweep[column].to_numpy(),
                name=name,
                legendgroup=name,
                showlegend=row == 1,
                line=line,
                mode="lines",
                row=row,
                col=1,
                hovertemplate=f"{name} %{{x:.4~s}}Hz: %{{y:.1f}} {unit}<extra></extra>",
            )
        crossing = unity_gain_frequency(sweep)
        if np.isfinite(crossing):
            figure.add_vline(x=crossing, line={"color": colour, "width": 1, "dash": "dot"})
    figure.add_hline(y=0, line={"color": style.MUTED, "width": 1}, row=1, col=1)
    style.laid_out(figure, height)
    figure.update_xaxes(type="log", tickformat="~s", dtick=2, ticksuffix="Hz")
    figure.update_yaxes(title_text="Gain [dB]", row=1, col=1)
    figure.update_yaxes(title_text="Phase [°]", dtick=45, row=2, col=1)
    return figure


def unity_gain_frequency(sweep: pd.DataFrame) -> float:
    """Return where the gain (dB) first falls through 0, in Hz, interpolated; NaN if nowhere."""
    gain = sweep["gain"].to_numpy(dtype=float)
    falls = np.flatnonzero((gain[:-1] >= 0) & (gain[1:] < 0))
    if falls.size == 0:
        return float("nan")
    i = int(falls[0])
    log_frequency = np.log10(sweep["frequency"].to_numpy(dtype=float)[i : i + 2])
    part = gain[i] / (gain[i] - gain[i + 1])
    return float(10 ** (log_frequency[0] + part * (log_frequency[1] - log_frequency[0])))


def step_response(steps: Mapping[str, pd.DataFrame], *, height: int = 260) -> go.Figure:
    """Draw input and output of the unity-gain buffer over time.

    Args:
        steps: by name, columns ``time`` in s, ``input`` in V, ``output`` in V.
        height: of the figure in px.
    """
    figure = go.Figure()
    for name, step in steps.items():
        colour = COLOURS.get(name, style.CANDIDATE)
        for column, dash, width in (("input", "dot", 1.2), ("output", "solid", 1.8)):
            figure.add_scatter(
                x=step["time"].to_numpy(),
                y=step[column].to_numpy(),
                name=f"{name} {column}",
                mode="lines",
                line={"color": colour, "width": width, "dash": dash},
                hovertemplate=f"{name} {column} %{{x:.4~s}}s: %{{y:.4g}} V<extra></extra>",
            )
    style.laid_out(figure, height)
    figure.update_xaxes(tickformat="~s", ticksuffix="s", title_text="Time")
    figure.update_yaxes(title_text="Voltage [V]")
    return figure
