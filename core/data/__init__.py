"""Data sets: loading and checking, the split, transforms, drift."""

from core.data.drift import drift_table
from core.data.loader import (
    bundled_dataset_folder,
    load_dataset,
    read_designs,
    read_metrics,
    split_rows,
)
from core.data.quality import quality_findings
from core.data.tables import DataSet, DomainTable
from core.data.transforms import (
    InputTransform,
    MetricTransform,
    Transforms,
    fit_transforms,
    scaler_table,
)

__all__ = [
    "DataSet",
    "DomainTable",
    "InputTransform",
    "MetricTransform",
    "Transforms",
    "bundled_dataset_folder",
    "drift_table",
    "fit_transforms",
    "load_dataset",
    "quality_findings",
    "read_designs",
    "read_metrics",
    "scaler_table",
    "split_rows",
]
