"""A Gaussian process on the features and on what A's networks predict.

Exact inference with a Matern 5/2 kernel, one length scale per input, plus a linear kernel and
noise: Rasmussen and Williams (2006), "Gaussian processes for machine learning", chapters 2, 4
and 5. With A's prediction among the inputs it learns the map between the processes, which is
smoother than the circuit itself (the autoregressive idea of Kennedy and O'Hagan 2000). Each
output has a kernel of its own: slew rate and phase margin vary along other sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional

_ITERATIONS = 80
_REFINEMENTS = 15  # iterations from hyper-parameters that are nearly right
JITTER = 1e-10
_NOWHERE = 1e6  # what a posterior counts for where it cannot be told
_SLOPE_FACTOR = -1.0 / 6.0  # The derivative of the correlation by r^2 is -(1 + r) exp(-r) / 6.
_BLOCK = 64  # Rows at a time: their kernels stay in the processor's cache.
# Squared distances: the root of 0 has no derivative, and exponentials that all but vanish take
# twenty times as long as others.
_NEAREST, _FARTHEST = 1e-12, 600.0**2
_START_LENGTH, _START_LOG_NOISE, _START_LOG_SLOPE = 3.0, -6.0, -1.0
# Weak priors: length scales around 3 input spreads, noise around exp(-5) output spreads.
_PRIOR_LENGTH_SPREAD, _PRIOR_LOG_NOISE, _PRIOR_NOISE_SPREAD = 2.0, -5.0, 3.0
_BOUNDS = {
    "length": (-3.0, 6.0),
    "amplitude": (-4.0, 4.0),
    "noise": (-10.0, 0.0),
    "slope": (-6.0, 3.0),
}


@dataclass(frozen=True)
class Hyperparameters:
    """Natural logs.

    Attributes:
        length: m x q length scales.
        amplitude: m standard deviations of the Matern part.
        noise: m standard deviations of the noise.
        slope: m standard deviations of the linear part.
    """

    length: Tensor
    amplitude: Tensor
    noise: Tensor
    slope: Tensor


def side_by_side(found: Sequence[Hyperparameters]) -> Hyperparameters:
    """Hyper-parameters of outputs as one of them all."""
    return Hyperparameters(
        *(torch.cat([getattr(one, field.name) for one in found]) for field in fields(found[0]))
    )


class _Matern(torch.autograd.Function):
    """Matern 5/2 correlation of squared distances r^2, in length scales over the root of 5."""

    @staticmethod
    def forward(ctx: Any, squared: Tensor) -> Tensor:
        """Return (1 + r + r^2 / 3) exp(-r)."""
        correlation, slope = _matern_and_slope(squared)
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(slope)
        return correlation

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """By the derivative with respect to the squared distance."""
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope * _SLOPE_FACTOR


def _matern_and_slope(squared: Tensor) -> tuple[Tensor, Tensor]:
    """Matern 5/2 correlation of squared distances r^2, and what its derivative is made of.

    That is (1 + r) exp(-r). Elementwise, in as few passes over memory as it takes: this is most of
    what a process costs.
    """
    squared = squared.clamp(_NEAREST, _FARTHEST)
    distance = squared.sqrt()
    decay = distance.neg().exp_()
    slope = torch.addcmul(decay, distance, decay)
    return torch.addcmul(slope, squared, decay, value=1.0 / 3.0), slope


def matern(a: Tensor, b: Tensor, length: Tensor) -> Tensor:
    """Matern 5/2 correlation of inputs n_a x q and n_b x q for log length scales (... x) q.

    Leading axes of the length scales lead the result too, ... x n_a x n_b: one kernel each.
    """
    scale = _distance_scale(length).unsqueeze(-2)
    correlation: Tensor = _Matern.apply(_squared_distances(a * scale, b * scale))
    return correlation


def _distance_scale(length: Tensor) -> Tensor:
    """What inputs are multiplied with, for ``_matern_and_slope`` of their squared distances."""
    return math.sqrt(5.0) * torch.exp(-length)


def _squared_distances(u: Tensor, v: Tensor) -> Tensor:
    """|u|^2 - 2 u v + |v|^2 of ... x n_u x q and ... x n_v x q, as one matrix product."""
    return _left(u) @ _right(v)


def _left(u: Tensor) -> Tensor:
    return torch.cat([u, u.square().sum(-1, keepdim=True), torch.ones_like(u[..., :1])], dim=-1)


def _right(v: Tensor) -> Tensor:
    ones = torch.ones_like(v[..., :1])
    return torch.cat([-2.0 * v, ones, v.square().sum(-1, keepdim=True)], dim=-1).mT


def covariances(inputs: Tensor, h: Hyperparameters) -> Tensor:
    """Covariance matrices of the outputs, m x n x n, with noise."""
    noise, unit = torch.exp(2.0 * h.noise) + JITTER, torch.eye(len(inputs), dtype=inputs.dtype)
    return cross_covariances(inputs, inputs, h) + noise[:, None, None] * unit


def cross_covariances(a: Tensor, b: Tensor, h: Hyperparameters) -> Tensor:
    """Covariances, m x n_a x n_b, of the noiseless outputs at (m x) n_a x q and (m x) n_b x q."""
    amplitude, slope = (torch.exp(2.0 * log)[:, None, None] for log in (h.amplitude, h.slope))
    covariance: Tensor = amplitude * matern(a, b, h.length) + slope * (a @ b.mT + 1.0)
    return covariance


def prior_variance(inputs: Tensor, h: Hyperparameters) -> Tensor:
    """Variance, m x r, of the noiseless outputs at r x q inputs before any row is known."""
    linear = torch.exp(2.0 * h.slope)[:, None] * (inputs.square().sum(1) + 1.0)
    return torch.exp(2.0 * h.amplitude)[:, None] + linear


def fit_hyperparameters(
    inputs: Tensor,
    y: Tensor,
    between: Callable[[], None] = lambda: None,
    near: Hyperparameters | None = None,
) -> Hyperparameters:
    """Maximise the marginal likelihood (with weak priors) of each output by L-BFGS.

    Args:
        inputs: n x q, standardised, double precision.
        y: n x m, standardised.
        between: called before each evaluation; may raise to stop.
        near: hyper-parameters of other rows of the same, from which a few iterations suffice.
    """
    q, m = inputs.shape[1], y.shape[1]
    if near is None:
        start = [math.log(_START_LENGTH)] * q + [0.0, _START_LOG_NOISE, _START_LOG_SLOPE]
        starts, iterations = torch.tensor([start] * m, dtype=torch.float64), _ITERATIONS
    else:
        ends = torch.stack([near.amplitude, near.noise, near.slope], dim=1)
        starts, iterations = torch.cat([near.length, ends], dim=1), _REFINEMENTS
    found = [
        _fit_output(inputs, column, start, iterations, between)
        for column, start in zip(y.T.split(1), starts, strict=True)
    ]
    return _split(torch.stack(found), q)


def _fit_output(
    inputs: Tensor, y: Tensor, start: Tensor, iterations: int, between: Callable[[], None]
) -> Tensor:
    """Logs of the q + 3 hyper-parameters of one output y (1 x n), from a start likewise."""
    q = inputs.shape[1]

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        between()
        loss, slopes = negative_log_posterior(inputs, y[0], torch.from_numpy(values))
        return loss, slopes.numpy()

    bounds = [_BOUNDS["length"]] * q + [_BOUNDS[k] for k in ("amplitude", "noise", "slope")]
    options = {"maxiter": iterations}
    found = minimize(
        objective, start.numpy(), jac=True, method="L-BFGS-B", bounds=bounds, options=options
    )
    return torch.from_numpy(found.x)


def mean_from_others(
    inputs: Tensor,
    y: Tensor,
    here: Tensor,
    near: Hyperparameters,
    between: Callable[[], None] = lambda: None,
) -> Tensor:
    """Mean (r x m) of r rows from all others, hyper-parameters and all.

    Args:
        inputs: n x q; y: n x m, of which those of the rows in question are not read.
        here: n booleans, r of them true.
        near: hyper-parameters of all rows: they have seen what is to be predicted, and with one
            length scale an input that makes errors some per cent smaller than those of new designs.
        between: called before each evaluation; may raise to stop.
    """
    found = fit_hyperparameters(inputs[~here], y[~here], between, near)
    return GaussianProcess(inputs[~here], y[~here], found).mean(inputs[here])


def _split(logs: Tensor, q: int) -> Hyperparameters:
    """Logs of m outputs, m x (q + 3), by name."""
    return Hyperparameters(logs[:, :q], logs[:, q], logs[:, q + 1], logs[:, q + 2])


def negative_log_posterior(inputs: Tensor, y: Tensor, logs: Tensor) -> tuple[float, Tensor]:
    """Of one output, for each row, and its derivatives in closed form.

    With W = K^-1 - a a^T and a = K^-1 y, the derivative by a hyper-parameter is half the sum of
    W dK (Rasmussen and Williams, equation 5.9). By length scales, squared distances need no n x n x
    q numbers: the sum of M_ij (u_i - u_j)^2 is two products of a matrix with the inputs.

    Args:
        inputs: n x q. y: n. logs: q + 3, as ``_split`` takes them.

    Returns:
        The value and q + 3 derivatives; a large value without any where it cannot be told.
    """
    n, h = len(y), _split(logs[None], inputs.shape[1])
    amplitude, noise, slope = (torch.exp(2.0 * log[0]) for log in (h.amplitude, h.noise, h.slope))
    u, linear = inputs * _distance_scale(h.length[0]), inputs @ inputs.T + 1.0
    correlation, steepness = _matern_and_slope(_squared_distances(u, u))
    covariance = (slope * linear).add_(amplitude * correlation)
    covariance.diagonal().add_(noise + JITTER)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if bool(failed):
        return _NOWHERE, torch.zeros_like(logs)
    inverse = torch.cholesky_inverse(factor)
    alpha = inverse @ y
    away = (h.length[0] - math.log(_START_LENGTH)) / _PRIOR_LENGTH_SPREAD
    noisy = (h.noise[0] - _PRIOR_LOG_NOISE) / _PRIOR_NOISE_SPREAD
    value = 0.5 * (y @ alpha + away.square().sum() + noisy.square()) + factor.diagonal().log().sum()
    if not torch.isfinite(value):
        return _NOWHERE, torch.zeros_like(logs)
    weights = torch.addr(inverse, alpha, alpha, alpha=-1.0)
    pull = (weights * steepness).mul_(_SLOPE_FACTOR * amplitude)
    by_length = 2.0 * (u * (pull @ u) - u.square() * pull.sum(1, keepdim=True)).sum(0)
    ends = [
        amplitude * torch.vdot(weights.flatten(), correlation.flatten()),
        noise * weights.diagonal().sum() + noisy / _PRIOR_NOISE_SPREAD,
        slope * torch.vdot(weights.flatten(), linear.flatten()),
    ]
    slopes = torch.cat([by_length + away / _PRIOR_LENGTH_SPREAD, torch.stack(ends)])
    return float(value) / n, slopes / n


class GaussianProcess:
    """Processes, one per output, conditioned on n training rows."""

    def __init__(self, inputs: Tensor, y: Tensor, hyperparameters: Hyperparameters) -> None:
        """Condition on inputs n x q and outputs n x m (double precision, standardised)."""
        self.inputs, self.y, self.hyperparameters = inputs, y, hyperparameters
        factor = torch.linalg.cholesky(covariances(inputs, hyperparameters))
        self.inverse = torch.cholesky_inverse(factor)  # m x n x n
        self.alpha = (self.inverse @ y.T.unsqueeze(-1)).squeeze(-1)  # m x n

    def mean(self, inputs: Tensor) -> Tensor:
        """Posterior mean, r x m, at r x q inputs."""
        return posterior_mean(inputs, self.inputs, self.alpha, self.hyperparameters)

    def leave_out(self, fold: Tensor) -> Tensor:
        """Mean (n x m) of each fold's rows from the other folds, in closed form.

        With P the inverse covariance, the mean of the rows F of a fold is
        y_F - P_FF^-1 (P y)_F (Rasmussen and Williams, equation 5.12, for a block).
        """
        mean = torch.empty_like(self.y)
        for number in range(int(fold.max()) + 1):
            rows = torch.where(fold == number)[0]
            for j in range(self.y.shape[1]):
                block = self.inverse[j][rows][:, rows]
                correction = torch.linalg.solve(block, self.alpha[j, rows])
                mean[rows, j] = self.y[rows, j] - correction
        return mean


def posterior_mean(inputs: Tensor, known: Tensor, alpha: Tensor, h: Hyperparameters) -> Tensor:
    """Posterior mean, r x m, from the weights alpha (m x n) of the known inputs (n x q)."""
    smooth, linear = (torch.exp(2.0 * log)[:, None] * alpha for log in (h.amplitude, h.slope))
    curved = [_weighted(inputs, known, *pair) for pair in zip(h.length, smooth, strict=True)]
    return torch.stack(curved, dim=-1) + functional.linear(inputs, linear @ known, linear.sum(1))


def _weighted(inputs: Tensor, known: Tensor, length: Tensor, weights: Tensor) -> Tensor:
    """One output's kernels summed with its weights (n): r; no kernel is asked where all are 0."""
    if not bool(weights.any()):
        return inputs.new_zeros(len(inputs))
    total: Tensor = _WeightedKernels.apply(inputs, known, length, weights)
    return total


class _WeightedKernels(torch.autograd.Function):
    """Kernels of r inputs with n known ones, summed with weights: differentiable by the inputs.

    The derivative costs one matrix product where the kernels are at hand. Left to the graph, a
    Jacobian of many outputs would carry every kernel through a backward pass for each of them.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, known: Tensor, length: Tensor, weights: Tensor) -> Tensor:
        """Return r sums; inputs r x q, known n x q, log length scales q, weights n."""
        scale = _distance_scale(length)
        v = known * scale
        right, sums, pulls = _right(v), [], []
        for left in _left(inputs * scale).split(_BLOCK):
            correlation, slope = _matern_and_slope(left @ right)
            sums.append(correlation @ weights)
            if ctx.needs_input_grad[0]:
                pull = slope * (weights * _SLOPE_FACTOR)
                whole = left[:, : v.shape[1]] * pull.sum(1, keepdim=True)
                pulls.append(2.0 * scale * (whole - pull @ v))
        if pulls:
            ctx.save_for_backward(torch.cat(pulls))
        return torch.cat(sums)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """By the inputs alone."""
        (by_inputs,) = ctx.saved_tensors
        return gradients[0].unsqueeze(-1) * by_inputs, None, None, None
