"""One calibrated predictor of process B, from a run folder.

Callers see physical units on the way in; ``predict`` answers in physical units, ``moments`` in
transformed space (log10 or linear per metric), where the intervals are symmetric and gradients
are well scaled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from core.circuits import Circuit
from core.config import MODELS
from core.data import DomainTable
from core.data.transforms import Transforms
from core.ensemble.estimator import AmplifierEstimator, has_amplifier, load_amplifier
from core.ensemble.fusion import Fusion, within_range
from core.ensemble.members import PROCESS, PROCESSES, UNAIDED, find_network, network_member
from core.ensemble.process_member import ProcessMember
from core.ensemble.validity import ValidityClassifier
from core.errors import CheckpointError, InputError, suggest
from core.models import MLP, Checkpoint, fill, load_checkpoint
from core.models.stored import build, tensors_of
from core.training.run_store import RunStore

_CHUNK = 2048  # Designs at a time: of fewer, threads wait for each other between operations.
_SHARE = 2  # Chunks that make a thread worth its start.
_ALL_CORES = Lock()
Moments = Callable[[Tensor], tuple[Tensor, Tensor]]
_Parts = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Prediction:
    """Predicted metrics of n designs in process B, physical units.

    Attributes:
        median: n x m.
        lower: n x m, lower end of the 90 % interval.
        upper: n x m, upper end.
        validity: n, probability of a working amplifier.
    """

    median: pd.DataFrame
    lower: pd.DataFrame
    upper: pd.DataFrame
    validity: pd.Series

    def table(self) -> pd.DataFrame:
        """One table: METRIC, METRIC_lo, METRIC_hi for each metric, then validity."""
        columns: dict[str, pd.Series] = {}
        for name in self.median.columns:
            columns[name] = self.median[name]
            columns[f"{name}_lo"] = self.lower[name]
            columns[f"{name}_hi"] = self.upper[name]
        return pd.DataFrame({**columns, "validity": self.validity})


class Predictor:
    """A trained and calibrated model of process B; immutable in use, always in eval mode.

    Attributes:
        circuit: what it predicts.
        model_name: one of ``MODELS``.
        half_width: m; the 90 % interval is mu +- half_width * sigma in transformed space.
        low_fidelity: a quicker predictor whose gradients are cheap, for a search to follow before
            this one has the last word; None where this one is as quick.
    """

    def __init__(
        self,
        circuit: Circuit,
        model_name: str,
        transforms: Transforms,
        standardised: Moments,
        validity: ValidityClassifier,
        half_width: Tensor,
        known: DomainTable,
        low_fidelity: Predictor | None = None,
    ) -> None:
        self.circuit, self.model_name, self.transforms = circuit, model_name, transforms
        self.half_width, self.low_fidelity = half_width, low_fidelity
        self._standardised, self._validity, self._known = standardised, validity, known

    def moments(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        """Predict mean and calibrated standard deviation.

        Args:
            designs: n x d, physical units.

        Returns:
            mu and sigma, n x m, in transformed space; both differentiable.
        """
        mu, variance = self._standardised(self.transforms.inputs.forward(designs).float())
        metrics = self.transforms.metrics
        return metrics.unstandardise(mu), variance.sqrt() * metrics.scales(variance)

    def validity(self, designs: Tensor) -> Tensor:
        """Probability (n) that a design (n x d, physical units) is a working amplifier."""
        probability: Tensor = self._validity(self.transforms.inputs.forward(designs).float())
        return probability

    def predict(self, designs: pd.DataFrame) -> Prediction:
        """Predict designs (n x d) with 90 % intervals and validity.

        Raises:
            InputError: a design variable is missing.
        """
        names = self.circuit.variable_names
        missing = [name for name in names if name not in designs.columns]
        if missing:
            raise InputError([f'The designs lack the column "{name}".' for name in missing])
        values = torch.from_numpy(designs[names].to_numpy(dtype=float, copy=True))
        parts = _each(self._predict, values.split(_CHUNK))
        median, lower, upper, validity = (
            torch.cat(part).numpy() for part in zip(*parts, strict=True)
        )
        columns, index = self.circuit.metric_names, designs.index
        return Prediction(
            median=pd.DataFrame(median, columns=columns, index=index),
            lower=pd.DataFrame(lower, columns=columns, index=index),
            upper=pd.DataFrame(upper, columns=columns, index=index),
            validity=pd.Series(validity, index=index, name="validity"),
        )

    @torch.no_grad()  # Here and not above: each thread has its own switch.
    def _predict(self, designs: Tensor) -> _Parts:
        mu, sigma = (part.double() for part in self.moments(designs))
        width = self.half_width.double() * sigma
        back = self.transforms.metrics.inverse
        return back(mu), back(mu - width), back(mu + width), self.validity(designs).double()

    def known_designs(self) -> DomainTable:
        """B's training rows: known designs to start from and to measure distance to."""
        return self._known


def _each(work: Callable[[Tensor], _Parts], chunks: Sequence[Tensor]) -> list[_Parts]:
    """The work on each chunk in order; of many, on all cores, which changes no number."""
    workers = min(os.cpu_count() or 1, len(chunks) // _SHARE)
    if workers < 2:
        return [work(chunk) for chunk in chunks]
    with _ALL_CORES:
        inner = torch.get_num_threads()
        torch.set_num_threads(1)  # Threads inside operations would compete with these.
        try:
            with ThreadPoolExecutor(workers) as pool:
                return list(pool.map(work, chunks))
        finally:
            torch.set_num_threads(inner)


def model_names(run_folder: str | Path) -> list[str]:
    """Names of the models that a run can predict with.

    Raises:
        CheckpointError: the run holds no ensemble checkpoint, or it is damaged.
    """
    names = _open(Path(run_folder))[1].metadata["models"]
    return [name for name in MODELS if name in names]


def load_predictor(run_folder: str | Path, model: str = "ensemble") -> Predictor:
    """Load a model of a finished run.

    Raises:
        InputError: unknown model name.
        CheckpointError: the run or a checkpoint is missing, damaged, foreign or mismatched.
    """
    if model not in MODELS:
        raise InputError(f'Unknown model: "{model}".{suggest(model, MODELS)}')
    # A search asks for a few hundred designs at a time: threads inside operations gain nothing, and
    # where another process works too they wait for each other, fifty times longer than they work.
    torch.set_num_threads(1)
    folder = Path(run_folder)
    circuit, ensemble = _open(folder)
    if model not in ensemble.metadata["models"]:
        raise CheckpointError(
            f'Run "{folder}" has no model "{model}": it has '
            f"{', '.join(ensemble.metadata['models'])}."
        )
    try:
        return _assemble(folder, circuit, ensemble, model)
    except (KeyError, TypeError, RuntimeError) as error:
        raise CheckpointError(
            f'Checkpoint "{ensemble.path}" does not fit ({type(error).__name__}: {error}): '
            "train again."
        ) from error


def _open(folder: Path) -> tuple[Circuit, Checkpoint]:
    from core.training.start import run_circuit

    RunStore(folder)
    circuit = run_circuit(folder)
    return circuit, load_checkpoint(folder, f"{circuit.id}_ensemble", circuit.id, "ensemble")


def _assemble(folder: Path, circuit: Circuit, ensemble: Checkpoint, model: str) -> Predictor:
    transforms = Transforms.from_dict(ensemble.metadata["transforms"])
    validity = ValidityClassifier(inputs=len(transforms.inputs.mean))
    validity.load_state_dict(tensors_of(ensemble, "validity"))
    return Predictor(
        circuit=circuit,
        model_name=model,
        transforms=transforms,
        standardised=_moments(folder, circuit, ensemble, model),
        validity=validity.eval(),
        half_width=ensemble.tensors[f"half_width.{model}"],
        known=_known(circuit, tensors_of(ensemble, "known")),
        low_fidelity=_low_fidelity(folder, circuit, ensemble, model),
    )


def _low_fidelity(
    folder: Path, circuit: Circuit, ensemble: Checkpoint, model: str
) -> Predictor | None:
    """The ensemble's first member, where the model asks the amplifier's nodal equations."""
    members = ensemble.metadata["members"]
    asks = model == PROCESS or (model == "ensemble" and PROCESS in members)
    if not asks or not has_amplifier(folder, circuit):
        return None
    return _assemble(folder, circuit, ensemble, members[0])


def _moments(folder: Path, circuit: Circuit, ensemble: Checkpoint, model: str) -> Moments:
    final = ensemble.tensors[f"temperature_squared.{model}"]
    measured = ensemble.tensors["range.low"], ensemble.tensors["range.high"]
    if model != "ensemble":
        member: nn.Module = (
            _process(folder, circuit, ensemble, PROCESS)
            if model == PROCESS
            else _network(folder, circuit, ensemble, model)
        )
        # By itself the process has one sigma everywhere; its doubt is for the fusion.
        constant = model == PROCESS

        def single(x: Tensor) -> tuple[Tensor, Tensor]:
            mu, variance = member(x)
            return mu.clamp(*measured), final * (torch.ones_like(mu) if constant else variance)

        return single
    names = ensemble.metadata["members"]
    networks = {
        name: _network(folder, circuit, ensemble, name) for name in names if name not in PROCESSES
    }
    processes = {
        name: _process(folder, circuit, ensemble, name) for name in names if name in PROCESSES
    }
    unaided = names.index(UNAIDED) if UNAIDED in names else None
    fusion = Fusion(**tensors_of(ensemble, "fusion"), unaided=unaided)
    if PROCESS in processes:
        processes[PROCESS].silence(fusion.weights[-1] == 0)

    def fused(x: Tensor) -> tuple[Tensor, Tensor]:
        told, doubt = {name: network(x) for name, network in networks.items()}, None
        sigma = told[names[0]][1]  # Processes borrow the first network's.
        if UNAIDED in processes:
            told[UNAIDED] = (processes[UNAIDED].mean(x), sigma)
        if PROCESS in processes:
            mean, doubt = processes[PROCESS](x)
            told[PROCESS] = (mean, sigma)
        predicted = [told[name] for name in names]
        mu, variance = (torch.stack(part) for part in zip(*predicted, strict=True))
        centre, mixed = fusion.combine(mu, variance, doubt)
        return within_range(centre, mu, *measured), final * mixed

    return fused


def _network(folder: Path, circuit: Circuit, ensemble: Checkpoint, name: str) -> nn.Module:
    """A network member, trained with the same transforms and data as the ensemble, frozen."""
    checkpoint = _matching(find_network(folder, circuit.id, name), ensemble)
    return network_member(checkpoint).requires_grad_(False)


def _process(folder: Path, circuit: Circuit, ensemble: Checkpoint, name: str) -> ProcessMember:
    """A Gaussian process, likewise."""
    baseline = build(_matching(find_network(folder, circuit.id, "baseline"), ensemble))
    assert isinstance(baseline, MLP)
    stored = load_checkpoint(folder, f"{circuit.id}_{name}", circuit.id, name)
    tensors = tensors_of(_matching(stored, ensemble), "model")
    n, q = tensors["inputs"].shape
    estimator = None if name == UNAIDED else _estimator(folder, circuit, ensemble)
    with torch.random.fork_rng():
        m, c = tensors["white"].shape[:2]
        member = ProcessMember(baseline, n, q, m, c, estimator)
    fill(member, Checkpoint(stored.path, tensors, stored.metadata))
    return member.eval()


def _estimator(folder: Path, circuit: Circuit, ensemble: Checkpoint) -> AmplifierEstimator | None:
    amplifier = load_amplifier(folder, circuit, lambda found: _matching(found, ensemble))
    if amplifier is None:
        return None
    transforms = Transforms.from_dict(ensemble.metadata["transforms"])
    return AmplifierEstimator(amplifier, circuit, transforms)


def _matching(checkpoint: Checkpoint, ensemble: Checkpoint) -> Checkpoint:
    for part in ("fingerprint", "transforms"):
        if checkpoint.metadata.get(part) != ensemble.metadata.get(part):
            raise CheckpointError(
                f'Checkpoint "{checkpoint.path}" does not match the ensemble of its run '
                f"(another {part}): train again."
            )
    return checkpoint


def _known(circuit: Circuit, tensors: dict[str, Any]) -> DomainTable:
    valid = tensors["valid"].numpy().astype(bool)
    current = tensors["supply_current"].numpy()
    return DomainTable(
        designs=pd.DataFrame(tensors["designs"].numpy(), columns=circuit.variable_names),
        metrics=pd.DataFrame(tensors["metrics"].numpy(), columns=circuit.metric_names),
        valid=valid,
        reason=pd.Series(np.where(valid, "", "not a working amplifier"), name="reason"),
        supply_current=pd.Series(current, name="supply_current"),
    )
