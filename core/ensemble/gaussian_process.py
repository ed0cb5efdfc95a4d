"""A Gaussian process on the features and on what A's networks predict.

Exact inference with a Matern 5/2 kernel, one length scale per input, plus a linear kernel and
noise: Rasmussen and Williams (2006), "Gaussian processes for machine learning", chapters 2, 4
and 5. With A's prediction among the inputs it learns the map between the processes, which is
smoother than the circuit itself (the autoregressive idea of Kennedy and O'Hagan 2000).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

_ITERATIONS = 60
_JITTER = 1e-10
_START_LENGTH, _START_LOG_NOISE = 3.0, -6.0
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
    """Natural logs, one process per output.

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

    def outputs(self) -> list[Hyperparameters]:
        """Those of each output."""
        parts = zip(self.length, self.amplitude, self.noise, self.slope, strict=True)
        return [Hyperparameters(*part) for part in parts]


def kernel(a: Tensor, b: Tensor, length: Tensor, amplitude: Tensor, slope: Tensor) -> Tensor:
    """Matern 5/2 plus linear kernel of n_a x q and n_b x q inputs, without noise.

    Args:
        length: q logs; amplitude, slope: logs.
    """
    scale = math.sqrt(5.0) * torch.exp(-length)
    u, v = a * scale, b * scale
    squared = torch.addmm(v.square().sum(1), u, v.T, alpha=-2.0) + u.square().sum(1, keepdim=True)
    distance = squared.clamp(min=1e-12).sqrt()
    matern = (1.0 + distance * (1.0 + distance / 3.0)) * torch.exp(-distance)
    return torch.addmm(
        torch.exp(2.0 * amplitude) * matern + torch.exp(2.0 * slope),
        a,
        b.T * torch.exp(2.0 * slope),
    )


def fit_hyperparameters(
    inputs: Tensor, y: Tensor, between: Callable[[], None] = lambda: None
) -> Hyperparameters:
    """Maximise the marginal likelihood (with weak priors) by L-BFGS, output by output.

    Args:
        inputs: n x q, standardised, double precision.
        y: n x m, standardised.
        between: called before each evaluation; may raise to stop.
    """
    found = torch.stack([_fit_one(inputs, y[:, j], between) for j in range(y.shape[1])])
    q = inputs.shape[1]
    return Hyperparameters(found[:, :q], found[:, q], found[:, q + 1], found[:, q + 2])


def _fit_one(inputs: Tensor, y: Tensor, between: Callable[[], None]) -> Tensor:
    n, q = inputs.shape
    start = np.r_[np.full(q, math.log(_START_LENGTH)), 0.0, _START_LOG_NOISE, -1.0]
    bounds = [_BOUNDS["length"]] * q + [_BOUNDS[k] for k in ("amplitude", "noise", "slope")]

    def objective(values: np.ndarray) -> tuple[float, np.ndarray]:
        between()
        logs = torch.tensor(values, requires_grad=True)
        loss = _negative_log_posterior(inputs, y, logs) / n
        if not torch.isfinite(loss):
            return 1e6, np.zeros_like(values)
        loss.backward()
        assert logs.grad is not None
        return loss.item(), logs.grad.numpy()

    options = {"maxiter": _ITERATIONS}
    result = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return torch.from_numpy(result.x)


def _negative_log_posterior(inputs: Tensor, y: Tensor, logs: Tensor) -> Tensor:
    q = inputs.shape[1]
    length, amplitude, noise, slope = logs[:q], logs[q], logs[q + 1], logs[q + 2]
    covariance = kernel(inputs, inputs, length, amplitude, slope) + _noise(len(y), noise)
    factor, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        return torch.tensor(math.inf)
    fit = 0.5 * y @ torch.cholesky_solve(y[:, None], factor)[:, 0]
    prior = 0.5 * ((length - math.log(_START_LENGTH)) / _PRIOR_LENGTH_SPREAD).square().sum()
    prior = prior + 0.5 * ((noise - _PRIOR_LOG_NOISE) / _PRIOR_NOISE_SPREAD).square()
    return fit + torch.log(torch.diagonal(factor)).sum() + prior


def _noise(n: int, noise: Tensor) -> Tensor:
    return (torch.exp(2.0 * noise) + _JITTER) * torch.eye(n, dtype=noise.dtype)


class GaussianProcess:
    """Independent processes, one per output, conditioned on n training rows."""

    def __init__(self, inputs: Tensor, y: Tensor, hyperparameters: Hyperparameters) -> None:
        """Condition on inputs n x q and outputs n x m (double precision, standardised)."""
        self.inputs, self.y, self.hyperparameters = inputs, y, hyperparameters
        covariance = torch.stack(
            [
                kernel(inputs, inputs, h.length, h.amplitude, h.slope) + _noise(len(y), h.noise)
                for h in self.hyperparameters.outputs()
            ]
        )
        self.inverse = torch.cholesky_inverse(torch.linalg.cholesky(covariance))  # m x n x n
        self.alpha = (self.inverse @ y.T.unsqueeze(-1)).squeeze(-1)  # m x n

    def mean(self, inputs: Tensor) -> Tensor:
        """Posterior mean, r x m, at r x q inputs."""
        columns = [
            kernel(inputs, self.inputs, h.length, h.amplitude, h.slope) @ self.alpha[j]
            for j, h in enumerate(self.hyperparameters.outputs())
        ]
        return torch.stack(columns, 1)

    def variance(self, inputs: Tensor) -> Tensor:
        """Posterior variance with noise, r x m."""
        columns = []
        for j, h in enumerate(self.hyperparameters.outputs()):
            cross = kernel(inputs, self.inputs, h.length, h.amplitude, h.slope)
            own = torch.exp(2 * h.amplitude) + torch.exp(2 * h.slope) * (
                inputs.square().sum(1) + 1.0
            )
            explained = ((cross @ self.inverse[j]) * cross).sum(1)
            columns.append((own - explained).clamp(min=_JITTER) + torch.exp(2 * h.noise))
        return torch.stack(columns, 1)

    def leave_out(self, fold: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (n x m) of each fold's rows from the other folds, in closed form.

        With P the inverse covariance, the rows F of a fold have the covariance P_FF^-1 and the
        mean y_F - P_FF^-1 (P y)_F (Rasmussen and Williams, equation 5.12, for a block).
        """
        mean, variance = torch.empty_like(self.y), torch.empty_like(self.y)
        for number in range(int(fold.max()) + 1):
            rows = torch.where(fold == number)[0]
            for j in range(self.y.shape[1]):
                block = torch.linalg.inv(self.inverse[j][rows][:, rows])
                mean[rows, j] = self.y[rows, j] - block @ self.alpha[j, rows]
                variance[rows, j] = torch.diagonal(block).clamp(min=_JITTER)
        return mean, variance
