"""Fuse the members' predictions: precision per sample times reliability per metric."""

from __future__ import annotations

from itertools import product

import torch
from torch import Tensor

_STEPS = 10  # Metric-level weights are multiples of 1 / _STEPS.
_FLOOR = 1e-8  # Squared errors below it count as exact, in standardised space.


def metric_weights(mse: Tensor) -> Tensor:
    """Weights k x m, proportional to 1 / MSE of each of k members, summing to 1 per metric."""
    inverse = 1.0 / mse.clamp(min=1e-12)
    return inverse / inverse.sum(0, keepdim=True)


def fuse(mu: Tensor, variance: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Combine k members, each with calibrated variance.

    Args:
        mu: k x n x m means.
        variance: k x n x m variances T^2 sigma^2.
        weights: k x m weights per metric; 0 leaves a member out.

    Returns:
        Mean and variance, n x m. Weights per sample are proportional to weights / variance; the
        variance is that of the mixture, so that disagreement counts.
    """
    share = weights.unsqueeze(1) / variance
    share = share / share.sum(0, keepdim=True)
    mean = (share * mu).sum(0)
    return mean, (share * (variance + (mu - mean).square())).sum(0)


def log_error(y: Tensor, mu: Tensor, weight: Tensor) -> Tensor:
    """Mean log squared error per metric (m), over the entries of weight 1.

    Unlike the mean square error it is not decided by a handful of rows: being twice as good
    counts the same in the bulk and in a corner.
    """
    logs = ((y - mu).square() + _FLOOR).log()
    return torch.where(weight > 0, logs, 0.0).sum(0) / weight.sum(0).clamp(min=1)


def best_weights(y: Tensor, mu: Tensor, variance: Tensor, weight: Tensor, start: Tensor) -> Tensor:
    """Weights k x m of the smallest log error on held-out predictions.

    Tries ``start`` (k x m, such as ``metric_weights``) and every point of a grid on the simplex.

    Args:
        y: n x m; weight: n x m of 0 and 1.
        mu: k x n x m; variance: k x n x m, calibrated.
    """
    k, m = start.shape
    grid = [
        torch.tensor(w) / _STEPS for w in product(range(_STEPS + 1), repeat=k) if sum(w) == _STEPS
    ]
    candidates = [start, *(w.to(mu)[:, None].expand(k, m) for w in grid)]
    errors = torch.stack([log_error(y, fuse(mu, variance, w)[0], weight) for w in candidates])
    best = errors.argmin(0)
    return torch.stack([candidates[int(i)][:, j] for j, i in enumerate(best)], dim=1)
