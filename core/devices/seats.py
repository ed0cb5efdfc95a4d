"""Who sits where when one batched network serves the transistors of all polarities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Seats:
    """Transistors by polarity: rows of equal length, the shorter ones filled up by repeating.

    Attributes:
        order: p x s, who sits where.
        place: k, in which seat each one sits first, counting row after row.
    """

    order: Tensor
    place: Tensor

    @classmethod
    def of(cls, kinds: Tensor, count: int) -> Seats:
        """Seat k transistors whose kinds (k) are 0, 1, ... by kind, a row for each of so many."""
        groups = [torch.nonzero(kinds == kind)[:, 0] for kind in range(count)]
        longest = max(len(group) for group in groups)
        order = torch.zeros(count, longest, dtype=torch.long)
        place = torch.zeros(len(kinds), dtype=torch.long)
        for row, group in enumerate(groups):
            order[row, : len(group)] = group
            place[group] = row * longest + torch.arange(len(group))
        return cls(order, place)

    def rows(self, values: Tensor) -> Tensor:
        """Values n x k x c as p x (n s) x c."""
        return values[:, self.order].transpose(0, 1).flatten(1, 2)

    def repeated(self, values: Tensor) -> Tensor:
        """Values n x p x c of each kind as p x (n s) x c."""
        return values.transpose(0, 1).repeat_interleave(self.order.shape[1], dim=1)

    def back(self, values: Tensor) -> Tensor:
        """Values p x (n s) x c as n x k x c."""
        found = values.unflatten(1, (-1, self.order.shape[1])).transpose(0, 1).flatten(1, 2)
        return found[:, self.place]


@dataclass(frozen=True)
class Pairs:
    """Equal transistors, two by two.

    Attributes:
        seats: of the pairs, by polarity.
        first: position of each pair's first transistor.
        second: of its second.
        mean: k x k, takes a value of each transistor to the mean of its pair.
        apart: k x pairs, takes a difference to plus and minus its half.
    """

    seats: Seats
    first: Tensor
    second: Tensor
    mean: Tensor
    apart: Tensor

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]], kinds: Tensor, count: int) -> Pairs:
        """Of positions of equal transistors, two by two, among k with their kinds."""
        k = len(kinds)
        mean, apart = torch.eye(k, dtype=torch.float64), torch.zeros(k, len(pairs)).double()
        for column, (first, second) in enumerate(pairs):
            mean[[[first], [second]], [first, second]] = 0.5
            apart[first, column], apart[second, column] = 0.5, -0.5
        both = torch.tensor(pairs)
        return cls(Seats.of(kinds[both[:, 0]], count), both[:, 0], both[:, 1], mean, apart)
