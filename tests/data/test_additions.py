"""New B rows: whole, once, and never into the bundled data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from core.circuits import load_circuit
from core.circuits.operating_point import FILE as OPERATING_POINTS
from core.data import bundled_dataset_folder, load_dataset
from core.data.additions import READY, add_target_rows
from core.errors import InputError

CIRCUIT = load_circuit("5t_opamp")
ROW = {
    **{"w1": 20.0, "w2": 10.0, "w3": 8.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5},
    **{"slewrate_pos": 9.87654321e6, "dc_gain": 250.0, "ugf": 1e7, "phase_margin": 80.0},
    **{"cmrr": 2e4, "supply_current": 2e-5, "failure": ""},
}
NEW = pd.DataFrame([ROW, {**ROW, "w1": 20.5}])
BROKEN = pd.DataFrame([{**ROW, "w1": 21.0, "ugf": float("nan"), "failure": "M5 not in saturation"}])


def texts(data_copy: Path) -> dict[str, str]:
    return {
        str(path.relative_to(data_copy)): path.read_text(encoding="utf-8")
        for path in data_copy.rglob("*")
        if path.is_file() and path.name[0] != "."
    }


def test_the_new_rows_are_the_last_and_the_old_ones_stay_letter_by_letter(data_copy: Path) -> None:
    before = texts(data_copy)
    assert add_target_rows(data_copy, CIRCUIT, NEW).added == 2
    after = texts(data_copy)
    for name in ("target/target_design_features.csv", "target/target_targets.csv"):
        assert after[name].startswith(before[name])
        assert len(after[name].splitlines()) == len(before[name].splitlines()) + 2
    assert after["source/pretrain_targets.csv"] == before["source/pretrain_targets.csv"]
    last = load_dataset(data_copy, CIRCUIT).target.rows([-2, -1])
    assert last.designs["w1"].tolist() == [20.0, 20.5]
    assert last.metrics["slewrate_pos"].tolist() == [9.87654e6, 9.87654e6]
    assert json.loads(after["dataset.json"])["added"] == 2


def test_a_design_that_is_there_is_not_added_again(data_copy: Path) -> None:
    add_target_rows(data_copy, CIRCUIT, NEW)
    before = texts(data_copy)
    again = add_target_rows(data_copy, CIRCUIT, pd.concat([NEW, NEW]))
    assert (again.added, again.repeated) == (0, 4)
    assert "there already: 4" in again.sentence
    assert texts(data_copy) == before


def test_a_design_that_does_not_work_is_kept_with_its_reason(data_copy: Path) -> None:
    add_target_rows(data_copy, CIRCUIT, BROKEN)
    assert load_dataset(data_copy, CIRCUIT).target.reason.iloc[-1] == "M5 not in saturation"


def test_it_is_left_out_where_the_data_cannot_say_why(data_copy: Path) -> None:
    path = data_copy / "target" / "target_targets.csv"
    table = pd.read_csv(path)
    table = table[table["failure"].isna()].drop(columns=["failure", "supply_current"])
    designs = pd.read_csv(data_copy / "target" / "target_design_features.csv").loc[table.index]
    table.to_csv(path, index=False)
    designs.to_csv(data_copy / "target" / "target_design_features.csv", index=False)
    (data_copy / "target" / OPERATING_POINTS).unlink()  # They are told by the rows that were.
    found = add_target_rows(data_copy, CIRCUIT, pd.concat([NEW, BROKEN]))
    assert (found.added, found.left_out) == (2, 1)
    assert len(load_dataset(data_copy, CIRCUIT).target) == len(table) + 2


def test_rows_that_break_the_rules_change_nothing(data_copy: Path) -> None:
    before = texts(data_copy)
    with pytest.raises(InputError, match="outside the design space"):
        add_target_rows(data_copy, CIRCUIT, NEW.assign(w2=900.0))
    assert texts(data_copy) == before
    assert add_target_rows(data_copy, CIRCUIT, NEW).added == 2


def test_an_interrupted_rename_is_finished_by_the_next_call(data_copy: Path) -> None:
    """The power fails when one of two tables is renamed: the other one waits, complete."""
    old = texts(data_copy)
    add_target_rows(data_copy, CIRCUIT, NEW)
    new = texts(data_copy)
    name = "target/target_design_features.csv"
    (data_copy / READY / "target").mkdir(parents=True)
    (data_copy / READY / name).write_text(new[name], encoding="utf-8")
    (data_copy / name).write_text(old[name], encoding="utf-8")
    with pytest.raises(InputError, match="has 1000 rows"):
        load_dataset(data_copy, CIRCUIT)
    assert add_target_rows(data_copy, CIRCUIT, NEW).repeated == 2
    assert texts(data_copy) == new


@pytest.mark.parametrize("part", ["", "target"])
def test_the_bundled_data_are_refused(part: str) -> None:
    with pytest.raises(InputError, match="copy the folder"):
        add_target_rows(bundled_dataset_folder("5t_opamp") / part, CIRCUIT, NEW)


def test_a_folder_of_another_circuit_is_refused(tmp_path: Path) -> None:
    other = shutil.copytree(bundled_dataset_folder("two_stage_opamp"), tmp_path / "data")
    before = texts(other)
    with pytest.raises(InputError):
        add_target_rows(other, CIRCUIT, NEW)
    assert texts(other) == before
