"""Cached loaders: each is keyed by what identifies the file's content, never by the content."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from core.circuits import load_circuit
from core.data import DataSet, drift_table, load_dataset, quality_findings
from pages.shell.places import stamp


def dataset(folder: Path, circuit_id: str) -> DataSet:
    """Load a data set once per state of its files; InputError where it is at fault."""
    return _dataset(str(folder), circuit_id, stamp(folder))


@st.cache_resource(max_entries=6, show_spinner="Reading the data set")
def _dataset(folder: str, circuit_id: str, version: tuple[int, int]) -> DataSet:
    return load_dataset(Path(folder), load_circuit(circuit_id))


def drift(folder: Path, circuit_id: str) -> pd.DataFrame:
    """Return the drift table of a data set."""
    return _drift(str(folder), circuit_id, stamp(folder))


@st.cache_data(max_entries=12, show_spinner="Comparing A and B")
def _drift(folder: str, circuit_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return drift_table(_dataset(folder, circuit_id, version))


def findings(folder: Path, circuit_id: str) -> pd.DataFrame:
    """Return the quality findings of a data set."""
    return _findings(str(folder), circuit_id, stamp(folder))


@st.cache_data(max_entries=12, show_spinner="Looking for odd rows")
def _findings(folder: str, circuit_id: str, version: tuple[int, int]) -> pd.DataFrame:
    return quality_findings(_dataset(folder, circuit_id, version))
