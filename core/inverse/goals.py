"""What a designer asks for: goals on metrics and derived quantities, limits and ties on variables.

A goal becomes one or two one-sided *requirements* (``dc_gain >= 200``) or an *objective*
(``power`` as small as possible). Everything downstream (solver, ranking, verification, guidance)
knows requirements and objectives only, never goal kinds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.errors import InputError, suggest
from core.units import engineering

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
        label, unit = label_and_unit(circuit, self.quantity)
        return f"{label} {self.side} {engineering(self.bound, unit)}"


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


@dataclass(frozen=True)
class Specification:
    """Goals, limits and ties for one circuit; validated as a whole when made.

    Attributes:
        circuit: the circuit to size.
        goals: at most one a quantity; quantities without a goal are ignored.
        limits: smallest and largest allowed value of design variables; equal: fixed.
        ties: variables that follow others.

    Raises:
        InputError: every fault, one sentence each.
    """

    circuit: Circuit
    goals: tuple[Goal, ...]
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ties: tuple[Tie, ...] = ()

    def __post_init__(self) -> None:
        faults = [
            *_goal_faults(self.circuit, self.goals),
            *_limit_faults(self.circuit, self.limits),
            *_tie_faults(self.circuit, self.limits, self.ties),
        ]
        if faults:
            raise InputError(faults)

    @property
    def requirements(self) -> tuple[Requirement, ...]:
        """All one-sided requirements, in the order of the goals."""
        found = []
        for goal in self.goals:
            if goal.kind in (GoalKind.MIN, GoalKind.RANGE, GoalKind.TARGET):
                found.append(Requirement(goal.quantity, "at least", _value(goal.low), goal.weight))
            if goal.kind in (GoalKind.MAX, GoalKind.RANGE, GoalKind.TARGET):
                found.append(Requirement(goal.quantity, "at most", _value(goal.high), goal.weight))
        return tuple(found)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        """All quantities to maximise or minimise."""
        signs = {GoalKind.MAXIMIZE: 1.0, GoalKind.MINIMIZE: -1.0}
        return tuple(
            Objective(goal.quantity, signs[goal.kind], goal.weight)
            for goal in self.goals
            if goal.kind in signs
        )


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


def label_and_unit(circuit: Circuit, quantity: str) -> tuple[str, str]:
    """What a datasheet calls a metric or derived quantity, and its unit."""
    if quantity in DERIVED:
        return quantity.replace("_", " ").capitalize(), DERIVED_UNITS[quantity]
    metric = circuit.metric(quantity)
    return metric.label, metric.unit


def is_logarithmic(circuit: Circuit, quantity: str) -> bool:
    """Whether the quantity is positive and compared by ratio rather than by difference."""
    return quantity in DERIVED or circuit.metric(quantity).transform == "log10"


def _half_width(circuit: Circuit, quantity: str, value: float, tolerance: float | None) -> float:
    if tolerance is not None and not tolerance > 0:
        raise InputError(f"Tolerance of {quantity} is {tolerance:g}: give a number above 0.")
    if quantity in circuit.metric_names and not is_logarithmic(circuit, quantity):
        return DEFAULT_TOLERANCE_DEGREES if tolerance is None else tolerance
    return abs(value) * (DEFAULT_TOLERANCE if tolerance is None else tolerance)


def _value(bound: float | None) -> float:
    if bound is None:
        raise InputError("A goal has no bound: give min, max, target and range their values.")
    return bound


def _goal_faults(circuit: Circuit, goals: Iterable[Goal]) -> list[str]:
    faults, seen, active = [], set(), []
    for goal in goals:
        known = [*circuit.metric_names, *DERIVED]
        if goal.quantity not in known:
            faults.append(
                f'Unknown quantity "{goal.quantity}" in the goals.{suggest(goal.quantity, known)}'
            )
            continue
        if goal.quantity in seen:
            faults.append(f"{goal.quantity} has two goals: keep one.")
        seen.add(goal.quantity)
        if goal.kind is not GoalKind.IGNORE:
            active.append(goal)
        faults += _bound_faults(circuit, goal)
    if not active and not faults:
        faults.append("Every goal is ignore: give at least one metric another goal.")
    elif not faults and all(goal.weight == 0 for goal in active):
        faults.append("All weights are zero: give at least one goal a weight above 0.")
    return faults


def _bound_faults(circuit: Circuit, goal: Goal) -> list[str]:
    name, faults = goal.quantity, []
    needs = {
        GoalKind.MIN: (goal.low,),
        GoalKind.MAX: (goal.high,),
        GoalKind.RANGE: (goal.low, goal.high),
        GoalKind.TARGET: (goal.low, goal.high),
    }.get(goal.kind, ())
    if any(bound is None for bound in needs):
        return [f"Goal {goal.kind} of {name} has no value: give one, or the goal ignore."]
    values = [bound for bound in needs if bound is not None]
    floor = 0.0 if name in DERIVED else circuit.metric(name).floor
    for value in values:
        if not math.isfinite(value):
            faults.append(f"Goal {goal.kind} of {name} is {value}: give a finite number.")
        elif value < floor or (value == floor and is_logarithmic(circuit, name)):
            faults.append(
                f"Goal {goal.kind} of {name} is {value:g}, beyond physical sense: "
                f"give a value above {floor:g}."
            )
    if len(values) == 2 and not faults and values[0] >= values[1]:
        faults.append(
            f"The band of {name} is upside down ({values[0]:g}:{values[1]:g}): "
            "give the lower end first."
        )
    if not (math.isfinite(goal.weight) and goal.weight >= 0):
        faults.append(f"The weight of {name} is {goal.weight:g}: give a number of at least 0.")
    return faults


def _limit_faults(circuit: Circuit, limits: Mapping[str, tuple[float, float]]) -> list[str]:
    faults = []
    for name, (low, high) in limits.items():
        if name not in circuit.variable_names:
            faults.append(
                f'Unknown variable "{name}" in the limits.{suggest(name, circuit.variable_names)}'
            )
            continue
        grid, unit = circuit.variable(name).grid, circuit.variable(name).unit
        if low > high:
            faults.append(
                f"The limits of {name} are upside down ({low:g}:{high:g}): lower end first."
            )
        elif not on_grid(grid, low, high).any():
            nearest = grid[np.argsort(np.abs(grid - low))[:2]]
            verb = "is fixed" if low == high else "is limited"
            faults.append(
                f"{name} {verb} outside its grid ({low:g} to {high:g} {unit}): the grid goes from "
                f"{grid[0]:g} to {grid[-1]:g} {unit}, nearest "
                f"{' and '.join(f'{value:g}' for value in sorted(nearest))}."
            )
    return faults


def _tie_faults(
    circuit: Circuit, limits: Mapping[str, tuple[float, float]], ties: Iterable[Tie]
) -> list[str]:
    faults, names = [], circuit.variable_names
    ties = tuple(ties)
    followers = [tie.variable for tie in ties]
    for tie in ties:
        for name in (tie.variable, tie.other):
            if name not in names:
                faults.append(f'Unknown variable "{name}" in the ties.{suggest(name, names)}')
        if not (math.isfinite(tie.ratio) and tie.ratio > 0):
            faults.append(
                f"The tie of {tie.variable} has ratio {tie.ratio:g}: give a number above 0."
            )
        if followers.count(tie.variable) > 1 or tie.other in followers or tie.other == tie.variable:
            faults.append(
                f"{tie.variable} is tied to {tie.other}, which is tied itself: "
                "tie every variable once, to a free one."
            )
    if not faults:
        faults += [fault for tie in ties for fault in _tied_grid_fault(circuit, limits, tie)]
    return faults


def _tied_grid_fault(
    circuit: Circuit, limits: Mapping[str, tuple[float, float]], tie: Tie
) -> list[str]:
    leading = circuit.variable(tie.other).grid
    following = circuit.variable(tie.variable).grid
    leading = leading[on_grid(leading, *limits.get(tie.other, (-math.inf, math.inf)))]
    following = following[on_grid(following, *limits.get(tie.variable, (-math.inf, math.inf)))]
    if matching(leading * tie.ratio, following).any():
        return []
    return [
        f"No size on the grid satisfies {tie.variable} = {tie.ratio:g} * {tie.other} within the "
        "limits: change the ratio or the limits."
    ]


def on_grid(grid: np.ndarray, low: float, high: float) -> np.ndarray:
    """Mask of the grid points between low and high, ends included up to rounding."""
    slack = 1e-9 * np.abs(grid)
    mask: np.ndarray = (grid >= low - slack) & (grid <= high + slack)
    return mask


def matching(values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Mask of the values that are grid points, up to rounding."""
    mask: np.ndarray = np.isclose(values[:, None], grid[None, :], rtol=1e-6, atol=0).any(axis=1)
    return mask
