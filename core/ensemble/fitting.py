"""The last step of a training run: weigh, calibrate and store the ensemble, then evaluate it.

Everything here is fitted on B's training rows, on predictions of networks that did not see the
row in question (cross-fitting). The validation rows are only reported on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from core.ensemble.calibration import conformal_half_width, temperature_squared
from core.ensemble.fusion import best_weights, fuse, log_error, metric_weights
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
from core.models import MLP
from core.models.stored import build
from core.training.workspace import Workspace

FUSED_KINDS = ("align", "target_only")
_WORTH = 0.02  # A member stays if it takes 2 % off the mean square error, in the geometric mean.


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
    y, weight = work.target.y, work.target.working
    coverage = work.config.ensemble.coverage
    calibrations = {
        name: calibrate(y, held.mu, held.variance, weight, coverage)
        for name, held in held_out.items()
    }
    fitted = {name: held_out[name] for name in FUSED_KINDS if name in held_out}
    fitted = fitted or {name: held_out[name] for name in list(held_out)[-1:]}
    fitted |= _process_predictions(work, next(iter(fitted.values())).variance)
    members = needed_members(y, fitted, weight)
    work.log(f"ensemble: {', '.join(fitted)} tried, {', '.join(members)} kept")
    squared, weights = fit_fusion(y, list(members.values()), weight)
    fused = cross_fitted_fusion(y, list(members.values()), weight, work.fold)
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
    tensors |= {"fusion.weights": weights, "fusion.temperature_squared": squared}
    tensors |= _known_tensors(work)
    work.save(
        "ensemble", "ensemble", None, tensors, members=list(members), models=list(calibrations)
    )
    _evaluate(work)


def calibrate(
    y: Tensor, mu: Tensor, variance: Tensor, weight: Tensor, coverage: float
) -> Calibration:
    """Fit temperature and conformal factor on held-out predictions."""
    squared = temperature_squared(y, mu, variance, weight)
    sigma = (squared * variance).sqrt()
    return Calibration(squared, conformal_half_width(y, mu, sigma, weight, coverage))


def fit_fusion(y: Tensor, members: list[HeldOut], weight: Tensor) -> tuple[Tensor, Tensor]:
    """Fit temperatures T^2 and metric-level weights, k x m each, on held-out predictions."""
    squared = torch.stack(
        [temperature_squared(y, member.mu, member.variance, weight) for member in members]
    )
    mu, variance = _stacked(members, squared)
    mse = (weight * (y - mu).square()).sum(1) / weight.sum(0).clamp(min=1)
    return squared, best_weights(y, mu, variance, weight, metric_weights(mse))


def _stacked(members: list[HeldOut], squared: Tensor) -> tuple[Tensor, Tensor]:
    """Means and calibrated variances of k members, k x n x m each."""
    variance = torch.stack([member.variance for member in members])
    return torch.stack([member.mu for member in members]), squared.unsqueeze(1) * variance


def needed_members(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> dict[str, HeldOut]:
    """Drop members, last in line first, that the others do as well without.

    Every member costs time in each prediction. The first always stays.
    """
    kept = dict(members)
    for name in reversed(list(members)[1:]):
        fewer = {other: held for other, held in kept.items() if other != name}
        if _fused_error(y, fewer, weight) < _fused_error(y, kept, weight) + _WORTH:
            kept = fewer
    return kept


def _fused_error(y: Tensor, members: dict[str, HeldOut], weight: Tensor) -> float:
    squared, weights = fit_fusion(y, list(members.values()), weight)
    mu, _ = fuse(*_stacked(list(members.values()), squared), weights)
    return float(log_error(y, mu, weight).mean())


def cross_fitted_fusion(y: Tensor, members: list[HeldOut], weight: Tensor, fold: Tensor) -> HeldOut:
    """Fuse each fold's rows with weights and temperatures fitted on the other folds."""
    fused_mu, fused_variance = torch.zeros_like(y), torch.ones_like(y)
    for number in range(int(fold.max()) + 1):
        here, there = fold == number, fold != number
        others = [HeldOut(m.mu[there], m.variance[there]) for m in members]
        squared, weights = fit_fusion(y[there], others, weight[there])
        mine = [HeldOut(m.mu[here], m.variance[here]) for m in members]
        fused_mu[here], fused_variance[here] = fuse(*_stacked(mine, squared), weights)
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


def _process_predictions(work: Workspace, variance: Tensor) -> dict[str, HeldOut]:
    """Fit the Gaussian process, write its checkpoint, and predict each fold from the others.

    Args:
        variance: n x m, of the networks: they know better than the process where the circuit
            is hard, and their variance costs nothing more.
    """
    settings, circuit_id = work.config.ensemble, work.dataset.circuit.id
    if not settings.gaussian_process or not has_network(work.folder, circuit_id, "baseline"):
        return {}
    complete = work.target.working.all(dim=1).cpu()
    n = int(complete.sum())
    if n > settings.process_rows:
        work.log(f"ensemble: no Gaussian process: {n} rows exceed ensemble.process_rows")
        return {}
    baseline = build(find_network(work.folder, circuit_id, "baseline"))
    assert isinstance(baseline, MLP)
    x, y = work.target.x.cpu(), work.target.y.cpu()
    member, mean = fit_process(
        baseline, x[complete], y[complete], work.fold[complete], work.watcher.batch
    )
    with torch.no_grad():  # The other rows were not fitted.
        mu = member(x)
    mu[complete] = mean
    work.save(PROCESS, PROCESS, member)
    return {PROCESS: HeldOut(mu.to(work.device), variance)}


def _known_tensors(work: Workspace) -> dict[str, Tensor]:
    """B's training rows, for searches to start from, and the range that they span."""
    train = work.dataset.train
    y = torch.where(work.target.working > 0, work.target.y, torch.nan).cpu()
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
