"""Cached data sets: each is keyed by what identifies the files' content, never by the content."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from core.circuits import load_circuit
from core.data import DataSet, load_dataset, quality_findings
from core.errors import CrossfabError
from pages.shell.places import stamp


def dataset(folder: Path, circuit_id: str) -> DataSet:
    """Load a data set once per state of its files; InputError where it is at fault."""
    return _dataset(str(folder), circuit_id, stamp(folder))


@st.cache_resource(max_entries=6, show_spinner="Reading the data set")
def _dataset(folder: str, circuit_id: str, version: tuple[int, int]) -> DataSet:
    return load_dataset(Path(folder), load_circuit(circuit_id))


def first_sizes(folder: Path, circuit_id: str) -> dict[str, float]:
    """Return a design to start from: the median of B's working ones, else the grid's middle."""
    circuit = load_circuit(circuit_id)
    try:
        table = dataset(folder, circuit_id).target
    except CrossfabError:
        table = None
    if table is None or not table.valid.any():
        return {v.name: float(v.grid[len(v.grid) // 2]) for v in circuit.variables}
    return {str(name): float(value) for name, value in table.median_design(circuit).items()}


def findings(folder: Path, circuit_id: str) -> pd.DataFrame:
    """Return the quality findings of a data set."""
    return _findings(str(folder), circuit_id, stamp(folder))


@st.cache_data(max_entries=12, show_spinner="Looking for odd rows")
def _findings(folder: str, circuit_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return quality_findings(_dataset(folder, circuit_id, version))
