"""The amplifier's nodal equations as an estimator of what the networks predict."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.circuits import Circuit
from core.data import DataSet
from core.data.transforms import Transforms
from core.devices.amplifier import ESTIMATES, AmplifierModel
from core.devices.compact import CompactTransistor
from core.devices.nodal import Surroundings
from core.devices.topology import Branch, Topology, Transistor
from core.devices.transistor import TransistorModel
from core.errors import CheckpointError
from core.models import Checkpoint, fill, load_checkpoint, read_manifest, remove_checkpoint
from core.models.stored import tensors_of
from core.spice.checks import make_conditions
from core.spice.netlist import bench
from core.spice.process import load_process, process_names
from core.training.workspace import Workspace

AMPLIFIER = "amplifier"
# Of the equations that extracted transistors make metrics with. Those, and the processes that learn
# what they miss, are worth nothing to others: raised with each change of what they tell.
_EQUATIONS = 3
_GUESS_BIAS = re.compile(r"guess\.layers\.\d+\.bias")
_NEEDED = {"ugf", "phase_margin", "cmrr"}


class AmplifierEstimator:
    """Features (n x f) to estimated metrics in standardised space (n x m, double precision)."""

    def __init__(self, model: AmplifierModel, circuit: Circuit, transforms: Transforms) -> None:
        self._model, self._transforms = model, transforms
        self._columns = [ESTIMATES.index(name) for name in circuit.metric_names]

    def __call__(self, x: Tensor) -> Tensor:
        """Estimate; differentiable. What cannot be estimated is 0, A's mean."""
        return self.standardised(self._model(self._transforms.inputs.inverse(x.double())))

    def standardised(self, found: Tensor) -> Tensor:
        """Of an amplifier's estimates (... x 5, physical units), the metrics (... x m)."""
        metrics = self._transforms.metrics
        standardised = metrics.standardise(metrics.transform(found[..., self._columns]))
        return torch.nan_to_num(standardised, nan=0.0)


def can_estimate(circuit: Circuit) -> bool:
    """Whether nodal equations can be written for a circuit and tell its metrics, and it has enough.

    What the loop tells is needed to fit them; a circuit may do without a slew rate.
    """
    metrics = set(circuit.metric_names)
    return bool(circuit.netlist) and _NEEDED <= metrics <= set(ESTIMATES)


def target_surroundings(dataset: DataSet) -> Surroundings | None:
    """What B's testbench puts around the amplifier; None where data come of an unknown process."""
    circuit, name = dataset.circuit, dataset.target_process
    if name not in process_names():
        return None
    process = load_process(name)
    around = bench(circuit, make_conditions(process, "tt", process.temperature, None))
    return Surroundings(
        supply=process.supply,
        common_mode=around.common_mode,
        load=around.load,
        step=around.step,
        cmrr_frequency=around.cmrr_frequency,
    )


def save_amplifier(work: Workspace, model: AmplifierModel) -> None:
    """Write a model's checkpoint into a run."""
    work.save(
        AMPLIFIER,
        AMPLIFIER,
        model,
        topology=asdict(model.topology),
        surroundings=asdict(model.surroundings),
        equations=_EQUATIONS,
    )


def forget_amplifier(work: Workspace) -> None:
    """Remove what an earlier fit of a run has learned of B's transistors."""
    remove_checkpoint(work.folder, f"{work.dataset.circuit.id}_{AMPLIFIER}")


def has_amplifier(folder: Path, circuit: Circuit) -> bool:
    """Whether a run has learned B's transistors, even where their file is missing by now."""
    name = f"{circuit.id}_{AMPLIFIER}.safetensors"
    return (folder / name).is_file() or name in read_manifest(folder)


def load_amplifier(
    folder: Path, circuit: Circuit, matching: Callable[[Checkpoint], Checkpoint]
) -> AmplifierModel | None:
    """Read a run's model; None where it has none.

    Raises:
        CheckpointError: it is damaged, foreign or mismatched, or extracted by other equations.
    """
    if not has_amplifier(folder, circuit):
        return None
    name = f"{circuit.id}_{AMPLIFIER}"
    checkpoint = matching(load_checkpoint(folder, name, circuit.id, AMPLIFIER))
    surroundings = Surroundings(**checkpoint.metadata["surroundings"])
    topology = _topology(checkpoint.metadata["topology"])
    tensors = tensors_of(checkpoint, "model")
    count, extracted = len(topology.kinds), "transistors.constants" in tensors
    if extracted and checkpoint.metadata.get("equations") != _EQUATIONS:
        raise CheckpointError(
            f'Checkpoint "{checkpoint.path}" holds transistors that an earlier version extracted, '
            "by other equations than this one's: train again."
        )
    with torch.random.fork_rng():
        transistors = CompactTransistor(count) if extracted else TransistorModel(count).float()
        # As many hidden units as there were when it was learned.
        guessing = [
            len(value) for name, value in sorted(tensors.items()) if _GUESS_BIAS.fullmatch(name)
        ]
        model = AmplifierModel(
            topology, surroundings, len(circuit.variables), transistors, guessing[:-1]
        )
    fill(model, Checkpoint(checkpoint.path, tensors, checkpoint.metadata))
    return model.requires_grad_(False).eval()


def _topology(table: dict[str, Any]) -> Topology:
    branches = {
        kind: tuple(Branch(**row) for row in table[kind])
        for kind in ("resistors", "capacitors", "currents")
    }
    transistors = tuple(
        Transistor(**{**row, "nodes": tuple(row["nodes"])}) for row in table["transistors"]
    )
    return Topology(nodes=tuple(table["nodes"]), transistors=transistors, **branches)
