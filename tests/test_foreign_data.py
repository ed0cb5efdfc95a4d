"""A data set that nobody here made goes through the whole command line, for both circuits."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from core.ensemble import MODELS
from tests.test_cli import run

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

QUICK = ("--preset", "quick")


@pytest.fixture(scope="module", params=["5t_opamp", "two_stage_opamp"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quick run on the foreign data of one circuit."""
    from tests.conftest import FOREIGN

    folder = tmp_path_factory.mktemp("foreign") / str(request.param)
    data = FOREIGN / str(request.param)
    assert run("train", "--circuit", request.param, "--data", data, *QUICK, "--out", folder) == 0
    return folder


@pytest.mark.parametrize("circuit", ["5t_opamp", "two_stage_opamp"])
def test_check_accepts_it_and_finds_its_sentinels(
    circuit: str, foreign_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("check", "--circuit", circuit, "--data", foreign_folder / circuit) == 0
    said = capsys.readouterr().out
    assert "marks a failed measurement" in said
    assert "10000 designs" in said


def test_evaluate_reports_every_model_on_held_out_rows(trained: Path, tmp_path: Path) -> None:
    assert run("evaluate", "--run", trained, "--json", tmp_path / "report.json") == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report["models"]) == set(MODELS) - {
        "gaussian_process"
    }  # The quick preset fits none.
    best = report["models"]["ensemble"]["mean"]["log_r2"]
    assert best > (0.95 if trained.name == "5t_opamp" else 0.85)
    assert best > report["models"]["baseline"]["mean"]["log_r2"]


def test_design_returns_candidates_on_the_grid(
    trained: Path, foreign_folder: Path, tmp_path: Path
) -> None:
    from core.circuits import load_circuit

    circuit = load_circuit(trained.name)
    metrics = pd.read_csv(foreign_folder / trained.name / "target" / "target_targets.csv")
    wanted = ",".join(f"{value:.6g}" for value in metrics[circuit.metric_names].quantile(0.3))
    out = tmp_path / "design"
    assert run("design", "--run", trained, "--y-target", wanted, "--n", 5, "--out", out) == 0
    candidates = pd.read_csv(out / "candidates.csv")
    assert len(candidates) == 5
    snapped = circuit.snap(candidates)
    pd.testing.assert_frame_equal(
        candidates[circuit.variable_names], snapped, check_dtype=False, rtol=1e-9
    )
