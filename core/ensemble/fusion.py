"""Fuse the members' predictions: precision per sample times reliability per metric."""

from __future__ import annotations

from torch import Tensor


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
