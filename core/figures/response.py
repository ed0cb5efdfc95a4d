"""What SPICE answers: Bode plot and step response."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from core.figures import style
from core.figures.panels import Axis, Line, Panel, PanelChart, Rule

COLOURS = {"A": style.A, "B": style.B}
_POINTS = 150  # On a way as long as an axis, about 400 px.
_FREQUENCY = Axis("Frequency", "Hz", prefixes=True, logarithmic=True)
_GAIN = Axis("Gain", "dB")
MOST_SPANS = 5.0  # of the fastest step in sight
_PHASE = Axis("Phase", "°", steps=(15.0, 45.0, 90.0, 180.0))
_TIME = Axis("Time", "s", prefixes=True)
_VOLTAGE = Axis("Voltage", "V")


def bode(sweeps: Mapping[str, pd.DataFrame], *, height: int = 370) -> PanelChart:
    """Return gain over phase; each unity-gain frequency is marked.

    Args:
        sweeps: by name (``A``, ``B`` or a candidate), columns ``frequency`` in Hz,
            ``gain`` in dB, ``phase`` in degrees.
        height: of both panels in px.
    """
    crossings = tuple(
        Rule("x", unity_gain_frequency(sweep), _colour(name), dashed=True)
        for name, sweep in sweeps.items()
        if np.isfinite(unity_gain_frequency(sweep))
    )
    gains, phases = (
        [
            _line(name, sweep["frequency"], sweep[column], logarithmic=True)
            for name, sweep in sweeps.items()
        ]
        for column in ("gain", "phase")
    )
    unity = Rule("y", 0.0, style.MUTED)
    gain = Panel(_GAIN, gains, height // 2, (unity, *crossings))
    phase = Panel(_PHASE, phases, height - height // 2, crossings)
    return PanelChart("Bode plot", _FREQUENCY, [gain, phase])


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


def step_response(steps: Mapping[str, pd.DataFrame], *, height: int = 370) -> PanelChart:
    """Return output and input (dashed) of the unity-gain buffer over time.

    Beside a fast one a slow step, such as that of a circuit that never settles, is cut off: else
    the fast one would be a stroke.

    Args:
        steps: by name, columns ``time`` in s, ``input`` in V, ``output`` in V.
        height: of the panel in px.
    """
    ends = [step["time"].max() for step in steps.values() if len(step)]
    seen = {
        name: step[step["time"] <= MOST_SPANS * min(ends, default=0.0)]
        for name, step in steps.items()
    }
    lines = [
        _line(f"{name} {node}", step["time"], step[node], colour=_colour(name))
        for name, step in seen.items()
        for node in ("output", "input")
    ]
    return PanelChart("Step response", _TIME, [Panel(_VOLTAGE, lines, height)])


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
        name,
        colour or _colour(name),
        points["x"].tolist(),
        points["y"].tolist(),
        dashed=name.endswith("input"),
    )


def _shares(values: pd.Series) -> np.ndarray:
    """Return the way from value to value as shares of the values' range; the first is 0."""
    array = values.to_numpy()
    return np.diff(array, prepend=array[:1]) / (np.ptp(array) or 1.0 if array.size else 1.0)


def _colour(name: str) -> str:
    return COLOURS.get(name, style.CANDIDATE)
