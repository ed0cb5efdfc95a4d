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
    fit_hyperparameters,
    kernel,
)

torch.manual_seed(0)
X = torch.randn(40, 3, dtype=torch.float64)
Y = torch.stack([torch.sin(X[:, 0]) + X[:, 1], X[:, 2] ** 2], 1)
NEW = torch.randn(7, 3, dtype=torch.float64)
GIVEN = Hyperparameters(
    length=torch.tensor([[0.5, 1.0, 0.2], [0.1, 0.4, 0.3]], dtype=torch.float64),
    amplitude=torch.tensor([0.2, -0.1], dtype=torch.float64),
    noise=torch.tensor([-3.0, -2.0], dtype=torch.float64),
    slope=torch.tensor([-0.5, 0.1], dtype=torch.float64),
)


def sklearn_process(j):
    length = GIVEN.length[j].exp().numpy()
    amplitude, slope = float((2 * GIVEN.amplitude[j]).exp()), float((2 * GIVEN.slope[j]).exp())
    whole = (
        ConstantKernel(amplitude) * Matern(length, nu=2.5)
        + ConstantKernel(slope) * DotProduct(1.0)
        + WhiteKernel(float((2 * GIVEN.noise[j]).exp()))
    )
    process = GaussianProcessRegressor(whole, optimizer=None, alpha=1e-10)
    return process.fit(X.numpy(), Y[:, j].numpy())


@pytest.mark.parametrize("j", [0, 1])
def test_mean_and_variance_agree_with_scikit_learn(j):
    process = GaussianProcess(X, Y, GIVEN)
    mean, deviation = sklearn_process(j).predict(NEW.numpy(), return_std=True)
    np.testing.assert_allclose(process.mean(NEW)[:, j], mean, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(process.variance(NEW)[:, j].sqrt(), deviation, rtol=1e-5)


def test_the_kernel_at_no_distance_is_the_variance():
    zero = torch.zeros(1, 3, dtype=torch.float64)
    value = kernel(zero, zero, GIVEN.length[0], GIVEN.amplitude[0], GIVEN.slope[0])
    expected = (2 * GIVEN.amplitude[0]).exp() + (2 * GIVEN.slope[0]).exp()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)


def test_leaving_a_fold_out_in_closed_form_equals_refitting_without_it():
    process, fold = GaussianProcess(X, Y, GIVEN), torch.arange(40) % 4
    mean, variance = process.leave_out(fold)
    for number in range(4):
        rest = GaussianProcess(X[fold != number], Y[fold != number], GIVEN)
        torch.testing.assert_close(mean[fold == number], rest.mean(X[fold == number]))
        torch.testing.assert_close(variance[fold == number], rest.variance(X[fold == number]))


def test_fitting_recovers_a_smooth_function():
    process = GaussianProcess(X, Y, fit_hyperparameters(X, Y))
    truth = torch.stack([torch.sin(NEW[:, 0]) + NEW[:, 1], NEW[:, 2] ** 2], 1)
    inside = (NEW.abs() < 1.5).all(1)
    assert (process.mean(NEW) - truth)[inside].abs().max() < 0.1


def test_the_relevant_input_gets_the_shortest_length_scale():
    length = fit_hyperparameters(X, torch.sin(2 * X[:, :1])).length[0]
    assert int(length.argmin()) == 0
