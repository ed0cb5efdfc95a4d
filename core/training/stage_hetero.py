"""Stages 2 and 3: the heteroscedastic network on B, with A's backbone or from scratch."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from core.config import HeteroConfig
from core.losses import coral_loss, hetero_nll, r2_loss, weighted_mean
from core.models import MLP, AlignHeteroMLP, carry_over_backbone
from core.models.combine import combine_members, sigma_ratio
from core.models.stored import build
from core.training.adaptation import adapt, centre_output, stretched_epochs
from core.training.loop import Losses, Task, seeded
from core.training.rows import MemberRows, cross_fitted_rows, fitted_rows
from core.training.workspace import Pairs, Workspace

_COMPARED = 1000  # of A's designs


def align_name(lambda_coral: float) -> str:
    """The checkpoint's name without the circuit: ``align_hetero_lambda0.05``."""
    return f"align_hetero_lambda{lambda_coral:g}"


def train_align(work: Workspace) -> None:
    """Tune A's networks on B and write ``{circuit}_align_hetero_lambda{value}``."""
    settings = work.config.align
    giver = build(work.load("baseline", "baseline")).to(work.device)
    assert isinstance(giver, MLP)
    members = min(settings.members, giver.architecture.members or 1)
    rows = cross_fitted_rows(work.fold, members)
    model = _make(work, rows.members, "align")
    report = carry_over_backbone(giver, model, rows.origin)
    work.log(f"align: {report}")
    if settings.refit_head:
        centre_output(model, work.target, rows)
        adapt(work, giver, rows, model)
    name = align_name(settings.lambda_coral)
    _train(work, model, rows, settings, "align", name, members, settings.lambda_coral)


def train_target_only(work: Workspace) -> None:
    """Train the same network on B alone, the control, and write ``{circuit}_target_only``."""
    settings = work.config.target_only
    rows = cross_fitted_rows(work.fold, settings.members)
    model = _make(work, rows.members, "target_only")
    centre_output(model, work.target, rows)
    _train(work, model, rows, settings, "target_only", "target_only", settings.members, 0.0)


def _make(work: Workspace, members: int, stage: str) -> AlignHeteroMLP:
    network = work.config.network
    with seeded(work.seed(stage)):
        model = AlignHeteroMLP(work.architecture(members), (network.logvar_min, network.logvar_max))
    return model.to(work.device)


def _train(
    work: Workspace,
    model: AlignHeteroMLP,
    rows: MemberRows,
    settings: HeteroConfig,
    stage: str,
    name: str,
    members: int,
    lambda_coral: float,
) -> None:
    fitted = fitted_rows(rows, settings.patience, work.seed("stopping"))
    objective = HeteroObjective(model, work.target, work.source, settings, lambda_coral)
    task = Task(stage, model, fitted.train, objective, lambda: objective.watch(fitted))
    settings = replace(
        settings, epochs=stretched_epochs(settings.epochs, settings.full_rows, len(work.target))
    )
    work.fit(task, settings, lambda: _save(work, model, rows, stage, name, members))


class HeteroObjective:
    """beta-NLL + alpha_r2 (1 - R2) + lambda_coral CORAL, per network."""

    def __init__(
        self,
        model: AlignHeteroMLP,
        target: Pairs,
        source: Pairs,
        settings: HeteroConfig,
        lambda_coral: float,
    ) -> None:
        self.model, self.target, self.source = model, target, source
        self.settings, self.lambda_coral = settings, lambda_coral

    def __call__(self, index: Tensor) -> Losses:
        """Losses of a batch (s x b rows) per network."""
        losses, features = self._fit_losses(index)
        if self.lambda_coral:
            draw = torch.randint(len(self.source), index.shape, device="cpu").to(index.device)
            losses["coral"] = coral_loss(self.model.backbone(self.source.x[draw]), features)
            losses["loss"] = losses["loss"] + self.lambda_coral * losses["coral"]
        return losses

    def watch(self, rows: MemberRows) -> Losses:
        """Losses on the rows held out of each network; NaN where a network saw them all."""
        losses, _ = self._fit_losses(rows.held)
        watched = {"mse": losses["mse"], "nll": losses["nll"], "stop": losses["nll"]}
        if self.settings.patience:
            return watched
        unseen = (rows.fold >= 0).to(losses["nll"].device)
        return {k: torch.where(unseen, v, torch.nan) for k, v in watched.items()}

    def _fit_losses(self, index: Tensor) -> tuple[Losses, Tensor]:
        weight = self.target.weight[index]
        y = self.model.output.inverse(self.target.y[index])
        mu, logvar, features = self.model.head_units(self.target.x[index])
        bounds = self.model.logvar_bounds
        beta, alpha = self.settings.beta, self.settings.alpha_r2
        loss = weighted_mean(hetero_nll(y, mu, logvar, "none", beta, bounds), weight)
        if alpha:
            loss = loss + r2_loss(y, mu, alpha, weight)
        with torch.no_grad():
            nll = weighted_mean(hetero_nll(y, mu, logvar, "none", bounds=bounds), weight)
            mse = weighted_mean((y - mu).square(), weight)
        return {"loss": loss, "nll": nll, "mse": mse}, features


@torch.no_grad()
def _save(
    work: Workspace, model: AlignHeteroMLP, rows: MemberRows, stage: str, name: str, members: int
) -> None:
    model.eval()
    mu, logvar, _ = model(work.target.x)
    oof_mu, oof_variance = torch.zeros_like(mu[0]), torch.ones_like(mu[0])
    for fold in range(int(rows.fold.max()) + 1):
        left_out, nets = (work.fold == fold).to(mu.device), rows.fold == fold
        centre, variance = combine_members(mu[nets][:, left_out], logvar[nets][:, left_out])
        oof_mu[left_out], oof_variance[left_out] = centre, variance
    # Of A's designs: nobody knows their metrics in B, while rows of B were seen by some.
    new_mu, new_logvar, _ = model(work.source.x[:_COMPARED])
    ratio = sigma_ratio(new_mu, new_logvar, rows.fold)
    told = {"mu": oof_mu, "variance": oof_variance, "sigma_ratio": ratio}
    final = _final_members(model, members)
    work.save(
        name,
        stage,
        final,
        {f"oof.{name}": value for name, value in told.items()},
        architecture=final.architecture.to_dict(),
        logvar_bounds=list(final.logvar_bounds),
    )


def _final_members(model: AlignHeteroMLP, members: int) -> AlignHeteroMLP:
    """The networks that saw all rows; those that left a fold out have done their part."""
    final = AlignHeteroMLP(replace(model.architecture, members=members), model.logvar_bounds)
    final.load_state_dict({k: v[:members] for k, v in model.state_dict().items()})
    return final
