"""Learning rate over time."""

from __future__ import annotations

import math

_WARM_UP = 0.1  # Share of the steps that one_cycle rises for.
_START = 0.05  # Where it rises from, relative to the peak.
_END = 1e-3  # Where it ends, relative to the peak.
PLATEAU_FACTOR = 0.5
PLATEAU_PATIENCE = 5


def learning_rate_factor(schedule: str, progress: float) -> float:
    """Return the learning rate relative to its peak.

    Args:
        schedule: ``one_cycle`` (Smith and Topin 2019: a linear rise, then half a cosine),
            ``cosine`` (Loshchilov and Hutter 2017), ``constant`` or ``plateau`` (constant here;
            the loop halves it when the watched loss stalls).
        progress: share of the steps done, 0 to 1.
    """
    if schedule == "one_cycle":
        if progress < _WARM_UP:
            return _START + (1.0 - _START) * progress / _WARM_UP
        return _cosine((progress - _WARM_UP) / (1.0 - _WARM_UP))
    return _cosine(progress) if schedule == "cosine" else 1.0


def _cosine(progress: float) -> float:
    return _END + (1.0 - _END) * 0.5 * (1.0 + math.cos(math.pi * progress))
