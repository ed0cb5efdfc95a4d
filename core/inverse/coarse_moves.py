"""Steps of coarse variables, which the continuous solver cannot take.

A length with four grid points is no continuous number: rounding it changes everything. So the
solver keeps such variables and moves the fine ones, and here the linearised model says which
single steps of coarse variables, with the fine ones following, are worth solving next: a
neighbourhood search over the discrete choices of a mixed-integer problem (variable neighbourhood
search: Mladenovic and Hansen, "Variable neighborhood search", 1997).
"""

from __future__ import annotations

import torch
from torch import Tensor

from core.inverse.gauss_newton import damped_step, jacobian, residuals
from core.inverse.linearisation import Linearised
from core.inverse.problem import Problem
from core.inverse.space import DesignSpace

DAMPING = 1e-2


def coarse_moves(
    space: DesignSpace, problem: Problem, unit: Tensor, at: Linearised, count: int
) -> Tensor:
    """Starts one coarse step away from solutions, the fine variables following.

    Args:
        space: the free coordinates.
        problem: what is wanted.
        unit: n x p unit coordinates of solutions, their coarse coordinates on the grid.
        at: linearisation there.
        count: most starts.

    Returns:
        Unit coordinates (at most `count` x p) by what the linear model hopes of them, each
        combination of coarse values once and none that a solution has.
    """
    coarse = space.coarse
    index = space.snap(unit)
    moved, shift = _steps(space, index)
    found = residuals(problem, at.outcome, at.excess)
    slopes = jacobian(problem, at, found)
    n, k, p = shift.shape
    value = (found.value[:, None] + torch.einsum("nrp,nkp->nkr", slopes, shift)).view(n * k, -1)
    slopes = (slopes * ~coarse)[:, None].expand(n, k, -1, p).reshape(n * k, -1, p)
    begin = (unit[:, None] + shift).reshape(n * k, p)
    damping = torch.full((n * k,), DAMPING, dtype=unit.dtype)
    end = damped_step(begin, slopes, value, damping)
    hope = (value + torch.einsum("nrp,np->nr", slopes, end - begin)).square().sum(1)

    taken = {tuple(row) for row in index[:, coarse].tolist()}
    combinations = moved.view(n * k, p)[:, coarse].tolist()
    chosen: list[int] = []
    for position in torch.argsort(hope).tolist():
        combination = tuple(combinations[position])
        if combination not in taken:
            taken.add(combination)
            chosen.append(position)
        if len(chosen) == count:
            break
    return end[chosen]


def best_of_combinations(
    space: DesignSpace, problem: Problem, unit: Tensor, at: Linearised, count: int
) -> Tensor:
    """Positions (at most `count`) of the best solution of each combination of coarse values."""
    loss = residuals(problem, at.outcome, at.excess).loss
    combinations = space.snap(unit)[:, space.coarse].tolist()
    best: dict[tuple[int, ...], int] = {}
    for position in torch.argsort(loss).tolist():
        best.setdefault(tuple(combinations[position]), position)
    return torch.tensor(list(best.values())[:count])


def _steps(space: DesignSpace, index: Tensor) -> tuple[Tensor, Tensor]:
    """Grid indices (n x k x p) one coarse step from the given (n x p), and the way in unit
    coordinates; a step off the grid stays where it is."""
    single = torch.eye(space.dimension, dtype=torch.long)[space.coarse]
    moved = index[:, None] + torch.cat([single, -single])
    moved = torch.minimum(moved.clamp_min(0), space.counts - 1)
    n, k, p = moved.shape
    target = space.unit_of(moved.view(n * k, p)).view(n, k, p)
    return moved, target - space.unit_of(index)[:, None]
