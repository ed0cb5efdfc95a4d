"""From many judged designs to a few that differ, best first."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from core.inverse.forward import Outcome
from core.inverse.space import DesignSpace

CONSIDERED = 400
LIKENESS = 0.9
LENGTH = 0.08
KNOWN_SHARE = 1.0 / 3.0
PREFERENCE = math.log(2.0)  # A new design is preferred to one more known one at half its odds.


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
    rows = torch.tensor(kept, dtype=torch.long)
    return index[rows], outcome.rows(rows), merit[rows]


def among(index: Tensor, others: Tensor) -> Tensor:
    """Which of n x p grid indices are among others (k x p), n booleans."""
    known = {tuple(row) for row in others.tolist()}
    return torch.tensor([tuple(row) in known for row in index.tolist()], dtype=torch.bool)


def select_diverse(
    space: DesignSpace, index: Tensor, merit: Tensor, known: Tensor, count: int
) -> Tensor:
    """Positions of `count` designs, picked one by one: best merit less likeness to those picked.

    Like designs fail alike, since the model's error is smooth in the sizes. If one has failed,
    another at distance r (root mean square over the unit coordinates) is worth less by the factor
    1 - 0.9 exp(-r^2 / (2 * 0.08^2)); merits are log probabilities, so its logarithm is added.
    Known designs (n booleans), simulated before, are certain, but the designer has them already:
    once they are a third of the choice, new ones at half the odds come first.
    """
    unit = space.unit_of(index)
    value, chosen, room = merit.clone(), [], math.ceil(KNOWN_SHARE * count)
    for _ in range(min(count, len(index))):
        best = int(value.argmax())
        chosen.append(best)
        square = (unit - unit[best]).square().mean(1)
        value = value + torch.log1p(-LIKENESS * torch.exp(-square / (2.0 * LENGTH**2)))
        value[best] = -torch.inf
        room -= int(known[best])
        if known[best] and room == 0:
            value = value - PREFERENCE * known
    return torch.tensor(chosen, dtype=torch.long)
