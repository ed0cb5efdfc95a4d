"""How the sets of feasible and of random specifications are made.

- Meet: every metric at least the design's less 2 % (phase margin less 1 degree), supply current
  and gate area at most 1.05 times the design's.
- Match: slew rate, gain and UGF within 3 %, phase margin within 1 degree, CMRR within 10 %.
- Ladder: the bounds of Meet moved together until 1, 0.1 or 0.01 % of the pool passes; in the last
  grade half as far as where the first design of the pool would pass, so that none does. Of the
  pool's 10,000 designs that is 100, 10 and one: the share of all designs that pass a
  specification of the 0.01 % grade is between 0.0003 and 0.06 % (exact 95 % interval of one in
  10,000), so that grade says "about one in ten thousand" and no more.
- Uniform: each metric's lower bound and the supply current's upper bound drawn independently
  between the 1st and 99th percentile of working designs (as AutoCkt draws its targets: Settaluri
  et al., DATE 2020); many cannot be met.
- Corners: Meet at the worst of the 17 conditions of a design that works in all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.inverse.designs import Fresh, model_space, signs
from benchmarks.inverse.infeasible import infeasible_specs
from benchmarks.inverse.specs import (
    PROCESS,
    SEED,
    FrozenSpec,
    GoalRow,
    at_least,
    at_most,
    rounded,
    within,
)
from core.circuits import Circuit
from core.inverse import judge, simulate_corners
from core.inverse.goals import GATE_AREA, SUPPLY_CURRENT, is_logarithmic
from core.spice import load_process

COUNT = 200
LADDER = (("1 %", 100), ("0.1 %", 10), ("0.01 %", 1), ("none", 0))
LADDER_COUNT = 25
UNIFORM_COUNT = 100
CORNERS_COUNT = 30
CORNERS_TRIED = 60
APART = 1e-4
CMRR_HALF = 0.10
HALF = 0.03


def make_specs(fresh: Fresh, jobs: int) -> list[FrozenSpec]:
    """All sets of a circuit, each specification with the number of pool designs that meet it."""
    made = [*_meet(fresh), *_match(fresh), *ladder(fresh), *_uniform(fresh)]
    made += [*infeasible_specs(fresh), *_corners(fresh, jobs)]
    graded = [replace(spec, passing=_passing(fresh, spec)) for spec in made]
    if any(spec.passing for spec in graded if spec.set == "infeasible"):
        raise SystemExit("A design of the pool meets an infeasible specification: it is none.")
    return graded


def meet_goals(circuit: Circuit, values: pd.Series) -> tuple[GoalRow, ...]:
    """At least what a design does, with no more current and area, nearly."""
    floors = {name: 0.98 * values[name] for name in circuit.metric_names}
    floors["phase_margin"] = values["phase_margin"] - 1.0
    caps = (SUPPLY_CURRENT, GATE_AREA)
    return (
        *(at_least(name, floors[name]) for name in circuit.metric_names),
        *(at_most(name, 1.05 * values[name]) for name in caps),
    )


def match_goals(circuit: Circuit, values: pd.Series) -> tuple[GoalRow, ...]:
    """The metrics of a design, within a few per cent."""
    half = {name: HALF * values[name] for name in circuit.metric_names}
    half["phase_margin"], half["cmrr"] = 1.0, CMRR_HALF * values["cmrr"]
    return tuple(
        within(name, values[name] - half[name], values[name] + half[name])
        for name in circuit.metric_names
    )


def _meet(fresh: Fresh) -> Iterator[FrozenSpec]:
    for number, (_, row) in enumerate(fresh.first[:COUNT].iterrows()):
        goals = meet_goals(fresh.circuit, row)
        yield FrozenSpec("meet", number, goals, origin=_sizes(fresh, row))


def _match(fresh: Fresh) -> Iterator[FrozenSpec]:
    for number, (_, row) in enumerate(fresh.first[COUNT : 2 * COUNT].iterrows()):
        goals = match_goals(fresh.circuit, row)
        yield FrozenSpec("match", number, goals, origin=_sizes(fresh, row))


def ladder(fresh: Fresh) -> Iterator[FrozenSpec]:
    """Grades in turn, so that the first specifications of the set hold all of them.

    Bounds move together, each by the same multiple of its quantity's spread in the pool. The
    pool's designs sorted by the move that lets them pass, half way between the k-th and the next
    exactly k pass.
    """
    circuit, names = fresh.circuit, fresh.quantities
    sign = np.array([signs(circuit)[name] for name in names])
    working = model_space(circuit, fresh.working, names)
    spread = np.diff(np.quantile(working, [0.16, 0.84], axis=0), axis=0)[0] / 2.0
    number = 0
    for _, row in fresh.second.iterrows():
        grade, passing = LADDER[number % len(LADDER)]
        values = model_space(circuit, row.to_frame().T, names)[0]
        moves = np.sort(np.max(sign * (values - working) / spread, axis=1))
        low, high = moves[passing - 1] if passing else 0.0, moves[passing]
        move = (low + high) / 2.0
        # A design that so many others beat in everything is no origin of a hard specification, and
        # where the k-th and the next pass at once, no bound lies between them.
        if move < 0 or high - low < APART:
            continue
        bounds = values - sign * move * spread
        yield FrozenSpec(
            "ladder", number, _one_sided(circuit, names, bounds), grade, origin=_sizes(fresh, row)
        )
        number += 1
        if number == LADDER_COUNT * len(LADDER):
            return


def _uniform(fresh: Fresh) -> Iterator[FrozenSpec]:
    circuit, names = fresh.circuit, [*fresh.circuit.metric_names, SUPPLY_CURRENT]
    working = model_space(circuit, fresh.working, names)
    low, high = np.quantile(working, [0.01, 0.99], axis=0)
    drawn = np.random.default_rng(SEED).uniform(low, high, (UNIFORM_COUNT, len(names)))
    for number, bounds in enumerate(drawn):
        yield FrozenSpec("uniform", number, _one_sided(circuit, names, bounds))


def _corners(fresh: Fresh, jobs: int) -> Iterator[FrozenSpec]:
    circuit, tried = fresh.circuit, fresh.second.iloc[-CORNERS_TRIED:]
    # Any specification will do: only the simulated values are read.
    goals = FrozenSpec("corners", 0, (at_most(GATE_AREA, 1e9),)).specification(circuit)
    sizes = tried[circuit.variable_names]
    table = simulate_corners(goals, sizes, load_process(PROCESS), jobs=jobs)
    worst = table.table.groupby("candidate").agg(
        dict.fromkeys(circuit.metric_names, "min")
        | {SUPPLY_CURRENT: "max", GATE_AREA: "max", "failure": "max"}
    )
    holds = (worst["failure"] == "") & worst[circuit.metric_names].notna().all(axis=1)
    # The smallest of values that hold a NaN ignores it; a condition that fails has a reason.
    for number, candidate in enumerate(worst.index[holds][:CORNERS_COUNT]):
        origin = _sizes(fresh, tried.iloc[candidate - 1])
        yield FrozenSpec(
            "corners", number, meet_goals(circuit, worst.loc[candidate]), "", (), {}, origin
        )


def _one_sided(circuit: Circuit, names: list[str], bounds: np.ndarray) -> tuple[GoalRow, ...]:
    goals = []
    for name, bound in zip(names, bounds, strict=True):
        value = 10.0**bound if is_logarithmic(circuit, name) else max(bound, 1.0)
        goals.append(at_least(name, value) if signs(circuit)[name] > 0 else at_most(name, value))
    return tuple(goals)


def _passing(fresh: Fresh, spec: FrozenSpec) -> int:
    pool = fresh.pool
    judged = judge(spec.specification(fresh.circuit), pool, pool["failure"])
    inside = pd.Series(True, index=pool.index)
    for name, (low, high) in spec.limits.items():
        inside &= pool[name].between(low * (1 - 1e-9), high * (1 + 1e-9))
    return int(((judged["verdict"] == "PASS") & inside).sum())


def _sizes(fresh: Fresh, row: pd.Series) -> dict[str, float]:
    return {name: rounded(float(row[name])) for name in fresh.circuit.variable_names}
