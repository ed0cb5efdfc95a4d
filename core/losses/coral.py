"""Deep CORAL: Sun and Saenko (2016), "Deep CORAL: correlation alignment for deep domain
adaptation", equation 1."""

from __future__ import annotations

from torch import Tensor


def covariance(features: Tensor, unbiased: bool = True) -> Tensor:
    """Covariance over the rows: ... x n x h to ... x h x h; divides by n - 1, or by n."""
    n = features.shape[-2]
    centred = features - features.mean(-2, keepdim=True)
    return centred.mT @ centred / (n - 1 if unbiased else n)


def coral_loss(source: Tensor, target: Tensor, unbiased: bool = True) -> Tensor:
    """||C_S - C_T||_F^2 / (4 h^2).

    Args:
        source: ... x n_s x h features of an A batch, at least two rows.
        target: ... x n_t x h features of a B batch, at least two rows.
        unbiased: divide covariances by n - 1.

    Returns:
        One value per leading axis.
    """
    h = source.shape[-1]
    difference = covariance(source, unbiased) - covariance(target, unbiased)
    return difference.square().sum((-2, -1)) / (4.0 * h * h)
