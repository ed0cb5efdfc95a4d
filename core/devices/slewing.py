"""What makes a step response slew: a driver far from its operating point, and how to read it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

THERMAL = 0.075  # V, 2 n kT/q
_INVERSION_STEPS = 8
_SWING = 0.2  # of the step: the slew rate is the steepest secant over this part
_LEVELS = 40
_LEAST_PART, _LEAST_BENT = 0.01, 1e-4  # of a step that a pair sees; of an all but linear pair
_TINY = 1e-30


@dataclass(frozen=True)
class Driver:
    """What transistors deliver to the output, also away from their operating point.

    Their currents follow the interpolation between weak and strong inversion that has each one's
    current and transconductance at the operating point.

    Attributes:
        current: k x n, A, into the output or out of it.
        transconductance: k x n, likewise, S.
        inversion: k x n, u in Id ~ softplus(u)^2.
        factor: k x n, A, of softplus(u)^2.
    """

    current: Tensor
    transconductance: Tensor
    inversion: Tensor
    factor: Tensor

    @classmethod
    def at(cls, current: Tensor, gm: Tensor, way: Tensor) -> Driver:
        """Choose each device's u so that gm / Id = 2 sigmoid(u) / softplus(u) / (2 n kT/q).

        Args:
            current: k x n, A. gm: k x n, S.
            way: k x 1, -1 where a device's current flows into the output, 1 where out of it.
        """
        wanted = (THERMAL * gm / current).clamp(0.02, 1.9)
        u = 2.0 / wanted - 1.0
        for _ in range(_INVERSION_STEPS):
            soft, part = functional.softplus(u), torch.sigmoid(u)
            slope = 2.0 * part * ((1.0 - part) * soft - part) / soft.square()
            u = u - ((2.0 * part / soft - wanted) / slope).clamp(-2.0, 2.0)
        current, gm = current * way, gm * way
        return cls(current, gm, u, current / functional.softplus(u).square())

    def delivers(self, moved: Tensor, gates: Tensor) -> Tensor:
        """Current (n, A) where the nodes have moved (u x n, V); gates: their part in vgs, k x u."""
        charge = functional.softplus(torch.addmm(self.inversion, gates, moved, alpha=1 / THERMAL))
        return (self.factor * charge.square()).sum(0)


def saturation(most: Tensor, height: Tensor, sharpness: Tensor) -> Tensor:
    """Saturation voltage (n) of a pair that sees at most this where its input has stepped.

    The pair sees v / (1 + (v / saturation)^sharpness)^(1 / sharpness) of a voltage v.

    Args:
        most: n, V, of the whole step. height: n, V, of the step. sharpness: n.
    """
    part = (most / height).clamp(_LEAST_PART, 1.0)
    bent = (part.pow(-sharpness) - 1.0).clamp(min=_LEAST_BENT)
    return height * bent.pow(-1.0 / sharpness)


def steepest_secant(trace: Tensor, h: Tensor, height: Tensor) -> Tensor:
    """Steepest secant over a part of a step; rising traces n x k, time steps h and heights (n)."""
    rising = trace.cummax(1).values + 1e-12 * torch.arange(trace.shape[1])
    wanted = height[:, None] * torch.linspace(0.0, 0.95, _LEVELS, dtype=trace.dtype)
    after = torch.searchsorted(rising.detach().contiguous(), wanted.detach()).clamp(
        1, trace.shape[1] - 1
    )
    low, high = rising.gather(1, after - 1), rising.gather(1, after)
    crossing = after - 1 + (wanted - low) / (high - low).clamp(min=_TINY)
    part = round(_SWING / 0.95 * (_LEVELS - 1))
    shortest = (crossing[:, part:] - crossing[:, :-part]).amin(1).clamp(min=1e-3)
    return wanted[:, part] / (shortest * h)
