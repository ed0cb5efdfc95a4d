"""A 5T OTA of transistors that nobody fitted, to check what is told of it and found back."""

from __future__ import annotations

import math

import torch

from core.circuits import load_circuit
from core.devices.amplifier import AmplifierModel
from core.devices.compact import CONSTANTS, CompactTransistor
from core.devices.nodal import Surroundings
from core.devices.topology import read_topology

CIRCUIT = load_circuit("5t_opamp")
BENCH = Surroundings(supply=1.8, common_mode=1.2, load=1.5e-12, step=0.3, cmrr_frequency=1.0)


def made_up(bench: Surroundings) -> AmplifierModel:
    """An amplifier of transistors that are not what is expected."""
    with torch.random.fork_rng():
        torch.manual_seed(5)
        transistors = CompactTransistor(2)
        spread = torch.tensor([constant.spread for constant in CONSTANTS])
        transistors.constants += 0.4 * spread * torch.randn_like(transistors.constants)
        transistors.constants[1, 7] -= math.log(4.0)  # Holes are slower.
        transistors.constants[:, 0] = torch.tensor([0.55, 0.6])
        model = AmplifierModel(read_topology(CIRCUIT), bench, len(CIRCUIT.variables), transistors)
    model.slowest = torch.tensor(3.0, dtype=torch.float64)
    return model


def half_way(model: AmplifierModel, designs: torch.Tensor) -> torch.Tensor:
    """Half of 1.8 V at every node in every state: where solving may begin."""
    nodes = model.states * model.topology.unknowns
    return torch.full((len(designs), nodes), 0.9, dtype=torch.float64)
