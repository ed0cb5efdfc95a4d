"""What SPICE answers: Bode plot and step response, as lines that a page can draw.

Only the numbers and the colours stand here; ``pages/shell/response_chart.js`` draws them. A chart
library keeps a browser busy for half a second (Vega-Lite) or more than one (Plotly) before its
first line, on the page that a designer opens to see an answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.figures import style

COLOURS = {"A": style.A, "B": style.B}
_POINTS = 150  # On a way as long as an axis, about 400 px.
_ANGLES = (15.0, 45.0, 90.0, 180.0)


@dataclass(frozen=True)
class Line:
    """One curve; its values are finite, ``x`` rises."""

    name: str
    colour: str
    dashed: bool
    x: list[float]
    y: list[float]


@dataclass(frozen=True)
class Rule:
    """A straight line through the whole panel, at a value of one of its axes (``x``, ``y``)."""

    axis: str
    value: float
    colour: str
    dashed: bool


@dataclass(frozen=True)
class Panel:
    """One picture of a response.

    Attributes:
        title: of the vertical axis; ``unit`` is that of its values.
        steps: what may lie between two ticks; empty for 1, 2 or 5 of any power of ten.
        height: in px.
    """

    title: str
    unit: str
    lines: list[Line]
    rules: list[Rule]
    steps: tuple[float, ...]
    height: int


@dataclass(frozen=True)
class Response:
    """Panels under each other over one horizontal axis, logarithmic or linear."""

    title: str
    axis: str
    unit: str
    logarithmic: bool
    panels: list[Panel]


def bode(sweeps: Mapping[str, pd.DataFrame], *, height: int = 370) -> Response:
    """Return gain over phase; each unity-gain frequency is marked.

    Args:
        sweeps: by name (``A``, ``B`` or a candidate), columns ``frequency`` in Hz,
            ``gain`` in dB, ``phase`` in degrees.
        height: of both panels in px.
    """
    crossings = [
        Rule("x", unity_gain_frequency(sweep), _colour(name), dashed=True)
        for name, sweep in sweeps.items()
        if np.isfinite(unity_gain_frequency(sweep))
    ]
    gains, phases = (
        [
            _line(name, sweep["frequency"], sweep[column], logarithmic=True)
            for name, sweep in sweeps.items()
        ]
        for column in ("gain", "phase")
    )
    unity = Rule("y", 0.0, style.MUTED, dashed=False)
    gain = Panel("Gain", "dB", gains, [unity, *crossings], (), height // 2)
    phase = Panel("Phase", "°", phases, crossings, _ANGLES, height - height // 2)
    return Response("Bode plot", "Frequency", "Hz", logarithmic=True, panels=[gain, phase])


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


def step_response(steps: Mapping[str, pd.DataFrame], *, height: int = 370) -> Response:
    """Return output and input (dashed) of the unity-gain buffer over time.

    Args:
        steps: by name, columns ``time`` in s, ``input`` in V, ``output`` in V.
        height: of the panel in px.
    """
    lines = [
        _line(f"{name} {node}", step["time"], step[node], colour=_colour(name))
        for name, step in steps.items()
        for node in ("output", "input")
    ]
    panel = Panel("Voltage", "V", lines, [], (), height)
    return Response("Step response", "Time", "s", logarithmic=False, panels=[panel])


def _line(
    name: str, x: pd.Series, y: pd.Series, *, logarithmic: bool = False, colour: str = ""
) -> Line:
    """Return a curve with no more points than a screen can show.

    A point stays where the curve has gone far enough since the last one, so that edges and ringing
    keep theirs.
    """
    points = pd.DataFrame({"x": x, "y": y}, dtype=float)
    points = points[np.isfinite(points).all(axis=1) & ((points["x"] > 0) | (not logarithmic))]
    across = np.log10(points["x"]) if logarithmic else points["x"]
    way = np.hypot(_shares(across), _shares(points["y"])).cumsum()
    kept = np.diff(np.floor(way * _POINTS), prepend=-1.0, append=np.inf) > 0
    points = points[kept[:-1] | kept[1:]]
    return Line(
        name=name,
        colour=colour or _colour(name),
        dashed=name.endswith("input"),
        x=points["x"].tolist(),
        y=points["y"].tolist(),
    )


def _shares(values: pd.Series) -> np.ndarray:
    """Return the way from value to value as shares of the values' range; the first is 0."""
    array = values.to_numpy()
    return np.diff(array, prepend=array[:1]) / (np.ptp(array) or 1.0 if array.size else 1.0)


def _colour(name: str) -> str:
    return COLOURS.get(name, style.CANDIDATE)
