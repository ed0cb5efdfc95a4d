"""The last step of a training run: weigh, calibrate and store the ensemble, then evaluate it.

Everything here is fitted on B's training rows, on predictions of networks that did not see the
row in question (cross-fitting). The validation rows are only reported on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from core.devices.amplifier import AmplifierModel
from core.devices.extraction import extract_amplifier
from core.devices.fitting import fit_amplifier
from core.ensemble.calibration import (
    conformal_half_width,
    temperature_squared,
    typical_and_large,
)
from core.ensemble.estimator import (
    AmplifierEstimator,
    can_estimate,
    forget_amplifier,
    save_amplifier,
    target_surroundings,
)
from core.ensemble.fusion_fitting import (
    HeldOut,
    cross_fitted_mean,
    fit_fusion,
    needed_members,
    stacked,
)
from core.ensemble.members import (
    NETWORK_KINDS,
    PROCESS,
    UNAIDED,
    find_network,
    has_network,
    network_member,
    out_of_fold,
)
from core.ensemble.process_member import (
    FittedProcess,
    LearnedProcess,
    hold_out,
    learn_process,
)
from core.ensemble.validity import fit_validity
from core.errors import InputError
from core.models import MLP
from core.models.stored import build
from core.training.workspace import Workspace

FUSED_KINDS = ("align", "target_only")
UNSEEN_FOLD = 0  # of the cross-fitting; the amplifier's transistors are not fitted to it
_WORTH = 0.9  # of the errors, beyond which the transistors are not worth the time they take


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
    fitted = {name: held_out[name] for name in FUSED_KINDS if name in held_out}
    fitted = fitted or {name: held_out[name] for name in list(held_out)[-1:]}
    processes = _fit_processes(work)
    process = processes.get(PROCESS)
    learning = process.learning if process else 1.0
    tried = fitted | _held_out(processes, next(iter(fitted.values())).variance)
    members = needed_members(y, tried, weight)
    work.log(f"ensemble: {', '.join(tried)} tried, {', '.join(members)} kept")
    for name, one in processes.items():
        if name in (PROCESS, *members):
            work.save(name, name, one.member)
    fusion = fit_fusion(y, members, weight)
    _, fused_variance = fusion.combine(*stacked(members))
    fused = replace(
        next(iter(members.values())),
        mu=cross_fitted_mean(y, members, weight, work.fold),
        variance=fused_variance,
    )
    coverage = work.config.ensemble.coverage
    honest = held_out | {"ensemble": fused}
    if process:  # By itself it has one sigma everywhere.
        honest[PROCESS] = HeldOut(process.held_out, torch.ones_like(process.held_out))
    calibrations = {
        name: calibrate(y, held, weight, coverage, 1.0 if name == "baseline" else learning)
        for name, held in honest.items()
    }
    validity = fit_validity(
        (work.transforms.features(work.dataset.source.designs), work.dataset.source.valid),
        (work.transforms.features(work.dataset.train.designs), work.dataset.train.valid),
        work.seed("validity"),
    )
    tensors = {f"validity.{k}": v for k, v in validity.state_dict().items()}
    for name, calibration in calibrations.items():
        tensors[f"temperature_squared.{name}"] = calibration.temperature_squared
        tensors[f"half_width.{name}"] = calibration.half_width
    tensors |= {
        "fusion.weights": fusion.weights,
        "fusion.temperature_squared": fusion.temperature_squared,
        "fusion.reach": fusion.reach,
    }
    if fusion.far is not None:
        tensors["fusion.far"] = fusion.far
    tensors |= _known_tensors(work)
    work.save(
        "ensemble", "ensemble", None, tensors, members=list(members), models=list(calibrations)
    )
    _evaluate(work)


def calibrate(
    y: Tensor, held: HeldOut, weight: Tensor, coverage: float, learning: float
) -> Calibration:
    """Fit temperature and conformal factor on held-out predictions.

    Args:
        learning: what the errors shrink by when a model learns from every row, for the held-out
            predictions are of models that a fold of the rows was kept from. What its sigma shrinks
            by itself is not counted twice.
    """
    squared = temperature_squared(y, held.mu, held.variance, weight)
    sigma = (squared * held.variance).sqrt()
    half_width = conformal_half_width(y, held.mu, sigma, weight, coverage)
    own = squared.new_ones(1) if held.sigma_ratio is None else held.sigma_ratio.clamp(max=1.0)
    return Calibration((learning / own).square() * squared, half_width)


def as_if_unseen(error: Tensor, seen: Tensor) -> Tensor:
    """Stretch the errors (n x m) of rows (n booleans) whose operating points taught the amplifier.

    A process that left a row out still has its estimate, of transistors that did not: errors there
    are too small by what the rows of the unseen fold tell, metric by metric, in their typical or in
    their large errors, whichever grow more.
    """
    if not bool(seen.any()):
        return error
    ratio = (typical_and_large(error[~seen]) / typical_and_large(error[seen])).amax(0)
    ratio = ratio.clamp(min=1.0)
    return torch.where(seen[:, None], error * ratio, error)


def error_ratio(error: Tensor, other: Tensor) -> float:
    """Errors n x m over others, typical and large ones of all metrics, in the geometric mean."""
    ratio = typical_and_large(error) / typical_and_large(other)
    return float(ratio.log().mean().exp())


def _held_out(processes: dict[str, FittedProcess], variance: Tensor) -> dict[str, HeldOut]:
    """What processes predict of held-out rows, the one that the fusion may doubt last.

    Networks know better than a process where the circuit is hard, and their variance costs nothing
    more.
    """
    held = {}
    if UNAIDED in processes:
        held[UNAIDED] = HeldOut(processes[UNAIDED].held_out, variance, unaided=True)
    if PROCESS in processes:
        one = processes[PROCESS]
        aided = one.member.has_estimator
        held[PROCESS] = HeldOut(one.held_out, variance, one.doubt, estimated=aided)
    return held


def _network_predictions(work: Workspace) -> dict[str, HeldOut]:
    circuit_id, held_out = work.dataset.circuit.id, {}
    for kind in NETWORK_KINDS:
        if not has_network(work.folder, circuit_id, kind):
            continue
        checkpoint = find_network(work.folder, circuit_id, kind)
        told = out_of_fold(checkpoint)
        if not told:  # A's networks have seen no row of B at all.
            with torch.no_grad():
                mu, variance = network_member(checkpoint)(work.target.x.cpu())
            told = {"mu": mu, "variance": variance}
        told = {name: part.to(work.device) for name, part in told.items()}
        held_out[kind] = HeldOut(told["mu"], told["variance"], sigma_ratio=told.get("sigma_ratio"))
    return held_out


def _fit_processes(work: Workspace) -> dict[str, FittedProcess]:
    """Fit the Gaussian process and predict every row of B's training; none where it cannot be.

    Where it asks nodal equations of extracted transistors, another that asks none comes with it.
    Beside learned transistors that one had nothing to add.
    """
    settings, circuit_id = work.config.ensemble, work.dataset.circuit.id
    forget_amplifier(work)
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
    rows = (baseline, x[complete], y[complete], work.watcher.batch)
    plain = learn_process(*rows)
    fitted = _with_transistors(work, complete, plain, lambda aid: learn_process(*rows, aid))
    fitted = fitted or {PROCESS: hold_out(plain, work.fold[complete].cpu(), work.watcher.batch)}
    ratio = fitted[PROCESS].learning
    work.log(f"ensemble: errors with every row {ratio:.2f} of those with a fold less")
    return {name: _everywhere(work, one, complete) for name, one in fitted.items()}


def _with_transistors(
    work: Workspace,
    complete: Tensor,
    plain: LearnedProcess,
    learn: Callable[[AmplifierEstimator], LearnedProcess],
) -> dict[str, FittedProcess]:
    """Processes of the complete rows (booleans) where B's transistors lower their errors; or none.

    Args:
        plain: without transistors.
        learn: makes another with the help of an estimator.
    """
    amplifier = _fit_amplifier(work)
    if amplifier is None:
        return {}
    estimator = AmplifierEstimator(amplifier.model, work.dataset.circuit, work.transforms)
    aided, fold, between = learn(estimator), work.fold[complete].cpu(), work.watcher.batch
    if amplifier.by_fold is None:
        own = hold_out(aided, fold, between)
        seen = amplifier.learned_from[complete]
        error = as_if_unseen(plain.y - own.held_out, seen)
        fitted = {PROCESS: replace(own, held_out=(plain.y - error).float())}
        ratio = error_ratio(as_if_unseen(aided.errors, seen), plain.errors)
    else:
        estimates = estimator.standardised(amplifier.by_fold[:, complete])
        own, other = hold_out(aided, fold, between, estimates), hold_out(plain, fold, between)
        fitted = {PROCESS: own, UNAIDED: other}
        ratio = error_ratio(plain.y - own.held_out, plain.y - other.held_out)
    kept = ratio < _WORTH
    work.log(
        f"ensemble: with the transistors, errors are {ratio:.2f} of those without: "
        f"{'kept' if kept else 'left out'}"
    )
    if not kept:
        return {}
    save_amplifier(work, amplifier.model)
    return fitted


def _everywhere(work: Workspace, fitted: FittedProcess, complete: Tensor) -> FittedProcess:
    """A process that was held out on complete rows (booleans), with what it says of the others."""
    with torch.no_grad():  # The other rows were not fitted.
        mu, doubt = fitted.member(work.target.x.cpu())
    mu[complete], doubt[complete] = fitted.held_out, fitted.doubt
    return replace(fitted, held_out=mu.to(work.device), doubt=doubt.to(work.device))


@dataclass(frozen=True)
class _Amplifier:
    """An amplifier, and what it has seen.

    Attributes:
        learned_from: n booleans, the rows of B whose operating points its networks were fitted to.
        by_fold: folds x n x 5, physical units: its estimates of all rows where a fold was kept from
            its transistors; None where these are networks.
    """

    model: AmplifierModel
    learned_from: Tensor
    by_fold: Tensor | None = None


def _fit_amplifier(work: Workspace) -> _Amplifier | None:
    """Learn B's transistors and return the amplifier made of them; None where it cannot be.

    Operating points tell most; networks learn them by heart, so that a fold is kept from them.
    Where there are none the metrics must do. Some ninety constants cannot learn thousands of them
    by heart: all rows serve, and each fold has constants of its own to say how new designs fare.
    """
    settings, circuit = work.config.ensemble, work.dataset.circuit
    if not settings.transistors or not can_estimate(circuit):
        return None
    surroundings, table = target_surroundings(work.dataset), work.dataset.train
    more = (work.seed("amplifier"), work.watcher.batch)
    fold = work.fold.cpu()
    seen = fold != UNSEEN_FOLD
    if settings.operating_points and surroundings and table.operating_points is not None:
        work.log("ensemble: learning B's transistors from the operating points of its rows")
        rows = np.setdiff1d(np.arange(len(table)), work.target.rows[~seen.numpy()])
        model = fit_amplifier(circuit, surroundings, table.rows(rows), *more)
        return None if model is None else _Amplifier(model, seen)
    work.log("ensemble: extracting B's transistors from its metrics")
    every = np.full(len(table), -1)
    every[work.target.rows] = fold.numpy()
    found = extract_amplifier(circuit, surroundings, table, every, *more)
    if found is None:
        return None
    if surroundings is None:
        work.log(f"ensemble: the data fit this testbench: {found.model.surroundings}")
    return _Amplifier(found.model, torch.zeros_like(seen), found.by_fold[:, work.target.rows])


def _known_tensors(work: Workspace) -> dict[str, Tensor]:
    """B's training rows, for searches to start from, and the range of all that was measured."""
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
