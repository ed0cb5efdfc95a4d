"""The forward model with its small Jacobian, exact or by secants.

An exact Jacobian costs one batched backward pass. Between two of them Broyden's rank-one update
keeps it current from the outcomes alone (Broyden, "A class of methods for solving nonlinear
simultaneous equations", 1965), at the price of a forward pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.inverse.forward import Forward, Outcome, join
from core.inverse.region import KnownRegion
from core.inverse.space import DesignSpace


@dataclass(frozen=True)
class Linearised:
    """Outcome of n designs with its Jacobian; q quantities, p free coordinates, k balances.

    Attributes:
        outcome: n x q means and sigmas, n validities.
        excess: n x k boundary excess.
        slopes: n x (2 q + 1 + k) x p derivatives of means, log sigmas, log validity and excess.
    """

    outcome: Outcome
    excess: Tensor
    slopes: Tensor

    @property
    def mean_slopes(self) -> Tensor:
        """Derivatives of the means, n x q x p."""
        return self.slopes[:, : self._count]

    @property
    def sigma_slopes(self) -> Tensor:
        """Derivatives of the logs of the sigmas, n x q x p."""
        return self.slopes[:, self._count : 2 * self._count]

    @property
    def validity_slope(self) -> Tensor:
        """Derivatives of the log validity, n x p."""
        return self.slopes[:, 2 * self._count]

    @property
    def excess_slopes(self) -> Tensor:
        """Derivatives of the excess, n x k x p."""
        return self.slopes[:, 2 * self._count + 1 :]

    @property
    def _count(self) -> int:
        return self.outcome.mean.shape[1]

    def moved(self, forward: Forward, space: DesignSpace, region: KnownRegion, unit: Tensor,
              step: Tensor) -> Linearised:  # fmt: skip
        """The linearisation after a step (n x p) to unit coordinates, its Jacobian by secants."""
        with torch.no_grad():
            designs = space.designs(unit)
            outcome, excess = forward(designs), region.excess(designs)
        change = _columns(outcome, excess) - _columns(self.outcome, self.excess)
        missed = change - torch.einsum("nrp,np->nr", self.slopes, step)
        length = step.square().sum(1).clamp_min(1e-12)
        update = missed[:, :, None] * (step / length[:, None])[:, None, :]
        return Linearised(outcome, excess, self.slopes + update)

    def rows(self, index: Tensor) -> Linearised:
        """The linearisation at some of the designs."""
        return Linearised(self.outcome.rows(index), self.excess[index], self.slopes[index])

    def where(self, better: Tensor, other: Linearised) -> Linearised:
        """Rows of this one where `better` (n), rows of the other elsewhere."""

        def pick(here: Tensor, there: Tensor) -> Tensor:
            return torch.where(better.view(-1, *[1] * (here.ndim - 1)), here, there)

        return Linearised(
            Outcome(
                pick(self.outcome.mean, other.outcome.mean),
                pick(self.outcome.sigma, other.outcome.sigma),
                pick(self.outcome.validity, other.outcome.validity),
            ),
            pick(self.excess, other.excess),
            pick(self.slopes, other.slopes),
        )


def join_linearised(parts: Sequence[Linearised]) -> Linearised:
    """One linearisation of several, in order."""
    return Linearised(
        join([part.outcome for part in parts]),
        torch.cat([part.excess for part in parts]),
        torch.cat([part.slopes for part in parts]),
    )


def linearise(
    forward: Forward, space: DesignSpace, region: KnownRegion, unit: Tensor
) -> Linearised:
    """Outcome and exact Jacobian at unit coordinates (n x p)."""
    unit = unit.detach().requires_grad_(True)
    designs = space.designs(unit)
    outcome, excess = forward(designs), region.excess(designs)
    columns = _columns(outcome, excess)
    # One batched backward pass: row k of the basis asks for column k of every design at once.
    basis = torch.eye(columns.shape[1], dtype=columns.dtype)[:, None].expand(-1, len(unit), -1)
    slopes = torch.autograd.grad(columns, unit, basis, is_grads_batched=True)[0].transpose(0, 1)
    detached = Outcome(outcome.mean.detach(), outcome.sigma.detach(), outcome.validity.detach())
    return Linearised(detached, excess.detach(), slopes)


def _columns(outcome: Outcome, excess: Tensor) -> Tensor:
    log_validity = torch.log(outcome.validity.clamp_min(1e-12))
    log_sigma = torch.log(outcome.sigma)
    return torch.cat([outcome.mean, log_sigma, log_validity[:, None], excess], dim=1)
