"""Which rows each of the networks trained side by side may see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.model_selection import KFold
from torch import Tensor

_STOPPING_SHARE = 0.1


@dataclass(frozen=True)
class MemberRows:
    """The rows of s networks; positions in the training table.

    Attributes:
        train: s x n_t: what each network fits; shorter lists are padded by repeating rows.
        held: s x n_h: what each network never sees; empty (n_h = 0) where none are held out.
        origin: s: which of the pre-trained networks each starts from.
        fold: s: the fold that is left out; -1 for networks that fit every row.
    """

    train: Tensor
    held: Tensor
    origin: Tensor
    fold: Tensor

    @property
    def members(self) -> int:
        """How many networks (s)."""
        return len(self.fold)


def fold_of_rows(n: int, folds: int, seed: int) -> Tensor:
    """Assign each of n rows to one of the folds, at random and evenly."""
    fold = np.empty(n, dtype=np.int64)
    splitter = KFold(min(folds, n), shuffle=True, random_state=seed)
    for number, (_, left_out) in enumerate(splitter.split(np.zeros(n))):
        fold[left_out] = number
    return torch.from_numpy(fold)


def cross_fitted_rows(fold: Tensor, members: int) -> MemberRows:
    """Lay out ``members`` networks on all rows, then as many for each fold left out.

    As many, because the disagreement between the members is part of the variance that is
    calibrated on the folds.

    Networks on all rows hold nothing out: their ``held`` rows are those of fold 0 and mean
    nothing for them.
    """
    everything = torch.arange(len(fold))
    train = [everything] * members
    held = [everything[fold == 0]] * members
    numbers = [-1] * members
    origin = list(range(members))
    for number in range(int(fold.max()) + 1):
        train += [everything[fold != number]] * members
        held += [everything[fold == number]] * members
        numbers += [number] * members
        origin += list(range(members))
    return MemberRows(pad(train), pad(held), torch.tensor(origin), torch.tensor(numbers))


def held_out_rows(n: int, members: int, share: float, seed: int) -> MemberRows:
    """Hold the same random share of n rows out of every network."""
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n))
    count = max(1, round(share * n))
    ordinal = torch.arange(members)
    return MemberRows(
        train=order[count:].repeat(members, 1),
        held=order[:count].repeat(members, 1),
        origin=ordinal,
        fold=torch.zeros(members, dtype=torch.int64),
    )


def fitted_rows(rows: MemberRows, patience: int, seed: int) -> MemberRows:
    """The rows as they are, or, where networks stop early, with a share held out to stop on.

    With patience a random share of each network's training rows becomes its held rows. Those held
    out so far are dropped: what calibrates must not stop as well.
    """
    if not patience:
        return rows
    generator = np.random.default_rng(seed)
    train, held = [], []
    for member in range(rows.members):
        mine = torch.unique(rows.train[member])
        order = torch.from_numpy(generator.permutation(len(mine)))
        count = max(1, round(_STOPPING_SHARE * len(mine)))
        held.append(mine[order[:count]])
        train.append(mine[order[count:]])
    return MemberRows(pad(train), pad(held), rows.origin, rows.fold)


def pad(rows: list[Tensor]) -> Tensor:
    """Stack lists of rows of nearly equal length, repeating the first rows of shorter ones."""
    longest = max(len(row) for row in rows)
    return torch.stack([row[torch.arange(longest) % len(row)] for row in rows])
