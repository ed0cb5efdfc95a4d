"""The error analysis of a run as tables that people read: worst designs, where, and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from core.circuits import Circuit
from core.figures.model_names import MODEL_NAMES
from core.figures.quantity import quantities
from core.models import Checkpoint

_TEMPERATURE = "temperature_squared."
_VALUES = {
    "Simulated": "simulated",
    "Predicted": "predicted",
    "90 % from": "low",
    "90 % to": "high",
}


def worst_table(evaluation: Mapping[str, Any], circuit: Circuit) -> pd.DataFrame:
    """Return the worst designs of the ensemble, one a row, values as text.

    Args:
        evaluation: the content of ``evaluation.json``.
        circuit: names metrics, sizes and their units.
    """
    shown, worst = quantities(circuit), pd.DataFrame(evaluation["worst"])
    columns: dict[str, Any] = {
        "Metric": [shown[name].label for name in worst["metric"]],
        "Error / spread": worst["error_in_spreads"],
    }
    for head, column in _VALUES.items():
        pairs = zip(worst["metric"], worst[column], strict=True)
        columns[head] = [shown[name].text(value) for name, value in pairs]
    columns["Inside"] = ["yes" if inside else "no" for inside in worst["sigma_knew"]]
    for name in circuit.variable_names:
        columns[shown[name].label] = [shown[name].text(value) for value in worst[name]]
    return pd.DataFrame(columns)


def where_table(evaluation: Mapping[str, Any], circuit: Circuit) -> pd.DataFrame:
    """Return the size that large errors go with, one metric a row, and whether sigma knew."""
    shown, rows = quantities(circuit), []
    for name, row in evaluation["where"].items():
        variable = shown[row["variable"]]
        rows.append(
            {
                "Metric": shown[name].label,
                "Errors go with": variable.label,
                "Rank correlation": row["rank_correlation"],
                "Median of the worst 5 %": variable.text(row["median_of_worst"]),
                "Median of all": variable.text(row["median_of_all"]),
                "Did sigma know": evaluation["sigma_knew"][name],
            }
        )
    return pd.DataFrame(rows)


def member_shares(ensemble: Checkpoint, circuit: Circuit) -> pd.DataFrame:
    """Return each member's share of the weights, 0 to 1: members as rows, metrics as columns."""
    members = list(ensemble.metadata["members"])
    weights = ensemble.tensors["fusion.weights"].numpy()
    table = pd.DataFrame(weights, members, _labels(circuit))
    return table / table.sum()


def temperatures(ensemble: Checkpoint, circuit: Circuit) -> pd.DataFrame:
    """Return what each model's sigma is multiplied by: models as rows, metrics as columns."""
    rows = {
        name.removeprefix(_TEMPERATURE): tensor.sqrt().numpy()
        for name, tensor in ensemble.tensors.items()
        if name.startswith(_TEMPERATURE)
    }
    ordered = [name for name in MODEL_NAMES if name in rows]
    ordered += [name for name in rows if name not in ordered]
    return pd.DataFrame(rows, index=_labels(circuit)).T.loc[ordered]


def _labels(circuit: Circuit) -> list[str]:
    shown = quantities(circuit)
    return [shown[name].label for name in circuit.metric_names]
