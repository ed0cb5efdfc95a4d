"""Inverse design end to end: specification in, ranked candidates on the grid out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor

from core.errors import InputError
from core.inverse.candidates import candidate_table
from core.inverse.feasibility import Feasibility, assess, reachable
from core.inverse.gauss_newton import solve
from core.inverse.goals import Specification
from core.inverse.grid_search import repair, round_to_grid
from core.inverse.library import Library, evaluate
from core.inverse.problem import Outcome, Predictor, Problem, join, make_problem, physical
from core.inverse.reference import ReferenceSettings, hinge_loss, solve_reference
from core.inverse.selection import distinct, select_diverse
from core.inverse.space import DesignSpace, design_space
from core.inverse.starts import screen
from core.inverse.workbench import Workbench, prepare

METHODS = ("default", "reference")
# Where nothing meets everything, a violation counts in quarters of the typical spread.
COMPROMISE_FLOOR = 0.25
# Draws k sizings (k x d, physical) that are likely for metric values (m, physical).
Sampler = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class SearchSettings:
    """How hard the default method searches.

    Attributes:
        starts: designs that the solver improves.
        samples: proposals of a generator, where one is given.
        iterations: most Gauss-Newton steps.
        repair_rounds: most rounds of the search on the grid.
    """

    starts: int = 24
    samples: int = 256
    iterations: int = 8
    repair_rounds: int = 3


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


@dataclass(frozen=True)
class Question:
    """A specification made ready for the solvers."""

    bench: Workbench
    space: DesignSpace
    problem: Problem
    library: Library


def pose(
    bench: Workbench, specification: Specification, supply_voltage: float | None = None
) -> Question:
    """Make a specification ready: its space, its library, its requirements as arrays."""
    space = design_space(specification.circuit, specification.limits, specification.ties)
    library = bench.library_for(specification, space)
    mean = bench.library.outcome.mean
    problem = make_problem(
        specification,
        bench.forward.quantities,
        bench.scale,
        supply_voltage,
        (mean.min(0).values, mean.max(0).values),
    )
    return Question(bench, space, problem, library)


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
    extra = _proposals(question, starts, sampler, settings or SearchSettings())
    if method == "default":
        index, outcome, counters = _search_default(question, extra, settings or SearchSettings())
        if not reachable(question.problem, outcome):
            question = replace(question, problem=replace(question.problem, floor=COMPROMISE_FLOOR))
            index, outcome, counters = _search_default(
                question, extra, settings or SearchSettings()
            )
    else:
        index, outcome, counters = _search_reference(
            question, extra, reference or ReferenceSettings(), seed
        )
    merit = question.problem.merit(outcome)
    barred = _indices(question.space, exclude)
    index, outcome, merit = distinct(index, outcome, merit, barred)
    chosen = select_diverse(question.space, index, merit, n)
    sizes = question.space.table(index[chosen])
    table = candidate_table(bench, question.problem, sizes, outcome.rows(chosen), supply_voltage)
    feasibility = assess(
        bench, question.space, question.problem, question.library, outcome, supply_voltage
    )
    return DesignResult(
        specification=specification,
        candidates=table,
        feasibility=feasibility,
        counters={**counters, "distinct": len(index), "candidates": len(table)},
        seconds=time.perf_counter() - began,
        method=method,
        model_name=str(getattr(bench.forward.predictor, "model_name", "")),
        supply_voltage=supply_voltage,
    )


def _indices(space: DesignSpace, sizes: pd.DataFrame | None) -> Tensor:
    if sizes is None:
        return torch.empty(0, space.dimension, dtype=torch.long)
    values = sizes[space.circuit.variable_names].to_numpy(dtype=float)
    return space.snap(space.unit(torch.tensor(values)))


def _proposals(
    question: Question,
    starts: pd.DataFrame | None,
    sampler: Sampler | None,
    settings: SearchSettings,
) -> Tensor:
    """Grid indices (k x p) of the user's starts and of a generator's samples."""
    space, found = question.space, []
    if starts is not None:
        names = space.circuit.variable_names
        found.append(torch.tensor(starts[names].to_numpy(dtype=float)))
    if sampler is not None and settings.samples:
        found.append(sampler(_wanted(question), settings.samples).double())
    if not found:
        return torch.empty(0, space.dimension, dtype=torch.long)
    return space.snap(space.unit(torch.cat(found)))


def _wanted(question: Question) -> Tensor:
    """Metric values (m, physical) for a generator: the best screened design's, moved inside."""
    problem, library = question.problem, question.library
    best = int(problem.merit(library.outcome).argmax())
    wanted = library.outcome.mean[best].clone()
    for row in range(len(problem.requirements)):
        column, sign = int(problem.column[row]), float(problem.sign[row])
        wanted[column] = sign * max(sign * float(wanted[column]), sign * float(problem.bound[row]))
    circuit = question.space.circuit
    return torch.stack(
        [physical(circuit, name, wanted[i]) for i, name in enumerate(circuit.metric_names)]
    )


def _search_default(
    question: Question, extra: Tensor, settings: SearchSettings
) -> tuple[Tensor, Outcome, dict[str, int]]:
    bench, space, problem = question.bench, question.space, question.problem
    library = question.library
    index, outcome = library.index, library.outcome
    if len(extra):
        index = torch.cat([index, extra])
        outcome = join([outcome, evaluate(bench.forward, space.designs(space.unit_of(extra)))])
    first = screen(space, problem, index, outcome, settings.starts)
    unit, at = solve(
        bench.forward,
        space,
        bench.region,
        problem,
        space.unit_of(index[first]),
        movable=~space.coarse if bool((~space.coarse).any()) else torch.ones_like(space.coarse),
        iterations=settings.iterations,
    )
    corners = round_to_grid(space, problem, unit, at)
    judged, judged_outcome = _judge_corners(question, corners)
    best = problem.merit(judged_outcome).view(corners.shape[:2]).argmax(1)
    centre = corners[torch.arange(len(corners)), best]
    pool_index, pool_outcome = repair(
        bench.forward, space, bench.region, problem, centre, at, settings.repair_rounds
    )
    counters = {"screened": len(index), "starts": len(first), "judged": len(pool_index)}
    return (
        torch.cat([pool_index, judged, index]),
        join([pool_outcome, judged_outcome, outcome]),
        counters,
    )


def _judge_corners(question: Question, corners: Tensor) -> tuple[Tensor, Outcome]:
    flat = corners.reshape(-1, corners.shape[-1])
    space = question.space
    return flat, evaluate(question.bench.forward, space.designs(space.unit_of(flat)))


def _search_reference(
    question: Question, extra: Tensor, settings: ReferenceSettings, seed: int
) -> tuple[Tensor, Outcome, dict[str, int]]:
    bench, space, problem = question.bench, question.space, question.problem
    spare = max(settings.starts - len(extra), 0)
    rows = question.library.index[question.library.known :]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:spare]
    begin = torch.cat([extra[: settings.starts], rows[order]])
    unit = solve_reference(
        bench.forward, space, bench.region, problem, space.unit_of(begin), settings
    )
    index = space.snap(unit)
    outcome = evaluate(bench.forward, space.designs(space.unit_of(index)))
    best = torch.argsort(hinge_loss(problem, outcome))
    counters = {"screened": 0, "starts": len(begin), "judged": len(index)}
    return index[best], outcome.rows(best), counters
