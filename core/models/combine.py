"""One prediction from networks side by side."""

from __future__ import annotations

from torch import Tensor


def combine_members(mu: Tensor, logvar: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Median and variance over the members.

    The median shrugs off a member that extrapolates badly. The variance is that of the mixture:
    what the members say of themselves plus their disagreement (Lakshminarayanan et al. 2017).

    Args:
        mu: s x n x m.
        logvar: s x n x m; None: members that only give a mean.

    Returns:
        mu and variance, n x m.
    """
    middle = mu.quantile(0.5, dim=0) if len(mu) > 2 else mu.mean(0)
    spread = (mu - mu.mean(0)).square().mean(0)
    return middle, spread if logvar is None else spread + logvar.exp().mean(0)
