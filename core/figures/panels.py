"""Lines in panels: the plain data of a chart that a page draws with a small program of its own.

``pages/shell/panel_chart.js`` draws them. A chart library keeps a browser busy for half a second
(Vega-Lite) or more than one (Plotly) before its first line; a page that is to answer at once cannot
wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Axis:
    """An axis.

    Attributes:
        title: what is along it.
        unit: of its values, as people write it.
        prefixes: whether values carry SI prefixes (1.2 MHz and not 1200000 Hz).
        logarithmic: whether equal ratios are equally far; values are then positive.
        steps: what may lie between two ticks; empty for 1, 2 or 5 of any power of ten.
        zero: whether the axis begins at zero, whatever its values are.
    """

    title: str
    unit: str
    prefixes: bool = False
    logarithmic: bool = False
    steps: tuple[float, ...] = ()
    zero: bool = False


@dataclass(frozen=True)
class Line:
    """One curve; its values are finite, ``x`` never falls.

    Attributes:
        filled: whether the ground under it is tinted.
    """

    name: str
    colour: str
    x: list[float]
    y: list[float]
    dashed: bool = False
    filled: bool = False


@dataclass(frozen=True)
class Rule:
    """A straight line through the whole panel, at a value of one of its axes (``x``, ``y``)."""

    axis: str
    value: float
    colour: str
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """One picture: its vertical axis and what is drawn, ``height`` px high."""

    axis: Axis
    lines: list[Line]
    height: int
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class PanelChart:
    """Panels under each other over one horizontal axis."""

    title: str
    axis: Axis
    panels: list[Panel]
