"""The adapter starts as the identity and folds into a network without a trace."""

from __future__ import annotations

from dataclasses import replace

import torch

from core.models import MLP, AlignHeteroMLP, Architecture
from core.models.adapter import Adapter

SHAPE = Architecture(inputs=4, outputs=3, hidden=(8, 8), activation="silu", dropout=0.0, members=2)
ORIGIN = torch.tensor([0, 1, 1])


def test_an_adapter_starts_as_the_networks_that_it_wraps():
    giver = MLP(SHAPE)
    x = torch.randn(5, 4)
    torch.testing.assert_close(Adapter(giver, ORIGIN)(x), giver(x)[ORIGIN])


def test_only_the_scales_and_shifts_are_free():
    adapter = Adapter(MLP(SHAPE), ORIGIN)
    free = {name for name, value in adapter.named_parameters() if value.requires_grad}
    layers = {f"{part}.{i}" for part in ("scales", "shifts") for i in range(2)}
    assert free == {"input_matrix", "input_shift", "output_matrix", "output_shift"} | layers


def test_the_start_of_the_outputs_is_slope_and_offset():
    giver = MLP(SHAPE)
    adapter = Adapter(giver, ORIGIN)
    slope, offset = torch.randn(3, 3), torch.randn(3, 3)
    adapter.start_outputs(slope, offset)
    x = torch.randn(5, 4)
    expected = giver(x)[ORIGIN] * slope.unsqueeze(1) + offset.unsqueeze(1)
    torch.testing.assert_close(adapter(x), expected)


def test_the_penalty_is_the_squared_distance_from_the_identity():
    adapter = Adapter(MLP(SHAPE), ORIGIN)
    assert adapter.penalty().tolist() == [0.0, 0.0, 0.0]
    with torch.no_grad():
        adapter.input_matrix[1, 0, 0] += 2.0
        adapter.input_shift[1, 0, 3] = 3.0
        adapter.scales[1][1, 0, 2] = 1.0
        adapter.shifts[0][2, 0, 2] = 0.5
    assert adapter.penalty().tolist() == [0.0, 14.0, 0.25]


def test_folding_in_keeps_what_the_adapter_computes():
    adapter = Adapter(MLP(SHAPE), ORIGIN)
    with torch.no_grad():
        for parameter in adapter.parameters():
            if parameter.requires_grad:
                parameter.add_(0.3 * torch.randn_like(parameter))
    receiver = AlignHeteroMLP(replace(SHAPE, members=3))
    adapter.fold_into(receiver)
    x = torch.randn(5, 4)
    torch.testing.assert_close(receiver.head_units(x)[0], adapter(x), rtol=1e-4, atol=1e-5)
