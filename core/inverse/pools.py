"""The two searches, from a question to a pool of judged designs on the grid."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import torch
from torch import Tensor

from core.inverse.coarse_moves import best_of_combinations, coarse_moves
from core.inverse.forward import Outcome, join
from core.inverse.gauss_newton import follow, solve
from core.inverse.grid_search import repair, round_to_grid
from core.inverse.library import Library, evaluate
from core.inverse.linearisation import Linearised, join_linearised
from core.inverse.problem import Problem, make_problem, physical
from core.inverse.reference import ReferenceSettings, hinge_loss, solve_reference
from core.inverse.space import DesignSpace, design_space
from core.inverse.specification import Specification
from core.inverse.starts import screen
from core.inverse.workbench import Workbench

# Even heavy tails leave no hope where an exact quantity (gate area) is missed everywhere; then a
# violation counts in quarters of the typical spread.
HOPELESS = -200.0
COMPROMISE_FLOOR = 0.25
SURE = 0.8
# Starts that follow from solutions are nearly there: few steps do.
FOLLOWING = 5
# Draws k sizings (k x d, physical) that are likely for metric values (m, physical).
Sampler = Callable[[Tensor, int], Tensor]


@dataclass(frozen=True)
class SearchSettings:
    """How hard the default method searches.

    Attributes:
        starts: designs that the solver improves.
        samples: proposals of a generator, where one is given.
        iterations: most Gauss-Newton steps.
        generations: most rounds of solving again one coarse step away from what was found.
        finalists: solutions that go on to the grid.
        repair_rounds: most rounds of the search on the grid.
        refined: most steps of the forward model itself, where one of low fidelity went before.
    """

    starts: int = 24
    samples: int = 256
    iterations: int = 10
    generations: int = 3
    finalists: int = 16
    repair_rounds: int = 3
    refined: int = 3


@dataclass(frozen=True)
class Question:
    """A specification made ready for the solvers."""

    bench: Workbench
    space: DesignSpace
    problem: Problem
    library: Library


@dataclass(frozen=True)
class Pool:
    """Judged designs.

    Attributes:
        index: k x p grid indices.
        outcome: of the k designs.
        merit: k, larger is better.
        counters: how they came about.
        diverse: whether the merit is a log probability, so that likeness can be weighed against it.
    """

    index: Tensor
    outcome: Outcome
    merit: Tensor
    counters: dict[str, int]
    diverse: bool = True


def pose(
    bench: Workbench, specification: Specification, supply_voltage: float | None = None
) -> Question:
    """Make a specification ready: its space, its library, its requirements as arrays."""
    space = design_space(specification.circuit, specification.limits, specification.ties)
    library = bench.library_for(specification, space)
    problem = make_problem(
        specification,
        bench.forward.quantities,
        bench.scale,
        supply_voltage,
        bench.library.outcome,
    )
    return Question(bench, space, problem, library)


def grid_indices(space: DesignSpace, sizes: pd.DataFrame | None) -> Tensor:
    """Grid indices (k x p) of sizes (k x d, physical)."""
    if sizes is None:
        return torch.empty(0, space.dimension, dtype=torch.long)
    values = sizes[space.circuit.variable_names].to_numpy(dtype=float)
    return space.snap(space.unit(torch.tensor(values)))


def proposals(
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


def search_default(question: Question, extra: Tensor, settings: SearchSettings) -> Pool:
    """Screen, improve by Gauss-Newton, round, repair; once more for a compromise where needed."""
    pool = _search_once(question, extra, settings)
    if float(pool.merit.max()) > HOPELESS:
        return pool
    softer = replace(question.problem, floor=COMPROMISE_FLOOR)
    return _search_once(replace(question, problem=softer), extra, settings)


def _search_once(question: Question, extra: Tensor, settings: SearchSettings) -> Pool:
    bench, space, problem = question.bench, question.space, question.problem
    index, outcome = question.library.index, question.library.outcome
    screened, told = index, outcome
    if len(extra):
        # Whether they are worth a start, a quicker model tells well enough.
        found = evaluate(bench.slopes, space.designs(space.unit_of(extra)))
        screened, told = torch.cat([index, extra]), join([outcome, found])
        if bench.low_fidelity is None:
            index, outcome = screened, told
    first = screen(space, problem, screened, told, settings.starts)
    unit, at = _solutions(question, space.unit_of(screened[first]), settings)
    best = problem.merit(at.outcome).argsort(descending=True)[: settings.finalists]
    unit, at = unit[best], at.rows(best)
    corners = round_to_grid(space, problem, unit, at)
    flat = corners.reshape(-1, space.dimension)
    rounded = evaluate(bench.forward, space.designs(space.unit_of(flat)))
    best = problem.merit(rounded).view(corners.shape[:2]).argmax(1)
    rows = torch.arange(len(corners))
    centre, there = corners[rows, best], rounded.rows(rows * corners.shape[1] + best)
    repaired, repaired_outcome = repair(
        bench.forward, space, bench.region, problem, centre, there, at, settings.repair_rounds
    )
    everything = join([repaired_outcome, rounded, outcome])
    return Pool(
        torch.cat([repaired, flat, index]),
        everything,
        problem.merit(everything),
        {"screened": len(screened), "starts": len(first), "judged": len(repaired) + len(flat)},
    )


def _solutions(
    question: Question, begin: Tensor, settings: SearchSettings
) -> tuple[Tensor, Linearised]:
    """Solve from starts (n x p), and again from coarse steps beside the best, until it is sure.

    Returns:
        Unit coordinates (n x p) of the best solutions, and the linearisation there.
    """
    bench, space, problem = question.bench, question.space, question.problem
    fine = ~space.coarse
    mixed = bool(fine.any()) and not bool(fine.all())
    movable = fine if bool(fine.any()) else ~fine

    def solved(start: Tensor, iterations: int) -> tuple[Tensor, Linearised]:
        return solve(
            bench.slopes,
            space,
            bench.region,
            problem,
            start,
            movable=movable,
            iterations=iterations,
        )

    unit, at = solved(begin, settings.iterations)
    for _ in range(settings.generations if mixed else 0):
        if float(problem.log_probability(at.outcome).max()) > math.log(SURE):
            break
        moved = coarse_moves(space, problem, unit, at, settings.starts)
        if not len(moved):
            break
        there, at_there = solved(moved, FOLLOWING)
        unit, at = torch.cat([unit, there]), join_linearised([at, at_there])
        best = best_of_combinations(space, problem, unit, at, settings.starts)
        unit, at = unit[best], at.rows(best)
    if bench.low_fidelity is None:
        return unit, at
    # What one of low fidelity has found, the forward model itself improves; its slopes will do.
    return follow(bench.forward, space, bench.region, problem, unit, at, movable, settings.refined)


def search_reference(
    question: Question, extra: Tensor, settings: ReferenceSettings, seed: int
) -> Pool:
    """Adam and L-BFGS from many starts, rounded to the nearest grid point, ranked by the loss."""
    bench, space, problem = question.bench, question.space, question.problem
    spare = max(settings.starts - len(extra), 0)
    rows = question.library.index[question.library.known :]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))[:spare]
    begin = torch.cat([extra[: settings.starts], rows[order]])
    unit = solve_reference(
        bench.slopes, space, bench.region, problem, space.unit_of(begin), settings
    )
    index = space.snap(unit)
    outcome = evaluate(bench.forward, space.designs(space.unit_of(index)))
    counters = {"screened": 0, "starts": len(begin), "judged": len(index)}
    return Pool(index, outcome, -hinge_loss(problem, outcome), counters, diverse=False)
