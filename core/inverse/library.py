"""A library of designs with their predicted outcome, made once for a forward model.

Screening starts, estimating how hard a specification is and finding what is reachable all need
the outcome of many designs, whatever the specification; so it is computed before the first one.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.stats import qmc
from torch import Tensor

from core.inverse.forward import Forward, Outcome, join
from core.inverse.region import KnownRegion
from core.inverse.space import DesignSpace

CHUNK = 2048


@dataclass(frozen=True)
class Library:
    """Designs on the grid (n x p indices, n x d physical) and their outcome.

    `known` is how many of the rows, at the front, are designs that were simulated before.
    """

    index: Tensor
    designs: Tensor
    outcome: Outcome
    known: int


def sobol_indices(space: DesignSpace, region: KnownRegion, n: int, seed: int) -> Tensor:
    """Up to n distinct grid designs (n x p indices) inside the region, space-filling."""
    # Half as many again as the region is likely to keep; a thin region simply gives fewer.
    drawn = qmc.Sobol(space.dimension, seed=seed).random_base2(max(n - 1, 1).bit_length() + 1)
    index = space.snap_sobol(torch.tensor(drawn))
    index = torch.unique(index[region.holds(space.designs(space.unit_of(index)))], dim=0)
    order = torch.randperm(len(index), generator=torch.Generator().manual_seed(seed))
    return index[order[:n]]


def build_library(
    forward: Forward,
    space: DesignSpace,
    region: KnownRegion,
    known: Tensor,
    measured: Outcome,
    n: int,
    seed: int,
) -> Library:
    """Known designs (k x d, physical) moved into the space, and n Sobol designs, with outcome.

    Known designs that lie in the space as they are keep their measured outcome.
    """
    front = space.snap(space.unit(known))
    index = torch.cat([front, sobol_indices(space, region, n, seed)])
    designs = space.designs(space.unit_of(index))
    outcome = evaluate(forward, designs)
    same = torch.isclose(designs[: len(known)], known, rtol=1e-6, atol=0).all(1)
    told = same[:, None] & measured.mean.isfinite()
    k = len(known)
    outcome.mean[:k] = torch.where(told, measured.mean, outcome.mean[:k])
    outcome.sigma[:k] = torch.where(told, measured.sigma, outcome.sigma[:k])
    outcome.validity[:k] = torch.where(same, measured.validity, outcome.validity[:k])
    return Library(index, designs, outcome, k)


def evaluate(forward: Forward, designs: Tensor) -> Outcome:
    """Outcome of many designs (n x d, physical) without gradients, in chunks."""
    with torch.no_grad():
        return join([forward(chunk) for chunk in designs.split(CHUNK)])
