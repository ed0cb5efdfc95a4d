"""Likelihood losses of heteroscedastic regression.

Nix and Weigend (1994), "Estimating the mean and variance of the target probability
distribution"; beta-NLL after Seitzer et al. (2022), "On the pitfalls of heteroscedastic
uncertainty estimation with probabilistic neural networks".
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Reduction = Literal["mean", "sum", "none"]
LOGVAR_BOUNDS = (-16.0, 4.0)


def bound_logvar(logvar: Tensor, bounds: tuple[float, float] = LOGVAR_BOUNDS) -> Tensor:
    """Keep log-variances where exp() neither overflows nor lets one row decide the loss."""
    return logvar.clamp(*bounds)


def hetero_nll(
    y: Tensor,
    mu: Tensor,
    logvar: Tensor,
    reduction: Reduction = "mean",
    beta: float = 0.0,
    bounds: tuple[float, float] = LOGVAR_BOUNDS,
) -> Tensor:
    """(y - mu)^2 / (2 exp(logvar)) + logvar / 2, each times the constant exp(logvar)^beta.

    Args:
        y: targets, any shape.
        mu: predicted means, same shape.
        logvar: predicted log-variances, same shape; bounded before use.
        reduction: ``mean``, ``sum`` or ``none`` (same shape as y).
        beta: 0 is the plain likelihood; the weight carries no gradient.
        bounds: of the log-variance.
    """
    logvar = bound_logvar(logvar, bounds)
    loss = 0.5 * (y - mu).square() * torch.exp(-logvar) + 0.5 * logvar
    if beta:
        loss = loss * torch.exp(beta * logvar).detach()
    return reduce(loss, reduction)


def reduce(loss: Tensor, reduction: Reduction) -> Tensor:
    """Take the mean or the sum of a loss, or leave it as it is.

    Raises:
        ValueError: unknown reduction.
    """
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise ValueError(f'reduction is "{reduction}": expected mean, sum or none')
