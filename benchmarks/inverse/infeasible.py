"""Specifications that no design can meet: by arithmetic, or by physics with a margin.

Each starts from what a real design does, relaxed by 10 %, which is feasible; then one conflict is
put in. Two constructions are proofs:

- Kirchhoff: the bias current flows from the supply, so the supply current is above it. The spec
  bounds the bias current from below and the supply current below that.
- Geometry: the gate area is the sum of W L over the devices. The spec bounds sizes from below and
  the area below the sum that they add up to at least.

Two, for the 5T, are physics with a margin, no proofs; that no design of the pool meets them is
checked:

- Slew rate: the 5T charges its load with its tail current, about half its supply current; what the
  tail node's capacitance adds during the step takes SR C to 0.74 of the supply current in the
  pool. Asked for is 1.1 times the whole supply current, which leaves room for what else moves
  charge during the step but does not exclude it. (Of a two-stage op-amp the same does not hold:
  its step couples through to the output stage, and SR Cc comes to 12 times the supply current.)
- Transconductance: UGF <= gm / (2 pi C), and no MOSFET has more gm per current than a bipolar
  transistor, q / kT (Enz and Vittoz, "Charge-based MOS transistor modeling", 2006). Each input
  device carries half the tail current, which is the supply current less a bias current of at
  least the grid's smallest. Asked for is 1.1 times that UGF, with the load alone as C.

The two pairs are chosen so that each half can be had alone by a design of the pool.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from benchmarks.inverse.designs import Fresh, signs
from benchmarks.inverse.specs import FrozenSpec, GoalRow, at_least, at_most, rounded
from core.inverse.goals import GATE_AREA, SUPPLY_CURRENT

COUNT = 100
BEYOND = 1.1
RELAXED = 0.9
THERMAL_VOLTAGE = 8.617333e-5 * 300.15  # V at 27 degrees


def infeasible_specs(fresh: Fresh) -> Iterator[FrozenSpec]:
    """A hundred of them; each row goes to the construction that was used least of those it fits."""
    makers = [_kirchhoff, _geometry]
    if fresh.circuit.id == "5t_opamp":
        makers += [_slew, _transconductance]
    used = [0] * len(makers)
    for number, (_, row) in enumerate(fresh.second[:COUNT].iterrows()):
        for place in np.argsort(used, kind="stable"):
            spec = makers[place](fresh, row, number)
            if spec is not None:
                used[place] += 1
                yield spec
                break


def _kirchhoff(fresh: Fresh, row: pd.Series, number: int) -> FrozenSpec | None:
    least = float(row["ibias"])
    limits = {"ibias": (least, fresh.circuit.variable("ibias").maximum)}
    changed = {SUPPLY_CURRENT: RELAXED * least}
    return _spec(fresh, row, number, "bias current", changed, (SUPPLY_CURRENT,), limits)


def _geometry(fresh: Fresh, row: pd.Series, number: int) -> FrozenSpec | None:
    """Every size at least half of the design's; the area below what that adds up to."""
    limits, smallest = {}, {}
    for variable in fresh.circuit.variables:
        smallest[variable.name] = float(variable.grid[variable.grid >= row[variable.name] / 2][0])
        if variable.name.startswith(("w", "l")):
            limits[variable.name] = (smallest[variable.name], variable.maximum)
    least = float(fresh.circuit.gate_area(pd.DataFrame([smallest])).iloc[0])
    changed = {GATE_AREA: least / BEYOND}
    return _spec(fresh, row, number, "gate area", changed, (GATE_AREA,), limits)


def _slew(fresh: Fresh, row: pd.Series, number: int) -> FrozenSpec | None:
    current = 1.05 * row[SUPPLY_CURRENT]
    load = float(fresh.circuit.testbench["load"])
    changed = {SUPPLY_CURRENT: current, "slewrate_pos": BEYOND * current / load}
    return _pair(fresh, row, number, "slew rate", changed)


def _transconductance(fresh: Fresh, row: pd.Series, number: int) -> FrozenSpec | None:
    current = 1.05 * row[SUPPLY_CURRENT]
    load = float(fresh.circuit.testbench["load"])
    tail = current - fresh.circuit.variable("ibias").minimum
    most = 0.5 * tail / THERMAL_VOLTAGE / (2.0 * math.pi * load)
    changed = {SUPPLY_CURRENT: current, "ugf": BEYOND * most}
    return _pair(fresh, row, number, "transconductance", changed)


def _pair(
    fresh: Fresh, row: pd.Series, number: int, kind: str, changed: dict[str, float]
) -> FrozenSpec | None:
    """None where one half is beyond the reach of every design of the pool on its own."""
    (metric,) = set(changed) - {SUPPLY_CURRENT}
    if not (fresh.working[metric] > changed[metric]).any():
        return None
    return _spec(fresh, row, number, kind, changed, tuple(changed), {})


def _spec(
    fresh: Fresh,
    row: pd.Series,
    number: int,
    kind: str,
    changed: dict[str, float],
    culprits: tuple[str, ...],
    limits: dict[str, tuple[float, float]],
) -> FrozenSpec:
    goals: list[GoalRow] = []
    for name, sign in signs(fresh.circuit).items():
        bound = changed.get(name, row[name] * RELAXED**sign)
        goals.append(at_least(name, bound) if sign > 0 else at_most(name, bound))
    origin = {name: rounded(float(row[name])) for name in fresh.circuit.variable_names}
    return FrozenSpec("infeasible", number, tuple(goals), kind, culprits, limits, origin)
