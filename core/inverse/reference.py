"""The reference solver: Adam from many starts at once, then L-BFGS, on scaled hinge violations.

Loss of a start, in scaled space (metrics in typical spreads, sizes standardised):
sum_j w_j relu(violation_j)^2 + prior * ||x_scaled||^2, plus the boundary loss of leaving the unit
box. Adam: Kingma and Ba 2015; L-BFGS: Liu and Nocedal 1989; boundary loss: Ren, Padilla and Malof
2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from core.inverse.forward import Forward, Outcome
from core.inverse.problem import Problem
from core.inverse.region import KnownRegion
from core.inverse.space import DesignSpace

BOUNDARY_WEIGHT = 10.0
HALF_RANGE = math.sqrt(3.0)


@dataclass(frozen=True)
class ReferenceSettings:
    """Defaults of the source documents."""

    starts: int = 512
    steps: int = 800
    learning_rate: float = 2e-3
    lbfgs_steps: int = 80
    prior: float = 1e-3


def solve_reference(
    forward: Forward,
    space: DesignSpace,
    region: KnownRegion,
    problem: Problem,
    start: Tensor,
    settings: ReferenceSettings,
) -> Tensor:
    """Improve starts (n x p unit coordinates); the result lies in the unit box."""
    # A uniform coordinate has standard deviation 1 / sqrt(12): +-sqrt(3) spans the unit box.
    scaled = ((start - 0.5) * 2.0 * HALF_RANGE).contiguous().clone().requires_grad_(True)

    def loss() -> Tensor:
        unit = 0.5 + scaled / (2.0 * HALF_RANGE)
        outside = torch.relu(-unit) + torch.relu(unit - 1.0)
        designs = space.designs(unit)
        outcome = forward(designs)
        boundary = outside.square().sum() + region.excess(designs).square().sum()
        violation = hinge_loss(problem, outcome).sum()
        return violation + settings.prior * scaled.square().sum() + BOUNDARY_WEIGHT * boundary

    adam = torch.optim.Adam([scaled], lr=settings.learning_rate)
    for _ in range(settings.steps):
        adam.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        adam.step()
    if settings.lbfgs_steps:
        lbfgs = torch.optim.LBFGS(
            [scaled], max_iter=settings.lbfgs_steps, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            lbfgs.zero_grad()
            value = loss()
            value.backward()  # type: ignore[no-untyped-call]
            return value

        lbfgs.step(closure)
    unit: Tensor = (0.5 + scaled.detach() / (2.0 * HALF_RANGE)).clamp(0.0, 1.0)
    return unit


def hinge_loss(problem: Problem, outcome: Outcome) -> Tensor:
    """Weighted squared violations (n) in typical spreads, less the objectives."""
    short = torch.relu(-problem.margins(outcome) / problem.scale[problem.column])
    return (problem.weight * short.square()).sum(1) - 0.1 * problem.reward(outcome)
