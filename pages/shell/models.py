"""Cached models of runs, and what they predict: all that needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from core.data import DomainTable
from core.ensemble import Prediction, Predictor, load_predictor, model_names
from core.ensemble.importance import total_effects
from core.errors import CrossfabError
from core.figures.accuracy import standardised_residuals
from core.inverse import Workbench, mdn_sampler, prepare
from core.inverse.pools import Sampler
from core.training.run_store import RunStore
from core.training.start import run_data_folder, run_dataset
from pages.shell.places import stamp
from pages.shell.selection import Selection
from pages.shell.widgets import empty_state, show_fault


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


def names(run: Path) -> list[str]:
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


def needed_run(selection: Selection) -> Path:
    """Return the folder of a run whose ensemble can predict; else say what to do and end."""
    if selection.run is None:
        empty_state(
            "No trained run yet",
            f"Nothing has been trained for the {selection.circuit.name}. "
            "The preset *quick* takes less than a minute.",
            "pages/learn/training.py",
            "Train on the Training page",
        )
        st.stop()
    if not (selection.run / "evaluation.json").is_file():
        state = RunStore(selection.run).readable_status().state
        empty_state(
            f"The run {selection.run_name} has no results yet",
            f"It is **{state}**; the ensemble is fitted at the end of a run. "
            "Pick another run above, or follow this one on the Training page.",
            "pages/learn/training.py",
            "Go to Training",
        )
        st.stop()
    try:
        predictor(selection.run, "ensemble")
    except CrossfabError as error:
        show_fault(error, title=f"The run {selection.run_name} cannot be used")
        st.stop()
    return selection.run
