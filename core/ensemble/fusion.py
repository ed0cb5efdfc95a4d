"""Fuse the members' predictions: precision per sample times reliability per metric.

A Gaussian process among them is the best where its training rows lie close and worthless where
the circuit collapses: it only has a say where it knows about as much as usual. Who is far from the
middle of three loses its say too, as in robust estimation (P. J. Huber, "Robust Statistics", 1981;
the weights are those of Cauchy's distribution).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_STEEPNESS = 4.0
_NO_DOUBT = 1e-12  # keeps the logarithm and its gradient finite
UNHEARD = 1e6  # doubt of a process that shall have no say
_OUTVOTED = 3.0  # Standard deviations away from the middle of three at which half a say is lost.


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
    kept: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Combine k members, each with calibrated variance.

    Args:
        mu: k x n x m means.
        variance: k x n x m variances T^2 sigma^2.
        weights: k x m weights per metric; 0 leaves a member out.
        trust, heir: n x m, as in ``shares``.
        kept: k x n x m, what each keeps of its share before these are scaled to 1 again. None: all.

    Returns:
        Mean and variance, n x m; the variance is that of the mixture, so that disagreement counts.
    """
    share = shares(variance, weights, trust, heir)
    if kept is not None:
        share = share * kept
        share = share / share.sum(0, keepdim=True)
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


def conformity(mu: Tensor, variance: Tensor, middle: Tensor) -> Tensor:
    """What members keep of their say, by how near they are to the middle: k x n x m, 0 to 1.

    Args:
        mu, variance: k x n x m; variances are honest, and a distance is measured by both ends'.
        middle: n x m, the position of the member in the middle.
    """
    there = middle.unsqueeze(0)
    away = (mu - mu.gather(0, there)).square() / (variance + variance.gather(0, there))
    return 1.0 / (1.0 + away / _OUTVOTED**2)


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


def within_range(mean: Tensor, mu: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """A fused mean (n x m) within the range of what was measured, low to high (m each).

    One member alone does not leave it; where all of several do (mu, k x n x m) the range is too
    narrow, as that of few rows is, and gives way as far as the least of them goes.
    """
    if len(mu) == 1:
        return mean.clamp(low, high)
    return mean.clamp(torch.minimum(low, mu.amax(0)), torch.maximum(high, mu.amin(0)))


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
            not believed, whoever is in the middle of it, that one and the first stands in, and who
            is far from that one loses its say. None, or where the last one shall not be heard: the
            first stands in, and nobody loses it.
    """

    weights: Tensor
    temperature_squared: Tensor
    reach: Tensor
    far: Tensor | None = None
    unaided: int | None = None

    def combine(
        self,
        mu: Tensor,
        variance: Tensor,
        doubt: Tensor | None = None,
        outvoting: bool = True,
    ) -> tuple[Tensor, Tensor]:
        """Fuse the members' means and raw variances (k x n x m) to n x m each.

        Args:
            doubt: n x m, of the last member where that is a Gaussian process.
            outvoting: whether who is far from the middle of three loses its say.
        """
        calibrated = self._calibrated(variance)
        trust = None if doubt is None else trust_in_process(doubt, self.reach)
        if trust is not None and self.far is not None:
            away = (mu[-1] - mu[0]).square() / calibrated[0]
            trust = trust * trust_in_process(away, self.far.square())
        if self.unaided is None:
            return fuse(mu, calibrated, self.weights, trust)
        middle = middle_of_three(mu, 0, self.unaided)
        kept = conformity(mu, calibrated, middle) if outvoting else None
        if doubt is not None:  # Of two there is no middle.
            unheard = doubt >= UNHEARD
            middle = middle.masked_fill(unheard, 0)
            kept = None if kept is None else kept.masked_fill(unheard, 1.0)
        return fuse(mu, calibrated, self.weights, trust, middle, kept)

    def _calibrated(self, variance: Tensor) -> Tensor:
        return self.temperature_squared.unsqueeze(1) * variance
