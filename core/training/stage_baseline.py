"""Stage 1: regression on A."""

from __future__ import annotations

from torch import Tensor

from core.losses import huber, weighted_mean
from core.models import MLP
from core.training.loop import Losses, Task, seeded
from core.training.rows import held_out_rows
from core.training.workspace import Workspace


def train_baseline(work: Workspace) -> None:
    """Train the networks on A and write the checkpoint ``{circuit}_baseline``."""
    settings = work.config.baseline
    pairs = work.source
    rows = held_out_rows(len(pairs), settings.members, settings.holdout, work.seed("holdout"))
    with seeded(work.seed("baseline")):
        model = MLP(work.architecture(settings.members)).to(work.device)

    def losses_of(index: Tensor) -> Losses:
        y, weight = pairs.y[index], pairs.weight[index]
        predicted = model(pairs.x[index])
        return {
            "loss": weighted_mean(huber(y, predicted, settings.huber_delta), weight),
            "mse": weighted_mean((y - predicted).square(), weight),
        }

    def watch() -> Losses:
        losses = losses_of(rows.held)
        return {"mse": losses["mse"], "stop": losses["loss"]}

    task = Task("baseline", model, rows.train, losses_of, watch)
    work.fit(task, settings, lambda: _save(work, model))


def _save(work: Workspace, model: MLP) -> None:
    work.save("baseline", "baseline", model, architecture=model.architecture.to_dict())
