"""Verified designs join the data only where the data are of the same process and testbench."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from core.circuits import load_circuit
from core.data import bundled_dataset_folder, load_dataset
from core.errors import InputError
from core.inverse import Verification, add_verified, check_data_folder
from core.spice import load_process, simulate

CIRCUIT = load_circuit("5t_opamp")
SIZES = {"w1": 20.0, "w2": 10.0, "w3": 8.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5}
GF180 = load_process("gf180mcu")


def test_a_verification_gives_simulated_values_under_their_own_names() -> None:
    table = pd.DataFrame({"w1": [1.0], "ugf": [1e6], "ugf_sim": [2e6], "failure": [""]})
    found = Verification(table).simulated
    assert found.to_dict("records") == [{"w1": 1.0, "ugf": 2e6, "failure": ""}]


@pytest.mark.ngspice
def test_a_simulated_design_becomes_a_row_of_b(data_copy: Path) -> None:
    done = simulate(CIRCUIT, GF180, pd.DataFrame([SIZES]), engine="ngspice")
    verified = (
        pd.DataFrame([SIZES])
        .join(done.metrics)
        .assign(supply_current=done.supply_current, failure=done.failure)
    )
    assert add_verified(data_copy, CIRCUIT, GF180, verified, "ngspice").added == 1
    row = load_dataset(data_copy, CIRCUIT).target.rows([-1])
    assert row.metrics["ugf"].iloc[0] == pytest.approx(done.metrics["ugf"].iloc[0], rel=1e-5)
    assert row.supply_current.iloc[0] == pytest.approx(done.supply_current.iloc[0], rel=1e-5)


def test_the_data_of_another_process_are_refused(data_copy: Path) -> None:
    with pytest.raises(InputError, match="holds B rows of gf180mcu"):
        check_data_folder(data_copy, CIRCUIT, load_process("sky130"))


@pytest.mark.ngspice
def test_data_that_do_not_name_their_process_are_known_by_their_numbers(data_copy: Path) -> None:
    (data_copy / "dataset.json").unlink()
    check_data_folder(data_copy, CIRCUIT, GF180, "ngspice")
    with pytest.raises(InputError, match="another process or testbench"):
        check_data_folder(data_copy, CIRCUIT, load_process("sky130"), "ngspice")


@pytest.mark.ngspice
def test_the_data_of_another_testbench_are_refused(data_copy: Path) -> None:
    """Half the load doubles the slew rate of a 5T OTA; nothing else would tell."""
    path = data_copy / "target" / "target_targets.csv"
    table = pd.read_csv(path)
    table.assign(slewrate_pos=2.0 * table["slewrate_pos"]).to_csv(path, index=False)
    with pytest.raises(InputError, match=r"has Slew rate 10\.2 V/us there and 5\.1 V/us simulated"):
        check_data_folder(data_copy, CIRCUIT, GF180, "ngspice")


def test_the_bundled_data_are_refused() -> None:
    with pytest.raises(InputError, match="bundled data"):
        check_data_folder(bundled_dataset_folder("5t_opamp"), CIRCUIT, GF180)


def test_a_damaged_description_is_told(data_copy: Path) -> None:
    (data_copy / "dataset.json").write_text(json.dumps({"circuit": "5t_opamp"}), encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        check_data_folder(data_copy, CIRCUIT, GF180)
