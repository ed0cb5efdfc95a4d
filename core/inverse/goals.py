"""What a designer asks for: goals on metrics and derived quantities, limits and ties on variables.

A goal becomes one or two one-sided *requirements* (``dc_gain >= 200``) or an *objective*
(``power`` as small as possible). Everything downstream (solver, ranking, verification, guidance)
knows requirements and objectives only, never goal kinds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.errors import InputError, suggest
from core.units import engineering, ratio

GATE_AREA = "gate_area"
SUPPLY_CURRENT = "supply_current"
POWER = "power"
DERIVED = (GATE_AREA, SUPPLY_CURRENT, POWER)
DERIVED_UNITS = {GATE_AREA: "um^2", SUPPLY_CURRENT: "A", POWER: "W"}
DEFAULT_TOLERANCE = 0.05
DEFAULT_TOLERANCE_DEGREES = 2.0


class GoalKind(StrEnum):
    """How a quantity is wanted; ``min`` is a datasheet's Min column: at least."""

    MIN = "min"
    MAX = "max"
    TARGET = "target"
    RANGE = "range"
    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"
    IGNORE = "ignore"


@dataclass(frozen=True)
class Goal:
    """What is wanted of one quantity, in physical units.

    Attributes:
        quantity: a metric of the circuit, or ``gate_area`` (um^2), ``supply_current`` (A),
            ``power`` (W).
        kind: how it is wanted.
        low: smallest accepted value (min, range, target), else None.
        high: largest accepted value (max, range, target), else None.
        weight: how much a violation counts where not everything can be met; at least 0.
    """

    quantity: str
    kind: GoalKind
    low: float | None = None
    high: float | None = None
    weight: float = 1.0


@dataclass(frozen=True)
class Requirement:
    """One side of a goal: the quantity is at least, or at most, a bound (physical units)."""

    quantity: str
    side: Literal["at least", "at most"]
    bound: float
    weight: float = 1.0

    @property
    def sign(self) -> float:
        """+1 where larger is better, -1 where smaller is."""
        return 1.0 if self.side == "at least" else -1.0

    @property
    def name(self) -> str:
        """Unique within a specification: quantity and side."""
        return f"{self.quantity} {'>=' if self.sign > 0 else '<='}"

    def margin(self, value: float | np.ndarray | pd.Series) -> np.ndarray:
        """How far values are on the good side, in units of the quantity; negative: not met."""
        return self.sign * (np.asarray(value, dtype=float) - self.bound)

    def text(self, circuit: Circuit) -> str:
        """The requirement as a designer reads it: ``DC gain at least 200 V/V``."""
        label, _ = label_and_unit(circuit, self.quantity)
        return f"{label} {self.side} {value_text(circuit, self.quantity, self.bound)}"


@dataclass(frozen=True)
class Objective:
    """A quantity to make as large (sign +1) or as small (sign -1) as the requirements allow."""

    quantity: str
    sign: float
    weight: float = 1.0


@dataclass(frozen=True)
class Tie:
    """One variable as a fixed multiple of another: ``variable = ratio * other``."""

    variable: str
    other: str
    ratio: float = 1.0


def goal_from_value(
    circuit: Circuit,
    quantity: str,
    kind: str,
    value: float | None,
    *,
    band: tuple[float, float] | None = None,
    tolerance: float | None = None,
    weight: float = 1.0,
) -> Goal:
    """Build a goal from what people write: a kind, a value or a band, perhaps a tolerance.

    Args:
        circuit: the circuit that the quantity belongs to.
        quantity: name of a metric or derived quantity.
        kind: a name of ``GoalKind``.
        value: the value of min, max and target, physical units.
        band: low and high of a range.
        tolerance: half-width of a target: a share of the value, for an angle degrees.
        weight: its weight.

    Raises:
        InputError: unknown kind, a value or band that the kind needs and is not there.
    """
    if kind not in list(GoalKind):
        raise InputError(f'Unknown goal "{kind}" for {quantity}.{suggest(kind, list(GoalKind))}')
    goal = GoalKind(kind)
    if goal is GoalKind.RANGE:
        if band is None:
            raise InputError(f"Goal range of {quantity} has no band: give it as lo:hi.")
        return Goal(quantity, goal, band[0], band[1], weight)
    if goal in (GoalKind.MAXIMIZE, GoalKind.MINIMIZE, GoalKind.IGNORE):
        return Goal(quantity, goal, weight=weight)
    if value is None:
        raise InputError(f"Goal {goal} of {quantity} has no value: give one, or the goal ignore.")
    if goal is GoalKind.TARGET:
        half = _half_width(circuit, quantity, value, tolerance)
        return Goal(quantity, goal, value - half, value + half, weight)
    low, high = (value, None) if goal is GoalKind.MIN else (None, value)
    return Goal(quantity, goal, low, high, weight)


def round_safely(value: float, sign: float) -> float:
    """Three digits, down for what has to be at least that much, up for at most (sign -1)."""
    if not value or not math.isfinite(value):
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return float(f"{-sign * math.ceil(round(-sign * value / step, 6)) * step:.3g}")


def label_and_unit(circuit: Circuit, quantity: str) -> tuple[str, str]:
    """What a datasheet calls a metric or derived quantity, and its unit."""
    if quantity in DERIVED:
        return quantity.replace("_", " ").capitalize(), DERIVED_UNITS[quantity]
    metric = circuit.metric(quantity)
    return metric.label, metric.unit


def value_text(circuit: Circuit, quantity: str, value: float) -> str:
    """Write a value with its unit; a voltage ratio in decibels too: ``46.5 dB (212 V/V)``."""
    if quantity in circuit.metric_names and circuit.metric(quantity).decibels:
        return ratio(value)
    return engineering(value, label_and_unit(circuit, quantity)[1])


def is_logarithmic(circuit: Circuit, quantity: str) -> bool:
    """Whether the quantity is positive and compared by ratio rather than by difference."""
    return quantity in DERIVED or circuit.metric(quantity).transform == "log10"


def _half_width(circuit: Circuit, quantity: str, value: float, tolerance: float | None) -> float:
    if tolerance is not None and not tolerance > 0:
        raise InputError(f"Tolerance of {quantity} is {tolerance:g}: give a number above 0.")
    if quantity in circuit.metric_names and not is_logarithmic(circuit, quantity):
        return DEFAULT_TOLERANCE_DEGREES if tolerance is None else tolerance
    return abs(value) * (DEFAULT_TOLERANCE if tolerance is None else tolerance)
