"""The default solver: batched Levenberg-Marquardt on the small Jacobian of the forward model.

A specification has a handful of requirements and a circuit a handful of variables, so that the
full Jacobian of a batch of starts costs one forward pass and one backward pass a quantity, and a
step is a batch of tiny linear systems. The residual of a requirement is sqrt(-2 log Phi(t)), t its
margin in sigmas: half the sum of squares is then exactly the negative log probability that all
requirements hold, and the second-order step maximises that probability instead of fitting means.
Bounds are kept by projection with an active set (Kanzow, Yamashita and Fukushima, "Levenberg-
Marquardt methods with strong local convergence properties for solving nonlinear equations with
convex constraints", 2004).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.inverse.forward import Forward, Outcome
from core.inverse.linearisation import Linearised, linearise
from core.inverse.problem import Problem
from core.inverse.region import KnownRegion
from core.inverse.space import DesignSpace
from core.inverse.tails import log_heavy, log_heavy_density

SIGMA_FLOOR = 0.01
BOUNDARY_WEIGHT = 30.0
# An exact Jacobian every so many steps; secants in between.
REFRESH = 6
# A step that no row's loss falls by more than this share is the last.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Stretch:
    """Per-row changes of a problem, so that one batch can hold many variants of it.

    Attributes:
        weight: n x c factors on the weights of the requirements.
        push: n x c margins to aim for, in typical spreads of the quantity; 0: none.
    """

    weight: Tensor
    push: Tensor


@dataclass(frozen=True)
class Residuals:
    """Residuals of n designs and what they change with; c requirements.

    Attributes:
        value: n x r: c requirements, objectives, validity, k balances, and c pushes where there
            are any.
        slope: n x r derivatives by their own quantity's mean; of the validity's by the log
            validity, of a balance's by its excess.
        by_sigma: n x c derivatives of the requirements' by the log of their sigma.
    """

    value: Tensor
    slope: Tensor
    by_sigma: Tensor

    @property
    def loss(self) -> Tensor:
        """Sum of squares (n)."""
        return self.value.square().sum(1)

    def where(self, better: Tensor, other: Residuals) -> Residuals:
        """Rows of this one where `better` (n), rows of the other elsewhere."""
        pick = better[:, None]
        return Residuals(
            torch.where(pick, self.value, other.value),
            torch.where(pick, self.slope, other.slope),
            torch.where(pick, self.by_sigma, other.by_sigma),
        )


def residuals(
    problem: Problem, outcome: Outcome, excess: Tensor, stretch: Stretch | None = None
) -> Residuals:
    """Residuals of n designs with this outcome and boundary excess (n x k)."""
    floor = max(SIGMA_FLOOR, problem.floor)
    margins = problem.margins(outcome)
    sigma = problem.judging_sigma(outcome, margins, floor)
    t = margins / sigma
    weight = problem.weight if stretch is None else problem.weight * stretch.weight
    root = weight.sqrt()
    log_phi = log_heavy(t)
    base = torch.sqrt(-2.0 * log_phi + 1e-12)
    value = [root * base]
    steepness = root * torch.exp(log_heavy_density(t) - log_phi) / base
    slope = [-steepness * problem.sign / sigma]
    # Where sigma is bounded, nothing is gained by moving it.
    by_sigma = torch.where(sigma == outcome.sigma[:, problem.column], steepness * t, 0.0)

    scale = problem.scale[problem.objective_column]
    pull = problem.objective_weight.sqrt()
    reached = problem.objective_sign * outcome.mean[:, problem.objective_column] / scale
    value.append(pull * (problem.objective_aim - reached))
    slope.append((-pull * problem.objective_sign / scale).expand_as(reached))

    log_validity = torch.log(outcome.validity.clamp_min(1e-12))[:, None]
    doubt = torch.sqrt(-2.0 * log_validity + 1e-9)
    value += [doubt, BOUNDARY_WEIGHT * excess]
    slope += [-1.0 / doubt, BOUNDARY_WEIGHT * torch.ones_like(excess)]

    if stretch is not None:
        spread = problem.scale[problem.column]
        pushed = stretch.push > 0
        value.append(pushed * (stretch.push - problem.margins(outcome) / spread))
        slope.append(-pushed.double() * problem.sign / spread)
    return Residuals(torch.cat(value, 1), torch.cat(slope, 1), by_sigma)


def jacobian(problem: Problem, at: Linearised, found: Residuals) -> Tensor:
    """Jacobian (n x r x p) of the residuals from their own derivatives."""
    count = len(problem.requirements)
    parts = [
        at.mean_slopes[:, problem.column],
        at.mean_slopes[:, problem.objective_column],
        at.validity_slope[:, None],
        at.excess_slopes,
    ]
    if sum(part.shape[1] for part in parts) < found.value.shape[1]:
        parts.append(at.mean_slopes[:, problem.column])
    slopes = found.slope[:, :, None] * torch.cat(parts, 1)
    slopes[:, :count] += found.by_sigma[:, :, None] * at.sigma_slopes[:, problem.column]
    return slopes


def solve(
    forward: Forward,
    space: DesignSpace,
    region: KnownRegion,
    problem: Problem,
    start: Tensor,
    *,
    movable: Tensor,
    iterations: int,
    stretch: Stretch | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[Tensor, Linearised]:
    """Improve starts (n x p unit coordinates) by damped Gauss-Newton steps inside the box.

    Args:
        forward: the forward model.
        space: the free coordinates.
        region: what the model knows.
        problem: what is wanted.
        start: n x p unit coordinates.
        movable: p, True where a coordinate may move.
        iterations: most steps.
        stretch: per-row variants of the problem.
        tolerance: stop when no row's loss falls by more than this share.

    Returns:
        Unit coordinates (n x p) and the linearisation there.
    """
    at = linearise(forward, space, region, start)
    descent = _Descent(forward, space, region, problem, movable, stretch, tolerance)
    return descent.run(start, at, iterations, refresh=True)


def follow(
    forward: Forward,
    space: DesignSpace,
    region: KnownRegion,
    problem: Problem,
    start: Tensor,
    near: Linearised,
    movable: Tensor,
    iterations: int,
) -> tuple[Tensor, Linearised]:
    """Improve starts (n x p) by the outcomes of a forward model and the slopes of a like one.

    The first Jacobian is that of `near`, a linearisation of the other model at the starts; from
    then on secants keep it current. No derivative of the forward model is taken.
    """
    with torch.no_grad():
        outcome = forward(space.designs(start))
    descent = _Descent(forward, space, region, problem, movable, None, TOLERANCE)
    return descent.run(start, replace(near, outcome=outcome), iterations, refresh=False)


@dataclass(frozen=True)
class _Descent:
    """A forward model, a problem, and how far to go."""

    forward: Forward
    space: DesignSpace
    region: KnownRegion
    problem: Problem
    movable: Tensor
    stretch: Stretch | None
    tolerance: float

    def run(
        self, unit: Tensor, at: Linearised, iterations: int, *, refresh: bool
    ) -> tuple[Tensor, Linearised]:
        """Take steps from unit coordinates (n x p), with or without fresh exact Jacobians."""
        damping = torch.full((len(unit),), 1e-2, dtype=torch.float64)
        here = residuals(self.problem, at.outcome, at.excess, self.stretch)
        for iteration in range(1, iterations + 1):
            steps = jacobian(self.problem, at, here) * self.movable
            trial = damped_step(unit, steps, here.value, damping)
            secant = bool(iteration % REFRESH) or not refresh
            if secant:
                there = at.moved(self.forward, self.space, self.region, trial, trial - unit)
            else:
                there = linearise(self.forward, self.space, self.region, trial)
            found = residuals(self.problem, there.outcome, there.excess, self.stretch)
            better = found.loss < here.loss
            gain = torch.where(better, here.loss - found.loss, 0.0) / here.loss.clamp_min(1e-9)
            unit = torch.where(better[:, None], trial, unit)
            here = found.where(better, here)
            # A rejected step still tells the slope along it.
            at = there.where(better, replace(at, slopes=there.slopes if secant else at.slopes))
            damping = torch.where(better, damping / 4.0, damping * 6.0).clamp(1e-6, 1e6)
            if float(gain.max()) < self.tolerance and bool((better | (damping > 1e3)).all()):
                break
        return unit, at


def damped_step(unit: Tensor, steps: Tensor, value: Tensor, damping: Tensor) -> Tensor:
    """One projected Levenberg-Marquardt step; coordinates that push at a bound are left out.

    Args:
        unit: n x p unit coordinates.
        steps: n x r x p Jacobian of the residuals; 0 where a coordinate may not move.
        value: n x r residuals.
        damping: n.
    """
    gradient = torch.einsum("nrp,nr->np", steps, value)
    blocked = ((unit <= 0) & (gradient > 0)) | ((unit >= 1) & (gradient < 0))
    free = (~blocked).double()
    steps = steps * free[:, None, :]
    normal = torch.einsum("nrp,nrq->npq", steps, steps)
    trace = torch.diagonal(normal, dim1=1, dim2=2).mean(1).clamp_min(1e-9)
    eye = torch.eye(unit.shape[1], dtype=unit.dtype)
    system = normal + (damping * trace + 1e-9)[:, None, None] * eye
    move = torch.linalg.solve(system, -(gradient * free)[:, :, None])[:, :, 0]
    return (unit + move.clamp(-0.25, 0.25)).clamp(0.0, 1.0)
