"""The Gaussian process against the textbook's formulas and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct, Matern, WhiteKernel

from core.ensemble.gaussian_process import (
    GaussianProcess,
    Hyperparameters,
    covariances,
    fit_hyperparameters,
    matern,
    mean_from_others,
    negative_log_posterior,
    side_by_side,
)

_GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(40, 3, dtype=torch.float64, generator=_GENERATOR)
Y = torch.stack([torch.sin(X[:, 0]) + X[:, 1], X[:, 2] ** 2], 1)
NEW = torch.randn(7, 3, dtype=torch.float64, generator=_GENERATOR)
GIVEN = Hyperparameters(
    length=torch.tensor([[0.5, 1.0, 0.2], [0.1, 0.7, 1.3]], dtype=torch.float64),
    amplitude=torch.tensor([0.2, -0.1], dtype=torch.float64),
    noise=torch.tensor([-3.0, -2.0], dtype=torch.float64),
    slope=torch.tensor([-0.5, 0.1], dtype=torch.float64),
)


def sklearn_process(j):
    amplitude, slope = float((2 * GIVEN.amplitude[j]).exp()), float((2 * GIVEN.slope[j]).exp())
    whole = (
        ConstantKernel(amplitude) * Matern(GIVEN.length[j].exp().numpy(), nu=2.5)
        + ConstantKernel(slope) * DotProduct(1.0)
        + WhiteKernel(float((2 * GIVEN.noise[j]).exp()))
    )
    process = GaussianProcessRegressor(whole, optimizer=None, alpha=1e-10)
    return process.fit(X.numpy(), Y[:, j].numpy())


def logs(j):
    ends = torch.stack([GIVEN.amplitude[j], GIVEN.noise[j], GIVEN.slope[j]])
    return torch.cat([GIVEN.length[j], ends])


@pytest.mark.parametrize("j", [0, 1])
def test_the_mean_agrees_with_scikit_learn(j):
    mean = GaussianProcess(X, Y, GIVEN).mean(NEW)[:, j]
    np.testing.assert_allclose(mean, sklearn_process(j).predict(NEW.numpy()), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("j", [0, 1])
def test_the_covariance_agrees_with_scikit_learn(j):
    process = sklearn_process(j)
    expected = process.kernel_(X.numpy())
    np.testing.assert_allclose(covariances(X, GIVEN)[j], expected, rtol=1e-5, atol=1e-9)


def test_the_correlation_at_no_distance_is_one():
    assert matern(NEW[:1], NEW[:1], GIVEN.length[0]).item() == pytest.approx(1.0)


def test_the_correlation_at_one_length_scale_is_known():
    a, b = torch.zeros(1, 1), torch.ones(1, 1)
    root = 5.0**0.5
    expected = (1 + root + 5 / 3) * np.exp(-root)
    assert matern(a, b, torch.zeros(1)).item() == pytest.approx(expected, rel=1e-5)


def test_inputs_far_apart_have_nothing_to_do_with_each_other():
    far = matern(torch.zeros(1, 1).double(), torch.tensor([[1e8]]).double(), torch.zeros(1))
    assert 0.0 <= far.item() < 1e-200


def test_the_mean_of_many_rows_is_that_of_each_by_itself():
    process, inputs = GaussianProcess(X, Y, GIVEN), NEW[torch.arange(150) % len(NEW)]
    alone = torch.cat([process.mean(row) for row in inputs.split(1)])
    torch.testing.assert_close(process.mean(inputs), alone)


def test_the_derivative_of_the_correlation_agrees_with_finite_differences():
    inputs = (X[:5].clone().requires_grad_(), NEW, GIVEN.length.clone().requires_grad_())
    assert torch.autograd.gradcheck(matern, inputs)


def test_the_derivative_of_the_mean_agrees_with_finite_differences():
    assert torch.autograd.gradcheck(GaussianProcess(X, Y, GIVEN).mean, NEW.clone().requires_grad_())


def test_one_batched_backward_pass_gives_the_whole_jacobian_of_the_mean():
    process, inputs = GaussianProcess(X, Y, GIVEN), NEW.clone().requires_grad_()
    mean = process.mean(inputs)
    basis = torch.eye(2, dtype=mean.dtype)[:, None].expand(-1, len(NEW), -1)
    slopes = torch.autograd.grad(mean, inputs, basis, is_grads_batched=True)[0]
    whole = torch.autograd.functional.jacobian(process.mean, NEW)
    rows = torch.arange(len(NEW))
    torch.testing.assert_close(slopes.transpose(0, 1), whole[rows, :, rows])


def test_several_kernels_at_once_equal_one_by_one():
    lengths = torch.stack([GIVEN.length, 0.5 * GIVEN.length])
    together = matern(X, NEW, lengths)
    for kernel, length in zip(together, lengths, strict=True):
        torch.testing.assert_close(kernel, matern(X, NEW, length))


@pytest.mark.parametrize("j", [0, 1])
def test_the_likelihood_agrees_with_scikit_learn(j):
    likelihood = sklearn_process(j).log_marginal_likelihood_value_ + 20.0 * np.log(2.0 * np.pi)
    lengths, noise = (GIVEN.length[j] - np.log(3.0)) / 2.0, (GIVEN.noise[j] + 5.0) / 3.0
    priors = 0.5 * (lengths.square().sum() + noise.square()).item()
    value, _ = negative_log_posterior(X, Y[:, j], logs(j))
    assert 40 * value == pytest.approx(priors - likelihood, rel=1e-6)


def test_the_derivatives_of_the_posterior_agree_with_finite_differences():
    start = logs(1).numpy()
    _, slopes = negative_log_posterior(X, Y[:, 1], torch.from_numpy(start))
    for k in range(len(start)):
        step = np.zeros_like(start)
        step[k] = 1e-5
        ends = [
            negative_log_posterior(X, Y[:, 1], torch.from_numpy(start + way * step))[0]
            for way in (1, -1)
        ]
        assert slopes[k].item() == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-4, abs=1e-8)


def test_where_the_covariance_is_singular_no_search_stays():
    noiseless = torch.cat([logs(0)[:4], torch.tensor([-400.0, 3.0]).double()])
    value, slopes = negative_log_posterior(1e9 * X[[0, 0, 1]], Y[:3, 0], noiseless)
    assert value == 1e6
    assert not bool(slopes.any())


def test_leaving_a_fold_out_in_closed_form_equals_refitting_without_it():
    fold = torch.arange(40) % 4
    mean = GaussianProcess(X, Y, GIVEN).leave_out(fold)
    for number in range(4):
        rest = GaussianProcess(X[fold != number], Y[fold != number], GIVEN)
        torch.testing.assert_close(mean[fold == number], rest.mean(X[fold == number]))


def test_fitting_recovers_a_smooth_function():
    process = GaussianProcess(X, Y, fit_hyperparameters(X, Y))
    truth = torch.stack([torch.sin(NEW[:, 0]) + NEW[:, 1], NEW[:, 2] ** 2], 1)
    inside = (NEW.abs() < 1.5).all(1)
    assert (process.mean(NEW) - truth)[inside].abs().max() < 0.1


def test_the_relevant_input_gets_the_shortest_length_scale():
    length = fit_hyperparameters(X, torch.stack([torch.sin(2 * X[:, 0]), X[:, 2].cos()], 1)).length
    assert length.argmin(dim=1).tolist() == [0, 2]


def test_rows_are_held_out_from_the_hyper_parameters_too():
    one, other = torch.arange(len(X)) % 4 == 1, torch.arange(len(X)) % 4 == 2
    changed = Y.clone()
    changed[one] += 3.0
    before, after = (mean_from_others(X, y, one, GIVEN) for y in (Y, changed))
    assert torch.equal(before, after)
    before, after = (mean_from_others(X, y, other, GIVEN) for y in (Y, changed))
    assert not torch.equal(before, after)


def test_a_few_iterations_refine_hyper_parameters_that_are_nearly_right():
    standardised = (Y - Y.mean(0)) / Y.std(0)
    found = fit_hyperparameters(X, standardised)
    again = fit_hyperparameters(X[1:], standardised[1:], near=found)
    torch.testing.assert_close(again.length[:, :1], found.length[:, :1], atol=0.3, rtol=0)


def test_hyper_parameters_side_by_side_are_those_of_each_output():
    parts = [Hyperparameters(**{k: v[[j]] for k, v in vars(GIVEN).items()}) for j in (0, 1)]
    for name, value in vars(side_by_side(parts)).items():
        assert torch.equal(value, getattr(GIVEN, name))
