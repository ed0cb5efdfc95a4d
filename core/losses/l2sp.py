"""L2-SP: Li, Grandvalet and Davoine (2018), "Explicit inductive bias for transfer learning with
convolutional networks"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor


def l2sp_penalty(
    parameters: Iterable[tuple[str, Tensor]],
    anchors: Mapping[str, Tensor],
    weight: float = 1e-4,
    weight_new: float | None = None,
) -> Tensor:
    """weight * ||w - w_pretrained||^2 on what was carried over, plain L2 on what is new.

    Args:
        parameters: names and tensors, as from ``named_parameters()``.
        anchors: the pre-trained tensors by name; parameters not in it are new.
        weight: of the pull towards the anchors.
        weight_new: of the plain L2 on new parameters; None: the same.
    """
    weight_new = weight if weight_new is None else weight_new
    penalty = torch.zeros(())
    for name, value in parameters:
        if name in anchors:
            penalty = penalty + weight * (value - anchors[name]).square().sum()
        else:
            penalty = penalty + weight_new * value.square().sum()
    return penalty
