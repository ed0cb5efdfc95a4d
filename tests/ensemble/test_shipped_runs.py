"""The runs that ship: they load, fit the bundled data and give the accuracy they recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.circuits import load_circuit
from core.data import bundled_dataset_folder, load_dataset
from core.ensemble import MODELS, evaluate_run, load_predictor, model_names

CIRCUITS = ("5t_opamp", "two_stage_opamp")


@pytest.fixture(params=CIRCUITS)
def shipped(request: pytest.FixtureRequest, root: Path) -> Path:
    """Folder of a shipped run."""
    return root / "checkpoints" / str(request.param)


def test_a_shipped_run_gives_its_recorded_metrics(shipped: Path) -> None:
    recorded = json.loads((shipped / "evaluation.json").read_text())
    again = evaluate_run(shipped).to_dict()
    assert again["rows"] == recorded["rows"]
    for model, figures in recorded["models"].items():
        for metric, values in figures["metrics"].items():
            for name, value in values.items():
                found = again["models"][model]["metrics"][metric][name]
                assert found == pytest.approx(value, rel=0.02, abs=0.006), (model, metric, name)


def test_a_shipped_run_was_made_by_the_default_training_on_the_bundled_data(shipped: Path) -> None:
    config = json.loads((shipped / "config.json").read_text())
    circuit = load_circuit(shipped.name)
    assert (config["preset"], config["overrides"]) == ("default", [])
    assert (
        config["fingerprint"]
        == load_dataset(bundled_dataset_folder(circuit.id), circuit).fingerprint
    )
    assert model_names(shipped) == list(MODELS)


def test_the_5t_ota_is_predicted_with_a_mean_r2_above_0_96_on_rows_nothing_was_fitted_on(
    root: Path,
) -> None:
    ensemble = evaluate_run(root / "checkpoints" / "5t_opamp").to_dict()["models"]["ensemble"]
    assert ensemble["mean"]["r2"] > 0.96
    assert ensemble["mean"]["log_r2"] > 0.995


def test_the_held_out_rows_are_not_among_the_known_designs_of_the_run(shipped: Path) -> None:
    circuit = load_circuit(shipped.name)
    dataset = load_dataset(bundled_dataset_folder(circuit.id), circuit)
    known = load_predictor(shipped).known_designs().designs[circuit.variable_names]
    shared = known.round(9).merge(dataset.validation.designs.round(9), how="inner")
    assert len(known) == len(dataset.train_rows)
    assert shared.empty


def test_no_file_of_a_shipped_run_is_larger_than_four_megabytes(shipped: Path) -> None:
    assert max(path.stat().st_size for path in shipped.iterdir()) < 4_000_000
