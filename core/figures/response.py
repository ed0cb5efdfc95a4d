"""What SPICE answers: Bode plot and step response.

Vega-Lite and not Plotly: they are the first view of the simulator, and a browser is busy with
Plotly's program for more than a second before it draws the first chart. Specifications are
written out: building three of them from Altair's objects takes a fifth of a second, each time a
slider moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from core.figures import style

COLOURS = {"A": style.A, "B": style.B}
_LINE_POINTS = 80  # On a way as long as an axis, about 400 px.
_READ_POINTS = 16  # So many of them the pointer can read: each is an element of the page.
_READ_SIZE = 250  # Their area in square px: the pointer need not hit the line.
_DASHED = [2, 2]
_LEGEND = {"orient": "top", "offset": 2}
Spec = dict[str, Any]


@dataclass(frozen=True)
class VegaChart:
    """A drawing: its table and its Vega-Lite specification, which reads the table's columns."""

    table: pd.DataFrame
    spec: Spec


def bode(sweeps: Mapping[str, pd.DataFrame], *, height: int = 400) -> tuple[VegaChart, VegaChart]:
    """Draw gain (dB) and, to stand under it, phase (degrees); mark each unity-gain frequency.

    Args:
        sweeps: by name (``A``, ``B`` or a candidate), columns ``frequency`` in Hz,
            ``gain`` in dB, ``phase`` in degrees.
        height: of both figures in px.
    """
    names = list(sweeps)
    crossings = {name: unity_gain_frequency(sweep) for name, sweep in sweeps.items()}
    marks = [
        _rule("x", crossing, _inks([name])[0], strokeDash=_DASHED)
        for name, crossing in crossings.items()
        if np.isfinite(crossing)
    ]
    unity = _rule("y", 0.0, style.MUTED)
    decades = [10.0**power for power in range(-3, 11, 2)]
    frequency = _x("frequency", "Frequency [Hz]", {"type": "log"}, values=decades)
    eighths = list(range(-360, 361, 45))
    gain = [*_curves(frequency, _y("gain", "Gain [dB]"), names), unity, *marks]
    phase = [*_curves(frequency, _y("phase", "Phase [°]", values=eighths), names), *marks]
    for layer in phase[:2]:
        layer["encoding"]["color"]["legend"] = None
    gain[0]["encoding"]["x"] = gain[1]["encoding"]["x"] = frequency | {"title": None}
    gains, phases = (
        pd.concat(
            [
                _drawn(sweep[["frequency", value]], "frequency", value).assign(name=name)
                for name, sweep in sweeps.items()
            ]
        )
        for value in ("gain", "phase")
    )
    return _chart(gains, gain, height // 2), _chart(phases, phase, height // 2)


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


def step_response(steps: Mapping[str, pd.DataFrame], *, height: int = 260) -> VegaChart:
    """Draw input and output of the unity-gain buffer over time.

    Args:
        steps: by name, columns ``time`` in s, ``input`` in V, ``output`` in V.
        height: of the figure in px.
    """
    voltages = pd.concat(
        [
            _drawn(
                pd.DataFrame({"time": step["time"], "voltage": step[node]}), "time", "voltage"
            ).assign(name=name, node=node)
            for name, step in steps.items()
            for node in ("input", "output")
        ]
    )
    layers = _curves(_x("time", "Time [s]", {}), _y("voltage", "Voltage [V]"), list(steps), "node")
    return _chart(voltages, layers, height)


def _drawn(table: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Keep the rows of a curve that make a difference on the screen; mark those to be read.

    A row is kept where the curve has gone far enough since the last one, so that edges and ringing
    keep theirs; ``x`` must rise.
    """
    across = np.log(table[x]) if x == "frequency" else table[x]
    way = np.hypot(*(_share(values) for values in (across, table[y]))).cumsum()
    line, read = (
        np.diff(np.floor(way * points), prepend=-1.0) > 0 for points in (_LINE_POINTS, _READ_POINTS)
    )
    return table.assign(read=read)[line | read | (np.arange(len(table)) == len(table) - 1)]


def _share(values: pd.Series) -> np.ndarray:
    """Return the steps from value to value as shares of the values' range; the first is 0."""
    finite = values.to_numpy(dtype=float)
    return np.diff(finite, prepend=finite[:1]) / (np.ptp(finite) or 1.0)


def _curves(x: Spec, y: Spec, names: Sequence[str], node: str = "") -> list[Spec]:
    """Return what the pointer reads, and lines, one a name (and a node: dashed inputs)."""
    scale = {"domain": list(names), "range": _inks(names)}
    colour = {"field": "name", "type": "nominal", "title": None, "scale": scale, "legend": _LEGEND}
    encoding: Spec = {"x": x, "y": y, "color": colour}
    read = [{"field": "name", "title": "Curve"}]
    if node:
        dashes = {"domain": ["input", "output"], "range": [_DASHED, [1, 0]]}
        dash = {"field": node, "type": "nominal", "scale": dashes, "legend": None}
        encoding["strokeDash"] = dash
        read.append({"field": node, "title": "Node"})
    for axis, digits in ((x, ".4~s"), (y, ".4~g")):
        read.append({**{k: axis[k] for k in ("field", "type", "title")}, "format": digits})
    points = {"type": "point", "size": _READ_SIZE, "filled": True, "opacity": 0, "clip": True}
    lines = {"type": "line", "strokeWidth": 1.8, "clip": True}
    return [
        {
            "mark": points,
            "transform": [{"filter": "datum.read"}],
            "encoding": {**encoding, "color": dict(colour), "tooltip": read},
        },
        {"mark": lines, "encoding": {**encoding, "color": dict(colour)}},
    ]


def _x(field: str, title: str, scale: Spec, **axis: Any) -> Spec:
    axis = {"format": "~s", **axis}
    scale = {"nice": False, **scale}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": axis}


def _y(field: str, title: str, **axis: Any) -> Spec:
    axis = {"tickCount": 5, "minExtent": 34, **axis}
    scale = {"zero": False}
    return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": axis}


def _rule(channel: str, value: float, colour: str, **stroke: Any) -> Spec:
    """Return a straight line; with a row of its own, as a mark is drawn once a row."""
    mark = {"type": "rule", "color": colour, **stroke}
    return {"data": {"values": [{}]}, "mark": mark, "encoding": {channel: {"datum": value}}}


def _inks(names: Sequence[str]) -> list[str]:
    return [COLOURS.get(name, style.CANDIDATE) for name in names]


def _chart(table: pd.DataFrame, layers: list[Spec], height: int) -> VegaChart:
    """Let dragging move along the horizontal axis, and the wheel with Alt held down zoom it."""
    moved = {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.altKey]"}
    first = {**layers[0], "params": [{"name": "moved", "select": moved, "bind": "scales"}]}
    return VegaChart(table, {"height": height, "layer": [first, *layers[1:]]})
