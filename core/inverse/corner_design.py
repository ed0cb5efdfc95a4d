"""Sizing that survives the corners: the specification makes room, SPICE confirms.

The model knows the typical condition. What a quantity loses from there to the worst condition
changes little from design to design, so it is measured on a few candidates, the bounds move by
it, and the search is repeated for the tightened bounds; two rounds are usually enough.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from core.errors import InputError
from core.inverse.corners import CornerTable, simulate_corners, tightened
from core.inverse.pools import Sampler
from core.inverse.search import DesignResult, design
from core.inverse.specification import Specification
from core.inverse.verify import PASS
from core.inverse.workbench import Workbench
from core.spice.process import Process


@dataclass(frozen=True)
class CornerDesign:
    """Candidates for the corners.

    Attributes:
        specification: what has to hold in every condition.
        aimed: the tightened specification of the last search.
        result: the last search.
        corners: its first candidates over the conditions.
        confirmed: the candidates that hold everywhere, in SPICE (rows of ``result.candidates``).
        simulations: number of simulations spent.
    """

    specification: Specification
    aimed: Specification
    result: DesignResult
    corners: CornerTable
    confirmed: pd.DataFrame
    simulations: int


def design_for_corners(
    bench: Workbench,
    specification: Specification,
    process: Process,
    *,
    n: int = 10,
    k: int = 3,
    rounds: int = 3,
    seed: int = 0,
    sampler: Sampler | None = None,
    engine: str = "auto",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> CornerDesign:
    """Search, simulate the best k over the corners, tighten, search again; stop when all k hold.

    Args:
        bench: the workbench of the predictor.
        specification: what has to hold in every condition.
        process: process B.
        n: candidates of each search.
        k: candidates that are simulated over the corners in each round.
        rounds: most rounds.
        seed: of the searches.
        sampler: starts from a generator.
        engine: SPICE engine.
        jobs: parallel workers.
        progress: called with (rounds done, rounds).

    Raises:
        InputError: k above n, or rounds below 1.
    """
    if not 1 <= k <= n or rounds < 1:
        raise InputError(
            f"{k} of {n} candidates in {rounds} rounds: give 1 to n candidates and at least one "
            "round."
        )
    aimed, spent = specification, 0
    for done in range(1, rounds + 1):
        result = design(
            bench, aimed, n=n, seed=seed, sampler=sampler, supply_voltage=process.supply
        )
        names = specification.circuit.variable_names
        sizes = result.candidates[names].iloc[:k].reset_index(drop=True)
        corners = simulate_corners(specification, sizes, process, engine=engine, jobs=jobs)
        spent += len(corners.table)
        holds = (corners.worst["verdict"] == PASS).to_numpy()
        if progress is not None:
            progress(done, rounds)
        if holds.all() or done == rounds:
            break
        aimed = tightened(specification, corners)
    confirmed = result.candidates.iloc[: len(holds)][holds]
    return CornerDesign(specification, aimed, result, corners, confirmed, spent)
