"""A normal distribution with heavy tails, for judging requirements that the model may get wrong."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# Shares and widths of the mixture that stands for what the calibrated sigma does not tell.
TAILS = ((0.97, 1.0), (0.025, 5.0), (0.005, 30.0))
_TINY = 1e-250


def log_heavy(t: Tensor) -> Tensor:
    """log of a heavy-tailed cumulative distribution of standardised margins, any shape.

    A Gaussian tail makes a requirement that the model believes to be missed by ten sigmas decide
    alone, although the model may simply be wrong there. In the mixture of Gaussians of widths 1,
    5 and 30, such a requirement costs a few units and the search serves the others.
    """
    mixture = torch.zeros_like(t)
    for share, width in TAILS:
        mixture = mixture + share * torch.special.ndtr(t / width)
    held, far = torch.log(mixture.clamp_min(_TINY)), mixture < _TINY
    if not bool(far.any()):
        return held
    # Far out, where the sum underflows, only the widest of them is left.
    share, width = TAILS[-1]
    tail = torch.special.log_ndtr((t / width).clamp_min(-1e9))
    return torch.where(far, math.log(share) + tail, held)


def log_heavy_density(t: Tensor) -> Tensor:
    """log of the density that belongs to ``log_heavy``."""
    parts = [
        math.log(share / (width * math.sqrt(2.0 * math.pi))) - 0.5 * (t / width).square()
        for share, width in TAILS
    ]
    return torch.logsumexp(torch.stack(parts), dim=0)
