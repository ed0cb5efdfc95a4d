"""Cached loaders: each is keyed by what identifies the file's content, never by the content."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.circuits import load_circuit
from core.data import (
    DataSet,
    DomainTable,
    drift_table,
    load_dataset,
    quality_findings,
)
from core.ensemble import Prediction, Predictor, load_predictor, model_names
from core.ensemble.importance import total_effects
from core.errors import CrossfabError
from core.figures.accuracy import standardised_residuals
from core.inverse import Workbench, mdn_sampler, prepare
from core.inverse.pools import Sampler
from core.training.start import run_data_folder, run_dataset
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


@dataclass(frozen=True)
class HeldOut:
    """B's held-out working amplifiers and what every model of a run says of them.

    Attributes:
        table: n rows of B that no model was fitted to.
        rows: their row numbers in the data files, counted from 1.
        predictions: by model name.
        residuals: by model name, (simulated - predicted) / sigma, n x m.
    """

    table: DomainTable
    rows: list[int]
    predictions: dict[str, Prediction]
    residuals: dict[str, pd.DataFrame]


def models(run: Path) -> list[str]:
    """Names of the models that a run can predict with, the ensemble first."""
    return model_names(run)


def predictor(run: Path, model: str) -> Predictor:
    """Load a trained model once per state of its run; CheckpointError where it is damaged."""
    return _predictor(str(run), model, stamp(run, "*.safetensors"))


@st.cache_resource(max_entries=12, show_spinner="Loading the model")
def _predictor(run: str, model: str, version: tuple[int, int]) -> Predictor:
    return load_predictor(Path(run), model)


def bench(run: Path, model: str) -> Workbench:
    """Return the screened design space of a trained model."""
    return _bench(str(run), model, stamp(run, "*.safetensors"))


@st.cache_resource(max_entries=6, show_spinner="Screening the design space")
def _bench(run: str, model: str, version: tuple[int, int]) -> Workbench:
    return prepare(_predictor(run, model, version))


def has_sampler(run: Path) -> bool:
    """Whether a run holds an inverse network."""
    return any(run.glob("*_mdn.safetensors"))


def sampler(run: Path) -> Sampler:
    """Return the inverse network of a run as a source of starts."""
    return _sampler(str(run), stamp(run, "*.safetensors"))


@st.cache_resource(max_entries=6, show_spinner=False)
def _sampler(run: str, version: tuple[int, int]) -> Sampler:
    return mdn_sampler(run)


def importance(run: Path) -> pd.DataFrame:
    """Return the total effect of every variable on every metric over the design space."""
    return _importance(str(run), stamp(run, "*.safetensors"))


@st.cache_data(max_entries=12, show_spinner="Asking the model all over the design space")
def _importance(run: str, version: tuple[int, int]) -> pd.DataFrame:
    return total_effects(_predictor(run, "ensemble", version))


def held_out(run: Path) -> HeldOut:
    """Predict the held-out rows of a run's data with all its models.

    Raises:
        InputError: the data that the run was trained on are not here any more, or changed.
    """
    return _held_out(str(run), stamp(run, "*.safetensors"), stamp(run_data_folder(run)))


@st.cache_resource(max_entries=6, show_spinner="Predicting the held-out designs")
def _held_out(run: str, run_version: tuple[int, int], data_version: tuple[int, int]) -> HeldOut:
    dataset = run_dataset(run, "train on them to see its accuracy here.")
    valid = dataset.validation.valid
    table = dataset.validation.rows(np.flatnonzero(valid))
    rows = [int(row) + 1 for row in dataset.validation_rows[valid]]
    predictors = {name: _predictor(run, name, run_version) for name in model_names(Path(run))}
    return HeldOut(
        table,
        rows,
        {name: model.predict(table.designs) for name, model in predictors.items()},
        {name: standardised_residuals(model, table) for name, model in predictors.items()},
    )
