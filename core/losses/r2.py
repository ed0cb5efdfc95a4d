"""The coefficient of determination over a batch, as a figure and as a loss."""

from __future__ import annotations

import torch
from torch import Tensor


def batch_r2(y_true: Tensor, y_pred: Tensor, weight: Tensor | None = None) -> Tensor:
    """1 - SSE / SST per output.

    Args:
        y_true: ... x n x m.
        y_pred: ... x n x m.
        weight: ... x n x m of 0 and 1: which entries count; None: all.

    Returns:
        ... x m. An output that is constant over the batch has no SST; a tiny floor keeps its
        figure finite and very negative unless it is met exactly.
    """
    weight = torch.ones_like(y_true) if weight is None else weight
    mean = (weight * y_true).sum(-2, keepdim=True) / weight.sum(-2, keepdim=True).clamp(min=1)
    sse = (weight * (y_true - y_pred).square()).sum(-2)
    sst = (weight * (y_true - mean).square()).sum(-2)
    return 1.0 - sse / sst.clamp(min=torch.finfo(sst.dtype).eps)


def r2_loss(
    y_true: Tensor, y_pred: Tensor, alpha: float = 1.0, weight: Tensor | None = None
) -> Tensor:
    """alpha * (1 - mean R2 over the outputs), one value per leading axis."""
    return alpha * (1.0 - batch_r2(y_true, y_pred, weight).mean(-1))
