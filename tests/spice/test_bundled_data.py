"""The bundled data sets: what they promise, and that SPICE still gives their numbers."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest

from core.circuits import Circuit, load_circuit
from core.circuits.operating_point import FILE
from core.spice import load_process, sample_designs, simulate
from core.spice.generate import FILES

SHARE_VALID = {
    ("5t_opamp", "source"): 0.6,
    ("5t_opamp", "target"): 0.85,
    ("two_stage_opamp", "source"): 0.45,
    ("two_stage_opamp", "target"): 0.5,
}


def read(root: Path, circuit: Circuit, domain: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    folder = root / "data" / circuit.id / domain
    designs, targets = (pd.read_csv(folder / name) for name in FILES[domain])
    return designs, targets.assign(failure=targets["failure"].fillna(""))


@pytest.fixture(params=["source", "target"])
def domain(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_sizes_are_as_promised(root: Path, circuit: Circuit, domain: str) -> None:
    designs, targets = read(root, circuit, domain)
    assert len(designs) == len(targets) == {"source": 10_000, "target": 1_000}[domain]
    for name in FILES[domain]:
        assert (root / "data" / circuit.id / domain / name).stat().st_size < 2e6


def test_designs_are_those_of_the_recorded_seed(root: Path, circuit: Circuit) -> None:
    description = json.loads((root / "data" / circuit.id / "dataset.json").read_text())
    source, target = read(root, circuit, "source")[0], read(root, circuit, "target")[0]
    n = description["source"]["n"] + description["target"]["n"]
    expected = sample_designs(circuit, n, description["source"]["seed"])
    found = pd.concat([source, target], ignore_index=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False, rtol=1e-12)


def test_a_missing_metric_has_a_reason(root: Path, circuit: Circuit, domain: str) -> None:
    _, targets = read(root, circuit, domain)
    missing = targets[circuit.metric_names].isna().any(axis=1)
    assert (targets.loc[missing, "failure"] != "").all()
    assert targets["supply_current"].notna().all()


def test_enough_designs_work(root: Path, circuit: Circuit, domain: str) -> None:
    _, targets = read(root, circuit, domain)
    assert (targets["failure"] == "").mean() > SHARE_VALID[circuit.id, domain]


@pytest.mark.ngspice
def test_simulating_again_gives_the_same_digits(root: Path, circuit: Circuit, domain: str) -> None:
    designs, targets = read(root, circuit, domain)
    description = json.loads((root / "data" / circuit.id / "dataset.json").read_text())
    rows = designs.sample(12, random_state=1).index
    process = load_process(description[domain]["process"])
    table = simulate(circuit, process, designs.loc[rows], engine="ngspice")
    again = table.metrics.assign(supply_current=table.supply_current, failure=table.failure)
    written = pd.read_csv(io.StringIO(again.to_csv(index=False, float_format="%.6g")))
    written["failure"] = written["failure"].fillna("")
    pd.testing.assert_frame_equal(
        written, targets.loc[rows].reset_index(drop=True), check_exact=True
    )


@pytest.mark.ngspice
@pytest.mark.parametrize("circuit_id", ["5t_opamp", "two_stage_opamp"])
def test_simulating_again_gives_the_same_operating_points(root: Path, circuit_id: str) -> None:
    circuit = load_circuit(circuit_id)
    designs, _ = read(root, circuit, "target")
    points = pd.read_csv(root / "data" / circuit.id / "target" / FILE)
    rows = designs.sample(6, random_state=2).sort_index().index
    table = simulate(circuit, load_process("gf180mcu"), designs.loc[rows], engine="ngspice")
    assert table.operating_points is not None
    again = table.operating_points.assign(row=rows.to_numpy()[table.operating_points["row"]])
    kept = points[points["row"].isin(rows)].reset_index(drop=True)
    # Offsets of some 10 uV between gates at a volt are told to a thousandth.
    pd.testing.assert_frame_equal(kept, again, check_dtype=False, rtol=1e-8, atol=1e-22)
