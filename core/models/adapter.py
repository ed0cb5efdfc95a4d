"""Adaptation: port trained networks by what changes between processes to first order.

Two processes differ first of all in constants: thresholds, mobilities and output resistances
shift and scale what a device needs (the inputs), what happens inside, and what the circuit gives
(the outputs). Learning only those shifts and scales, with the networks themselves frozen, takes
a small fraction of the parameters of a fine-tuning and starts it from far closer: an affine map
of the inputs (linear input networks, Neto et al. 1995), one scale and shift per hidden unit
(FiLM: Perez et al. 2018, "FiLM: visual reasoning with a general conditioning layer"), and an
affine map of the outputs. All of it folds into plain weights afterwards.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from core.models.layers import MemberLinear
from core.models.networks import MLP, AlignHeteroMLP


class Adapter(nn.Module):
    """Frozen networks side by side, with learned scales and shifts at every level."""

    def __init__(self, giver: MLP, origin: Tensor) -> None:
        """Start from the identity around copies of the giver's members ``origin`` (s)."""
        super().__init__()
        shape = replace(giver.architecture, members=len(origin))
        members, f, m = len(origin), shape.inputs, shape.outputs
        self.network = MLP(shape).requires_grad_(False)
        self.network.load_state_dict({k: v[origin] for k, v in giver.state_dict().items()})
        self.input_matrix = nn.Parameter(torch.eye(f).repeat(members, 1, 1))
        self.input_shift = nn.Parameter(torch.zeros(members, 1, f))
        self.scales = nn.ParameterList(torch.zeros(members, 1, h) for h in shape.hidden)
        self.shifts = nn.ParameterList(torch.zeros(members, 1, h) for h in shape.hidden)
        self.output_matrix = nn.Parameter(torch.eye(m).repeat(members, 1, 1))
        self.output_shift = nn.Parameter(torch.zeros(members, 1, m))

    def forward(self, x: Tensor) -> Tensor:
        """Map (s x) n x f features to s x n x m."""
        backbone = self.network.backbone
        x = x @ self.input_matrix + self.input_shift
        for layer, scale, shift in zip(backbone.layers, self.scales, self.shifts, strict=True):
            x = backbone.activation(layer(x) * (1.0 + scale) + shift)
        y: Tensor = self.network.head(x)
        return y @ self.output_matrix + self.output_shift

    @torch.no_grad()
    def start_outputs(self, slope: Tensor, offset: Tensor) -> None:
        """Start the output map from a slope and an offset per metric (s x m each)."""
        self.output_matrix.copy_(torch.diag_embed(slope))
        self.output_shift.copy_(offset.unsqueeze(1))

    def penalty(self) -> Tensor:
        """Squared distance of all maps but the output's from the identity, per network."""
        f = self.input_shift.shape[-1]
        away = self.input_matrix - torch.eye(f, device=self.input_matrix.device)
        parts = [away, self.input_shift, *self.scales, *self.shifts]
        return torch.stack([part.square().sum((1, 2)) for part in parts]).sum(0)

    @torch.no_grad()
    def fold_into(self, receiver: AlignHeteroMLP) -> None:
        """Write backbone and mean head of a network that computes the same without the maps.

        The receiver's head works in the units that this adapter's outputs are in.
        """
        mine, theirs = self.network.backbone, receiver.backbone
        theirs.load_state_dict(mine.state_dict())
        weight, bias = mine.first.weight, mine.first.bias.unsqueeze(1)
        theirs.first.weight.copy_(self.input_matrix @ weight)
        theirs.first.bias.copy_((self.input_shift @ weight + bias).squeeze(1))
        for layer, scale, shift in zip(theirs.layers, self.scales, self.shifts, strict=True):
            assert isinstance(layer, MemberLinear)
            layer.weight.mul_(1.0 + scale)
            layer.bias.mul_(1.0 + scale.squeeze(1)).add_(shift.squeeze(1))
        head = self.network.head
        bias = head.bias.unsqueeze(1) @ self.output_matrix + self.output_shift
        receiver.head.weight.copy_(head.weight @ self.output_matrix)
        receiver.head.bias.copy_(bias.squeeze(1))
