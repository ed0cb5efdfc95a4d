"""Carry a trained backbone into another network, and say what matched."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.errors import CheckpointError


@dataclass(frozen=True)
class CarryOver:
    """What came of carrying weights over.

    Attributes:
        matched: tensors that were copied.
        new: tensors of the receiver that the giver has no counterpart for.
        unused: tensors of the giver that found no place.
    """

    matched: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{len(self.matched)} tensors carried over ({', '.join(self.matched)}); "
            f"new: {', '.join(self.new) or 'none'}; unused: {', '.join(self.unused) or 'none'}"
        )


def carry_over_backbone(
    giver: nn.Module, receiver: nn.Module, repeat: Tensor | None = None
) -> CarryOver:
    """Copy every ``backbone.*`` tensor of a trained network into another one.

    Args:
        giver: a trained network, such as ``MLP``.
        receiver: the network to fill; its other tensors stay as they are.
        repeat: for networks side by side: which of the giver's members each of the receiver's
            starts from; None: one to one.

    Raises:
        CheckpointError: the backbones do not fit each other; the receiver is left untouched.
    """
    given = giver.state_dict()
    if repeat is not None:
        given = {name: value[repeat] for name, value in given.items()}
    wanted = receiver.state_dict()
    backbone = [name for name in wanted if name.startswith("backbone.")]
    for name in backbone:
        if name not in given:
            raise CheckpointError(
                f'The backbone does not fit: tensor "{name}" is missing in what it comes from; '
                "train both with the same number of hidden layers."
            )
        if given[name].shape != wanted[name].shape:
            raise CheckpointError(
                f'The backbone does not fit: tensor "{name}" has shape {tuple(given[name].shape)}, '
                f"expected {tuple(wanted[name].shape)}; train both with the same inputs and widths."
            )
    extra = [name for name in given if name.startswith("backbone.") and name not in wanted]
    if extra:
        raise CheckpointError(
            f'The backbone does not fit: it has {len(extra)} tensors more, such as "{extra[0]}"; '
            "train both with the same number of hidden layers."
        )
    with torch.no_grad():
        for name in backbone:
            wanted[name].copy_(given[name])
    return CarryOver(
        matched=tuple(backbone),
        new=tuple(name for name in wanted if name not in backbone),
        unused=tuple(name for name in given if name not in backbone),
    )
