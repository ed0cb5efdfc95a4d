"""The start of the fine-tuning on B: output scale, head, and adaptation."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from core.losses import huber, weighted_mean
from core.models import MLP, AlignHeteroMLP
from core.models.adapter import Adapter
from core.training.loop import Losses, Task
from core.training.rows import MemberRows
from core.training.workspace import Pairs, Workspace

_HUBER_DELTA = 0.3
_FAR = 20.0  # Standard deviations at which A's extrapolation is cut before the first fit.


def adapt(work: Workspace, giver: MLP, rows: MemberRows, model: AlignHeteroMLP) -> None:
    """Give ``model`` A's backbone and head, adapted to B by scales and shifts at every level."""
    settings, pairs = work.config.align, work.target
    adapter = Adapter(giver, rows.origin.to(work.device)).to(work.device)
    adapter.start_outputs(*_slope_and_offset(adapter, model, pairs, rows))
    if settings.adapt_epochs:
        task = Task(
            "align",
            adapter,
            rows.train,
            _objective(adapter, model, pairs, settings.adapt_penalty),
            groups=[{"params": _free(adapter), "lr": settings.adapt_lr}],
        )
        epochs = stretched_epochs(settings.adapt_epochs, settings.full_rows, len(pairs))
        schedule = replace(settings, epochs=epochs, weight_decay=0.0, patience=0)
        work.fit(task, schedule, lambda: None, "_adapt")
    adapter.fold_into(model)


def stretched_epochs(epochs: int, full_rows: int, n: int) -> int:
    """Epochs for n rows: the steps fall with the square root of the rows, not with the rows."""
    return epochs if n >= full_rows else round(epochs * math.sqrt(full_rows / n))


def _objective(adapter: Adapter, model: AlignHeteroMLP, pairs: Pairs, weight: float):  # type: ignore[no-untyped-def]
    def losses_of(index: Tensor) -> Losses:
        y = model.output.inverse(pairs.y[index])
        mu, counts = adapter(pairs.x[index]), pairs.weight[index]
        fitted = weighted_mean(huber(y, mu, _HUBER_DELTA), counts)
        mse = weighted_mean((y - mu).square(), counts).detach()
        return {"loss": fitted + weight * adapter.penalty(), "mse": mse}

    return losses_of


def _free(adapter: Adapter) -> list[torch.nn.Parameter]:
    return [parameter for parameter in adapter.parameters() if parameter.requires_grad]


@torch.no_grad()
def centre_output(model: AlignHeteroMLP, pairs: Pairs, rows: MemberRows) -> None:
    """Set output shift and scale to the moments of each network's own working training rows."""
    y, weight = pairs.y[rows.train], pairs.working[rows.train]
    mean = _mean(y, weight)
    model.output.shift.copy_(mean)
    model.output.scale.copy_(_mean((y - mean).square(), weight).sqrt().clamp(min=1e-3))


@torch.no_grad()
def _slope_and_offset(
    adapter: Adapter, model: AlignHeteroMLP, pairs: Pairs, rows: MemberRows
) -> tuple[Tensor, Tensor]:
    """Least squares per network and metric of B, in head units, on A's prediction: s x m each."""
    weight = pairs.working[rows.train]
    y = model.output.inverse(pairs.y[rows.train])
    predicted = adapter(pairs.x[rows.train]).clamp(-_FAR, _FAR)
    mean_x, mean_y = _mean(predicted, weight), _mean(y, weight)
    covariance = _mean((predicted - mean_x) * (y - mean_y), weight)
    slope = covariance / _mean((predicted - mean_x).square(), weight).clamp(min=1e-6)
    return slope.squeeze(1), (mean_y - slope * mean_x).squeeze(1)


def _mean(value: Tensor, weight: Tensor) -> Tensor:
    """Mean over the rows that count: s x n x m to s x 1 x m."""
    return (weight * value).sum(1, keepdim=True) / weight.sum(1, keepdim=True).clamp(min=1)
