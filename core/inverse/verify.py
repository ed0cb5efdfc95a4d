"""Sign-off: the best candidates simulated in process B, predicted beside simulated.

A candidate passes only where SPICE measures every requirement as met *and* the circuit is a
working amplifier by the gate of ``core.spice`` (devices saturated, output not railed, loop
settled, phase margin and unity-gain frequency measurable). Numbers alone do not pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from core.circuits import Circuit
from core.errors import InputError
from core.inverse.goals import GATE_AREA, POWER, SUPPLY_CURRENT
from core.inverse.search import DesignResult
from core.inverse.specification import Specification
from core.spice.gate import failure_categories
from core.spice.process import Process
from core.spice.simulate import SimulationTable

PASS, FAIL = "PASS", "FAIL"


@dataclass(frozen=True)
class Verification:
    """Candidates as SPICE sees them.

    Attributes:
        table: one row a simulated candidate: ``candidate`` (counted from 1), sizes, predicted and
            simulated (``METRIC_sim``) quantities, per requirement its margin and PASS or FAIL,
            ``verdict`` over all, ``failure`` (why the circuit does not work; empty: it does).
        rejections: how many circuits do not work, by reason.
        process: name of the process.
        engine: simulator that was used.
    """

    table: pd.DataFrame
    rejections: Mapping[str, int] = field(default_factory=dict)
    process: str = ""
    engine: str = ""

    @property
    def passed(self) -> int:
        """How many candidates are confirmed."""
        return int((self.table["verdict"] == PASS).sum())

    @property
    def simulated(self) -> pd.DataFrame:
        """The table with simulated quantities under their own names, without the predicted ones."""
        names = {name: name.removesuffix("_sim") for name in self.table if name.endswith("_sim")}
        return self.table.drop(columns=list(names.values())).rename(columns=names)


@dataclass(frozen=True)
class Simulated:
    """What the simulator says of n designs.

    Attributes:
        values: n rows: metrics, gate area, supply current and power; NaN: not measured.
        failure: n texts: why a circuit does not work; empty: it does.
        engine: simulator that was used.
    """

    values: pd.DataFrame
    failure: pd.Series
    engine: str


def spice_oracle(
    circuit: Circuit,
    process: Process,
    *,
    corner: str = "tt",
    temperature: float = 27.0,
    supply: float | None = None,
    engine: str = "auto",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Callable[[pd.DataFrame], Simulated]:
    """Simulation in a process, as a function of designs (n x d)."""
    from core.spice import simulate

    volts = process.supply if supply is None else supply

    def oracle(sizes: pd.DataFrame) -> Simulated:
        done = simulate(
            circuit,
            process,
            sizes[circuit.variable_names],
            corner=corner,
            temperature=temperature,
            supply=supply,
            engine=engine,
            jobs=jobs,
            progress=progress,
        )
        return simulated_quantities(done, circuit.gate_area(sizes).to_numpy(), volts)

    return oracle


def simulated_quantities(
    done: SimulationTable, area: np.ndarray | float, volts: float
) -> Simulated:
    """Put the derived quantities beside simulated metrics, one row a simulation.

    Args:
        done: what SPICE returned (n rows).
        area: gate area of each design, or of the one that all rows are samples of, um^2.
        volts: supply, V.
    """
    values = done.metrics.reset_index(drop=True).copy()
    values[GATE_AREA] = area
    values[SUPPLY_CURRENT] = done.supply_current.to_numpy()
    values[POWER] = values[SUPPLY_CURRENT] * volts
    failure = done.failure.reset_index(drop=True).fillna("")
    return Simulated(values, failure, done.engine)


def verify(result: DesignResult, k: int, process: Process, **conditions: Any) -> Verification:
    """Simulate the best k candidates and judge every requirement.

    Args:
        result: what ``design`` returned.
        k: how many candidates, from the first.
        process: process B.
        conditions: corner, temperature, supply, engine, jobs and progress of ``spice_oracle``.

    Raises:
        InputError: k below 1 or above the number of candidates; a design outside the models.
    """
    if not 1 <= k <= len(result.candidates):
        raise InputError(
            f"{k} candidates are to be verified, {len(result.candidates)} are there: "
            f"give a number from 1 to {len(result.candidates)}."
        )
    chosen = result.candidates.iloc[:k].reset_index(drop=True)
    simulated = spice_oracle(result.specification.circuit, process, **conditions)(chosen)
    table = _beside(result, chosen, simulated.values)
    table = table.join(judge(result.specification, simulated.values, simulated.failure))
    counts = Counter(simulated.failure.map(failure_categories).explode().dropna())
    return Verification(table, dict(counts.most_common()), process.name, simulated.engine)


def judge(specification: Specification, values: pd.DataFrame, failure: pd.Series) -> pd.DataFrame:
    """Margin and PASS or FAIL of every requirement, and the verdict over all.

    Args:
        specification: the requirements.
        values: simulated quantities (n rows); NaN, not measured, never passes.
        failure: why a circuit does not work (n); empty: it does.
    """
    judged = pd.DataFrame(index=values.index)
    passed = (failure == "").to_numpy()
    for requirement in specification.requirements:
        margin = requirement.margin(values[requirement.quantity])
        # The grid and the simulator give exact equality; rounding must not turn it into a FAIL.
        met = margin >= -1e-9 * abs(requirement.bound)
        judged[f"{requirement.name} margin"] = margin
        judged[requirement.name] = np.where(met, PASS, FAIL)
        passed = passed & met
    judged["verdict"] = np.where(passed, PASS, FAIL)
    judged["failure"] = failure
    return judged


def _beside(result: DesignResult, chosen: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    circuit = result.specification.circuit
    table = chosen[circuit.variable_names].copy()
    table.insert(0, "candidate", np.arange(1, len(chosen) + 1))
    for name in [*circuit.metric_names, SUPPLY_CURRENT, POWER]:
        table[name] = chosen[name]
        table[f"{name}_sim"] = values[name]
    table[GATE_AREA] = values[GATE_AREA]
    return table
