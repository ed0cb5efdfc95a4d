from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from core.inverse import DesignResult, Workbench, design, specification_from_flags, write_outputs
from core.spice.process import load_process


@pytest.fixture(scope="module")
def result(bench: Workbench) -> DesignResult:
    spec = specification_from_flags(bench.forward.predictor.circuit, "2e7,50,5e6,60,100")
    return design(bench, spec, n=3)


def test_candidates_are_written_as_they_are(result: DesignResult, tmp_path: Path) -> None:
    write_outputs(result, None, tmp_path)
    table = pd.read_csv(tmp_path / "candidates.csv")
    pd.testing.assert_frame_equal(table, result.candidates, check_dtype=False, rtol=1e-5)


def test_the_report_is_plain_json_and_names_the_specification(
    result: DesignResult, tmp_path: Path
) -> None:
    write_outputs(result, None, tmp_path)
    content = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert content["specification"]["goals"][1] == {
        "quantity": "dc_gain", "goal": "min", "low": 50.0, "high": None, "weight": 1.0
    }  # fmt: skip
    assert len(content["candidates"]) == 3
    assert content["candidates"][0]["power"] is None


def test_each_candidate_has_a_netlist_with_the_devices_of_the_pdk(
    result: DesignResult, tmp_path: Path
) -> None:
    write_outputs(result, None, tmp_path, load_process("gf180mcu"))
    netlists = sorted((tmp_path / "netlists").iterdir())
    assert [path.name for path in netlists] == [
        "candidate_01.cir", "candidate_02.cir", "candidate_03.cir"
    ]  # fmt: skip
    assert "nfet_03v3" in netlists[0].read_text(encoding="utf-8")


def test_writing_again_replaces_and_leaves_nothing_aside(
    result: DesignResult, tmp_path: Path
) -> None:
    for _ in range(2):
        write_outputs(result, None, tmp_path, load_process("gf180mcu"))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "candidates.csv", "netlists", "report.json"
    ]  # fmt: skip
