"""Losses against values worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from core.losses import (
    batch_r2,
    bound_logvar,
    coral_loss,
    covariance,
    hetero_nll,
    huber,
    l2sp_penalty,
    r2_loss,
    weighted_mean,
)

Y = torch.tensor([[1.0, 2.0], [3.0, 5.0]])
MU = torch.tensor([[1.0, 1.0], [1.0, 5.0]])


def test_nll_at_unit_variance_is_half_the_squared_error():
    # Squared errors 0, 1, 4, 0: halves 0, 0.5, 2, 0.
    assert hetero_nll(Y, MU, torch.zeros(2, 2), "sum").item() == pytest.approx(2.5)
    assert hetero_nll(Y, MU, torch.zeros(2, 2), "mean").item() == pytest.approx(0.625)


def test_nll_of_another_variance_by_hand():
    # Error 2 at variance e^2: 4 / (2 e^2) + 1.
    loss = hetero_nll(torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([2.0]), "none")
    assert loss.item() == pytest.approx(2.0 * math.exp(-2.0) + 1.0)


def test_nll_without_reduction_keeps_the_shape():
    expected = torch.tensor([[0.0, 0.5], [2.0, 0.0]])
    torch.testing.assert_close(hetero_nll(Y, MU, torch.zeros(2, 2), "none"), expected)


def test_the_best_logvar_is_the_log_of_the_squared_error():
    error = torch.tensor(0.3)
    logvar = torch.tensor(2.0 * math.log(0.3), requires_grad=True)
    hetero_nll(error, torch.zeros(()), logvar).backward()
    assert logvar.grad.item() == pytest.approx(0.0, abs=1e-6)


def test_logvar_is_bounded():
    assert bound_logvar(torch.tensor([-99.0, 0.0, 99.0])).tolist() == [-16.0, 0.0, 4.0]
    loss = hetero_nll(
        torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([-1e9]), bounds=(-2, 2)
    )
    assert loss.item() == pytest.approx(0.5 * math.exp(2.0) - 1.0)


def test_beta_nll_weighs_by_the_variance_without_a_gradient_through_it():
    mu = torch.tensor([0.0], requires_grad=True)
    logvar = torch.tensor([math.log(4.0)], requires_grad=True)
    hetero_nll(torch.tensor([1.0]), mu, logvar, beta=0.5).backward()
    # d/dmu: -(y - mu) / var * var^0.5 = -1 / 4 * 2; d/dlogvar: (-1 / 8 + 1 / 2) * 2.
    assert mu.grad.item() == pytest.approx(-0.5)
    assert logvar.grad.item() == pytest.approx(0.75)


def test_beta_one_has_the_gradient_of_the_squared_error():
    mu = torch.tensor([0.0, 0.0], requires_grad=True)
    hetero_nll(torch.tensor([1.0, 3.0]), mu, torch.tensor([-1.0, 2.0]), "sum", beta=1.0).backward()
    torch.testing.assert_close(mu.grad, torch.tensor([-1.0, -3.0]))


def test_an_unknown_reduction_is_refused():
    with pytest.raises(ValueError, match="expected mean, sum or none"):
        hetero_nll(Y, MU, Y, "median")


def test_r2_by_hand():
    # Output 0: SST 2, SSE 4; output 1: SST 4.5, SSE 1.
    torch.testing.assert_close(batch_r2(Y, MU), torch.tensor([-1.0, 1.0 - 1.0 / 4.5]))


def test_r2_is_one_when_exact_and_zero_for_the_mean():
    y = torch.randn(20, 3)
    torch.testing.assert_close(batch_r2(y, y), torch.ones(3))
    torch.testing.assert_close(batch_r2(y, y.mean(0).expand(20, 3)), torch.zeros(3))


def test_r2_loss_is_alpha_times_one_minus_the_mean():
    expected = 2.0 * (1.0 - (-1.0 + 1.0 - 1.0 / 4.5) / 2.0)
    assert r2_loss(Y, MU, alpha=2.0).item() == pytest.approx(expected)


def test_r2_leaves_out_what_has_no_weight():
    y = torch.tensor([[0.0], [2.0], [99.0]])
    predicted = torch.tensor([[0.0], [1.0], [0.0]])
    weight = torch.tensor([[1.0], [1.0], [0.0]])
    assert batch_r2(y, predicted, weight).item() == pytest.approx(0.5)


def test_coral_of_equal_features_is_zero():
    features = torch.randn(16, 4)
    assert coral_loss(features, features).item() == 0.0


def test_coral_ignores_a_shift():
    features = torch.randn(16, 4, dtype=torch.float64)
    assert coral_loss(features, features + 3.0).item() == pytest.approx(0.0, abs=1e-12)


def test_coral_by_hand():
    # Variances 2 (of 0, 2) and 8 (of 0, 4), unbiased; h = 1: (2 - 8)^2 / 4.
    source, target = torch.tensor([[0.0], [2.0]]), torch.tensor([[0.0], [4.0]])
    assert coral_loss(source, target).item() == pytest.approx(9.0)
    # Dividing by n instead: (1 - 4)^2 / 4.
    assert coral_loss(source, target, unbiased=False).item() == pytest.approx(2.25)


def test_coral_uses_the_covariance_of_the_textbooks():
    features = torch.randn(30, 5, dtype=torch.float64)
    torch.testing.assert_close(covariance(features), torch.cov(features.T))
    other = torch.randn(20, 5, dtype=torch.float64)
    expected = (torch.cov(features.T) - torch.cov(other.T)).square().sum() / (4 * 25)
    torch.testing.assert_close(coral_loss(features, other), expected)


def test_l2sp_pulls_to_the_anchor_and_shrinks_what_is_new():
    parameters = [("old", torch.tensor([1.0, 3.0])), ("new", torch.tensor([2.0]))]
    penalty = l2sp_penalty(parameters, {"old": torch.tensor([1.0, 1.0])}, 0.5, weight_new=0.1)
    assert penalty.item() == pytest.approx(0.5 * 4.0 + 0.1 * 4.0)


def test_l2sp_at_the_anchor_is_zero():
    value = torch.randn(4)
    assert l2sp_penalty([("w", value)], {"w": value.clone()}).item() == 0.0


def test_huber_is_half_the_square_inside_and_linear_outside():
    errors = torch.tensor([0.1, 2.0])
    expected = torch.tensor([0.005, 0.5 * (2.0 - 0.25)])
    torch.testing.assert_close(huber(errors, torch.zeros(2), 0.5), expected)
    torch.testing.assert_close(huber(errors, torch.zeros(2), 0.0), 0.5 * errors.square())


def test_the_weighted_mean_leaves_out_what_was_not_measured():
    loss = torch.tensor([[[1.0, torch.nan], [3.0, 100.0]]])
    weight = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    assert weighted_mean(loss, weight).tolist() == [2.0]
