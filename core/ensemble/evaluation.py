"""How good a model is on rows it never saw, and whether it knew where it was bad."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from core.circuits import Circuit
from core.data import DomainTable, read_designs, read_metrics
from core.ensemble.predictor import Prediction, Predictor, load_predictor, model_names
from core.errors import InputError
from core.training.start import run_dataset

WORST = 10


@dataclass(frozen=True)
class Evaluation:
    """Accuracy and calibration per model and metric on held-out rows of B.

    Attributes:
        table: indexed by (model, metric); mean square error ``mse``, mean absolute error ``mae``,
            ``r2`` and ``mean_width`` of the 90 % interval in physical units; ``log_r2``, of log10
            (linear for an angle); ``median_relative_error``, ``p95_relative_error`` and
            ``median_relative_width``, over the absolute value; ``coverage``, the share of rows
            inside the interval.
        rows: how many rows were reported on (working amplifiers).
        excluded: how many rows were left out, by the data's own rule.
        validity: how well the classifier tells working amplifiers from the rest.
        worst: the worst designs of the first model: error in sigmas and in percent, sizes.
        sigma_knew: per metric, the rank correlation of sigma with the absolute error.
        where: per metric, the design variable that large errors go with most, and how.
    """

    table: pd.DataFrame
    rows: int
    excluded: int
    validity: dict[str, float]
    worst: pd.DataFrame
    sigma_knew: dict[str, float]
    where: dict[str, dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        models = {}
        for model, group in self.table.groupby(level="model", sort=False):
            per_metric = group.droplevel("model")
            models[str(model)] = {
                "metrics": {str(k): v for k, v in per_metric.to_dict("index").items()},
                "mean": {name: float(per_metric[name].mean()) for name in ("r2", "log_r2")},
            }
        return {
            "rows": self.rows,
            "excluded": self.excluded,
            "models": models,
            "validity": self.validity,
            "worst": self.worst.to_dict("records"),
            "sigma_knew": self.sigma_knew,
            "where": self.where,
        }

    def text(self) -> str:
        """Return the report for a terminal."""
        table = self.table.rename(
            columns={"median_relative_error": "MRE", "p95_relative_error": "p95"}
        )
        columns = ["r2", "log_r2", "mae", "MRE", "p95", "coverage", "mean_width"]
        parts = [
            f"{self.rows} held-out rows of B ({self.excluded} more are no working amplifiers)",
            table[columns].to_string(float_format=lambda v: f"{v:.5g}"),
            "Mean over the metrics",
            self.table.groupby(level="model", sort=False)[["r2", "log_r2"]]
            .mean()
            .to_string(float_format=lambda v: f"{v:.4f}"),
            "Worst designs of the " + str(self.table.index[0][0]),
            self.worst.to_string(index=False, float_format=lambda v: f"{v:.4g}"),
            "Did sigma know (rank correlation with the error): "
            + ", ".join(f"{k} {v:.2f}" for k, v in self.sigma_knew.items()),
        ]
        return "\n\n".join(parts)


def evaluate(predictors: Mapping[str, Predictor], table: DomainTable) -> Evaluation:
    """Report models on rows that none of them was fitted, stopped or calibrated on.

    Args:
        predictors: by name; the first is the one whose errors are analysed.
        table: designs and metrics of B; rows that are not valid only count for the classifier.

    Raises:
        InputError: no valid row to report on.
    """
    rows = np.flatnonzero(table.valid)
    if len(rows) < 2:
        raise InputError(
            f"Only {len(rows)} of {len(table)} rows are working amplifiers with every metric "
            "measured: at least 2 are needed for an evaluation."
        )
    valid = table.rows(rows)
    frames, first = {}, None
    for name, predictor in predictors.items():
        prediction = predictor.predict(valid.designs)
        frames[name] = figures(predictor.circuit, valid.metrics, prediction)
        first = first or (predictor, prediction)
    assert first is not None
    predictor, prediction = first
    errors = _errors_in_log(predictor.circuit, valid.metrics, prediction)
    return Evaluation(
        table=pd.concat(frames, names=["model", "metric"]),
        rows=len(rows),
        excluded=len(table) - len(rows),
        validity=_validity_figures(predictor, table),
        worst=_worst(valid, prediction, errors),
        sigma_knew=_sigma_knew(prediction, errors, predictor.circuit),
        where=_where(valid.designs, errors),
    )


def evaluate_run(
    run_folder: str | Path, designs: Path | None = None, targets: Path | None = None
) -> Evaluation:
    """Evaluate every model of a run on its data's validation rows, or on tables given.

    Raises:
        InputError: bad tables. CheckpointError: a bad run.
    """
    folder = Path(run_folder)
    predictors = {name: load_predictor(folder, name) for name in model_names(folder)}
    circuit = next(iter(predictors.values())).circuit
    if designs is None or targets is None:
        dataset = run_dataset(folder, "name the rows with --designs and --targets.")
        return evaluate(predictors, dataset.validation)
    metrics, sizes = read_metrics(targets, circuit), read_designs(designs, circuit)
    if len(metrics) != len(sizes):
        raise InputError(
            f'"{designs}" has {len(sizes)} rows but "{targets}" has {len(metrics)}: expected one '
            "row a design in the same order in both."
        )
    table = DomainTable(
        sizes, metrics.metrics, metrics.valid, metrics.reason, metrics.supply_current
    )
    return evaluate(predictors, table)


def figures(circuit: Circuit, metrics: pd.DataFrame, prediction: Prediction) -> pd.DataFrame:
    """Accuracy and calibration per metric (rows) of predicted against simulated metrics, n x m."""
    rows = {}
    for metric in circuit.metrics:
        y = metrics[metric.name].to_numpy()
        p = prediction.median[metric.name].to_numpy()
        low = prediction.lower[metric.name].to_numpy()
        high = prediction.upper[metric.name].to_numpy()
        error = np.abs(y - p)
        relative = error / np.abs(y)
        positive = metric.transform == "log10"
        rows[metric.name] = {
            "mse": float(np.mean(error**2)),
            "mae": float(np.mean(error)),
            "r2": r2(y, p),
            "log_r2": r2(_log10(y), _log10(p)) if positive else r2(y, p),
            "median_relative_error": float(np.median(relative)),
            "p95_relative_error": float(np.percentile(relative, 95)),
            "coverage": float(np.mean((low <= y) & (y <= high))),
            "mean_width": float(np.mean(high - low)),
            "median_relative_width": float(np.median((high - low) / np.abs(y))),
        }
    return pd.DataFrame(rows).T


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """1 - SSE / SST; NaN where all values are one."""
    spread = np.sum((y - y.mean()) ** 2)
    if spread == 0:
        return math.nan
    return float(1.0 - np.sum((y - predicted) ** 2) / spread)


def _log10(value: np.ndarray) -> np.ndarray:
    # The linear transforms of the reference preset can predict what has no logarithm.
    return np.log10(np.maximum(value, 1e-12))


def _errors_in_log(circuit: Circuit, metrics: pd.DataFrame, prediction: Prediction) -> pd.DataFrame:
    """Absolute errors n x m, in log10 or linear, over the metric's own spread: comparable."""
    columns = {}
    for metric in circuit.metrics:
        y, p = metrics[metric.name].to_numpy(), prediction.median[metric.name].to_numpy()
        if metric.transform == "log10":
            y, p = _log10(y), _log10(p)
        columns[metric.name] = np.abs(y - p) / (np.std(y) or 1.0)
    return pd.DataFrame(columns)


def _widths(circuit: Circuit, prediction: Prediction) -> pd.DataFrame:
    logs = {m.name: m.transform == "log10" for m in circuit.metrics}
    return pd.DataFrame(
        {
            name: _log10(prediction.upper[name].to_numpy())
            - _log10(prediction.lower[name].to_numpy())
            if log
            else (prediction.upper[name] - prediction.lower[name]).to_numpy()
            for name, log in logs.items()
        }
    )


def _sigma_knew(prediction: Prediction, errors: pd.DataFrame, circuit: Circuit) -> dict[str, float]:
    widths = _widths(circuit, prediction)
    return {name: rank_correlation(widths[name], errors[name]) for name in errors}


def rank_correlation(a: pd.Series, b: pd.Series) -> float:
    """Spearman's rank correlation; 0 where one side is constant, since it then tells nothing."""
    if a.nunique() < 2 or b.nunique() < 2:
        return 0.0
    return float(spearmanr(a, b).statistic)


def _worst(valid: DomainTable, prediction: Prediction, errors: pd.DataFrame) -> pd.DataFrame:
    order = errors.max(axis=1).to_numpy().argsort()[::-1][:WORST]
    records = []
    for i in order:
        name = str(errors.iloc[i].idxmax())
        low, high = prediction.lower[name].iloc[i], prediction.upper[name].iloc[i]
        simulated = valid.metrics[name].iloc[i]
        records.append(
            {
                "metric": name,
                "error_in_spreads": float(errors[name].iloc[i]),
                "simulated": float(simulated),
                "predicted": float(prediction.median[name].iloc[i]),
                "low": float(low),
                "high": float(high),
                "sigma_knew": bool(low <= simulated <= high),
                **{k: float(v) for k, v in valid.designs.iloc[i].items()},
            }
        )
    return pd.DataFrame(records)


def _where(designs: pd.DataFrame, errors: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """For each metric: which variable the error goes with most, and where its worst 5 % lie."""
    found = {}
    for name in errors:
        ranks = {v: rank_correlation(designs[v], errors[name]) for v in designs}
        variable = max(ranks, key=lambda v: abs(ranks[v]))
        bad = errors[name] >= errors[name].quantile(0.95)
        found[str(name)] = {
            "variable": str(variable),
            "rank_correlation": ranks[variable],
            "median_of_worst": float(designs.loc[bad, variable].median()),
            "median_of_all": float(designs[variable].median()),
        }
    return found


def _validity_figures(predictor: Predictor, table: DomainTable) -> dict[str, float]:
    probability = predictor.predict(table.designs).validity.to_numpy()
    guess = probability > 0.5
    return {
        "accuracy": float(np.mean(guess == table.valid)),
        "brier": float(np.mean((probability - table.valid) ** 2)),
        "valid_share": float(np.mean(table.valid)),
    }
