"""Data sets: loading and checking, the split.

``core.data.transforms`` (torch) and ``core.data.drift`` (scipy.stats) are imported by their own
names: a page that only shows what is there does not wait for them.
"""

from core.data.loader import (
    bundled_dataset_folder,
    load_dataset,
    read_designs,
    read_metrics,
    split_rows,
)
from core.data.quality import quality_findings
from core.data.tables import DataSet, DomainTable

__all__ = [
    "DataSet",
    "DomainTable",
    "bundled_dataset_folder",
    "load_dataset",
    "quality_findings",
    "read_designs",
    "read_metrics",
    "split_rows",
]
