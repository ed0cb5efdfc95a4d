"""Bode plot and step response as SVG text, for pages that have to stand alone and be printed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MultipleLocator

from core.figures import style
from core.figures.response import unity_gain_frequency

# Letters stay letters, and the same data give the same text.
SETTINGS: dict[Any, str] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "crossfab",
    "font.family": "sans-serif",
}
SIZE = (5.2, 2.8)  # inches
# What matplotlib would write about the file, with addresses of vocabularies.
METADATA = ("Creator", "Date", "Format", "Type")


def bode_svg(sweep: pd.DataFrame) -> str:
    """Draw gain over phase, the unity-gain frequency dotted.

    Args:
        sweep: columns ``frequency`` (Hz), ``gain`` (dB), ``phase`` (degrees).
    """
    with rc_context(SETTINGS):
        figure = Figure(SIZE, layout="constrained")
        gain, phase = figure.subplots(2, 1, sharex=True)
        for axes, column, label in ((gain, "gain", "Gain [dB]"), (phase, "phase", "Phase [°]")):
            axes.semilogx(sweep["frequency"], sweep[column], color=style.CANDIDATE, linewidth=1.6)
            axes.axvline(unity_gain_frequency(sweep), color=style.CANDIDATE, linestyle=":")
            _plain(axes, label)
        gain.axhline(0.0, color=style.MUTED, linewidth=0.8)
        phase.yaxis.set_major_locator(MultipleLocator(90))
        phase.xaxis.set_major_formatter(EngFormatter("Hz"))
        return _svg(figure)


def step_svg(step: pd.DataFrame) -> str:
    """Draw input and output of the unity-gain buffer.

    Args:
        step: columns ``time`` (s), ``input`` (V), ``output`` (V).
    """
    with rc_context(SETTINGS):
        figure = Figure(SIZE, layout="constrained")
        axes = figure.subplots()
        thin = _thinned(step)
        axes.plot(thin["time"], thin["input"], color=style.MUTED, linestyle=":", label="input")
        axes.plot(thin["time"], thin["output"], color=style.CANDIDATE, label="output")
        axes.xaxis.set_major_formatter(EngFormatter("s"))
        axes.legend(frameon=False, fontsize=8)
        _plain(axes, "Voltage [V]")
        return _svg(figure)


def _thinned(table: pd.DataFrame, most: int = 600) -> pd.DataFrame:
    """Leave out rows that a plot of this size cannot show."""
    return table.iloc[np.unique(np.linspace(0, len(table) - 1, most).astype(int))]


def _plain(axes: Axes, label: str) -> None:
    axes.set_ylabel(label, fontsize=9)
    axes.tick_params(labelsize=8, colors="#444444")
    axes.grid(color="#d8dde4", linewidth=0.6)
    axes.spines[:].set_visible(False)


def _svg(figure: Figure) -> str:
    """Return the bare ``<svg>`` element: no head, no date, no address."""
    memory = io.StringIO()
    figure.savefig(memory, format="svg", metadata=dict.fromkeys(METADATA))
    text = memory.getvalue()
    return text[text.index("<svg") :]
