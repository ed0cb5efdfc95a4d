from __future__ import annotations

import torch

from core.inverse import Goal, GoalKind, SearchSettings, Specification, Workbench, design, prepare
from core.inverse.coarse_moves import best_of_combinations, coarse_moves
from core.inverse.linearisation import Linearised, linearise
from core.inverse.pools import Question, pose
from tests.inverse.textbook import TextbookPredictor, textbook_metrics


def low_current_question(bench: Workbench) -> Question:
    """A slew rate that 10 uA do not reach and 15 uA do."""
    circuit = bench.forward.predictor.circuit
    return pose(bench, Specification(circuit, (Goal("slewrate_pos", GoalKind.MIN, 1.2e7),)))


def solutions(bench: Workbench, index: list[list[int]]) -> tuple[torch.Tensor, Linearised]:
    unit = bench.space.unit_of(torch.tensor(index))
    return unit, linearise(bench.forward, bench.space, bench.region, unit)


def test_each_start_is_one_coarse_step_away_and_stays_in_the_box(bench: Workbench) -> None:
    space, question = bench.space, low_current_question(bench)
    here = [50, 50, 50, 1, 1, 1, 1]
    unit, at = solutions(bench, [here])
    moved = coarse_moves(space, question.problem, unit, at, 100)
    steps = (space.snap(moved) - torch.tensor(here))[:, space.coarse].abs()
    assert steps.sum(1).tolist() == [1] * 8
    assert float(moved.min()) >= 0.0
    assert float(moved.max()) <= 1.0


def test_the_step_that_the_specification_needs_comes_first(bench: Workbench) -> None:
    """Slew rate is I / C, and only the current moves it."""
    space, question = bench.space, low_current_question(bench)
    unit, at = solutions(bench, [[50, 50, 50, 1, 1, 1, 0]])
    first = space.snap(coarse_moves(space, question.problem, unit, at, 1))[0]
    assert first[space.free.index("ibias")] == 1


def test_no_start_repeats_a_combination_that_a_solution_has(bench: Workbench) -> None:
    space, question = bench.space, low_current_question(bench)
    neighbours = [[50, 50, 50, 1, 1, 1, 1], [50, 50, 50, 1, 1, 1, 2]]
    unit, at = solutions(bench, neighbours)
    moved = coarse_moves(space, question.problem, unit, at, 100)
    combinations = [tuple(row) for row in space.snap(moved)[:, space.coarse].tolist()]
    assert len(set(combinations)) == len(combinations)
    assert not set(combinations) & {tuple(row[3:]) for row in neighbours}


def test_of_each_combination_the_better_solution_is_kept(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = Specification(circuit, (Goal("ugf", GoalKind.MIN, 1e9),))
    problem = pose(bench, spec).problem
    narrow, wide, other = (
        [10, 50, 50, 1, 1, 1, 1],
        [90, 50, 50, 1, 1, 1, 1],
        [9, 50, 50, 2, 1, 1, 1],
    )
    unit, at = solutions(bench, [narrow, wide, other])
    assert best_of_combinations(bench.space, problem, unit, at, 5).tolist() == [1, 2]


def test_generations_find_what_few_starts_miss() -> None:
    """Screening thirty designs, a match that needs other lengths is found by coarse steps."""
    bench = prepare(TextbookPredictor(known=10), size=32)
    circuit = bench.forward.predictor.circuit
    origin = bench.space.unit_of(torch.tensor([[70, 40, 30, 3, 0, 2, 3]]))
    metrics = textbook_metrics(bench.space.designs(origin))[0].tolist()
    goals = [
        Goal(name, GoalKind.RANGE, value - 1.0, value + 1.0)
        if name == "phase_margin"
        else Goal(name, GoalKind.RANGE, 0.97 * value, 1.03 * value)
        for name, value in zip(circuit.metric_names, metrics, strict=True)
    ]
    spec = Specification(circuit, tuple(goals))

    def probability(generations: int) -> float:
        settings = SearchSettings(starts=2, repair_rounds=0, generations=generations)
        return float(design(bench, spec, settings=settings).candidates["probability"].iloc[0])

    assert probability(0) < 0.01
    assert probability(8) > 0.5
