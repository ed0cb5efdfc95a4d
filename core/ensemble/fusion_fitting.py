"""Fit how members are fused, on predictions of rows that they did not see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import torch
from torch import Tensor

from core.ensemble.calibration import temperature_squared
from core.ensemble.fusion import Fusion, metric_weights

_STEPS = 10  # Metric-level weights are multiples of 1 / _STEPS.
_FLOOR = 1e-8  # Squared errors below it count as exact, in standardised space.
_REACHES = (3.0, 7.0, 15.0)  # Standard deviations over the usual one where a process loses its say.
_FAR = 4.0  # Standard deviations of a network that an estimate's process may well be away.
_WORTH = 0.05  # A member stays if it takes 5 % off the balanced square error.


@dataclass(frozen=True)
class HeldOut:
    """Predictions of B's training rows by models that did not see them; all n x m.

    Attributes:
        doubt: of a Gaussian process: how little it knows there.
        estimated: whether it learns from estimates, which may break down.
        unaided: whether it is of a Gaussian process beside one that learns from estimates.
        sigma_ratio: m, sigma of new designs over that of these rows; None: it does not change.
    """

    mu: Tensor
    variance: Tensor
    doubt: Tensor | None = None
    estimated: bool = False
    unaided: bool = False
    sigma_ratio: Tensor | None = None

    def rows(self, which: Tensor) -> HeldOut:
        """Return the predictions of some rows."""
        doubt = None if self.doubt is None else self.doubt[which]
        return replace(self, mu=self.mu[which], variance=self.variance[which], doubt=doubt)


def balanced_error(y: Tensor, mu: Tensor, weight: Tensor) -> Tensor:
    """Half the mean log squared error, half the log of the mean: bulk and tail, per metric (m).

    The mean square error alone is decided by a handful of rows, the mean log error by none.
    """
    square, count = (y - mu).square() + _FLOOR, weight.sum(0).clamp(min=1)
    bulk = torch.where(weight > 0, square.log(), 0.0).sum(0) / count
    tail = ((weight * square).sum(0) / count).clamp(min=_FLOOR).log()
    return 0.5 * (bulk + tail)


def fit_fusion(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> Fusion:
    """Fit temperatures, metric-level weights and the reach of a process on held-out predictions.

    Tries weights by the members' mean square error and every point of a grid on the simplex, and
    keeps those of the smallest balanced error. A process that learns from estimates must not be far
    from a network: where nodal equations break down they do so by decades, and held-out rows are
    too few to speak of that. Nobody is outvoted meanwhile, for the same reason.

    Args:
        y: n x m; weight: n x m of 0 and 1.
        members: a Gaussian process comes last.
    """
    mu, variance, doubt = stacked(members)
    held = list(members.values())
    first = temperature_squared(y, mu[0], variance[0], weight)
    counts = [
        weight * _trusted(h.doubt, weight) * _near(h, mu[0], first * variance[0]) for h in held
    ]
    squared = torch.stack(
        [
            temperature_squared(y, h.mu, h.variance, part)
            for h, part in zip(held, counts, strict=True)
        ]
    )
    mse = (weight * (y - mu).square()).sum(1) / weight.sum(0).clamp(min=1)
    far = torch.full_like(y[0], _FAR) if any(h.estimated for h in held) else None
    unaided = next((place for place, h in enumerate(held) if h.unaided), None)
    start = Fusion(metric_weights(mse), squared, torch.ones_like(y[0]), far, unaided)
    weights = [start.weights, *(w.to(mu)[:, None].expand_as(squared) for w in _grid(len(mu)))]
    candidates = [
        replace(start, weights=w, reach=reach) for w in weights for reach in _reaches(doubt, weight)
    ]
    errors = torch.stack(
        [
            balanced_error(y, c.combine(mu, variance, doubt, outvoting=False)[0], weight)
            for c in candidates
        ]
    )
    best = [candidates[int(i)] for i in errors.argmin(0)]
    return replace(
        start,
        weights=torch.stack([c.weights[:, j] for j, c in enumerate(best)], dim=1),
        reach=torch.stack([c.reach[j] for j, c in enumerate(best)]),
    )


def _grid(k: int) -> list[Tensor]:
    """Weights of k members on the simplex; the first always counts, for it may have to stand in."""
    points = product(range(_STEPS + 1), repeat=k)
    return [torch.tensor(w) / _STEPS for w in points if sum(w) == _STEPS and w[0]]


def _reaches(doubt: Tensor | None, weight: Tensor) -> list[Tensor]:
    """How much doubt (m) a process may have, beside what is usual over the rows that count."""
    if doubt is None:
        return [torch.ones_like(weight[0])]
    usual = torch.where(weight > 0, doubt, torch.nan).nanmedian(0).values
    return [factor**2 * torch.nan_to_num(usual, nan=1.0) for factor in _REACHES]


def _trusted(doubt: Tensor | None, weight: Tensor) -> Tensor:
    """1 where a member may have a say (n x m): its errors elsewhere are not its own to answer."""
    if doubt is None:
        return torch.ones_like(weight)
    return (doubt <= _reaches(doubt, weight)[-1]).to(weight)


def _near(held: HeldOut, mu: Tensor, variance: Tensor) -> Tensor:
    """1 where a member is not far from what another says (mu, honest variance), n x m."""
    if not held.estimated:
        return torch.ones_like(mu)
    return ((held.mu - mu).square() <= _FAR**2 * variance).to(mu)


def stacked(members: dict[str, HeldOut]) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return means and variances of k members, k x n x m each, and the doubt of a process."""
    held = list(members.values())
    return (
        torch.stack([h.mu for h in held]),
        torch.stack([h.variance for h in held]),
        held[-1].doubt,
    )


def needed_members(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> dict[str, HeldOut]:
    """Drop members, last in line first, that the others do as well without.

    Every member costs time in each prediction. The first always stays.
    """
    kept, error = dict(members), _fused_error(y, members, weight)
    for name in list(members)[:0:-1]:
        fewer = {other: held for other, held in kept.items() if other != name}
        without = _fused_error(y, fewer, weight)
        if without < error + _WORTH:
            kept, error = fewer, without
    return kept


def _fused_error(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> float:
    mu, _ = fit_fusion(y, members, weight).combine(*stacked(members), outvoting=False)
    return float(balanced_error(y, mu, weight).mean())


def cross_fitted_mean(
    y: Tensor, members: dict[str, HeldOut], weight: Tensor, fold: Tensor
) -> Tensor:
    """Mean (n x m) of each fold's rows, fused as the other folds teach.

    Its variance is not for calibration: where a fold would weigh the members otherwise than all
    of them do, it counts a disagreement that the fused model does not have.
    """
    mean = torch.zeros_like(y)
    for number in range(int(fold.max()) + 1):
        here, there = fold == number, fold != number
        others = {name: held.rows(there) for name, held in members.items()}
        fusion = fit_fusion(y[there], others, weight[there])
        mine = {name: held.rows(here) for name, held in members.items()}
        mean[here], _ = fusion.combine(*stacked(mine))
    return mean
