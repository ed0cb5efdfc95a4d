"""Specifications in the flag form of the command line: one text a flag, values by commas."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.circuits import Circuit
from core.errors import InputError
from core.inverse.goals import GoalKind, goal_from_value
from core.inverse.specification import Specification
from core.units import parse

BAND_FLAGS = {"ugf": "--ugf-band", "phase_margin": "--pm-band"}


def specification_from_flags(
    circuit: Circuit,
    y_target: str,
    goal: str | None = None,
    ugf_band: str | None = None,
    pm_band: str | None = None,
    weights: str | None = None,
    *,
    bands: Mapping[str, str] | None = None,
) -> Specification:
    """Read ``--y-target``, ``--goal``, the bands and ``--weights``: one entry a metric, in order.

    Args:
        circuit: the circuit whose metrics the entries follow.
        y_target: m numbers by commas, SI units; an entry of an ignored goal may be empty.
        goal: m goal kinds by commas; default: min for every metric.
        ugf_band: ``lo:hi`` of the UGF, in Hz, for the goal range.
        pm_band: ``lo:hi`` of the phase margin, in degrees.
        weights: m weights by commas; default 1 each.
        bands: further bands by metric name, ``lo:hi`` in SI units.

    Raises:
        InputError: every fault, one sentence each.
    """
    names = circuit.metric_names
    kinds = _entries("--goal", goal, circuit) if goal else ["min"] * len(names)
    targets = _numbers("--y-target", y_target, circuit)
    shares = parse_numbers("--weights", weights, circuit) if weights else [1.0] * len(names)
    texts = {"ugf": ugf_band, "phase_margin": pm_band, **(bands or {})}
    found: dict[str, tuple[float, float]] = {}
    faults: list[str] = []
    goals = []
    for name, text in texts.items():
        if text is None:
            continue
        try:
            circuit.metric(name)
            found[name] = parse_band(BAND_FLAGS.get(name, f"--band {name}"), text)
        except InputError as error:
            faults += error.faults
    for name, kind, value, weight in zip(names, kinds, targets, shares, strict=True):
        band = found.get(name)
        if kind == GoalKind.RANGE and texts.get(name) is None:
            flag = BAND_FLAGS.get(name, f"--band {name}=lo:hi")
            faults.append(f"Goal range of {name} has no band: give {flag} as lo:hi.")
        elif kind != GoalKind.RANGE or band is not None:
            try:
                goals.append(goal_from_value(circuit, name, kind, value, band=band, weight=weight))
            except InputError as error:
                faults += error.faults
    if faults:
        raise InputError(faults)
    return Specification(circuit, tuple(goals))


def parse_numbers(flag: str, text: str, circuit: Circuit) -> list[float]:
    """Read one number a metric from a text by commas; SI prefixes allowed.

    Raises:
        InputError: a wrong count, an empty entry, or text that is no number.
    """
    numbers = _numbers(flag, text, circuit)
    missing = [n for n, value in zip(circuit.metric_names, numbers, strict=True) if value is None]
    if missing:
        raise InputError(f"{flag} has no value for {', '.join(missing)}: give one number each.")
    return [value for value in numbers if value is not None]


def parse_band(flag: str, text: str) -> tuple[float, float]:
    """Read ``lo:hi``.

    Raises:
        InputError: not two numbers, or upside down.
    """
    parts = text.split(":")
    if len(parts) != 2:
        raise InputError(f'{flag} is "{text}": expected lo:hi, for example 8e5:2e6.')
    try:
        low, high = (parse(part) for part in parts)
    except InputError:
        raise InputError(
            f'{flag} is "{text}": expected two numbers as lo:hi, for example 8e5:2e6.'
        ) from None
    if not low < high:
        raise InputError(f"{flag} is upside down ({text}): give the lower end first.")
    return low, high


def _numbers(flag: str, text: str, circuit: Circuit) -> list[float | None]:
    numbers: list[float | None] = []
    for name, entry in zip(circuit.metric_names, _entries(flag, text, circuit), strict=True):
        if not entry:
            numbers.append(None)
            continue
        try:
            value = parse(entry)
        except InputError:
            raise InputError(
                f'{flag} has "{entry}" for {name}: expected a number such as 1.2e6 or 1.2M.'
            ) from None
        numbers.append(value if math.isfinite(value) else None)
    return numbers


def _entries(flag: str, text: str, circuit: Circuit) -> list[str]:
    entries = [entry.strip() for entry in text.split(",")]
    names = circuit.metric_names
    if len(entries) != len(names):
        raise InputError(
            f"{flag} has {len(entries)} entries: expected {len(names)} by commas, "
            f"in the order {', '.join(names)}."
        )
    return entries
