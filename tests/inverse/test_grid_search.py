from __future__ import annotations

import torch

from core.inverse import Goal, GoalKind, Specification, Workbench
from core.inverse.grid_search import repair, round_to_grid
from core.inverse.linearisation import linearise
from core.inverse.pools import Question, pose
from tests.inverse.textbook import textbook_metrics


def question(bench: Workbench) -> Question:
    """A UGF and a gain within 1 % of what an off-grid pair of widths gives."""
    off_grid = torch.tensor([[3.2, 10.0, 8.0, 1.0, 1.0, 1.0, 1e-5]])
    values = textbook_metrics(off_grid)[0]
    goals = tuple(
        Goal(name, GoalKind.RANGE, 0.99 * float(values[i]), 1.01 * float(values[i]))
        for name, i in (("ugf", 2), ("dc_gain", 1))
    )
    return pose(bench, Specification(bench.forward.predictor.circuit, goals))


def start(asked: Question) -> torch.Tensor:
    off_grid = torch.tensor([[3.2, 10.3, 8.1, 1.0, 1.0, 1.0, 1e-5]], dtype=torch.float64)
    return asked.space.unit(off_grid)


def test_rounding_offers_the_corners_of_the_grid_cell(bench: Workbench) -> None:
    asked = question(bench)
    at = linearise(bench.forward, asked.space, bench.region, start(asked))
    corners = round_to_grid(asked.space, asked.problem, start(asked), at)
    table = asked.space.table(corners[0])
    assert len(corners[0]) == 8
    assert set(table["w1"]) == {3.0, 3.5}
    assert set(table["w2"]) == {10.0, 10.5}


def test_repair_never_ends_below_where_it_began(bench: Workbench) -> None:
    asked = question(bench)
    unit = torch.rand(6, asked.space.dimension, dtype=torch.float64)
    index = asked.space.snap(unit)
    at = linearise(bench.forward, asked.space, bench.region, asked.space.unit_of(index))
    judged, outcome = repair(
        bench.forward, asked.space, bench.region, asked.problem, index, at.outcome, at, rounds=4
    )
    merit = asked.problem.merit(outcome)
    assert torch.equal(judged[:6], index)
    assert float(merit.max()) > float(merit[:6].max())
