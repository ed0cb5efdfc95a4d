from __future__ import annotations

import pytest
import torch

from core.circuits import load_circuit
from core.inverse.forward import Outcome
from core.inverse.selection import among, distinct, select_diverse
from core.inverse.space import design_space


def outcome(n: int) -> Outcome:
    return Outcome(torch.zeros(n, 7), torch.ones(n, 7), torch.ones(n))


def test_duplicates_and_barred_designs_are_dropped_best_first() -> None:
    index = torch.tensor([[1, 1], [2, 2], [1, 1], [3, 3]])
    merit = torch.tensor([0.0, 5.0, 9.0, 7.0])
    kept, _, values = distinct(index, outcome(4), merit, torch.tensor([[3, 3]]))
    assert kept.tolist() == [[1, 1], [2, 2]]
    assert values.tolist() == [9.0, 5.0]


def test_designs_among_others_are_found() -> None:
    index = torch.tensor([[1, 1], [2, 2], [3, 3]])
    assert among(index, torch.tensor([[3, 3], [1, 1]])).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("merit_of_the_stranger", "expected"),
    [
        pytest.param(-0.5, [0, 2], id="another kind of design where merits are alike"),
        pytest.param(-9.0, [0, 1], id="no much worse stranger"),
    ],
)
def test_the_second_choice_is(merit_of_the_stranger: float, expected: list[int]) -> None:
    space = design_space(load_circuit("5t_opamp"))
    best = torch.tensor([50, 50, 50, 2, 2, 2, 2])
    neighbour, stranger = best.clone(), torch.tensor([5, 90, 20, 0, 3, 1, 0])
    neighbour[0] += 1
    merit = torch.tensor([0.0, -0.1, merit_of_the_stranger], dtype=torch.float64)
    new = torch.zeros(3, dtype=torch.bool)
    chosen = select_diverse(space, torch.stack([best, neighbour, stranger]), merit, new, 2)
    assert chosen.tolist() == expected


@pytest.mark.parametrize(
    ("merit_of_new_ones", "known_ones"),
    [
        pytest.param(-0.1, 2, id="a third where new ones are nearly as good"),
        pytest.param(-9.0, 5, id="all of them where they are not"),
    ],
)
def test_known_designs_fill(merit_of_new_ones: float, known_ones: int) -> None:
    space = design_space(load_circuit("5t_opamp"))
    far_apart = torch.Generator().manual_seed(1)
    index = torch.randint(0, 4, (10, 7), generator=far_apart) * torch.tensor([30] * 3 + [1] * 4)
    known = torch.arange(10) < 5
    merit = torch.where(known, 0.0, merit_of_new_ones).double()
    chosen = select_diverse(space, index, merit, known, 6)
    assert int(known[chosen].sum()) == known_ones
    assert bool(known[chosen[0]])
