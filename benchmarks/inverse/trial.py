"""One specification in the hands of one method: simulations counted, success kept, in one place."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from benchmarks.inverse.designs import model_space
from benchmarks.inverse.specs import PROCESS
from core.circuits import Circuit, load_circuit
from core.ensemble import load_predictor
from core.inverse import Simulated, Specification, Workbench, judge, prepare, spice_oracle
from core.inverse.goals import is_logarithmic
from core.inverse.space import DesignSpace
from core.spice import load_process

ROOT = Path(__file__).parents[2]
# Of the typical spread: what a quantity that could not be measured counts, and a broken circuit.
UNMEASURED = 3.0
BROKEN = 1.0
# Methods that propose what they have seen already get it from the cache, but not for ever.
MOST_REPEATS = 20


class SpentError(Exception):
    """The trial is over: solved, or out of simulations. Not a fault."""


@dataclass(frozen=True)
class Bench:
    """What every method of a circuit is given."""

    circuit: Circuit
    work: Workbench
    run: Path
    oracle: Callable[[pd.DataFrame], Simulated]
    cache: dict[tuple[float, ...], Simulated] = field(default_factory=dict)
    variants: dict[str, Workbench] = field(default_factory=dict)

    @property
    def space(self) -> DesignSpace:
        """The whole grid."""
        return self.work.space

    def simulate(self, sizes: pd.DataFrame) -> Simulated:
        """Simulate one design (1 x d), from the cache where it was simulated before."""
        key = design_key(self.circuit, sizes)
        if key not in self.cache:
            self.cache[key] = self.oracle(sizes)
        return self.cache[key]

    @cached_property
    def known(self) -> pd.DataFrame:
        """The prior data: simulated designs of process B with quantities and ``failure``."""
        table = self.work.forward.predictor.known_designs()
        return pd.concat([table.designs, table.metrics], axis=1).assign(
            supply_current=table.supply_current,
            gate_area=self.circuit.gate_area(table.designs),
            failure=np.where(table.valid, "", "does not work"),
        )


def open_bench(circuit_id: str, run: Path | None = None) -> Bench:
    """Load a circuit's run (default: the shipped one)."""
    torch.set_num_threads(1)
    circuit = load_circuit(circuit_id)
    folder = run or ROOT / "checkpoints" / circuit_id
    oracle = spice_oracle(circuit, load_process(PROCESS))
    return Bench(circuit, prepare(load_predictor(folder)), folder, oracle)


def design_key(circuit: Circuit, sizes: pd.DataFrame) -> tuple[float, ...]:
    """A design as the cache knows it: the first row's sizes with nine digits."""
    values = sizes[circuit.variable_names].iloc[0].to_numpy(dtype=float)
    return tuple(float(f"{value:.9g}") for value in values)


@dataclass(frozen=True)
class Judged:
    """One design as the methods see it.

    Attributes:
        quantities: q values in model space, NaN where not measured.
        margins: c margins of the requirements in typical spreads, positive where met.
        works: whether it is a working amplifier.
        objective: sum of the normalised violations, and of a penalty for a broken circuit; to be
            minimised; 0 where everything is met.
    """

    quantities: np.ndarray
    margins: np.ndarray
    works: bool
    objective: float

    @property
    def constraints(self) -> np.ndarray:
        """What has to be at most 0 (c + 1): the negative margins, and whether it is broken."""
        return np.append(-self.margins, -BROKEN if self.works else BROKEN)


@dataclass
class Trial:
    """Hands out simulations until the specification is solved or the budget is spent."""

    bench: Bench
    specification: Specification
    budget: int
    seed: int
    spent: int = 0
    first: int | None = None
    simulating: float = 0.0
    seen: dict[tuple[float, ...], Judged] = field(default_factory=dict)
    asked: int = 0

    @cached_property
    def quantities(self) -> list[str]:
        """Metrics, gate area and supply current, in the order of the model."""
        return self.bench.work.forward.quantities

    @cached_property
    def bounds(self) -> list[float]:
        """The requirements' bounds as they are compared: log10, angles in degrees."""
        return [
            math.log10(one.bound) if is_logarithmic(self.bench.circuit, one.quantity) else one.bound
            for one in self.specification.requirements
        ]

    def tried(self, index: torch.Tensor) -> torch.Tensor:
        """Mask (n) of the grid indices (n x p) that were simulated here or before."""
        space = self.bench.space
        done = [*self.seen, *self._known_keys]
        known = space.snap(space.unit(torch.tensor(done, dtype=torch.float64)))
        seen = set(map(tuple, known.tolist()))
        return torch.tensor([tuple(row) in seen for row in index.tolist()])

    def judge(self, values: pd.DataFrame, failure: pd.Series) -> list[Judged]:
        """What simulated quantities (n rows) are worth."""
        spread = self.bench.work.scale.numpy()
        table = model_space(self.bench.circuit, values, self.quantities)
        columns = []
        pairs = zip(self.specification.requirements, self.bounds, strict=True)
        for requirement, bound in pairs:
            at = self.quantities.index(requirement.quantity)
            columns.append(requirement.sign * (table[:, at] - bound) / spread[at])
        margins = np.nan_to_num(np.stack(columns, 1), nan=-UNMEASURED)
        works = (failure == "").to_numpy()
        objective = np.maximum(-margins, 0.0).sum(1) + np.where(works, 0.0, BROKEN)
        return [
            Judged(table[row], margins[row], bool(works[row]), float(objective[row]))
            for row in range(len(table))
        ]

    @cached_property
    def prior(self) -> list[Judged]:
        """The known designs, judged without a simulation."""
        known = self.bench.known
        return self.judge(known, known["failure"])

    @cached_property
    def ranking(self) -> np.ndarray:
        """Positions of the known designs, the best first."""
        return np.argsort([judged.objective for judged in self.prior], kind="stable")

    def best_known(self, count: int) -> tuple[np.ndarray, list[Judged]]:
        """Unit coordinates (count x p) of the best known designs, and what they are worth."""
        rows = self.ranking[:count]
        sizes = self.bench.known[self.bench.circuit.variable_names].iloc[rows]
        unit = self.bench.space.unit(torch.tensor(sizes.to_numpy(dtype=float)))
        return unit.numpy(), [self.prior[row] for row in rows]

    def sizes(self, unit: np.ndarray) -> pd.DataFrame:
        """The design (1 x d) on the grid next to unit coordinates (p)."""
        space = self.bench.space
        inside = torch.tensor(np.clip(unit, 0.0, 1.0), dtype=torch.float64)[None]
        return space.table(space.snap(inside))

    def evaluate(self, unit: np.ndarray) -> Judged:
        """Simulate the design next to unit coordinates (p); known ones are told for nothing."""
        sizes = self.sizes(unit)
        key = design_key(self.bench.circuit, sizes)
        self.asked += 1
        if self.asked > MOST_REPEATS * self.budget:
            raise SpentError
        if key not in self.seen and key in self._known_keys:
            return self.prior[self._known_keys[key]]
        if key not in self.seen:
            simulated = self.simulate(sizes)
            self.seen[key] = self.judge(simulated.values, simulated.failure)[0]
        return self.seen[key]

    def confirm_known(self) -> None:
        """Where a known design meets everything already, simulate it first, as anyone would."""
        for row in self.ranking:
            if self.prior[row].objective > 0:
                return
            self.simulate(self.bench.known[self.bench.circuit.variable_names].iloc[[row]])

    def simulate(self, sizes: pd.DataFrame) -> Simulated:
        """Spend a simulation on a design (1 x d).

        Raises:
            SpentError: it solves the specification, or the budget is out.
        """
        if self.spent >= self.budget:
            raise SpentError
        began = time.perf_counter()
        simulated = self.bench.simulate(sizes)
        self.simulating += time.perf_counter() - began
        self.spent += 1
        verdict = judge(self.specification, simulated.values, simulated.failure)["verdict"]
        if verdict.iloc[0] == "PASS":
            self.first = self.spent
            raise SpentError
        return simulated

    @cached_property
    def _known_keys(self) -> dict[tuple[float, ...], int]:
        names = self.bench.circuit.variable_names
        sizes = self.bench.known[names].to_numpy(dtype=float)
        return {
            tuple(float(f"{value:.9g}") for value in row): place for place, row in enumerate(sizes)
        }
