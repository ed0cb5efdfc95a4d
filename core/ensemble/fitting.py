"""The last step of a training run: weigh, calibrate and store the ensemble, then evaluate it.

Everything here is fitted on B's training rows, on predictions of networks that did not see the
row in question (cross-fitting). The validation rows are only reported on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.ensemble.calibration import conformal_half_width, temperature_squared
from core.ensemble.fusion import fuse, metric_weights
from core.ensemble.members import (
    NETWORK_KINDS,
    PROCESS,
    find_network,
    has_network,
    network_member,
    out_of_fold,
)
from core.ensemble.process_member import fit_process
from core.ensemble.validity import fit_validity
from core.errors import InputError
from core.training.workspace import Workspace

FUSED_KINDS = ("align", "target_only", PROCESS)
_PLACES = 3000  # Designs anywhere in the design space on which the process's variance is learned.


@dataclass(frozen=True)
class HeldOut:
    """Predictions of B's training rows by models that did not see them; all n x m."""

    mu: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Calibration:
    """What makes a model's sigma honest; m values each."""

    temperature_squared: Tensor
    half_width: Tensor


def fit_ensemble(work: Workspace) -> None:
    """Fit weights, temperatures, conformal factors and the validity classifier; evaluate.

    Writes the checkpoint ``{circuit}_ensemble`` and ``evaluation.json``.

    Raises:
        InputError: the run holds no trained network to build on.
    """
    held_out = _network_predictions(work)
    if not held_out:
        raise InputError(
            "The run holds no trained network yet: train at least the baseline before the ensemble."
        )
    if work.config.ensemble.gaussian_process and "baseline" in held_out:
        held_out |= _process_predictions(work)
    y, weight = work.target.y, work.target.weight
    coverage = work.config.ensemble.coverage
    calibrations = {
        name: calibrate(y, held.mu, held.variance, weight, coverage)
        for name, held in held_out.items()
    }
    members = [name for name in held_out if name in FUSED_KINDS] or list(held_out)[-1:]
    fitted = [held_out[name] for name in members]
    weights = member_weights(y, fitted, weight)
    fused = cross_fitted_fusion(y, fitted, weight, work.fold)
    calibrations["ensemble"] = calibrate(y, fused.mu, fused.variance, weight, coverage)
    validity = fit_validity(
        (work.transforms.features(work.dataset.source.designs), work.dataset.source.valid),
        (work.transforms.features(work.dataset.train.designs), work.dataset.train.valid),
        work.seed("validity"),
    )
    tensors = {f"validity.{k}": v for k, v in validity.state_dict().items()}
    for name, calibration in calibrations.items():
        tensors[f"temperature_squared.{name}"] = calibration.temperature_squared
        tensors[f"half_width.{name}"] = calibration.half_width
    tensors["weights"] = weights
    models = [name for name in calibrations if name != PROCESS]
    tensors |= _known_tensors(work)
    work.save("ensemble", "ensemble", None, tensors, members=members, models=models)
    _evaluate(work)


def calibrate(
    y: Tensor, mu: Tensor, variance: Tensor, weight: Tensor, coverage: float
) -> Calibration:
    """Fit temperature and conformal factor on held-out predictions."""
    squared = temperature_squared(y, mu, variance, weight)
    sigma = (squared * variance).sqrt()
    return Calibration(squared, conformal_half_width(y, mu, sigma, weight, coverage))


def member_weights(y: Tensor, members: list[HeldOut], weight: Tensor) -> Tensor:
    """Weights k x m from each member's held-out mean square error."""
    count = weight.sum(0).clamp(min=1)
    mse = [(weight * (y - member.mu).square()).sum(0) / count for member in members]
    return metric_weights(torch.stack(mse))


def cross_fitted_fusion(y: Tensor, members: list[HeldOut], weight: Tensor, fold: Tensor) -> HeldOut:
    """Fuse each fold's rows with weights and temperatures fitted on the other folds."""
    mu = torch.stack([member.mu for member in members])
    variance = torch.stack([member.variance for member in members])
    fused_mu, fused_variance = torch.zeros_like(y), torch.ones_like(y)
    for number in range(int(fold.max()) + 1):
        here, there = fold == number, fold != number
        others = [HeldOut(m.mu[there], m.variance[there]) for m in members]
        weights = member_weights(y[there], others, weight[there])
        squared = torch.stack(
            [temperature_squared(y[there], m.mu, m.variance, weight[there]) for m in others]
        )
        fused_mu[here], fused_variance[here] = fuse(
            mu[:, here], squared.unsqueeze(1) * variance[:, here], weights
        )
    return HeldOut(fused_mu, fused_variance)


def _network_predictions(work: Workspace) -> dict[str, HeldOut]:
    circuit_id, held_out = work.dataset.circuit.id, {}
    for kind in NETWORK_KINDS:
        if not has_network(work.folder, circuit_id, kind):
            continue
        checkpoint = find_network(work.folder, circuit_id, kind)
        predicted = out_of_fold(checkpoint)
        if predicted is None:  # A's networks have seen no row of B at all.
            with torch.no_grad():
                predicted = network_member(checkpoint)(work.target.x.cpu())
        held_out[kind] = HeldOut(*(part.to(work.target.x.device) for part in predicted))
    return held_out


def _process_predictions(work: Workspace) -> dict[str, HeldOut]:
    """Fit the Gaussian process and write its checkpoint; its predictions from other folds."""
    complete = work.target.weight.all(dim=1).cpu()
    n = int(complete.sum())
    if n > work.config.ensemble.process_rows:
        work.log(
            f"ensemble: no Gaussian process, since {n} rows are more than "
            f"ensemble.process_rows={work.config.ensemble.process_rows}"
        )
        return {}
    baseline = network_member(find_network(work.folder, work.dataset.circuit.id, "baseline"))
    x, y = work.target.x.cpu(), work.target.y.cpu()
    member, (mu, variance) = fit_process(
        baseline,
        x[complete],
        y[complete],
        work.fold[complete],
        _anywhere(work),
        work.seed(PROCESS),
        work.watcher.batch,
    )
    with torch.no_grad():  # Rows that lack a metric were not fitted.
        all_mu, all_variance = member(x)
    all_mu[complete], all_variance[complete] = mu, variance
    work.save(PROCESS, PROCESS, member, rows=n)
    return {PROCESS: HeldOut(all_mu.to(work.device), all_variance.to(work.device))}


def _anywhere(work: Workspace) -> Tensor:
    """Features of random designs on the grid."""
    generator = np.random.default_rng(work.seed("anywhere"))
    variables = work.dataset.circuit.variables
    return work.transforms.features(
        pd.DataFrame({v.name: generator.choice(v.grid, _PLACES) for v in variables})
    )


def _known_tensors(work: Workspace) -> dict[str, Tensor]:
    """B's training rows, for searches to start from, and the range that they span."""
    train = work.dataset.train
    y = torch.where(work.target.weight > 0, work.target.y, torch.nan).cpu()
    low, high = (torch.nan_to_num(y, nan=sign * torch.inf) for sign in (1.0, -1.0))
    low, high = low.amin(0), high.amax(0)
    margin = work.config.ensemble.range_margin * (high - low)
    return {
        "known.designs": torch.from_numpy(train.designs.to_numpy(dtype=float, copy=True)),
        "known.metrics": torch.from_numpy(train.metrics.to_numpy(dtype=float, copy=True)),
        "known.valid": torch.from_numpy(train.valid.copy()),
        "known.supply_current": torch.from_numpy(
            train.supply_current.to_numpy(dtype=float, copy=True)
        ),
        "range.low": low - margin,
        "range.high": high + margin,
    }


def _evaluate(work: Workspace) -> None:
    from core.ensemble.evaluation import evaluate
    from core.ensemble.predictor import load_predictor, model_names

    predictors = {name: load_predictor(work.folder, name) for name in model_names(work.folder)}
    report = evaluate(predictors, work.dataset.validation)
    work.run.write_json("evaluation.json", report.to_dict())
