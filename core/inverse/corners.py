"""Process corners: candidates over corner, temperature and supply, judged at the worst of them.

The standard set has 17 conditions: the typical one, and each of ff, ss, fs and sf at the supply
plus and minus 10 % and at -40 and 125 degrees Celsius.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from core.errors import InputError
from core.inverse.goals import Goal, GoalKind, is_logarithmic
from core.inverse.specification import Specification
from core.inverse.verify import FAIL, PASS, judge, spice_oracle
from core.spice.process import Process

TEMPERATURES = (-40.0, 125.0)
SUPPLY_SPREAD = 0.10


@dataclass(frozen=True)
class Condition:
    """One corner, temperature (degrees Celsius) and supply (V)."""

    corner: str
    temperature: float
    supply: float

    @property
    def name(self) -> str:
        """As a column head: ``ff 125C 2.97V``."""
        return f"{self.corner} {self.temperature:g}C {self.supply:.3g}V"


@dataclass(frozen=True)
class CornerTable:
    """Designs over conditions.

    Attributes:
        table: one row a design and condition: ``candidate`` (from 1), ``condition``, simulated
            quantities, margins and PASS or FAIL of each requirement, ``verdict``, ``failure``.
        spread: one row a design and quantity: smallest, typical, largest over the conditions.
        worst: one row a design: smallest margin of each requirement, ``held`` (in how many
            conditions everything holds), ``failures`` (in how many it does not work), ``verdict``.
    """

    table: pd.DataFrame
    spread: pd.DataFrame
    worst: pd.DataFrame

    @property
    def sturdiest(self) -> int:
        """Number of the candidate that holds in most conditions; the first of equals."""
        return int(
            self.worst.sort_values("held", ascending=False, kind="stable")["candidate"].iloc[0]
        )


def standard_conditions(process: Process) -> list[Condition]:
    """The 17 conditions of a process; the typical one comes first."""
    typical = Condition("tt", process.temperature, process.supply)
    supplies = [process.supply * factor for factor in (1 - SUPPLY_SPREAD, 1 + SUPPLY_SPREAD)]
    return [
        typical,
        *(
            Condition(corner, temperature, supply)
            for corner in process.corner_names
            if corner != "tt"
            for supply in supplies
            for temperature in TEMPERATURES
        ),
    ]


def simulate_corners(
    specification: Specification,
    sizes: pd.DataFrame,
    process: Process,
    *,
    conditions: list[Condition] | None = None,
    engine: str = "auto",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> CornerTable:
    """Simulate designs (n x d) in every condition and judge them.

    Args:
        specification: the requirements, which have to hold in every condition.
        sizes: designs.
        process: process B.
        conditions: default: ``standard_conditions``.
        engine: SPICE engine.
        jobs: parallel workers.
        progress: called with (conditions done, conditions).

    Raises:
        InputError: no designs, or a design outside the models.
    """
    if not len(sizes):
        raise InputError("No designs to simulate over corners: give at least one.")
    wanted = conditions if conditions is not None else standard_conditions(process)
    parts = []
    for done, condition in enumerate(wanted, start=1):
        oracle = spice_oracle(
            specification.circuit,
            process,
            corner=condition.corner,
            temperature=condition.temperature,
            supply=condition.supply,
            engine=engine,
            jobs=jobs,
        )
        seen = oracle(sizes)
        part = pd.concat([seen.values, judge(specification, seen.values, seen.failure)], axis=1)
        part.insert(0, "condition", condition.name)
        part.insert(0, "candidate", np.arange(1, len(sizes) + 1))
        parts.append(part)
        if progress is not None:
            progress(done, len(wanted))
    table = pd.concat(parts, ignore_index=True)
    return CornerTable(
        table, _spread(table, list(seen.values.columns)), _worst(specification, table)
    )


def tightened(specification: Specification, corners: CornerTable) -> Specification:
    """The specification for the typical condition that makes room for the corners.

    Each bound moves by what its quantity loses from typical to the worst condition in the sturdiest
    of the simulated designs, the one that holds in most conditions (as a ratio, an angle in
    degrees). Designing for the result and
    simulating again converges in a round or two, since the loss changes little between designs.
    A band that closes is kept open at its middle.
    """
    goals = tuple(
        replace(
            goal,
            low=_moved(specification, corners, goal, goal.low, "at least"),
            high=_moved(specification, corners, goal, goal.high, "at most"),
        )
        for goal in specification.goals
    )
    goals = tuple(_opened(goal) for goal in goals)
    return Specification(specification.circuit, goals, specification.limits, specification.ties)


def _moved(
    specification: Specification,
    corners: CornerTable,
    goal: Goal,
    bound: float | None,
    side: str,
) -> float | None:
    if bound is None or goal.kind is GoalKind.IGNORE:
        return bound
    spread = corners.spread
    rows = spread[
        (spread["quantity"] == goal.quantity) & (spread["candidate"] == corners.sturdiest)
    ]
    worst = rows["minimum"] if side == "at least" else rows["maximum"]
    if is_logarithmic(specification.circuit, goal.quantity):
        ratio = float((rows["typical"] / worst).iloc[0])
        return bound * ratio if np.isfinite(ratio) and ratio > 0 else bound
    loss = float((rows["typical"] - worst).iloc[0])
    return bound + loss if np.isfinite(loss) else bound


def _opened(goal: Goal) -> Goal:
    if goal.low is None or goal.high is None or goal.low < goal.high:
        return goal
    middle = 0.5 * (goal.low + goal.high)
    return replace(goal, low=0.995 * middle, high=1.005 * middle)


def _spread(table: pd.DataFrame, quantities: list[str]) -> pd.DataFrame:
    typical = table["condition"] == table["condition"].iloc[0]
    rows = []
    for number, part in table.groupby("candidate"):
        middle = part[typical.loc[part.index]]
        for quantity in quantities:
            values = part[quantity]
            rows.append(
                {
                    "candidate": number,
                    "quantity": quantity,
                    "minimum": values.min(),
                    "typical": middle[quantity].iloc[0],
                    "maximum": values.max(),
                }
            )
    return pd.DataFrame(rows)


def _worst(specification: Specification, table: pd.DataFrame) -> pd.DataFrame:
    names = [f"{requirement.name} margin" for requirement in specification.requirements]
    grouped = table.groupby("candidate")
    worst = grouped[names].min()
    passes = grouped["verdict"].apply(lambda verdicts: bool((verdicts == PASS).all()))
    worst["verdict"] = np.where(passes, PASS, FAIL)
    worst["held"] = grouped["verdict"].apply(lambda verdicts: int((verdicts == PASS).sum()))
    worst["failures"] = grouped["failure"].apply(lambda reasons: int((reasons != "").sum()))
    return worst.reset_index()
