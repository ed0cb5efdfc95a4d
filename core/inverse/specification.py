"""A specification: goals, limits and ties of one circuit, checked as a whole."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from core.circuits import Circuit
from core.errors import InputError, suggest
from core.inverse.goals import (
    DERIVED,
    Goal,
    GoalKind,
    Objective,
    Requirement,
    Tie,
    is_logarithmic,
    label_and_unit,
)
from core.inverse.grid_points import matching, on_grid
from core.units import engineering


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
    label, unit = label_and_unit(circuit, name)
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
            faults.append(
                f"{label} ({name}), goal {goal.kind}: {value} is not finite, give a number."
            )
        elif value < floor or (value == floor and is_logarithmic(circuit, name)):
            faults.append(
                f"{label} ({name}), goal {goal.kind}: {engineering(value, unit)} is beyond "
                f"physical sense, give a value above {engineering(floor, unit)}."
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
