"""A specification as one short text, for a link that reproduces a view, and one to begin with.

::

    dc_gain min 200;ugf range 8e+05..2e+06 w0.9;gate_area minimize;limit l1 0.5..1
"""

from __future__ import annotations

import re

from core.circuits import Circuit
from core.data import DomainTable
from core.errors import InputError
from core.inverse.goals import Goal, GoalKind
from core.inverse.specification import Specification

_ITEM = re.compile(
    r"^(?P<name>\w+) (?P<kind>[a-z]+)(?: (?P<low>[0-9.e+-]+?))?(?:\.\.(?P<high>[0-9.e+-]+))?"
    r"(?: w(?P<weight>[0-9.e+-]+))?$"
)
TEXTBOOK_MARGIN = 60.0  # degrees
_LIMIT = re.compile(r"^limit (?P<name>\w+) (?P<low>[0-9.e+-]+?)\.\.(?P<high>[0-9.e+-]+)$")


def specification_to_text(specification: Specification) -> str:
    """Write goals and limits, six digits a number; ties are not part of a link."""
    items = [_goal_text(g) for g in specification.goals if g.kind is not GoalKind.IGNORE]
    items += [
        f"limit {name} {low:.6g}..{high:.6g}" for name, (low, high) in specification.limits.items()
    ]
    return ";".join(items)


def specification_from_text(text: str, circuit: Circuit) -> Specification:
    """Read what ``specification_to_text`` has written.

    Raises:
        InputError: a part that is no goal and no limit, and all faults of the specification.
    """
    goals, limits, faults = [], {}, []
    for item in filter(None, (part.strip() for part in text.split(";"))):
        limit, goal = _LIMIT.match(item), _ITEM.match(item)
        try:
            if limit:
                limits[limit["name"]] = (float(limit["low"]), float(limit["high"]))
            elif goal and goal["kind"] in list(GoalKind):
                goals.append(_goal(goal))
            else:
                raise ValueError
        except ValueError:
            faults.append(f'"{item}" is no part of a specification: "ugf min 1e6" is one.')
    if faults:
        raise InputError(faults)
    return Specification(circuit, tuple(goals), limits)


def starting_specification(circuit: Circuit, known: DomainTable) -> Specification:
    """Ask of every metric what most known designs reach: a point to begin from.

    At least the 30th percentile of each metric; a phase margin of 60 degrees, the textbooks'
    (Gray, Hurst, Lewis and Meyer, *Analysis and Design of Analog Integrated Circuits*, chapter 9),
    where at least a fifth of them reach it.
    """
    goals = []
    for metric in circuit.metrics:
        values = known.metrics[metric.name][known.valid]
        level = float(values.quantile(0.3))
        if metric.unit == "deg":
            level = min(TEXTBOOK_MARGIN, float(values.quantile(0.8)))
        goals.append(Goal(metric.name, GoalKind.MIN, low=float(f"{level:.2g}")))
    return Specification(circuit, tuple(goals))


def _goal_text(goal: Goal) -> str:
    low, high = goal.low, goal.high
    if low is not None and high is not None:
        value = f" {low:.6g}..{high:.6g}"
    else:
        bound = low if low is not None else high
        value = "" if bound is None else f" {bound:.6g}"
    weight = "" if goal.weight == 1 else f" w{goal.weight:g}"
    return f"{goal.quantity} {goal.kind}{value}{weight}"


def _goal(match: re.Match[str]) -> Goal:
    kind = GoalKind(match["kind"])
    low = float(match["low"]) if match["low"] else None
    high = float(match["high"]) if match["high"] else None
    if kind is GoalKind.MAX:
        low, high = None, low
    return Goal(match["name"], kind, low, high, float(match["weight"] or 1.0))
