"""Sizing that survives the corners: the specification makes room, SPICE confirms.

The model knows the typical condition. What a quantity loses from there to the worst condition is
measured on a few candidates, the bounds move by what the sturdiest of them loses, and the search is
repeated for the tightened bounds. Only what SPICE has confirmed in every condition is called so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from core.errors import InputError
from core.inverse.corners import simulate_corners, tightened
from core.inverse.pools import Sampler
from core.inverse.search import design
from core.inverse.specification import Specification
from core.inverse.verify import PASS
from core.inverse.workbench import Workbench
from core.spice.process import Process


@dataclass(frozen=True)
class CornerDesign:
    """Candidates for the corners.

    Attributes:
        specification: what has to hold in every condition.
        table: the candidates that were simulated, with ``held`` (in how many conditions everything
            holds) and ``confirmed`` (in all of them).
        conditions: they over the conditions, one row a simulation, as in ``CornerTable``;
            ``candidate`` counts the rows of ``table`` from 1.
    """

    specification: Specification
    table: pd.DataFrame
    conditions: pd.DataFrame

    @property
    def confirmed(self) -> pd.DataFrame:
        """The candidates that hold in every condition, in SPICE."""
        return self.table[self.table["confirmed"]]


def design_for_corners(
    bench: Workbench,
    specification: Specification,
    process: Process,
    *,
    n: int = 10,
    k: int = 3,
    rounds: int = 4,
    seed: int = 0,
    sampler: Sampler | None = None,
    engine: str = "auto",
    jobs: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> CornerDesign:
    """Search, simulate the best k over the corners, tighten, search again; stop when k hold.

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
    aimed, names = specification, specification.circuit.variable_names
    tried: list[pd.DataFrame] = []
    simulated: list[pd.DataFrame] = []
    for done in range(1, rounds + 1):
        result = design(
            bench,
            aimed,
            n=n,
            seed=seed,
            sampler=sampler,
            supply_voltage=process.supply,
            exclude=pd.concat(tried) if tried else None,
        )
        chosen = result.candidates.iloc[:k].reset_index(drop=True)
        if not len(chosen):
            break
        corners = simulate_corners(specification, chosen[names], process, engine=engine, jobs=jobs)
        before = sum(map(len, tried))
        simulated.append(corners.table.assign(candidate=corners.table["candidate"] + before))
        holds = (corners.worst["verdict"] == PASS).to_numpy()
        tried.append(chosen.assign(held=corners.worst["held"], confirmed=holds))
        if progress is not None:
            progress(done, rounds)
        if sum(int(part["confirmed"].sum()) for part in tried) >= k:
            break
        aimed = tightened(specification, corners)
    return CornerDesign(
        specification,
        pd.concat(tried, ignore_index=True),
        pd.concat(simulated, ignore_index=True),
    )
