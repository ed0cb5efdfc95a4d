"""Layers that hold one network, or several side by side.

With ``members=s`` every weight carries a leading axis of that length and one batched matrix
product serves all s networks: on one core that trains and predicts several times faster than
a loop over them. With ``members=None`` the layer is an ordinary one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

_NARROW = 16  # With fewer outputs the product is three times faster on column-major weights.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": functional.silu,
    "relu": functional.relu,
    "gelu": functional.gelu,
    "tanh": torch.tanh,
}


class MemberLinear(nn.Module):
    """x W + b, with W (s x) i x o and b (s x) o.

    Weights start uniform within 1 / sqrt(i), as in ``torch.nn.Linear``.
    """

    def __init__(self, inputs: int, outputs: int, members: int | None = None) -> None:
        super().__init__()
        lead = () if members is None else (members,)
        bound = 1.0 / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.empty(*lead, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(*lead, outputs).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        """Map n x i (shared by the members) or s x n x i to (s x) n x o."""
        if self.weight.dim() == 2:
            return x @ self.weight + self.bias
        x = x.expand(len(self.weight), *x.shape[-2:])
        weight: Tensor = self.weight
        if x.requires_grad and not self.training:
            # One by one: a Jacobian's batched backward pass would copy all weights for each row.
            each = zip(self.bias, x, weight, strict=True)
            return torch.stack([torch.addmm(*member) for member in each])
        if weight.shape[2] < _NARROW:
            weight = weight.mT.contiguous().mT
        return torch.baddbmm(self.bias.unsqueeze(1), x, weight)


class Backbone(nn.Module):
    """Fully connected hidden layers: (s x) n x d to (s x) n x h features."""

    def __init__(
        self,
        inputs: int,
        hidden: tuple[int, ...],
        activation: str = "silu",
        dropout: float = 0.0,
        members: int | None = None,
    ) -> None:
        super().__init__()
        widths = (inputs, *hidden)
        self.layers = nn.ModuleList(MemberLinear(i, o, members) for i, o in pairwise(widths))
        self.activation = ACTIVATIONS[activation]
        self.dropout = nn.Dropout(dropout)

    @property
    def first(self) -> MemberLinear:
        """The first layer."""
        layer = self.layers[0]
        assert isinstance(layer, MemberLinear)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations of the last hidden layer."""
        for layer in self.layers:
            x = self.dropout(self.activation(layer(x)))
        return x
