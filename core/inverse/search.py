"""Inverse design end to end: specification in, ranked candidates on the grid out."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pandas as pd
import torch

from core.errors import InputError
from core.inverse.candidates import candidate_table
from core.inverse.feasibility import Feasibility, assess
from core.inverse.forward import Predictor
from core.inverse.pools import (
    Pool,
    Question,
    Sampler,
    SearchSettings,
    grid_indices,
    pose,
    proposals,
    search_default,
    search_reference,
)
from core.inverse.reference import ReferenceSettings
from core.inverse.selection import among, distinct, select_diverse
from core.inverse.specification import Specification
from core.inverse.workbench import Workbench, prepare

METHODS = ("default", "reference")


@dataclass(frozen=True)
class DesignResult:
    """Candidates of one specification.

    Attributes:
        specification: what was asked.
        candidates: one row a candidate, best first; columns of ``candidate_table``.
        feasibility: what cannot be met, in sentences and numbers.
        counters: how many starts, grid designs and candidates there were.
        seconds: wall time from specification to candidates.
        method: default or reference.
        model_name: the forward model.
        supply_voltage: V that power was computed with, or None.
    """

    specification: Specification
    candidates: pd.DataFrame
    feasibility: Feasibility
    counters: dict[str, int]
    seconds: float
    method: str
    model_name: str
    supply_voltage: float | None = None

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Sentences on what cannot be met and the nearest values that can."""
        return self.feasibility.sentences


def design(
    predictor: Predictor | Workbench,
    specification: Specification,
    *,
    n: int = 10,
    method: str = "default",
    seed: int = 0,
    starts: pd.DataFrame | None = None,
    sampler: Sampler | None = None,
    supply_voltage: float | None = None,
    settings: SearchSettings | None = None,
    reference: ReferenceSettings | None = None,
    exclude: pd.DataFrame | None = None,
) -> DesignResult:
    """Find n diverse designs that are likely to meet a specification.

    Args:
        predictor: forward model of process B, or the workbench made from it by ``prepare``.
        specification: what is wanted.
        n: number of candidates, at least 1.
        method: ``default`` (Gauss-Newton on the probability) or ``reference`` (Adam, L-BFGS).
        seed: of the starts.
        starts: further starts (k x d, physical), for example a user's file.
        sampler: further starts from a generator such as the mixture density network.
        supply_voltage: V of the target process; needed by power goals.
        settings: of the default method.
        reference: of the reference method.
        exclude: designs (k x d) that are not to be proposed again.

    Raises:
        InputError: an unknown method, n below 1, a power goal without a supply voltage.
    """
    if method not in METHODS:
        raise InputError(f'Unknown method "{method}": give default or reference.')
    if n < 1:
        raise InputError(f"{n} candidates are asked for: give a number of at least 1.")
    bench = predictor if isinstance(predictor, Workbench) else prepare(predictor, seed=seed)
    began = time.perf_counter()
    question = pose(bench, specification, supply_voltage)
    search = settings or SearchSettings()
    extra = proposals(question, starts, sampler, search)
    if method == "default":
        pool = search_default(question, extra, search)
    else:
        pool = search_reference(question, extra, reference or ReferenceSettings(), seed)
    table, feasibility, count = _conclude(question, pool, n, exclude, supply_voltage)
    return DesignResult(
        specification=specification,
        candidates=table,
        feasibility=feasibility,
        counters={**pool.counters, "distinct": count, "candidates": len(table)},
        seconds=time.perf_counter() - began,
        method=method,
        model_name=str(getattr(bench.forward.predictor, "model_name", "")),
        supply_voltage=supply_voltage,
    )


def _conclude(
    question: Question,
    pool: Pool,
    n: int,
    exclude: pd.DataFrame | None,
    supply_voltage: float | None,
) -> tuple[pd.DataFrame, Feasibility, int]:
    """Candidates, feasibility and the number of distinct designs of a pool."""
    barred = grid_indices(question.space, exclude)
    index, outcome, merit = distinct(pool.index, pool.outcome, pool.merit, barred)
    if pool.diverse:
        library = question.library
        known = among(index, library.index[: library.known])
        picked = select_diverse(question.space, index, merit, known, n)
        chosen = picked[merit[picked].argsort(descending=True, stable=True)]
    else:
        chosen = torch.arange(min(n, len(index)))
    table = candidate_table(
        question.bench,
        question.problem,
        question.space.table(index[chosen]),
        outcome.rows(chosen),
        supply_voltage,
    )
    feasibility = assess(
        question.bench,
        question.space,
        question.problem,
        question.library,
        pool.outcome,
        supply_voltage,
    )
    return table, feasibility, len(index)
