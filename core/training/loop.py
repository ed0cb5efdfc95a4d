"""The training loop: one for every stage, for one network or for many side by side.

Networks that are trained side by side share nothing but the learning rate: batches, gradient
norms, stopping and best weights are each network's own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.config import StageConfig
from core.errors import TrainingError
from core.training.resume import load_state, save_state
from core.training.schedule import PLATEAU_FACTOR, PLATEAU_PATIENCE, learning_rate_factor
from core.training.watch import Silent, Watcher

Losses = dict[str, Tensor]
_SAVING_SHARE = 20.0  # Saving may cost a twentieth of the time; a resume repeats what came since.


@dataclass(frozen=True)
class Task:
    """What one fit is about.

    Attributes:
        stage: its name in events and messages.
        model: the networks; s of them where ``members`` is s.
        rows: s x n positions that batches are drawn from (s = 1 for a single network).
        objective: batch rows (s x b) to losses of length s; ``loss`` is minimised.
        watch: losses of length s on rows held out, after each epoch; ``stop`` decides early
            stopping. None: nothing is held out.
        groups: parameters with their peak learning rates; None: all at ``settings.lr``.
    """

    stage: str
    model: nn.Module
    rows: Tensor
    objective: Callable[[Tensor], Losses]
    watch: Callable[[], Losses] | None = None
    groups: list[dict[str, Any]] | None = None
    single: bool = False


@dataclass
class Progress:
    """Where a fit stands; everything that a resume needs beside weights and optimiser."""

    epoch: int = 0
    factor: float = 1.0  # What the plateau rule has made of the learning rate.
    since_best: int = 0
    best: Tensor = field(default_factory=lambda: torch.empty(0))
    best_epoch: Tensor = field(default_factory=lambda: torch.empty(0))
    best_weights: dict[str, Tensor] = field(default_factory=dict)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Run a block with torch's random numbers from a seed, and put them back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def fit(
    task: Task,
    settings: StageConfig,
    seed: int,
    watcher: Watcher | None = None,
    resume_point: Path | None = None,
) -> int:
    """Train a task's networks in place; they end with their best weights.

    Args:
        seed: of batches and dropout.
        watcher: called between batches and after epochs.
        resume_point: where to keep the state; an existing one is continued from.

    Returns:
        The number of epochs done.

    Raises:
        Cancelled: the watcher said so; what was saved last is at the resume point.
        TrainingError: the loss is not finite; the networks are back at the last good epoch.
    """
    with seeded(seed):
        run = _Fit(task, settings, watcher or Silent(), resume_point)
        return run.run()


class _Fit:
    """The state of one fit while it runs."""

    def __init__(
        self, task: Task, settings: StageConfig, watcher: Watcher, resume_point: Path | None
    ) -> None:
        self.task, self.settings, self.watcher = task, settings, watcher
        self.resume_point = resume_point
        groups = task.groups or [{"params": list(task.model.parameters()), "lr": settings.lr}]
        self.optimiser = torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)
        self.peaks = [group["lr"] for group in self.optimiser.param_groups]
        self.parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        members, n = task.rows.shape
        self.batches = max(1, round(n / settings.batch_size))
        infinity = torch.full((members,), math.inf)
        self.progress = Progress(best=infinity, best_epoch=torch.zeros(members, dtype=torch.int64))
        self.next_save = 0.0
        self.device = next(task.model.parameters()).device

    def run(self) -> int:
        if self.resume_point is not None and self.resume_point.is_file():
            self.progress = load_state(self.resume_point, self.task.model, self.optimiser)
        good = self._weights()
        try:
            while self.progress.epoch < self.settings.epochs and not self._exhausted():
                losses = self._epoch()
                self.progress.epoch += 1
                self._report(losses, self._held_out())
                good = self._weights()
                self._save_when_due()
        except TrainingError:
            self.task.model.load_state_dict(good)
            raise
        if self.settings.patience and self.progress.best_weights:
            self.task.model.load_state_dict(self.progress.best_weights)
        return self.progress.epoch

    def _epoch(self) -> dict[str, float]:
        self.task.model.train()
        order = torch.stack([row[torch.randperm(len(row))] for row in self.task.rows.cpu()])
        sums: dict[str, Tensor] = {}
        for number, rows in enumerate(order.tensor_split(self.batches, dim=1)):
            self._set_learning_rate(number)
            losses = self._step(rows.to(self.device), number)
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.detach()
            self.watcher.batch()
        return {name: float(value.mean()) / self.batches for name, value in sums.items()}

    def _step(self, rows: Tensor, number: int) -> Losses:
        mixed = self.settings.mixed_precision and self.device.type == "cuda"
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=mixed):
            losses = self.task.objective(rows)
        if not torch.isfinite(losses["loss"]).all():
            raise TrainingError(
                f"Training stopped in stage {self.task.stage}, epoch {self.progress.epoch + 1}, "
                f"batch {number + 1}: the loss is not finite; the last good weights are kept. "
                f"Lower {self.task.stage}.lr or look at the data."
            )
        self.optimiser.zero_grad(set_to_none=True)
        losses["loss"].sum().backward()
        if self.settings.clip_norm:
            clip_gradients(self.parameters, self.settings.clip_norm, self.task.single)
        self.optimiser.step()
        return losses

    def _set_learning_rate(self, batch: int) -> None:
        total = self.settings.epochs * self.batches
        done = self.progress.epoch * self.batches + batch
        factor = self.progress.factor * learning_rate_factor(self.settings.schedule, done / total)
        for group, peak in zip(self.optimiser.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor

    @torch.no_grad()
    def _held_out(self) -> dict[str, float]:
        if self.task.watch is None:
            return {}
        self.task.model.eval()
        losses = self.task.watch()
        self._note_best(losses["stop"].cpu())
        return {k: float(v.nanmean()) for k, v in losses.items() if k != "stop"}

    def _note_best(self, score: Tensor) -> None:
        progress = self.progress
        better = score < progress.best
        progress.best = torch.where(better, score, progress.best)
        progress.best_epoch[better] = progress.epoch
        progress.since_best = 0 if bool(better.any()) else progress.since_best + 1
        if self.settings.patience:
            progress.best_weights = self._merged(better)
        if self.settings.schedule == "plateau" and progress.since_best > PLATEAU_PATIENCE:
            progress.factor *= PLATEAU_FACTOR
            progress.since_best = 0

    def _merged(self, better: Tensor) -> dict[str, Tensor]:
        """The best weights so far: this epoch's for the networks that got better."""
        now, best = self._weights(), self.progress.best_weights
        if not best or self.task.single:
            return now if not best or bool(better.any()) else best
        choose = better.to(self.device)
        return {
            name: torch.where(choose.view(-1, *[1] * (value.dim() - 1)), value, best[name])
            for name, value in now.items()
        }

    def _exhausted(self) -> bool:
        if not self.settings.patience or self.task.watch is None:
            return False
        waited = self.progress.epoch - int(self.progress.best_epoch.max())
        return waited > self.settings.patience

    def _report(self, train: dict[str, float], held_out: dict[str, float]) -> None:
        losses = {f"train_{name}": value for name, value in train.items()}
        losses |= {f"validation_{name}": value for name, value in held_out.items()}
        self.watcher.epoch(
            {
                "stage": self.task.stage,
                "member": 0,
                "epoch": self.progress.epoch,
                "epochs": self.settings.epochs,
                "losses": losses,
                "lr": self.optimiser.param_groups[0]["lr"],
            }
        )

    def _weights(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.task.model.state_dict().items()}

    def _save_when_due(self) -> None:
        start = time.monotonic()
        if self.resume_point is None or start < self.next_save:
            return
        save_state(self.resume_point, self.task.model, self.optimiser, self.progress)
        now = time.monotonic()
        self.next_save = now + _SAVING_SHARE * (now - start)


def clip_gradients(parameters: list[nn.Parameter], norm: float, single: bool) -> None:
    """Scale gradients down to a norm; each of the networks side by side by its own."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    if single:
        torch.nn.utils.clip_grad_norm_(parameters, norm)
        return
    squares = torch.stack([g.flatten(1).square().sum(1) for g in gradients]).sum(0)
    factor = (norm / (squares.sqrt() + 1e-12)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(factor.view(-1, *[1] * (gradient.dim() - 1)))
