"""What the last step of a training run decides on its own: whether the transistors earn a place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from core.circuits import load_circuit
from core.circuits.operating_point import FILE
from core.data import bundled_dataset_folder
from core.devices import extraction, transistor
from core.devices.amplifier import ESTIMATES
from core.devices.compact import CompactTransistor
from core.ensemble import estimator, load_predictor
from core.ensemble.estimator import has_amplifier, load_amplifier
from core.ensemble.fitting import as_if_unseen, error_ratio
from core.ensemble.members import PROCESSES, find_network, network_member
from core.ensemble.predictor import _open, _process
from core.errors import CheckpointError
from core.spice import load_process, sample_designs
from core.training.start import start_training
from tests.tiny import OVERRIDES

CIRCUIT = load_circuit("two_stage_opamp")
ROWS = {"source": 500, "target": 260}


def few_rows(folder: Path) -> Path:
    """The first rows of the bundled data."""
    shutil.copytree(bundled_dataset_folder(CIRCUIT.id), folder)
    for domain, count in ROWS.items():
        for path in (folder / domain).glob("*.csv"):
            table = pd.read_csv(path)
            keep = table["row"] < count if path.name == FILE else table.index < count
            table[keep].to_csv(path, index=False)
    return folder


def train(data: Path, out: Path, patch: pytest.MonkeyPatch) -> str:
    """Train few networks and the ensemble; what the run logged."""
    steps = {"current": 400, "capacitances": 60, "imbalance": 150, "substrate": 100}
    patch.setattr(transistor, "_ITERATIONS", steps)
    patch.setattr(extraction, "_EVALUATIONS", 15)
    overrides = [*OVERRIDES, "ensemble.transistors=true"]
    start_training(CIRCUIT, data, out, overrides=overrides, stages=("baseline", "align"))
    return (out / "events.jsonl").read_text()


def test_transistors_that_lower_the_errors_are_kept(tmp_path, monkeypatch):
    data, run = few_rows(tmp_path / "data"), tmp_path / "run"
    log = train(data, run, monkeypatch)
    assert "of those without: kept" in log
    assert has_amplifier(run, CIRCUIT)
    assert load_predictor(run).low_fidelity is not None


def test_transistors_of_other_designs_are_left_out(tmp_path, monkeypatch):
    data, run = few_rows(tmp_path / "data"), tmp_path / "run"
    path = data / "target" / FILE
    points = pd.read_csv(path)
    points["row"] = (points["row"] + 1) % ROWS["target"]
    points.sort_values(["row", "device"], kind="stable").to_csv(path, index=False)
    log = train(data, run, monkeypatch)
    assert "of those without: left out" in log
    assert not has_amplifier(run, CIRCUIT)
    assert load_predictor(run).low_fidelity is None
    names = json.loads((run / "manifest.json").read_text())
    assert f"{CIRCUIT.id}_gaussian_process.safetensors" in names


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on rows without operating points."""
    folder = tmp_path_factory.mktemp("extracted")
    data, run = few_rows(folder / "data"), folder / "run"
    (data / "target" / FILE).unlink()
    with pytest.MonkeyPatch.context() as patch:
        train(data, run, patch)
    return run


def test_without_operating_points_the_transistors_are_extracted_from_metrics(extracted):
    log = (extracted / "events.jsonl").read_text()
    assert "extracting B's transistors from its metrics" in log
    assert "of those without: kept" in log
    amplifier = load_amplifier(extracted, CIRCUIT, lambda found: found)
    assert isinstance(amplifier.transistors, CompactTransistor)
    assert amplifier.surroundings.supply == load_process("gf180mcu").supply
    known = load_predictor(extracted).known_designs()
    designs = torch.tensor(known.designs.to_numpy(dtype=float)[known.valid])
    told = amplifier(designs)[:, ESTIMATES.index("ugf")].numpy()
    error = np.abs(told / known.metrics["ugf"].to_numpy()[known.valid] - 1)
    assert np.median(error) < 0.03


def test_transistors_that_other_equations_extracted_are_refused(extracted, monkeypatch):
    monkeypatch.setattr(estimator, "_EQUATIONS", 0)
    with pytest.raises(CheckpointError, match=r"amplifier.*an earlier version extracted.*again"):
        load_predictor(extracted)


def test_where_an_amplifier_is_dead_its_equations_have_no_say(extracted):
    predictor = load_predictor(extracted)
    circuit, ensemble = _open(extracted)
    assert ensemble.metadata["members"] == ["align", "unaided_process", "gaussian_process"]
    assert predictor.low_fidelity.model_name == "align"
    sizes = sample_designs(CIRCUIT, 1000, seed=3).to_numpy(dtype=float)
    # Out of balance, as every single size is shuffled by itself: most such amplifiers are dead.
    designs = torch.tensor(np.random.default_rng(0).permuted(sizes, axis=0))
    x = predictor.transforms.inputs.forward(designs).float()
    unaided, aided = (_process(extracted, circuit, ensemble, name) for name in PROCESSES[::-1])
    network = network_member(find_network(extracted, CIRCUIT.id, "align"))
    with torch.no_grad():
        _, doubt = aided(x)
        dead = (doubt >= 1e6).all(dim=1)
        told = torch.stack([unaided.mean(x[dead]), network(x[dead])[0]])
        mu, _ = predictor.moments(designs[dead])
    assert int(dead.sum()) > 10
    told = told.clamp(ensemble.tensors["range.low"], ensemble.tensors["range.high"])
    low, high = (predictor.transforms.metrics.unstandardise(told).sort(dim=0).values).unbind()
    assert bool(((mu >= low - 1e-4) & (mu <= high + 1e-4)).all())


def test_the_ratio_of_errors_is_their_geometric_mean_over_metrics_and_sizes():
    theirs = torch.linspace(0.01, 1.0, 100)[:, None].repeat(1, 2)
    mine = theirs * torch.tensor([0.5, -0.125])
    assert error_ratio(mine, theirs) == pytest.approx(0.25)
    assert error_ratio(theirs, -theirs) == pytest.approx(1.0)


def test_errors_of_rows_that_were_seen_are_stretched_to_those_of_the_others():
    seen = torch.arange(200) < 100
    error = torch.linspace(0.01, 1.0, 100)[:, None]
    told = torch.cat([error, 3.0 * error])
    found = as_if_unseen(told, seen)
    torch.testing.assert_close(found[:100], 3.0 * error)
    torch.testing.assert_close(found[100:], told[100:])
    assert torch.equal(as_if_unseen(told, ~seen), told)
    assert torch.equal(as_if_unseen(told, torch.zeros_like(seen)), told)
