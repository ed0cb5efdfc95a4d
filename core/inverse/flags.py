"""Specifications in the flag form of the command line: one text a flag, values by commas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from core.circuits import Circuit
from core.errors import InputError, suggest
from core.inverse.goals import DERIVED, DERIVED_UNITS, Goal, GoalKind, Tie, goal_from_value
from core.inverse.spec_file import read_number, read_tie
from core.inverse.specification import Specification

Item = TypeVar("Item")

BAND_FLAGS = {"ugf": "--ugf-band", "phase_margin": "--pm-band"}


def specification_from_flags(
    circuit: Circuit,
    y_target: str,
    goal: str | None = None,
    ugf_band: str | None = None,
    pm_band: str | None = None,
    weights: str | None = None,
    *,
    bands: Sequence[str] = (),
    upper_bounds: Sequence[str] = (),
    minimized: Sequence[str] = (),
    limits: Sequence[str] = (),
    ties: Sequence[str] = (),
) -> Specification:
    """Read ``--y-target``, ``--goal``, the bands and ``--weights``: one entry a metric, in order.

    Args:
        circuit: the circuit whose metrics the entries follow.
        y_target: m numbers by commas, SI units; an entry of an ignored goal may be empty.
        goal: m goal kinds by commas; default: min for every metric.
        ugf_band: ``lo:hi`` of the UGF, in Hz, for the goal range.
        pm_band: ``lo:hi`` of the phase margin, in degrees.
        weights: m weights by commas; default 1 each.
        bands: further bands, ``METRIC=lo:hi`` in SI units.
        upper_bounds: ``QUANTITY=value`` for power (W), supply_current (A) or gate_area (um²).
        minimized: such quantities to make as small as possible.
        limits: ``VARIABLE=value`` or ``VARIABLE=lo:hi``, W and L in um, the rest in SI units.
        ties: ``VARIABLE=OTHER`` or ``VARIABLE=ratio*OTHER``.

    Raises:
        InputError: every fault, one sentence each.
    """
    faults: list[str] = []
    texts = {"ugf": ugf_band, "phase_margin": pm_band}
    for item in _kept(bands, lambda text: _pair("--band", text, circuit.metric_names), faults):
        texts[item[0]] = item[1]
    goals = _metric_goals(circuit, y_target, goal, weights, texts, faults)
    goals += _kept(upper_bounds, lambda text: _upper_bound(circuit, text), faults)
    goals += _kept(minimized, lambda text: _minimized(circuit, text), faults)
    bounds = _kept(limits, lambda text: _limit(circuit, text), faults)
    ends = dict(bounds)
    if len(ends) < len(bounds):
        twice = [name for name, times in Counter(name for name, _ in bounds).items() if times > 1]
        faults.append(f"--limit is given twice for {', '.join(twice)}: give it once.")
    tied = _kept(ties, lambda text: _tie(circuit, text), faults)
    if faults:
        raise InputError(faults)
    return Specification(circuit, tuple(goals), ends, tuple(tied))


def _kept(texts: Iterable[str], read: Callable[[str], Item], faults: list[str]) -> list[Item]:
    """Read every text; what cannot be read becomes faults."""
    found = []
    for text in texts:
        try:
            found.append(read(text))
        except InputError as error:
            faults += error.faults
    return found


def _metric_goals(
    circuit: Circuit,
    y_target: str,
    goal: str | None,
    weights: str | None,
    texts: dict[str, str | None],
    faults: list[str],
) -> list[Goal]:
    names = circuit.metric_names
    kinds = _entries("--goal", goal, circuit) if goal else ["min"] * len(names)
    targets = _numbers("--y-target", y_target, circuit)
    weighed = _entries("--weights", weights, circuit) if weights else ["1"] * len(names)
    shares = [
        read_number(f"--weights of {name}", entry)
        for name, entry in zip(names, weighed, strict=True)
    ]
    found: dict[str, tuple[float, float]] = {}
    goals = []
    for name, text in texts.items():
        if text is None:
            continue
        try:
            metric = circuit.metric(name)
            found[name] = parse_band(_band_flag(name), text, metric.unit, metric.decibels)
        except InputError as error:
            faults += error.faults
    for name, kind, value, weight in zip(names, kinds, targets, shares, strict=True):
        band = found.get(name)
        if kind == GoalKind.RANGE and texts.get(name) is None:
            faults.append(
                f"Goal range of {name} has no band: give it as {_band_flag(name, 'lo:hi')}."
            )
        elif kind != GoalKind.RANGE or band is not None:
            try:
                goals.append(goal_from_value(circuit, name, kind, value, band=band, weight=weight))
            except InputError as error:
                faults += error.faults
    return goals


def _band_flag(name: str, band: str = "") -> str:
    """The flag that gives the band of a metric, with the band behind it."""
    if name in BAND_FLAGS:
        return f"{BAND_FLAGS[name]} {band}".strip()
    return f"--band {name}={band}".rstrip("=")


def _pair(flag: str, text: str, known: Sequence[str]) -> tuple[str, str]:
    """Read ``name=rest`` of a known name."""
    name, sign, rest = (part.strip() for part in text.partition("="))
    if not sign or not rest:
        raise InputError(f'{flag} is "{text}": expected {known[0]}=... with a value.')
    if name not in known:
        raise InputError(f'{flag} is "{text}": unknown name "{name}".{suggest(name, known)}')
    return name, rest


def _upper_bound(circuit: Circuit, text: str) -> Goal:
    name, rest = _pair("--at-most", text, DERIVED)
    return goal_from_value(
        circuit, name, GoalKind.MAX, read_number(f"--at-most {name}", rest, DERIVED_UNITS[name])
    )


def _minimized(circuit: Circuit, name: str) -> Goal:
    if name not in DERIVED:
        raise InputError(f'--minimize is "{name}".{suggest(name, DERIVED)}')
    return goal_from_value(circuit, name, GoalKind.MINIMIZE, None)


def _limit(circuit: Circuit, text: str) -> tuple[str, tuple[float, float]]:
    name, rest = _pair("--limit", text, circuit.variable_names)
    unit = circuit.variable(name).unit
    if ":" not in rest:
        value = read_number(f"--limit {name}", rest, unit)
        return name, (value, value)
    ends = rest.split(":")
    if len(ends) != 2:
        raise InputError(f'--limit is "{text}": expected {name}=value or {name}=lo:hi.')
    low, high = (read_number(f"--limit {name}", end, unit) for end in ends)
    return name, (low, high)


def _tie(circuit: Circuit, text: str) -> Tie:
    name, rest = _pair("--tie", text, circuit.variable_names)
    return read_tie(f"--tie {name}", name, rest)


def parse_numbers(flag: str, text: str, circuit: Circuit) -> list[float]:
    """Read one value a metric from a text by commas; SI prefixes and units allowed.

    Raises:
        InputError: a wrong count, an empty entry, or text that is no number.
    """
    numbers = _numbers(flag, text, circuit)
    missing = [n for n, value in zip(circuit.metric_names, numbers, strict=True) if value is None]
    if missing:
        raise InputError(f"{flag} has no value for {', '.join(missing)}: give one number each.")
    return [value for value in numbers if value is not None]


def parse_band(
    flag: str, text: str, unit: str = "", in_decibels: bool = False
) -> tuple[float, float]:
    """Read ``lo:hi``; the unit as ``core.units.parse`` takes it.

    Raises:
        InputError: not two numbers, or upside down.
    """
    parts = text.split(":")
    if len(parts) != 2:
        raise InputError(f'{flag} is "{text}": expected lo:hi, for example 8e5:2e6.')
    low, high = (read_number(flag, part, unit, in_decibels) for part in parts)
    if not low < high:
        raise InputError(f"{flag} is upside down ({text}): give the lower end first.")
    return low, high


def _numbers(flag: str, text: str, circuit: Circuit) -> list[float | None]:
    """One value a metric, in its unit; None where an entry is empty."""
    return [
        read_number(f"{flag} of {metric.name}", entry, metric.unit, metric.decibels)
        if entry
        else None
        for metric, entry in zip(circuit.metrics, _entries(flag, text, circuit), strict=True)
    ]


def _entries(flag: str, text: str, circuit: Circuit) -> list[str]:
    entries = [entry.strip() for entry in text.split(",")]
    names = circuit.metric_names
    if len(entries) != len(names):
        raise InputError(
            f"{flag} has {len(entries)} entries: expected {len(names)} by commas, "
            f"in the order {', '.join(names)}."
        )
    return entries
