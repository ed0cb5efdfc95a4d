"""The command ``design`` from its flags to its files, with real SPICE."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.data import bundled_dataset_folder, load_dataset
from tests.test_cli import run
from tests.tiny import CIRCUIT

EASY = "4.5e6,100,2e6,60,100"  # met by most known designs
Said = pytest.CaptureFixture[str]


@pytest.fixture
def common(root: Path, tmp_path: Path) -> list[object]:
    """What every call has: the run that ships, the engine, a folder to write."""
    shipped = root / "checkpoints" / "5t_opamp"
    return ["design", "--run", shipped, "--engine", "ngspice", "--out", tmp_path / "out"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A copy of the bundled data."""
    return Path(shutil.copytree(bundled_dataset_folder("5t_opamp"), tmp_path / "data"))


@pytest.mark.ngspice
def test_until_stops_when_enough_are_confirmed_and_writes_what_it_found(
    common: list[object], data: Path, tmp_path: Path, capsys: Said
) -> None:
    wanted = ["--y-target", EASY, "--n", 2, "--until", 2, "--add-to-data", data]
    assert run(*common, *wanted) == 0
    table = pd.read_csv(tmp_path / "out" / "campaign.csv")
    confirmed = int((table["verdict"] == "PASS").sum())
    assert confirmed == 2
    assert f"2 designs confirmed with {len(table)} simulations" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "out" / "confirmed").iterdir()) == [
        "confirmed_01.cir", "confirmed_01.html", "confirmed_02.cir", "confirmed_02.html"
    ]  # fmt: skip
    before = len(pd.read_csv(bundled_dataset_folder("5t_opamp") / "target/target_targets.csv"))
    sizes = table[CIRCUIT.variable_names].to_numpy()
    added = load_dataset(data, CIRCUIT).target.designs[before:].to_numpy()
    assert all((np.isclose(row, sizes).all(axis=1)).any() for row in added)


@pytest.mark.ngspice
def test_the_budget_ends_a_campaign_that_cannot_succeed(
    common: list[object], tmp_path: Path, capsys: Said
) -> None:
    impossible = "1e9,100,2e6,60,100"
    assert run(*common, "--y-target", impossible, "--n", 2, "--until", 1, "--budget", 3) == 0
    assert len(pd.read_csv(tmp_path / "out" / "campaign.csv")) == 3
    said = capsys.readouterr().out
    assert "0 designs confirmed with 3 simulations" in said
    assert "Ended early" not in said
    assert "Slew rate at least 1 kV/us cannot be met" in said
    assert not (tmp_path / "out" / "confirmed").exists()


@pytest.mark.ngspice
def test_a_campaign_without_a_chance_ends_early_and_says_so(
    common: list[object], capsys: Said
) -> None:
    assert run(*common, "--y-target", "1e9,100,2e6,60,100", "--until", 1, "--budget", 50) == 0
    said = capsys.readouterr().out
    assert "0 designs confirmed with 5 simulations" in said
    assert "Ended early" in said


@pytest.mark.ngspice
def test_corners_confirms_designs_in_all_seventeen_conditions(
    common: list[object], tmp_path: Path, capsys: Said
) -> None:
    assert run(*common, "--y-target", "4e6,30,1e6,60,10", "--n", 3, "--corners") == 0
    table = pd.read_csv(tmp_path / "out" / "corners.csv")
    assert table["condition"].nunique() == 17
    passes = table.groupby("candidate")["verdict"].apply(
        lambda verdicts: (verdicts == "PASS").all()
    )
    chosen = pd.read_csv(tmp_path / "out" / "corner_candidates.csv")
    assert passes.index.tolist() == list(range(1, len(chosen) + 1))
    assert passes.tolist() == chosen["confirmed"].tolist()
    assert chosen["confirmed"].any()
    assert "hold in all 17 corners" in capsys.readouterr().out
    page = (tmp_path / "out" / "corner_confirmed" / "corner_confirmed_01.html").read_text()
    assert "everything holds in 17 of 17 conditions" in page


@pytest.mark.ngspice
def test_verify_writes_a_datasheet_of_each_and_limits_ties_and_bounds_hold(
    common: list[object], tmp_path: Path
) -> None:
    wanted = ["--y-target", EASY, "--n", 3, "--verify", 2, "--at-most", "power=80uW"]
    wanted += ["--at-most", "gate_area=150", "--minimize", "supply_current"]
    wanted += ["--limit", "l1=0.5", "--limit", "ibias=5u:10u", "--tie", "w2=2*w1"]
    assert run(*common, *wanted) == 0
    table = pd.read_csv(tmp_path / "out" / "verification.csv")
    assert (table["l1"] == 0.5).all()
    assert (table["ibias"] <= 10e-6).all()
    assert np.allclose(table["w2"], 2 * table["w1"])
    assert set(table["power <="]) == set(table["gate_area <="]) == {"PASS"}
    sheets = sorted(path.name for path in (tmp_path / "out" / "datasheets").iterdir())
    assert sheets == ["candidate_01.html", "candidate_02.html"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--spec", "s.toml", "--limit", "l1=1"], 2, "--limit goes with --y-target"),
        (["--y-target", EASY, "--add-to-data", "x"], 2, "give --verify K or --until N"),
        (["--y-target", EASY, "--n", 3, "--verify", 4], 1, "--verify is 4: give 0 to 3"),
        (["--y-target", EASY, "--verify", -1], 1, "--verify is -1"),
        (["--y-target", EASY, "--n", 0], 1, "at least one candidate"),
        (["--y-target", EASY, "--until", -1], 1, "--until is -1"),
        (["--y-target", EASY, "--until", 1, "--budget", 0], 1, "--budget is 0"),
        (["--y-target", EASY, "--n-init", 0], 1, "--n-init is 0"),
        (["--y-target", EASY, "--steps", -1], 1, "--steps is -1"),
        (["--y-target", EASY, "--lr", 0], 1, "--lr is 0"),
    ],
)
def test_flags_that_make_no_sense_are_one_sentence_before_any_work(
    common: list[object],
    arguments: list[object],
    code: int,
    words: str,
    tmp_path: Path,
    capsys: Said,
) -> None:
    assert run(*common, *arguments) == code
    said = capsys.readouterr().err.strip()
    assert words in said
    assert len(said.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_the_bundled_data_are_refused_before_any_work(
    common: list[object], root: Path, tmp_path: Path, capsys: Said
) -> None:
    bundled = root / "data" / "5t_opamp"
    assert run(*common, "--y-target", EASY, "--verify", 1, "--add-to-data", bundled) == 1
    assert "copy the folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.ngspice
def test_a_second_call_leaves_nothing_of_what_spice_said_of_other_candidates(
    common: list[object], tmp_path: Path
) -> None:
    assert run(*common, "--y-target", EASY, "--n", 2, "--verify", 1, "--until", 1) == 0
    out = tmp_path / "out"
    assert {"verification.csv", "datasheets", "campaign.csv", "confirmed"} <= {
        path.name for path in out.iterdir()
    }
    assert run(*common, "--y-target", EASY, "--n", 2) == 0
    left = {path.name for path in out.iterdir()}
    assert left == {"candidates.csv", "report.json", "netlists"}


@pytest.mark.ngspice
def test_as_many_as_there_are_candidates_are_verified(
    common: list[object], tmp_path: Path, capsys: Said
) -> None:
    sizes = {"w1": "20", "w2": "10", "l1": "1", "l2": "1", "l3": "1", "ibias": "10u"}
    limits = [part for name, size in sizes.items() for part in ("--limit", f"{name}={size}")]
    limits += ["--limit", "w3=8:8.5"]
    assert run(*common, "--y-target", EASY, "--n", 5, "--verify", 5, *limits) == 0
    assert len(pd.read_csv(tmp_path / "out" / "verification.csv")) == 2
    assert "of 2 candidates pass" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--lr", "1e300"], "--lr is 1e+300"),
        (["--prior", "inf"], "--prior is inf"),
    ],
)
def test_a_search_that_cannot_be_is_refused(
    common: list[object], capsys: Said, flags: list[str], said: str
) -> None:
    wanted = ["--y-target", EASY, "--method", "reference", *flags]
    assert run(*common, *wanted) == 1
    assert said in capsys.readouterr().err


def test_sizings_for_values_that_no_amplifier_has_are_refused(
    root: Path, tmp_path: Path, capsys: Said
) -> None:
    shipped, out = root / "checkpoints" / "5t_opamp", tmp_path / "init.csv"
    wanted = ["--y-target=-4e6,250,8e6,80,2000", "--out", out]
    assert run("sample", "--run", shipped, *wanted) == 1
    assert "no answer for slewrate_pos" in capsys.readouterr().err
    assert not out.exists()
