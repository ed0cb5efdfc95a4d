"""Yield under random mismatch: the share of samples that meet a specification, with its interval.

The interval is the exact one of Clopper and Pearson, "The use of confidence or fiducial limits
illustrated in the case of the binomial", Biometrika 26, 1934.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from scipy.stats import binomtest

from core.inverse.specification import Specification
from core.inverse.verify import PASS, judge, simulated_quantities
from core.spice.process import Process

CONFIDENCE = 0.95


@dataclass(frozen=True)
class MismatchYield:
    """Samples of one design and how many meet the specification.

    Attributes:
        table: one row a sample: quantities, margins, PASS or FAIL, ``verdict``, ``failure``.
        share: yield found.
        low: lower end of its 95 % confidence interval.
        high: upper end.
    """

    table: pd.DataFrame
    share: float
    low: float
    high: float


def simulate_yield(
    specification: Specification,
    sizes: pd.Series,
    process: Process,
    n: int,
    seed: int = 0,
    *,
    corner: str = "tt",
    temperature: float = 27.0,
    supply: float | None = None,
    engine: str = "auto",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> MismatchYield:
    """Simulate one design n times with Pelgrom mismatch and judge each sample.

    Raises:
        InputError: n below 1, a process without mismatch coefficients, sizes outside the models.
    """
    from core.spice import simulate_mismatch

    circuit = specification.circuit
    design = {name: float(sizes[name]) for name in circuit.variable_names}
    done = simulate_mismatch(
        circuit,
        process,
        design,
        n,
        seed,
        corner=corner,
        temperature=temperature,
        supply=supply,
        engine=engine,
        jobs=jobs,
        progress=progress,
    )
    area = float(circuit.gate_area(pd.DataFrame([design])).iloc[0])
    found = simulated_quantities(done, area, process.supply if supply is None else supply)
    table = found.values.join(judge(specification, found.values, found.failure))
    return yield_of(table)


def yield_of(table: pd.DataFrame) -> MismatchYield:
    """Count the samples (n rows with a ``verdict``) that pass."""
    passed = int((table["verdict"] == PASS).sum())
    ends = binomtest(passed, len(table)).proportion_ci(CONFIDENCE, method="exact")
    return MismatchYield(table, passed / len(table), float(ends.low), float(ends.high))
