from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from core.inverse import Goal, GoalKind, Specification, Workbench, design, prepare
from core.inverse.forward import ForwardModel, Outcome
from core.inverse.gauss_newton import follow, jacobian, residuals, solve
from core.inverse.linearisation import linearise
from core.inverse.pools import pose
from core.inverse.tails import log_heavy, log_heavy_density
from tests.inverse.textbook import K_N, LOAD, TextbookPredictor, textbook_metrics


class SurerOfWideDevices(TextbookPredictor):
    """The closed form, its sigmas falling with the square root of W1."""

    def moments(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        mean, sigma = super().moments(designs)
        return mean, sigma * torch.sqrt(10.0 / designs[:, :1])


def gain_at_least(bench: Workbench, bound: float) -> Specification:
    circuit = bench.forward.predictor.circuit
    return Specification(circuit, (Goal("dc_gain", GoalKind.MIN, bound),))


def test_half_the_squared_residuals_are_the_negative_merit(bench: Workbench) -> None:
    question = pose(bench, gain_at_least(bench, 100.0))
    problem = question.problem
    mean = bench.library.outcome.mean[:50]
    wide = Outcome(mean, torch.full_like(mean, 0.1), torch.ones(50, dtype=torch.float64))
    found = residuals(problem, wide, torch.zeros(50, 0, dtype=torch.float64))
    assert 0.5 * found.loss == pytest.approx(-problem.merit(wide).numpy(), rel=1e-4, abs=1e-6)


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


def test_the_jacobian_is_that_of_the_residuals_uncertainty_included() -> None:
    """Against central differences, where sigma changes as fast as the mean does."""
    bench = prepare(SurerOfWideDevices(), size=256)
    space = bench.space
    unit = torch.full((1, space.dimension), 0.4, dtype=torch.float64)
    usual = 10.0 ** float(linearise(bench.forward, space, bench.region, unit).outcome.mean[0, 1])
    problem = pose(bench, gain_at_least(bench, 1.01 * usual)).problem

    def value(at: Tensor) -> Tensor:
        here = linearise(bench.forward, space, bench.region, at)
        return residuals(problem, here.outcome, here.excess).value[0, 0]

    at = linearise(bench.forward, space, bench.region, unit)
    exact = jacobian(problem, at, residuals(problem, at.outcome, at.excess))[0, 0]
    for column, name in enumerate(space.free):
        step = torch.zeros_like(unit)
        step[0, column] = 1e-3
        slope = float(value(unit + step) - value(unit - step)) / 2e-3
        assert float(exact[column]) == pytest.approx(slope, rel=5e-3, abs=1e-2), name


def test_the_solver_prefers_what_the_model_is_sure_of(bench: Workbench) -> None:
    """A slew rate that only the current sets leaves W1 free: it goes where sigma is small."""
    sure = prepare(SurerOfWideDevices(), size=256)
    spec = Specification(
        sure.forward.predictor.circuit, (Goal("slewrate_pos", GoalKind.RANGE, 0.99e7, 1.01e7),)
    )
    column = sure.space.free.index("w1")

    def width(bench: Workbench) -> float:
        question = pose(bench, spec)
        start = torch.full((1, bench.space.dimension), 0.5, dtype=torch.float64)
        unit, _ = solve(
            bench.forward,
            bench.space,
            bench.region,
            question.problem,
            start,
            movable=~bench.space.coarse,
            iterations=10,
        )
        return float(unit[0, column])

    assert width(bench) == pytest.approx(0.5, abs=0.02)
    assert width(sure) > 0.6


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


class Slanted(TextbookPredictor):
    """A predictor of low fidelity: the closed form, off by 5 %."""

    def moments(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        mean, sigma = super().moments(designs)
        return mean + 0.02, sigma


def test_slopes_of_low_fidelity_lead_to_the_answer_of_the_forward_model(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    ugf = math.sqrt(K_N * 17.3 * 1e-5) / (2.0 * math.pi * LOAD)
    held = {"w2": 10.0, "w3": 10.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5}
    spec = Specification(
        circuit,
        (Goal("ugf", GoalKind.RANGE, ugf * 0.998, ugf * 1.002),),
        {name: (value, value) for name, value in held.items()},
    )
    question = pose(bench, spec)
    other = ForwardModel(Slanted(), bench.forward.supply)
    movable, start = torch.tensor([True]), torch.tensor([[0.5]], dtype=torch.float64)
    near, at = solve(
        other, question.space, bench.region, question.problem, start,
        movable=movable, iterations=10,
    )  # fmt: skip
    unit, _ = follow(
        bench.forward, question.space, bench.region, question.problem, near, at, movable, 8
    )
    assert question.space.designs(near)[0, 0].item() == pytest.approx(17.3 / 10**0.04, rel=1e-2)
    assert question.space.designs(unit)[0, 0].item() == pytest.approx(17.3, rel=3e-3)


def test_a_search_with_a_model_of_low_fidelity_ends_with_the_forward_model() -> None:
    bench = prepare(TextbookPredictor(low_fidelity=Slanted()), size=256)
    assert bench.low_fidelity is not None
    spec = gain_at_least(bench, 100.0)
    everywhere = bench.library.designs[-200:]
    for sampler in (None, lambda wanted, count: everywhere):
        candidates = design(bench, spec, sampler=sampler).candidates
        sizes = torch.tensor(candidates[spec.circuit.variable_names].to_numpy(dtype=float))
        gain = textbook_metrics(sizes)[:, 1].numpy()
        assert candidates["dc_gain"].to_numpy() == pytest.approx(gain, rel=1e-6)
