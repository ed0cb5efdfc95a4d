"""Specifications as a TOML file that a person can read and keep beside a design.

::

    circuit = "5t_opamp"

    [goals]
    dc_gain = { goal = "min", value = "46 dB", weight = 0.4 }
    ugf = { goal = "range", low = "0.8 MHz", high = "2 MHz" }
    phase_margin = { goal = "target", value = 65, tolerance = 2 }
    power = { goal = "max", value = "120 uW" }
    gate_area = { goal = "minimize" }

    [limits]
    l1 = 0.5
    ibias = [5e-6, 10e-6]

    [ties]
    w2 = "2 * w1"
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from core.circuits import Circuit
from core.errors import InputError, suggest
from core.inverse.goals import DERIVED, Goal, GoalKind, Tie, goal_from_value, label_and_unit
from core.inverse.specification import Specification
from core.units import parse

_SECTIONS = ("circuit", "goals", "limits", "ties")
_GOAL_KEYS = ("goal", "value", "low", "high", "tolerance", "weight")
_VALUES = ("value", "low", "high", "tolerance")
_SAID_BY: dict[str, tuple[str, ...]] = {
    GoalKind.MIN: ("value",),
    GoalKind.MAX: ("value",),
    GoalKind.TARGET: ("value", "tolerance"),
    GoalKind.RANGE: ("low", "high"),
    GoalKind.MAXIMIZE: (),
    GoalKind.MINIMIZE: (),
    GoalKind.IGNORE: (),
}
_TIE = re.compile(r"^\s*(?:(?P<ratio>[0-9.eE+-]+)\s*\*\s*)?(?P<other>[A-Za-z]\w*)\s*$")


def load_specification(path: str | Path, circuit: Circuit) -> Specification:
    """Read a specification file.

    Raises:
        InputError: missing file, no TOML, unknown sections or keys, and all faults of its goals.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f'Spec file "{path}" does not exist: give an existing .toml.')
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f'Spec file "{path}" is no TOML ({error}): correct that place.') from error
    return specification_from_table(table, circuit, str(path))


def specification_from_table(
    table: dict[str, Any], circuit: Circuit, place: str = "spec"
) -> Specification:
    """Build a specification from the tables of a spec file; `place` names it in messages.

    Raises:
        InputError: every fault, one sentence each.
    """
    faults = [
        f'{place}: unknown section "{key}".{suggest(key, _SECTIONS)}'
        for key in table
        if key not in _SECTIONS
    ]
    wanted = table.get("circuit", circuit.id)
    if wanted != circuit.id:
        faults.append(f'{place}: the spec is for "{wanted}", the run is of "{circuit.id}".')
    goals, limits, ties = [], {}, []
    for name, row in _section(table, "goals", place, faults).items():
        try:
            goals.append(_goal(circuit, name, row))
        except InputError as error:
            faults += [f"{place}: {fault}" for fault in error.faults]
    for name, row in _section(table, "limits", place, faults).items():
        try:
            limits[name] = _limits(circuit, name, row)
        except InputError as error:
            faults += [f"{place}: {fault}" for fault in error.faults]
    for name, text in _section(table, "ties", place, faults).items():
        try:
            ties.append(read_tie(f"ties.{name}", name, text))
        except InputError as error:
            faults += [f"{place}: {fault}" for fault in error.faults]
    if faults:
        raise InputError(faults)
    return Specification(circuit, tuple(goals), limits, tuple(ties))


def _section(table: dict[str, Any], name: str, place: str, faults: list[str]) -> dict[str, Any]:
    section = table.get(name, {})
    if isinstance(section, dict):
        return section
    faults.append(f"{place}: {name} is no table: write it as [{name}] with one line each.")
    return {}


def _goal(circuit: Circuit, name: str, row: Any) -> Goal:
    if not isinstance(row, dict):
        raise InputError(f'goals.{name} is no table: write {name} = {{ goal = "min", value = 1 }}.')
    unknown = [key for key in row if key not in _GOAL_KEYS]
    if unknown:
        raise InputError(
            f'goals.{name}: unknown key "{unknown[0]}".{suggest(unknown[0], _GOAL_KEYS)}'
        )
    if name not in (*circuit.metric_names, *DERIVED):
        known = [*circuit.metric_names, *DERIVED]
        raise InputError(f'goals.{name}: unknown quantity "{name}".{suggest(name, known)}')
    if "goal" not in row:
        raise InputError(f'goals.{name} has no goal: write goal = "min" or another kind.')
    kind = str(row["goal"])
    idle = [key for key in row if key in _VALUES and key not in _SAID_BY.get(kind, _VALUES)]
    if idle:
        raise InputError(
            f'goals.{name}.{idle[0]} says nothing for the goal "{kind}": leave it out.'
        )
    unit = label_and_unit(circuit, name)[1]
    in_decibels = name not in DERIVED and circuit.metric(name).decibels
    units = dict.fromkeys(("value", "low", "high"), (unit, in_decibels))
    # A tolerance is a share of the value, of an angle in degrees; a weight is a plain number.
    units |= {"tolerance": (unit if unit == "deg" else "", False), "weight": ("", False)}
    numbers = {
        key: read_number(f"goals.{name}.{key}", row[key], *units[key])
        for key in units
        if key in row
    }
    band = (numbers["low"], numbers["high"]) if {"low", "high"} <= numbers.keys() else None
    return goal_from_value(
        circuit,
        name,
        kind,
        numbers.get("value"),
        band=band,
        tolerance=numbers.get("tolerance"),
        weight=numbers.get("weight", 1.0),
    )


def _limits(circuit: Circuit, name: str, row: Any) -> tuple[float, float]:
    ends = row if isinstance(row, list) else [row, row]
    if len(ends) != 2:
        raise InputError(f"limits.{name} has {len(ends)} values: give one, or [lowest, highest].")
    unit = circuit.variable(name).unit if name in circuit.variable_names else ""
    low, high = (read_number(f"limits.{name}", end, unit) for end in ends)
    return low, high


def read_tie(place: str, name: str, text: Any) -> Tie:
    """Read what a variable follows; `place` names it in messages.

    Raises:
        InputError: neither another variable nor a multiple of one.
    """
    match = _TIE.match(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f'{place} is "{text}": expected "w1" or "2 * w1".')
    return Tie(name, match["other"], read_number(place, match["ratio"] or 1.0))


def read_number(place: str, value: Any, unit: str = "", in_decibels: bool = False) -> float:
    """Read a number, or a text with SI prefix and unit; `place` names it in messages.

    Args:
        unit: as ``core.units.parse`` takes it, and ``in_decibels`` too.

    Raises:
        InputError: it is neither, or in another unit.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise InputError(f"{place} is {value!r}: expected a number or a text such as 1.2 MHz.")
    if not isinstance(value, str):
        return float(value)
    try:
        return parse(value, unit, in_decibels)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
