"""Fuse the members' predictions: precision per sample times reliability per metric.

A Gaussian process among them is the best where its training rows lie close and worthless where
the circuit collapses: it only has a say where the networks are about as sure as usual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_REACH = 10.0  # The networks' sigma, over its usual value, at which the process loses half its say.
_STEEPNESS = 4.0


def metric_weights(mse: Tensor) -> Tensor:
    """Weights k x m, proportional to 1 / MSE of each of k members, summing to 1 per metric."""
    inverse = 1.0 / mse.clamp(min=1e-12)
    return inverse / inverse.sum(0, keepdim=True)


def fuse(
    mu: Tensor, variance: Tensor, weights: Tensor, trust: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Combine k members, each with calibrated variance.

    Args:
        mu: k x n x m means.
        variance: k x n x m variances T^2 sigma^2.
        weights: k x m weights per metric; 0 leaves a member out.
        trust: n x m, as in ``shares``.

    Returns:
        Mean and variance, n x m; the variance is that of the mixture, so that disagreement counts.
    """
    share = shares(variance, weights, trust)
    mean = (share * mu).sum(0)
    return mean, (share * (variance + (mu - mean).square())).sum(0)


def shares(variance: Tensor, weights: Tensor, trust: Tensor | None = None) -> Tensor:
    """Weights per sample, k x n x m, proportional to weights / variance and summing to 1.

    Args:
        trust: n x m, 0 to 1: how much of its share the last member keeps; the first takes the
            rest. None: all of it.
    """
    share = weights.unsqueeze(1) / variance
    share = share / share.sum(0, keepdim=True)
    if trust is None:
        return share
    kept = trust * share[-1]
    return torch.cat([share[:1] + (share[-1] - kept), share[1:-1], kept.unsqueeze(0)])


def trust_in_process(variance: Tensor, usual_variance: Tensor) -> Tensor:
    """How far a Gaussian process may be believed, n x m from 0 to 1.

    Args:
        variance: n x m, of the networks. usual_variance: m, their median.
    """
    ratio = 0.5 * (variance / usual_variance).log()
    return torch.sigmoid(_STEEPNESS * (math.log(_REACH) - ratio))


@dataclass(frozen=True)
class Fusion:
    """Everything that turns k members into one prediction.

    Attributes:
        weights: k x m, per metric.
        temperature_squared: k x m: what makes each member's variance honest.
        usual_variance: m: median variance of the networks where they were held out.
        has_process: whether the last member is a Gaussian process.
    """

    weights: Tensor
    temperature_squared: Tensor
    usual_variance: Tensor
    has_process: bool

    def combine(self, mu: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """Fuse the members' means and raw variances (k x n x m) to n x m each."""
        return fuse(mu, self._calibrated(variance), self.weights, self._trust(variance))

    def process_share(self, variance: Tensor) -> Tensor:
        """Mean share per metric (m) of the Gaussian process, given raw variances k x n x m."""
        if not self.has_process:
            return torch.zeros_like(self.usual_variance)
        calibrated = self._calibrated(variance)
        return shares(calibrated, self.weights, self._trust(variance))[-1].mean(0)

    def _calibrated(self, variance: Tensor) -> Tensor:
        return self.temperature_squared.unsqueeze(1) * variance

    def _trust(self, variance: Tensor) -> Tensor | None:
        return trust_in_process(variance[0], self.usual_variance) if self.has_process else None
