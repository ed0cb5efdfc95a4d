"""Squared error that turns linear for outliers: Huber (1964)."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def huber(y: Tensor, mu: Tensor, delta: float) -> Tensor:
    """Entrywise r^2 / 2 up to |r| = delta, then delta * (|r| - delta / 2); delta 0: r^2 / 2."""
    if delta <= 0:
        return 0.5 * (y - mu).square()
    return functional.huber_loss(mu, y, reduction="none", delta=delta)


def weighted_mean(loss: Tensor, weight: Tensor) -> Tensor:
    """Mean over the last two axes of the entries of weight 1; one value per leading axis."""
    # An entry of weight 0 may be NaN (not measured); NaN times 0 would still be NaN.
    total = loss.masked_fill(weight == 0, 0.0).sum((-2, -1))
    return total / weight.sum((-2, -1)).clamp(min=1)
