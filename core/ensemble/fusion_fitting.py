"""Fit how members are fused, on predictions of rows that they did not see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from core.ensemble.calibration import temperature_squared
from core.ensemble.fusion import Fusion, metric_weights
from core.ensemble.members import PROCESS

_STEPS = 10  # Metric-level weights are multiples of 1 / _STEPS.
_FLOOR = 1e-8  # Squared errors below it count as exact, in standardised space.
_WORTH = 0.02  # A member stays if it takes 2 % off the balanced square error.


@dataclass(frozen=True)
class HeldOut:
    """Predictions of B's training rows by models that did not see them; all n x m."""

    mu: Tensor
    variance: Tensor

    def rows(self, which: Tensor) -> HeldOut:
        """Return the predictions of some rows."""
        return HeldOut(self.mu[which], self.variance[which])


def balanced_error(y: Tensor, mu: Tensor, weight: Tensor) -> Tensor:
    """Half the mean log squared error, half the log of the mean: bulk and tail, per metric (m).

    The mean square error alone is decided by a handful of rows, the mean log error by none.
    """
    square, count = (y - mu).square() + _FLOOR, weight.sum(0).clamp(min=1)
    bulk = torch.where(weight > 0, square.log(), 0.0).sum(0) / count
    tail = ((weight * square).sum(0) / count).clamp(min=_FLOOR).log()
    return 0.5 * (bulk + tail)


def fit_fusion(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> Fusion:
    """Fit temperatures and metric-level weights on held-out predictions.

    Tries weights by the members' mean square error and every point of a grid on the simplex, and
    keeps those of the smallest balanced error.

    Args:
        y: n x m; weight: n x m of 0 and 1.
        members: a Gaussian process comes last.
    """
    mu, variance = stacked(members)
    squared = torch.stack(
        [temperature_squared(y, *pair, weight) for pair in zip(mu, variance, strict=True)]
    )
    mse = (weight * (y - mu).square()).sum(1) / weight.sum(0).clamp(min=1)
    fusion = Fusion(
        metric_weights(mse), squared, _usual(variance[0], weight), list(members)[-1] == PROCESS
    )
    candidates = [fusion.weights, *(w.to(mu)[:, None].expand_as(squared) for w in _grid(len(mu)))]
    errors = torch.stack(
        [
            balanced_error(y, replace(fusion, weights=w).combine(mu, variance)[0], weight)
            for w in candidates
        ]
    )
    best = [candidates[int(i)][:, j] for j, i in enumerate(errors.argmin(0))]
    return replace(fusion, weights=torch.stack(best, dim=1))


def _grid(k: int) -> list[Tensor]:
    """Weights of k members on the simplex; the first always counts, for it may have to stand in."""
    points = product(range(_STEPS + 1), repeat=k)
    return [torch.tensor(w) / _STEPS for w in points if sum(w) == _STEPS and w[0]]


def _usual(variance: Tensor, weight: Tensor) -> Tensor:
    """Median per metric (m) over the rows that count; 1 where none does."""
    median = torch.where(weight > 0, variance, torch.nan).nanmedian(0).values
    return torch.nan_to_num(median, nan=1.0)


def stacked(members: dict[str, HeldOut]) -> tuple[Tensor, Tensor]:
    """Return means and variances of k members, k x n x m each."""
    held = members.values()
    return torch.stack([h.mu for h in held]), torch.stack([h.variance for h in held])


def needed_members(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> dict[str, HeldOut]:
    """Drop members, last in line first, that the others do as well without.

    Every member costs time in each prediction. The first always stays.
    """
    kept = dict(members)
    for name in reversed(list(members)[1:]):
        fewer = {other: held for other, held in kept.items() if other != name}
        if _fused_error(y, fewer, weight) < _fused_error(y, kept, weight) + _WORTH:
            kept = fewer
    return kept


def _fused_error(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> float:
    mu, _ = fit_fusion(y, members, weight).combine(*stacked(members))
    return float(balanced_error(y, mu, weight).mean())


def cross_fitted_fusion(
    y: Tensor, members: dict[str, HeldOut], weight: Tensor, fold: Tensor
) -> HeldOut:
    """Fuse each fold's rows as the other folds teach."""
    mu, variance = torch.zeros_like(y), torch.ones_like(y)
    for number in range(int(fold.max()) + 1):
        here, there = fold == number, fold != number
        others = {name: held.rows(there) for name, held in members.items()}
        fusion = fit_fusion(y[there], others, weight[there])
        mine = {name: held.rows(here) for name, held in members.items()}
        mu[here], variance[here] = fusion.combine(*stacked(mine))
    return HeldOut(mu, variance)
