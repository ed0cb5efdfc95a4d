"""From many judged designs to a few that differ, best first."""

from __future__ import annotations

import torch
from torch import Tensor

from core.inverse.forward import Outcome
from core.inverse.space import DesignSpace

CONSIDERED = 400
LIKENESS = 0.9
LENGTH = 0.08


def distinct(
    index: Tensor, outcome: Outcome, merit: Tensor, barred: Tensor
) -> tuple[Tensor, Outcome, Tensor]:
    """Drop duplicates and barred ones (k x p) of n x p grid indices; at most `CONSIDERED`, best
    merit first."""
    order = torch.argsort(merit, descending=True)
    seen = {tuple(row) for row in barred.tolist()}
    kept: list[int] = []
    for position in order.tolist():
        point = tuple(index[position].tolist())
        if point not in seen:
            seen.add(point)
            kept.append(position)
        if len(kept) == CONSIDERED:
            break
    rows = torch.tensor(kept)
    return index[rows], outcome.rows(rows), merit[rows]


def select_diverse(space: DesignSpace, index: Tensor, merit: Tensor, count: int) -> Tensor:
    """Positions of `count` designs, picked one by one: best merit less likeness to those picked.

    Like designs fail alike, since the model's error is smooth in the sizes. If one has failed,
    another at distance r (root mean square over the unit coordinates) is worth less by the factor
    1 - 0.9 exp(-r^2 / (2 * 0.08^2)); merits are log probabilities, so its logarithm is added.
    """
    unit = space.unit_of(index)
    value, chosen = merit.clone(), []
    for _ in range(min(count, len(index))):
        best = int(value.argmax())
        chosen.append(best)
        square = (unit - unit[best]).square().mean(1)
        value = value + torch.log1p(-LIKENESS * torch.exp(-square / (2.0 * LENGTH**2)))
        value[best] = -torch.inf
    return torch.tensor(chosen, dtype=torch.long)
