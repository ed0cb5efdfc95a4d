"""What SPICE answers: Bode plot and step response.

Vega-Lite and not Plotly: they are the first view of the simulator, and a browser is busy with
Plotly's program for more than a second before it draws the first chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from core.figures import style

COLOURS = {"A": style.A, "B": style.B}
_READ_POINTS = 40  # Points a curve that the pointer can read: each is an element of the page.
_LEGEND = alt.Legend(orient="top", offset=2)


def bode(
    sweeps: Mapping[str, pd.DataFrame], *, height: int = 400
) -> tuple[alt.LayerChart, alt.LayerChart]:
    """Draw gain (dB) and, to stand under it, phase (degrees); mark each unity-gain frequency.

    Args:
        sweeps: by name (``A``, ``B`` or a candidate), columns ``frequency`` in Hz,
            ``gain`` in dB, ``phase`` in degrees.
        height: of both figures in px.
    """
    table, names = _stacked(sweeps), list(sweeps)
    crossings = [unity_gain_frequency(sweep) for sweep in sweeps.values()]
    marked = pd.DataFrame({"name": names, "crossing": crossings}).dropna()
    marks = alt.Chart(marked).mark_rule(strokeDash=[2, 2]).encode(x="crossing:Q")
    unity = alt.Chart(pd.DataFrame({"zero": [0.0]})).mark_rule(color=style.MUTED)
    decades = alt.Axis(format="~s", values=[10.0**power for power in range(-3, 11, 2)])
    frequency = alt.X("frequency:Q", scale=alt.Scale(type="log", nice=False), axis=decades)
    gain = _curves(
        table,
        frequency.title(None),
        _y("gain:Q", "Gain [dB]"),
        names,
        ("Frequency [Hz]", "Gain [dB]"),
    )
    eighths = list(range(-360, 361, 45))
    phase = _curves(
        table,
        frequency.title("Frequency [Hz]"),
        _y("phase:Q", "Phase [°]", values=eighths),
        names,
        ("Frequency [Hz]", "Phase [°]"),
        legend=None,
    )
    upper = [*gain, unity.encode(y="zero:Q"), marks.encode(color=_colour(names, _LEGEND))]
    lower = [*phase, marks.encode(color=_colour(names, None))]
    return _movable(upper, height // 2), _movable(lower, height // 2)


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


def step_response(steps: Mapping[str, pd.DataFrame], *, height: int = 260) -> alt.LayerChart:
    """Draw input and output of the unity-gain buffer over time.

    Args:
        steps: by name, columns ``time`` in s, ``input`` in V, ``output`` in V.
        height: of the figure in px.
    """
    table = _stacked(steps).melt(["name", "time"], var_name="node", value_name="voltage")
    time = alt.X(
        "time:Q", title="Time [s]", scale=alt.Scale(nice=False), axis=alt.Axis(format="~s")
    )
    layers = _curves(
        table,
        time,
        _y("voltage:Q", "Voltage [V]"),
        list(steps),
        ("Time [s]", "Voltage [V]"),
        "node",
    )
    return _movable(layers, height)


def _stacked(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put tables under each other, with their names in the column ``name``."""
    return pd.concat([table.assign(name=name) for name, table in tables.items()])


def _curves(
    table: pd.DataFrame,
    x: alt.X,
    y: alt.Y,
    names: Sequence[str],
    read_as: tuple[str, str],
    node: str = "",
    legend: alt.Legend | None = _LEGEND,
) -> list[alt.Chart]:
    """Return lines, one a name (and a node: dashed inputs), and what the pointer reads off them."""
    encoding: dict[str, Any] = {"x": x, "y": y, "color": _colour(names, legend)}
    if node:
        dashes = alt.Scale(domain=["input", "output"], range=[[2, 2], [1, 0]])
        encoding["strokeDash"] = alt.StrokeDash(f"{node}:N", title=None, scale=dashes, legend=None)
    base = alt.Chart(table).encode(**encoding)
    fields = [alt.Tooltip("name:N", title="Curve")]
    fields += [alt.Tooltip(f"{node}:N", title="Node")] if node else []
    fields += [
        alt.Tooltip(str(x.shorthand), title=read_as[0], format=".4~s"),
        alt.Tooltip(str(y.shorthand), title=read_as[1], format=".4~g"),
    ]
    nearest = alt.selection_point(nearest=True, on="pointermove", empty=False)
    some = table.iloc[:: max(1, len(table) // (_READ_POINTS * len(names)))]
    read = alt.Chart(some).mark_point(size=40, filled=True, clip=True).encode(**encoding)
    read = read.encode(
        opacity=alt.condition(nearest, alt.value(1.0), alt.value(0.0)), tooltip=fields
    )
    # Points first: a selection of the nearest goes by the first layer's marks.
    return [read.add_params(nearest), base.mark_line(strokeWidth=1.8, clip=True)]


def _y(field: str, title: str, **axis: Any) -> alt.Y:
    scale = alt.Scale(zero=False)
    return alt.Y(field, title=title, scale=scale, axis=alt.Axis(tickCount=5, minExtent=34, **axis))


def _colour(names: Sequence[str], legend: alt.Legend | None) -> alt.Color:
    colours = [COLOURS.get(name, style.CANDIDATE) for name in names]
    scale = alt.Scale(domain=list(names), range=colours)
    return alt.Color("name:N", title=None, scale=scale, legend=legend)


def _movable(layers: Sequence[alt.Chart], height: int) -> alt.LayerChart:
    """Let dragging move along the horizontal axis, and the wheel with Alt held down zoom it."""
    zoom = "wheel![event.altKey]"
    moved = alt.selection_interval(bind="scales", encodings=["x"], zoom=zoom)
    chart: alt.LayerChart = alt.LayerChart(layer=list(layers)).properties(height=height)
    return chart.add_params(moved)
