"""Drift without sampling noise: what the very same designs do in both processes."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from core.circuits import Circuit
from core.data.tables import DataSet


def paired_designs(dataset: DataSet, count: int, seed: int = 0) -> pd.DataFrame:
    """Return the sizes of ``count`` working designs of B, or of all that there are, at random."""
    working = dataset.target.designs[dataset.target.valid]
    return working.sample(min(count, len(working)), random_state=seed).reset_index(drop=True)


def paired_drift(circuit: Circuit, source: pd.DataFrame, target: pd.DataFrame) -> pd.DataFrame:
    """Compare the metrics of the same n designs in A and in B.

    Args:
        circuit: whose metrics they are.
        source: n rows of metrics in A; NaN where not measured.
        target: the same designs in B, in the same order.

    Returns:
        Indexed by metric: ``designs`` that both have measured; ``median``, ``low`` and ``high``:
        median, 10th and 90th percentile of the ratio B / A (of the difference B - A for a metric
        on a linear scale, such as an angle); ``rank_correlation`` (Spearman): 1 where B ranks the
        designs as A does.
    """
    rows = []
    for metric in circuit.metrics:
        a, b = source[metric.name].to_numpy(float), target[metric.name].to_numpy(float)
        both = np.isfinite(a) & np.isfinite(b)
        a, b = a[both], b[both]
        change = b / a if metric.transform == "log10" else b - a
        low, middle, high = np.quantile(change, [0.1, 0.5, 0.9]) if len(change) else [np.nan] * 3
        rows.append(
            {
                "metric": metric.name,
                "designs": len(change),
                "median": middle,
                "low": low,
                "high": high,
                "rank_correlation": float(spearmanr(a, b).statistic) if len(a) > 2 else np.nan,
            }
        )
    return pd.DataFrame(rows).set_index("metric")
