"""Stage 4: a second head for B beside A's, in three phases that free more and more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from core.losses import huber, l2sp_penalty, weighted_mean
from core.models import MLP, DualHeadMLP, carry_over_backbone
from core.models.combine import combine_members
from core.models.stored import build
from core.training.loop import Losses, Task, seeded
from core.training.rows import MemberRows, cross_fitted_rows, fitted_rows
from core.training.workspace import Workspace


def train_dual_head(work: Workspace) -> None:
    """Train head B (bias; head; head and last hidden layer): ``{circuit}_dualhead_finetuned``."""
    settings = work.config.dual_head
    giver = build(work.load("baseline", "baseline")).to(work.device)
    assert isinstance(giver, MLP)
    members = min(settings.members, giver.architecture.members or 1)
    rows = cross_fitted_rows(work.fold, members)
    model = _make(work, giver, rows)
    fitted = fitted_rows(rows, settings.patience, work.seed("stopping"))
    # The pull of all phases is towards A's weights: what an earlier phase made of them is B's.
    anchors = {name: value.detach().clone() for name, value in model.named_parameters()}
    anchors.pop("head_b.bias")
    phases = _phases(model, settings.lr, settings.lr_head, settings.lr_unfrozen)
    for number, (part, groups) in enumerate(phases):
        free = {id(p) for group in groups for p in group["params"]}
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) in free)
        objective = _Objective(work, model, anchors if number > 0 else None)
        watch = _watch(objective, fitted, stopping=bool(settings.patience))
        task = Task("dual_head", model, fitted.train, objective, watch, groups)
        last = number == len(phases) - 1
        save = (lambda: _save(work, model, rows, members)) if last else (lambda: None)
        work.fit(task, settings, save, part)


def _make(work: Workspace, giver: MLP, rows: MemberRows) -> DualHeadMLP:
    with seeded(work.seed("dual_head")):
        model = DualHeadMLP(work.architecture(rows.members)).to(work.device)
    report = carry_over_backbone(giver, model, rows.origin)
    work.log(f"dual_head: {report}; both heads start from A's")
    with torch.no_grad():
        for head in (model.head_a, model.head_b):
            head.weight.copy_(giver.head.weight[rows.origin])
            head.bias.copy_(giver.head.bias[rows.origin])
    return model


def _phases(
    model: DualHeadMLP, lr_bias: float, lr_head: float, lr_unfrozen: float
) -> list[tuple[str, list[dict[str, Any]]]]:
    head = [model.head_b.weight, model.head_b.bias]
    last = list(model.backbone.layers[-1].parameters())
    return [
        ("_bias", [{"params": [model.head_b.bias], "lr": lr_bias}]),
        ("_head", [{"params": head, "lr": lr_head}]),
        ("_unfrozen", [{"params": [*head, *last], "lr": lr_unfrozen}]),
    ]


class _Objective:
    """Huber loss on B and, where there are anchors, the L2-SP pull towards them, per network."""

    def __init__(
        self, work: Workspace, model: DualHeadMLP, anchors: Mapping[str, Tensor] | None
    ) -> None:
        self.model, self.pairs, self.anchors = model, work.target, anchors
        self.settings = work.config.dual_head

    def __call__(self, index: Tensor) -> Losses:
        y, weight = self.pairs.y[index], self.pairs.weight[index]
        predicted = self.model(self.pairs.x[index], domain="B")
        loss = weighted_mean(huber(y, predicted, self.settings.huber_delta), weight)
        if self.anchors is not None:
            free = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
            loss = loss + l2sp_penalty(free, self.anchors, self.settings.l2sp) / len(loss)
        mse = weighted_mean((y - predicted).square(), weight).detach()
        return {"loss": loss, "mse": mse}


def _watch(objective: _Objective, rows: MemberRows, stopping: bool) -> Callable[[], Losses]:
    """Errors on the held rows; without early stopping a network on all rows holds none."""

    def watch() -> Losses:
        mse = objective(rows.held)["mse"]
        if not stopping:
            mse = torch.where((rows.fold >= 0).to(mse.device), mse, torch.nan)
        return {"mse": mse, "stop": mse}

    return watch


@torch.no_grad()
def _save(work: Workspace, model: DualHeadMLP, rows: MemberRows, members: int) -> None:
    model.eval()
    mu = model(work.target.x, domain="B")
    oof_mu, oof_variance = torch.zeros_like(mu[0]), torch.ones_like(mu[0])
    for fold in range(int(rows.fold.max()) + 1):
        left_out = (work.fold == fold).to(mu.device)
        oof_mu[left_out], _ = combine_members(mu[rows.fold == fold][:, left_out])
    final = DualHeadMLP(replace(model.architecture, members=members))
    final.load_state_dict({k: v[:members] for k, v in model.state_dict().items()})
    work.save(
        "dualhead_finetuned",
        "dual_head",
        final,
        {"oof.mu": oof_mu, "oof.variance": oof_variance},
        architecture=final.architecture.to_dict(),
    )
