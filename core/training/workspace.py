"""What every stage works with: tensors of A and B, the run, the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from core.config import StageConfig, TrainingConfig
from core.data import DataSet, DomainTable
from core.data.transforms import Transforms
from core.errors import TrainingError
from core.models import Architecture, load_checkpoint, save_checkpoint
from core.models.checkpoint import Checkpoint
from core.training.loop import Task, fit
from core.training.rows import fold_of_rows
from core.training.run_store import RunStore
from core.training.watch import RunWatcher


@dataclass(frozen=True)
class Pairs:
    """Training pairs of one process in standardised space.

    Attributes:
        x: n x f features.
        y: n x m metrics, 0 where they do not count.
        weight: n x m: 1 where a metric was measured and counts, else 0.
        working: n x m: the same, but 0 in rows that are no working amplifiers: what scales,
            calibrates and reports.
        rows: n positions in the table that they come from.
    """

    x: Tensor
    y: Tensor
    weight: Tensor
    working: Tensor
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.x)


def make_pairs(
    table: DomainTable, transforms: Transforms, which: str, device: torch.device
) -> Pairs:
    """Turn a table into training pairs.

    Args:
        which: ``valid``: working amplifiers only; ``measured``: whatever was measured.
    """
    y = transforms.targets(table.metrics)
    # A positive-only transform of a measured value that is not positive has no number either.
    measured = torch.isfinite(y)
    working = measured & torch.from_numpy(table.valid.copy()).unsqueeze(1)
    counts = working if which == "valid" else measured
    rows = np.flatnonzero(counts.any(dim=1).numpy())
    return Pairs(
        x=transforms.features(table.designs)[rows].to(device),
        y=torch.where(counts, y, 0.0)[rows].to(device),
        weight=counts[rows].float().to(device),
        working=working[rows].float().to(device),
        rows=rows,
    )


@dataclass(frozen=True)
class Workspace:
    """One training run while it runs."""

    dataset: DataSet
    config: TrainingConfig
    run: RunStore
    transforms: Transforms
    device: torch.device

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.run.folder

    @cached_property
    def source(self) -> Pairs:
        """A."""
        return make_pairs(
            self.dataset.source, self.transforms, self.config.transform.source_rows, self.device
        )

    @cached_property
    def target(self) -> Pairs:
        """B's training rows."""
        return make_pairs(
            self.dataset.train, self.transforms, self.config.transform.target_rows, self.device
        )

    @cached_property
    def fold(self) -> Tensor:
        """The cross-fitting fold of each row of ``target``."""
        return fold_of_rows(len(self.target), self.config.ensemble.folds, self.seed("folds"))

    @cached_property
    def watcher(self) -> RunWatcher:
        """Journals and asks for cancellation."""
        return RunWatcher(self.run)

    def seed(self, purpose: str) -> int:
        """A seed of its own for each purpose, from the run's one seed."""
        salt = sum(ord(letter) * 31**i for i, letter in enumerate(purpose)) % 1_000_003
        return self.config.data.seed + salt

    def architecture(self, members: int) -> Architecture:
        """The shape of the regression networks."""
        network = self.config.network
        return Architecture(
            inputs=self.source.x.shape[1],
            outputs=self.source.y.shape[1],
            hidden=(network.hidden_width,) * network.hidden_layers,
            activation=network.activation,
            dropout=network.dropout,
            members=members,
        )

    def fit(
        self, task: Task, settings: StageConfig, save: Callable[[], None], part: str = ""
    ) -> None:
        """Run a fit with this run's journal and resume point, then save.

        Where training fails, the last good weights are saved before the error goes on.
        """
        name = task.stage + part
        resume_point = self.folder / f"{name}.resume"
        try:
            fit(task, settings, self.seed(name), self.watcher, resume_point)
        except TrainingError:
            save()
            raise
        save()

    def save(
        self,
        name: str,
        kind: str,
        model: nn.Module | None,
        extra: dict[str, Tensor] | None = None,
        **metadata: Any,
    ) -> None:
        """Write a checkpoint of this run: a model's tensors under ``model.``, and more."""
        tensors = {f"model.{k}": v for k, v in model.state_dict().items()} if model else {}
        save_checkpoint(
            self.folder,
            f"{self.dataset.circuit.id}_{name}",
            {**tensors, **(extra or {})},
            {
                "circuit": self.dataset.circuit.id,
                "kind": kind,
                "fingerprint": self.dataset.fingerprint,
                "transforms": self.transforms.to_dict(),
                **metadata,
            },
        )

    def load(self, name: str, kind: str) -> Checkpoint:
        """Read a checkpoint of this run."""
        circuit_id = self.dataset.circuit.id
        return load_checkpoint(self.folder, f"{circuit_id}_{name}", circuit_id, kind)

    def log(self, message: str) -> None:
        """Say something in the journal."""
        self.run.append({"kind": "log", "message": message})
