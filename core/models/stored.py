"""Rebuild a network from its checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from core.errors import CheckpointError
from core.models.checkpoint import Checkpoint, fill
from core.models.mdn import InverseMDN
from core.models.networks import MLP, AlignHeteroMLP, Architecture, DualHeadMLP


def _mlp(table: dict[str, Any]) -> nn.Module:
    return MLP(_architecture(table))


def _align(table: dict[str, Any]) -> nn.Module:
    low, high = table["logvar_bounds"]
    return AlignHeteroMLP(_architecture(table), (low, high))


def _dual_head(table: dict[str, Any]) -> nn.Module:
    return DualHeadMLP(_architecture(table))


def _mdn(table: dict[str, Any]) -> nn.Module:
    return InverseMDN(**table["arguments"])


BUILDERS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {
    "baseline": _mlp,
    "align": _align,
    "target_only": _align,
    "dual_head": _dual_head,
    "mdn": _mdn,
}


def _architecture(table: dict[str, Any]) -> Architecture:
    shape = dict(table["architecture"])
    return Architecture(**{**shape, "hidden": tuple(shape["hidden"])})


def build(checkpoint: Checkpoint) -> nn.Module:
    """Make the network that a checkpoint describes, with its weights, in eval mode.

    Raises:
        CheckpointError: the description is incomplete, or tensors do not fit it.
    """
    kind = str(checkpoint.metadata.get("kind"))
    try:
        with torch.random.fork_rng():  # Initial weights are drawn and thrown away.
            model = BUILDERS[kind](checkpoint.metadata)
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f'Checkpoint "{checkpoint.path}" does not describe a network '
            f"({type(error).__name__}: {error}): train again."
        ) from error
    fill(model, Checkpoint(checkpoint.path, tensors_of(checkpoint, "model"), checkpoint.metadata))
    return model.eval()


def tensors_of(checkpoint: Checkpoint, prefix: str) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix.``, without it."""
    start = f"{prefix}."
    return {
        name.removeprefix(start): value
        for name, value in checkpoint.tensors.items()
        if name.startswith(start)
    }
