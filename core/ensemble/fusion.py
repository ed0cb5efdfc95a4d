"""Fuse the members' predictions: precision per sample times reliability per metric.

A Gaussian process among them is the best where its training rows lie close and worthless where
the circuit collapses: it only has a say where it knows about as much as usual.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_STEEPNESS = 4.0
_NO_DOUBT = 1e-12  # keeps the logarithm and its gradient finite


def metric_weights(mse: Tensor) -> Tensor:
    """Weights k x m, proportional to 1 / MSE of each of k members, summing to 1 per metric."""
    inverse = 1.0 / mse.clamp(min=1e-12)
    return inverse / inverse.sum(0, keepdim=True)


def fuse(
    mu: Tensor,
    variance: Tensor,
    weights: Tensor,
    trust: Tensor | None = None,
    heir: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Combine k members, each with calibrated variance.

    Args:
        mu: k x n x m means.
        variance: k x n x m variances T^2 sigma^2.
        weights: k x m weights per metric; 0 leaves a member out.
        trust, heir: n x m, as in ``shares``.

    Returns:
        Mean and variance, n x m; the variance is that of the mixture, so that disagreement counts.
    """
    share = shares(variance, weights, trust, heir)
    mean = (share * mu).sum(0)
    return mean, (share * (variance + (mu - mean).square())).sum(0)


def shares(
    variance: Tensor,
    weights: Tensor,
    trust: Tensor | None = None,
    heir: Tensor | None = None,
) -> Tensor:
    """Weights per sample, k x n x m, proportional to weights / variance and summing to 1.

    Args:
        trust: n x m, 0 to 1: how much of its share the last member keeps. None: all of it.
        heir: n x m, position of the member that takes the rest. None: the first.
    """
    share = weights.unsqueeze(1) / variance
    share = share / share.sum(0, keepdim=True)
    if trust is None:
        return share
    kept = trust * share[-1]
    heir = torch.zeros_like(kept, dtype=torch.long) if heir is None else heir
    rest = (share[-1] - kept).unsqueeze(0)
    return torch.cat([share[:-1], kept.unsqueeze(0)]).scatter_add(0, heir.unsqueeze(0), rest)


def middle_of_three(mu: Tensor, one: int, other: int) -> Tensor:
    """Position (n x m) of who says neither the most nor the least of three of k members.

    Args:
        mu: k x n x m means.
        one, other: positions of two; the last member is the third.
    """
    three = torch.tensor([one, other, len(mu) - 1], device=mu.device)
    return three[mu[three].argsort(dim=0)[1]]


def trust_in_process(doubt: Tensor, reach: Tensor) -> Tensor:
    """How far a Gaussian process may be believed, n x m from 0 to 1.

    Args:
        doubt: n x m, its variance by its telling rows.
        reach: m, the variance at which it loses half its say.
    """
    return torch.sigmoid(-0.5 * _STEEPNESS * (doubt / reach).clamp(min=_NO_DOUBT).log())


@dataclass(frozen=True)
class Fusion:
    """Everything that turns k members into one prediction.

    Attributes:
        weights: k x m, per metric.
        temperature_squared: k x m: what makes each member's variance honest.
        reach: m: the doubt at which a Gaussian process, the last member, loses half its say.
        far: m: as many standard deviations of the first member away from it, a Gaussian process
            loses half its say too; None: it never does.
        unaided: position of a Gaussian process that asks no nodal equations. Where the last one is
            not believed, whoever is in the middle of it, that one and the first stands in; None:
            the first does.
    """

    weights: Tensor
    temperature_squared: Tensor
    reach: Tensor
    far: Tensor | None = None
    unaided: int | None = None

    def combine(
        self, mu: Tensor, variance: Tensor, doubt: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Fuse the members' means and raw variances (k x n x m) to n x m each.

        Args:
            doubt: n x m, of the last member where that is a Gaussian process.
        """
        calibrated = self._calibrated(variance)
        trust = None if doubt is None else trust_in_process(doubt, self.reach)
        if trust is not None and self.far is not None:
            away = (mu[-1] - mu[0]).square() / calibrated[0]
            trust = trust * trust_in_process(away, self.far.square())
        heir = None if self.unaided is None else middle_of_three(mu, 0, self.unaided)
        return fuse(mu, calibrated, self.weights, trust, heir)

    def _calibrated(self, variance: Tensor) -> Tensor:
        return self.temperature_squared.unsqueeze(1) * variance
