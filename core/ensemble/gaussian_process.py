"""A Gaussian process on the features and on what A's networks predict.

Exact inference with a Matern 5/2 kernel, one length scale per input, plus a linear kernel and
noise: Rasmussen and Williams (2006), "Gaussian processes for machine learning", chapters 2, 4
and 5. With A's prediction among the inputs it learns the map between the processes, which is
smoother than the circuit itself (the autoregressive idea of Kennedy and O'Hagan 2000). Each
output has a kernel of its own: slew rate and phase margin vary along other sizes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

_ITERATIONS = 80
_JITTER = 1e-10
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


def matern(a: Tensor, b: Tensor, length: Tensor) -> Tensor:
    """Matern 5/2 correlation of inputs n_a x q and n_b x q for log length scales q."""
    scale = math.sqrt(5.0) * torch.exp(-length)
    u, v = a * scale, b * scale
    squared = torch.addmm(v.square().sum(1), u, v.T, alpha=-2.0) + u.square().sum(1, keepdim=True)
    distance = squared.clamp(min=1e-12).sqrt()
    return (1.0 + distance * (1.0 + distance / 3.0)) * torch.exp(-distance)


def covariances(inputs: Tensor, h: Hyperparameters) -> Tensor:
    """Covariance matrices of the outputs, m x n x n, with noise."""
    smooth = torch.stack([matern(inputs, inputs, length) for length in h.length])
    linear, unit = inputs @ inputs.T + 1.0, torch.eye(len(inputs), dtype=inputs.dtype)
    noise = torch.exp(2.0 * h.noise) + _JITTER
    return _outer(h.amplitude, smooth) + _outer(h.slope, linear) + _outer_plain(noise, unit)


def _outer(log_deviation: Tensor, matrix: Tensor) -> Tensor:
    return _outer_plain(torch.exp(2.0 * log_deviation), matrix)


def _outer_plain(variance: Tensor, matrix: Tensor) -> Tensor:
    return variance[:, None, None] * matrix


def fit_hyperparameters(
    inputs: Tensor, y: Tensor, between: Callable[[], None] = lambda: None
) -> Hyperparameters:
    """Maximise the marginal likelihood (with weak priors) of each output by L-BFGS.

    Args:
        inputs: n x q, standardised, double precision.
        y: n x m, standardised.
        between: called before each evaluation; may raise to stop.
    """
    found = torch.stack([_fit_output(inputs, column, between) for column in y.T.split(1)])
    return _split(found, inputs.shape[1])


def _fit_output(inputs: Tensor, y: Tensor, between: Callable[[], None]) -> Tensor:
    """Logs of the q + 3 hyper-parameters of one output y (1 x n)."""
    q, n = inputs.shape[1], len(inputs)

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        between()
        logs = torch.tensor(values, requires_grad=True)
        loss = _negative_log_posterior(inputs, y, _split(logs.unsqueeze(0), q)) / n
        if not torch.isfinite(loss):
            return 1e6, np.zeros_like(values)
        loss.backward()
        assert logs.grad is not None
        return loss.item(), logs.grad.numpy()

    start = [math.log(_START_LENGTH)] * q + [0.0, _START_LOG_NOISE, _START_LOG_SLOPE]
    bounds = [_BOUNDS["length"]] * q + [_BOUNDS[k] for k in ("amplitude", "noise", "slope")]
    options = {"maxiter": _ITERATIONS}
    found = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return torch.from_numpy(found.x)


def _split(logs: Tensor, q: int) -> Hyperparameters:
    """Logs of m outputs, m x (q + 3), by name."""
    return Hyperparameters(logs[:, :q], logs[:, q], logs[:, q + 1], logs[:, q + 2])


def _negative_log_posterior(inputs: Tensor, y: Tensor, h: Hyperparameters) -> Tensor:
    factor, failed = torch.linalg.cholesky_ex(covariances(inputs, h))
    if bool(failed.any()):
        return torch.tensor(math.inf)
    columns = y.unsqueeze(-1)
    fit = 0.5 * (columns * torch.cholesky_solve(columns, factor)).sum()
    volume = torch.log(torch.diagonal(factor, dim1=1, dim2=2)).sum()
    away = (h.length - math.log(_START_LENGTH)) / _PRIOR_LENGTH_SPREAD
    noisy = (h.noise - _PRIOR_LOG_NOISE) / _PRIOR_NOISE_SPREAD
    return fit + volume + 0.5 * away.square().sum() + 0.5 * noisy.square().sum()


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
    smooth, linear = torch.exp(2.0 * h.amplitude), torch.exp(2.0 * h.slope) * alpha.T
    parts = [matern(inputs, known, h.length[j]) @ (smooth[j] * alpha[j]) for j in range(len(alpha))]
    return torch.stack(parts, dim=1) + inputs @ (known.T @ linear) + linear.sum(0)
