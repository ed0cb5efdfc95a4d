"""How far B has drifted from A, column by column.

The two-sample Kolmogorov-Smirnov statistic (Smirnov 1948) and the first Wasserstein distance
(Villani 2009), both from scipy, on columns as the models see them: logs where a metric is
declared so.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp, wasserstein_distance

from core.data.tables import DataSet

_SAME = 0.01  # p-value above which two samples count as one distribution.


def drift_table(dataset: DataSet) -> pd.DataFrame:
    """Compare A and B per column.

    Returns:
        Indexed by column: ``kind`` (design or metric), ``ks`` (0 to 1), ``p_value``,
        ``wasserstein`` (in standard deviations of A), ``median_ratio`` (B over A, physical
        units), ``verdict``. Metrics are those of working amplifiers.
    """
    rows = []
    for variable in dataset.circuit.variables:
        a = dataset.source.designs[variable.name].to_numpy()
        b = dataset.target.designs[variable.name].to_numpy()
        rows.append(_row(variable.name, "design", a, b, logarithm=True))
    for metric in dataset.circuit.metrics:
        a = dataset.source.metrics[metric.name].to_numpy()[dataset.source.valid]
        b = dataset.target.metrics[metric.name].to_numpy()[dataset.target.valid]
        rows.append(_row(metric.name, "metric", a, b, logarithm=metric.transform == "log10"))
    return pd.DataFrame(rows).set_index("column")


def _row(
    column: str, kind: str, a: np.ndarray, b: np.ndarray, logarithm: bool
) -> dict[str, object]:
    seen_a, seen_b = (np.log10(a), np.log10(b)) if logarithm else (a, b)
    test = ks_2samp(seen_a, seen_b)
    # A column that is constant in A, such as a fixed bias current, has no spread to divide by.
    spread = float(np.std(seen_a)) or 1.0
    return {
        "column": column,
        "kind": kind,
        "ks": float(test.statistic),
        "p_value": float(test.pvalue),
        "wasserstein": float(wasserstein_distance(seen_a, seen_b)) / spread,
        "median_ratio": float(np.median(b) / np.median(a)),
        "verdict": _verdict(float(test.statistic), float(test.pvalue)),
    }


def _verdict(ks: float, p_value: float) -> str:
    if p_value > _SAME:
        return "same distribution"
    if ks < 0.2:
        return "slightly shifted"
    return "shifted" if ks < 0.8 else "hardly overlaps"
