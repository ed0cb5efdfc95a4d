"""One prediction from networks side by side."""

from __future__ import annotations

import torch
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


def sigma_ratio(mu: Tensor, logvar: Tensor, fold: Tensor) -> Tensor:
    """Sigma of networks on all rows over that of networks that left a fold out, m.

    The geometric mean over designs that neither have seen.

    Args:
        mu, logvar: s x n x m. fold: s numbers of what each left out; -1: nothing.
    """
    logs = [
        0.5 * combine_members(mu[fold == number], logvar[fold == number])[1].log().mean(0)
        for number in range(-1, int(fold.max()) + 1)
    ]
    return (logs[0] - torch.stack(logs[1:]).mean(0)).exp()
