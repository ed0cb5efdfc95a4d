"""Affine adaptation: port a trained network by what changes between processes to first order.

Two processes differ first of all in constants: thresholds, mobilities, oxide and output
resistance shift and scale what a device needs (the inputs) and what the circuit gives (the
outputs). Learning only x' = x A + b and y = net(x') C + c, with the network itself frozen,
takes a fraction of the parameters of a fine-tuning and starts it from far closer. The idea is
that of linear input networks in speech recognition (Neto et al. 1995).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from core.models.networks import MLP, AlignHeteroMLP


class AffineAdapter(nn.Module):
    """Frozen networks side by side between learned affine maps of inputs and outputs."""

    def __init__(self, giver: MLP, origin: Tensor) -> None:
        """Start from the identity around copies of the giver's members ``origin`` (s)."""
        super().__init__()
        shape = replace(giver.architecture, members=len(origin))
        members, f, m = len(origin), shape.inputs, shape.outputs
        self.network = MLP(shape).requires_grad_(False)
        self.network.load_state_dict({k: v[origin] for k, v in giver.state_dict().items()})
        self.input_matrix = nn.Parameter(torch.eye(f).repeat(members, 1, 1))
        self.input_shift = nn.Parameter(torch.zeros(members, 1, f))
        self.output_matrix = nn.Parameter(torch.eye(m).repeat(members, 1, 1))
        self.output_shift = nn.Parameter(torch.zeros(members, 1, m))

    def forward(self, x: Tensor) -> Tensor:
        """Map (s x) n x f features to s x n x m."""
        y: Tensor = self.network(x @ self.input_matrix + self.input_shift)
        return y @ self.output_matrix + self.output_shift

    @torch.no_grad()
    def start_outputs(self, slope: Tensor, offset: Tensor) -> None:
        """Start the output map from a slope and an offset per metric (s x m each)."""
        self.output_matrix.copy_(torch.diag_embed(slope))
        self.output_shift.copy_(offset.unsqueeze(1))

    def penalty(self) -> Tensor:
        """Squared distance of the input map from the identity, one value per network."""
        f = self.input_shift.shape[-1]
        away = self.input_matrix - torch.eye(f, device=self.input_matrix.device)
        return away.square().sum((1, 2)) + self.input_shift.square().sum((1, 2))

    @torch.no_grad()
    def fold_into(self, receiver: AlignHeteroMLP) -> None:
        """Write backbone and mean head of a network that computes the same without the maps.

        The receiver's head works in the units that this adapter's outputs are in.
        """
        receiver.backbone.load_state_dict(self.network.backbone.state_dict())
        first, head = self.network.backbone.first, self.network.head
        weight, bias = first.weight, first.bias.unsqueeze(1)
        receiver.backbone.first.weight.copy_(self.input_matrix @ weight)
        receiver.backbone.first.bias.copy_((self.input_shift @ weight + bias).squeeze(1))
        bias = head.bias.unsqueeze(1) @ self.output_matrix + self.output_shift
        receiver.head.weight.copy_(head.weight @ self.output_matrix)
        receiver.head.bias.copy_(bias.squeeze(1))
