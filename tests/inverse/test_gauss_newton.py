from __future__ import annotations

import math

import pytest
import torch

from core.inverse import Goal, GoalKind, Specification, Workbench
from core.inverse.forward import Outcome
from core.inverse.gauss_newton import residuals, solve
from core.inverse.linearisation import linearise
from core.inverse.pools import pose
from core.inverse.tails import log_heavy, log_heavy_density
from tests.inverse.textbook import K_N, LOAD


def gain_at_least(bench: Workbench, bound: float) -> Specification:
    circuit = bench.forward.predictor.circuit
    return Specification(circuit, (Goal("dc_gain", GoalKind.MIN, bound),))


def test_half_the_squared_residuals_are_the_negative_merit(bench: Workbench) -> None:
    question = pose(bench, gain_at_least(bench, 100.0))
    problem = question.problem
    mean = bench.library.outcome.mean[:50]
    wide = Outcome(mean, torch.full_like(mean, 0.1), torch.ones(50, dtype=torch.float64))
    value, _ = residuals(problem, wide, torch.zeros(50, 0, dtype=torch.float64))
    assert 0.5 * value.square().sum(1) == pytest.approx(
        -problem.merit(wide).numpy(), rel=1e-4, abs=1e-6
    )


def test_the_jacobian_is_the_textbook_power_law(bench: Workbench) -> None:
    """UGF goes with the square root of W1/L1 and of the current."""
    space = bench.space
    at = linearise(bench.forward, space, bench.region, torch.full((1, space.dimension), 0.4))
    ugf = bench.forward.quantities.index("ugf")
    span = (space.upper - space.lower) / math.log(10.0)
    expected = {"w1": 0.5, "l1": -0.5, "ibias": 0.5, "w2": 0.0}
    for name, power in expected.items():
        column = space.free.index(name)
        slope = float(at.mean_slopes[0, ugf, column] / span[column])
        assert slope == pytest.approx(power, abs=1e-5)


def test_the_solver_finds_the_width_that_the_formula_gives(bench: Workbench) -> None:
    """With everything but W1 held, a UGF within 0.2 % has one answer."""
    circuit = bench.forward.predictor.circuit
    current, length, width = 1e-5, 1.0, 17.3
    ugf = math.sqrt(K_N * width / length * current) / (2.0 * math.pi * LOAD)
    held = {"w2": 10.0, "w3": 10.0, "l1": length, "l2": 1.0, "l3": 1.0, "ibias": current}
    spec = Specification(
        circuit,
        (Goal("ugf", GoalKind.RANGE, ugf * 0.998, ugf * 1.002),),
        {name: (value, value) for name, value in held.items()},
    )
    question = pose(bench, spec)
    unit, _ = solve(
        bench.forward,
        question.space,
        bench.region,
        question.problem,
        torch.tensor([[0.1], [0.9]], dtype=torch.float64),
        movable=torch.tensor([True]),
        iterations=20,
    )
    assert question.space.designs(unit)[:, 0].numpy() == pytest.approx(width, rel=2e-3)


def test_steps_never_leave_the_box(bench: Workbench) -> None:
    question = pose(bench, gain_at_least(bench, 1e6))
    start = torch.rand(8, question.space.dimension, dtype=torch.float64)
    unit, _ = solve(
        bench.forward,
        question.space,
        bench.region,
        question.problem,
        start,
        movable=torch.ones(question.space.dimension, dtype=torch.bool),
        iterations=15,
    )
    assert float(unit.min()) >= 0.0
    assert float(unit.max()) <= 1.0


def test_heavy_tails_are_gaussian_near_and_mild_far_away() -> None:
    near, far = torch.tensor([1.0]), torch.tensor([-20.0])
    assert float(log_heavy(near)) == pytest.approx(float(torch.special.log_ndtr(near)), abs=0.01)
    assert float(torch.special.log_ndtr(far)) < -200.0
    assert float(log_heavy(far)) > -10.0


def test_the_heavy_density_is_the_derivative_of_the_distribution() -> None:
    t = torch.linspace(-12.0, 3.0, 16, dtype=torch.float64, requires_grad=True)
    slope = torch.autograd.grad(log_heavy(t).exp().sum(), t)[0]
    assert log_heavy_density(t).exp().detach().numpy() == pytest.approx(slope.numpy(), rel=1e-9)
