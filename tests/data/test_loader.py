"""Loading: what is right loads whole, what is wrong is named and nothing is half-loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import train_test_split

from core.circuits import load_circuit
from core.circuits.operating_point import KEYS, QUANTITIES
from core.data import load_dataset, read_designs, split_rows
from core.errors import InputError
from tests.synthetic import FILES, write_dataset

CIRCUIT = load_circuit("5t_opamp")
DESIGNS, TARGETS = FILES["target"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "data")


def edit(folder: Path, name: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = pd.read_csv(folder / name, dtype=str)
    change(table).to_csv(folder / name, index=False)


def set_cell(folder: Path, name: str, row: int, column: str, text: str) -> None:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[row - 1, column] = text
        return table

    edit(folder, name, change)


def faults(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_dataset(folder, CIRCUIT)
    return str(caught.value)


def test_a_sound_folder_loads_with_both_domains_and_the_split(folder):
    dataset = load_dataset(folder, CIRCUIT)
    assert len(dataset.source) == 400
    assert len(dataset.target) == 120
    assert len(dataset.train_rows) == 96
    assert len(dataset.validation_rows) == 24
    assert set(dataset.train_rows) | set(dataset.validation_rows) == set(range(120))
    assert list(dataset.source.designs.columns) == CIRCUIT.variable_names
    assert (dataset.source_process, dataset.target_process) == ("A", "B")


@pytest.mark.parametrize(("n", "share", "seed"), [(10, 0.2, 42), (301, 0.25, 7), (50, 0.07, 0)])
def test_the_split_is_that_of_scikit_learn(n, share, seed):
    theirs = train_test_split(np.arange(n), test_size=share, random_state=seed)
    ours = split_rows(n, share, seed)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, np.sort(other))


def test_the_split_depends_on_the_seed_alone(folder):
    first, again = load_dataset(folder, CIRCUIT, seed=1), load_dataset(folder, CIRCUIT, seed=1)
    other = load_dataset(folder, CIRCUIT, seed=2)
    assert np.array_equal(first.train_rows, again.train_rows)
    assert not np.array_equal(first.train_rows, other.train_rows)


def test_the_fingerprint_changes_with_one_digit(folder):
    before = load_dataset(folder, CIRCUIT).fingerprint
    set_cell(folder, TARGETS, 3, "dc_gain", "123.456")
    assert load_dataset(folder, CIRCUIT).fingerprint != before


def test_columns_in_another_order_are_put_in_order(folder):
    expected = load_dataset(folder, CIRCUIT).target.designs
    edit(folder, DESIGNS, lambda t: t[t.columns[::-1]])
    pd.testing.assert_frame_equal(load_dataset(folder, CIRCUIT).target.designs, expected)


def test_a_sentinel_is_blanked_and_its_row_not_valid(folder):
    set_cell(folder, TARGETS, 5, "ugf", "1e11")
    table = load_dataset(folder, CIRCUIT).target
    assert np.isnan(table.metrics["ugf"].iloc[4])
    assert not table.valid[4]
    assert "ugf" in table.reason.iloc[4]


def test_a_failed_row_may_leave_metrics_empty(folder):
    def add_failure(table: pd.DataFrame) -> pd.DataFrame:
        table["failure"] = ""
        table.loc[6, "failure"] = "M5 not in saturation"
        table.loc[6, "cmrr"] = ""
        return table

    edit(folder, TARGETS, add_failure)
    table = load_dataset(folder, CIRCUIT).target
    assert table.reason.iloc[6] == "M5 not in saturation"
    assert not table.valid[6]
    assert np.isnan(table.metrics["cmrr"].iloc[6])
    assert np.isfinite(table.metrics["ugf"].iloc[6]) or table.reason.iloc[6]


def test_a_missing_folder_is_named(tmp_path):
    assert "does not exist" in faults(tmp_path / "nowhere")


def test_a_missing_file_is_named(folder):
    (folder / TARGETS).unlink()
    text = faults(folder)
    assert "target/target_targets.csv" in text
    assert "missing" in text


def test_an_empty_file_is_named(folder):
    (folder / DESIGNS).write_text("")
    assert f"{DESIGNS}: the file is empty" in faults(folder)


def test_a_file_with_only_a_header_is_named(folder):
    edit(folder, DESIGNS, lambda t: t.head(0))
    assert f"{DESIGNS}: the file has a header but no rows" in faults(folder)


def test_a_missing_column_is_named(folder):
    edit(folder, DESIGNS, lambda t: t.drop(columns="w2"))
    assert f'{DESIGNS}: column "w2" is missing' in faults(folder)


def test_a_misspelt_column_gets_a_suggestion(folder):
    edit(folder, TARGETS, lambda t: t.rename(columns={"cmrr": "cmr"}))
    text = faults(folder)
    assert 'unknown column "cmr"' in text
    assert 'Did you mean "cmrr"?' in text


def test_unequal_row_counts_are_told(folder):
    edit(folder, TARGETS, lambda t: t.head(100))
    assert "has 120 rows but target/target_targets.csv has 100" in faults(folder)


def test_rows_with_too_many_cells_are_refused(folder):
    path = folder / DESIGNS
    lines = path.read_text().splitlines()
    lines[3] += ",7"
    path.write_text("\n".join(lines))
    assert f"{DESIGNS}: the file cannot be read as CSV" in faults(folder)


def test_bytes_that_are_no_text_are_refused(folder):
    (folder / DESIGNS).write_bytes(b"w1,w2\n\xff\xfe\x00")
    assert f"{DESIGNS}: the file" in faults(folder)


@pytest.mark.parametrize(
    ("name", "column", "text", "expected"),
    [
        (DESIGNS, "w1", "wide", 'column "w1", row 7 holds "wide" where a number belongs'),
        (DESIGNS, "w1", "", 'column "w1", row 7 holds "" where a number belongs'),
        (TARGETS, "cmrr", "nan", 'column "cmrr", row 7 holds "nan" where a number belongs'),
        (TARGETS, "ugf", "inf", 'column "ugf", row 7 holds inf, which is not finite'),
        (DESIGNS, "l1", "5.0", "5, outside the design space of 0.5 to 2 um"),
        (DESIGNS, "ibias", "-1e-5", "-1e-05, outside the design space of 5e-06 to 2e-05 A"),
    ],
)
def test_a_bad_cell_is_named_by_file_column_and_row(folder, name, column, text, expected):
    set_cell(folder, name, 7, column, text)
    found = faults(folder)
    assert name in found
    assert expected in found


def test_a_repeated_design_is_named_by_both_rows(folder):
    def repeat(table: pd.DataFrame) -> pd.DataFrame:
        table.iloc[9] = table.iloc[2]
        return table

    edit(folder, DESIGNS, repeat)
    assert "row 10 repeats the design of row 3" in faults(folder)


def test_all_faults_are_told_at_once(folder):
    set_cell(folder, DESIGNS, 2, "w1", "x")
    set_cell(folder, TARGETS, 3, "ugf", "y")
    edit(folder, FILES["source"][0], lambda t: t.drop(columns="l3"))
    with pytest.raises(InputError) as caught:
        load_dataset(folder, CIRCUIT)
    assert len(caught.value.faults) == 3


def test_many_bad_cells_are_counted_not_listed(folder):
    edit(folder, DESIGNS, lambda t: t.assign(w1="?"))
    with pytest.raises(InputError) as caught:
        load_dataset(folder, CIRCUIT)
    assert len(caught.value.faults) == 6
    assert "115 more such rows" in caught.value.faults[-1]


def test_too_few_working_amplifiers_are_told(folder):
    edit(folder, TARGETS, lambda t: t.assign(dc_gain="0.1"))
    assert "only 0 of 120 rows are working amplifiers" in faults(folder)


def test_data_of_another_circuit_are_refused(folder):
    (folder / "dataset.json").write_text(
        '{"circuit": "two_stage_opamp", "source": {"process": "p"}, "target": {"process": "q"}}'
    )
    assert 'describes data of "two_stage_opamp"' in faults(folder)


def test_process_names_come_from_the_description(folder):
    (folder / "dataset.json").write_text(
        '{"circuit": "5t_opamp", "source": {"process": "p"}, "target": {"process": "q"}}'
    )
    dataset = load_dataset(folder, CIRCUIT)
    assert (dataset.source_process, dataset.target_process) == ("p", "q")


def test_a_design_table_may_repeat_designs(folder):
    edit(folder, DESIGNS, lambda t: pd.concat([t, t]))
    assert len(read_designs(folder / DESIGNS, CIRCUIT)) == 240


@pytest.mark.parametrize("val_split", [0.0, 1.0, -0.5])
def test_a_split_that_leaves_nothing_is_refused(folder, val_split):
    with pytest.raises(InputError, match="validation split"):
        load_dataset(folder, CIRCUIT, val_split=val_split)


@pytest.mark.foreign
@pytest.mark.parametrize("circuit_id", ["5t_opamp", "two_stage_opamp"])
def test_the_foreign_data_load_for_both_circuits(foreign_folder, circuit_id):
    dataset = load_dataset(foreign_folder / circuit_id, load_circuit(circuit_id))
    assert len(dataset.source) == 10_000
    assert 0 < dataset.source.valid.sum() < 10_000


POINTS = "target/target_operating_points.csv"


def write_points(folder: Path, rows: range) -> None:
    names = [device.name for device in CIRCUIT.devices]
    table = pd.DataFrame([(row, name) for row in rows for name in names], columns=list(KEYS))
    table.assign(**dict.fromkeys(QUANTITIES, 1e-6)).to_csv(folder / POINTS, index=False)


def test_operating_points_come_along_and_follow_their_designs(folder):
    assert load_dataset(folder, CIRCUIT).target.operating_points is None
    plain = load_dataset(folder, CIRCUIT).fingerprint
    write_points(folder, range(120))
    dataset = load_dataset(folder, CIRCUIT)
    assert dataset.fingerprint != plain
    points = dataset.train.operating_points
    assert sorted(points["row"].unique()) == list(range(96))
    assert len(points) == 96 * len(CIRCUIT.devices)


def test_operating_points_may_tell_of_some_designs_only(folder):
    write_points(folder, range(10))
    dataset = load_dataset(folder, CIRCUIT)
    rows = dataset.train.operating_points["row"].unique()
    assert sorted(dataset.train_rows[rows]) == [i for i in range(10) if i in dataset.train_rows]


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        ("row", "500", "expected the position of a design, 0 to 119"),
        ("device", "M99", "expected one of M1, M2"),
        ("gm", "much", '"much" where a number belongs'),
    ],
)
def test_a_wrong_cell_of_the_operating_points_is_named(folder, column, text, expected):
    write_points(folder, range(120))
    set_cell(folder, POINTS, 3, column, text)
    assert expected in faults(folder)
    assert f'column "{column}", row 3' in faults(folder)


def test_a_missing_column_of_the_operating_points_is_named(folder):
    write_points(folder, range(120))
    edit(folder, POINTS, lambda table: table.drop(columns="gds"))
    assert f'{POINTS}: column "gds" is missing' in faults(folder)


@pytest.mark.parametrize("val_split", [0.004, 0.99])
def test_a_split_that_leaves_a_side_too_little_is_refused(folder, val_split):
    with pytest.raises(InputError, match=r"The split leaves \d working amplifiers of B to"):
        load_dataset(folder, CIRCUIT, val_split=val_split)
