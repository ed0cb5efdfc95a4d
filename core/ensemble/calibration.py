"""Make a model's sigma mean what it says.

Temperature: the closed form of the Gaussian likelihood's best variance scale (Levi et al. 2022,
"Evaluating and calibrating uncertainty prediction in regression tasks"). Intervals: split
conformal prediction with normalised scores (Papadopoulos et al. 2002; Lei et al. 2018), on
out-of-fold residuals (cross-conformal, Vovk 2015), so that every training row calibrates and
none calibrates a network that saw it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

_ERROR_SIZES = (0.5, 0.9)  # Quantiles: a typical error and a large one.
_EXACT = 1e-6  # Standard deviations; a smaller error counts as that.


def temperature_squared(y: Tensor, mu: Tensor, variance: Tensor, weight: Tensor) -> Tensor:
    """T^2 = mean((y - mu)^2 / sigma^2) per metric, over the entries of weight 1.

    Args:
        y: n x m; mu, variance, weight: the same shape.

    Returns:
        m; 1 where no entry counts.
    """
    score = torch.where(weight > 0, (y - mu).square() / variance, 0.0)
    count = weight.sum(0)
    return torch.where(count > 0, score.sum(0) / count.clamp(min=1), 1.0).clamp(min=1e-12)


def typical_and_large(error: Tensor) -> Tensor:
    """A typical and a large size of errors n x m, 2 x m: what the bulk and the tail are like."""
    sizes = error.new_tensor(_ERROR_SIZES)
    return torch.quantile(error.abs(), sizes, dim=0).clamp(min=_EXACT)


def conformal_half_width(
    y: Tensor, mu: Tensor, sigma: Tensor, weight: Tensor, coverage: float
) -> Tensor:
    """Per metric, the factor q for which mu +- q sigma covers a new row with that probability.

    The ceil((n + 1) * coverage)-th smallest of the scores \\|y - mu\\| / sigma; where n is too
    small for that rank to exist, the largest score.

    Returns:
        m; the Gaussian factor where no entry counts.
    """
    gaussian = math.sqrt(2.0) * torch.erfinv(torch.tensor(coverage)).item()
    factors = []
    for j in range(y.shape[1]):
        counts = weight[:, j] > 0
        scores = ((y - mu).abs() / sigma)[counts, j].sort().values
        n = len(scores)
        rank = min(n, math.ceil((n + 1) * coverage))
        factors.append(float(scores[rank - 1]) if n else gaussian)
    return torch.tensor(factors, dtype=y.dtype)
