"""Circuits: what the TOMLs say is consistent, and what is said about faulty ones."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.circuits import Circuit, circuit_ids, load_circuit
from core.errors import InputError
from tests.spice.conftest import WORKING


@pytest.fixture(params=circuit_ids())
def circuit(request: pytest.FixtureRequest) -> Circuit:
    return load_circuit(request.param)


def test_both_circuits_are_there() -> None:
    assert circuit_ids() == ["5t_opamp", "two_stage_opamp"]


def test_every_device_is_sized_by_variables_and_wired(circuit: Circuit) -> None:
    wired = re.findall(r'device\("(\w+)"', circuit.netlist)
    assert wired == [device.name for device in circuit.devices]
    for device in circuit.devices:
        assert {device.width, device.length} <= set(circuit.variable_names)


def test_every_variable_is_used(circuit: Circuit) -> None:
    sizes = {name for device in circuit.devices for name in (device.width, device.length)}
    values = set(re.findall(r'value\("(\w+)"\)', circuit.netlist))
    assert sizes | values == set(circuit.variable_names)


def test_grid_is_even_and_ends_at_its_bounds(circuit: Circuit) -> None:
    for variable in circuit.variables:
        grid = variable.grid
        assert grid[0] == variable.minimum
        assert grid[-1] == pytest.approx(variable.maximum, rel=1e-12)
        assert np.allclose(np.diff(grid), variable.step)


def test_snapping_moves_to_the_nearest_point_within_the_bounds() -> None:
    width = load_circuit("5t_opamp").variable("w1")
    assert list(width.snap(np.array([0.1, 0.74, 0.76, 99.0]))) == [0.5, 0.5, 1.0, 50.0]


def test_features_span_the_variables(circuit: Circuit) -> None:
    """The map from log variables to features loses nothing."""
    assert np.linalg.matrix_rank(circuit.feature_matrix) == len(circuit.variables)


def test_gate_area_counts_every_device() -> None:
    """5T: two of each pair; two-stage: driver and sink once more."""
    ota, miller = load_circuit("5t_opamp"), load_circuit("two_stage_opamp")
    assert ota.gate_area(pd.DataFrame([WORKING[ota.id]]))[0] == pytest.approx(60.0)
    assert miller.gate_area(pd.DataFrame([WORKING[miller.id]]))[0] == pytest.approx(
        2 * 8 + 2 * 4 + 2 * 8 + 20 + 20
    )


def test_nominal_supply_current_is_the_sum_of_the_branches() -> None:
    """Two-stage: 10 uA + 10 uA + 10 uA (20/1)/(8/1)."""
    miller = load_circuit("two_stage_opamp")
    assert miller.supply_current(pd.DataFrame([WORKING[miller.id]]))[0] == pytest.approx(4.5e-5)


def test_balances_are_kept_by_a_balanced_design_only() -> None:
    miller = load_circuit("two_stage_opamp")
    good = WORKING[miller.id]
    designs = pd.DataFrame([good, {**good, "w5": 1.0}, {**good, "cc": 1e-13, "w1": 50.0}])
    assert list(miller.is_balanced(designs)) == [True, False, False]


def test_unknown_circuit_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match='Did you mean "5t_opamp"'):
        load_circuit("5t_opam")


def test_toml_of_ones_own_is_read_with_the_netlist_beside_it(tmp_path: Path) -> None:
    source = load_circuit("5t_opamp")
    path = tmp_path / "mine.toml"
    path.write_text(source.path.read_text().replace('id = "5t_opamp"', 'id = "mine"'))
    path.with_suffix(".cir").write_text(source.netlist)
    assert load_circuit(path).id == "mine"
    assert load_circuit(path).netlist == source.netlist


def test_toml_that_describes_no_circuit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("id = 3")
    with pytest.raises(InputError, match="does not describe a circuit"):
        load_circuit(path)


def test_missing_toml_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_circuit(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('transform = "log10"', 'transform = "log"', 'transform of slewrate_pos is "log"'),
        ('scale = "linear"', 'scale = "lin"', 'Did you mean "linear"?'),
        ("powers = { w1 =", "powers = { W1 =", 'name "W1".'),
        ('polarity = "nmos"', 'polarity = "n"', 'is "n"'),
        ('width = "w1"', 'width = "w9"', 'name "w9"'),
        ("minimum = 0.5", "minimum = 0.0", "expected 0 < minimum < maximum"),
    ],
)
def test_a_word_that_would_be_ignored_is_refused_by_name(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    shipped = load_circuit("5t_opamp").path.read_text(encoding="utf-8")
    assert old in shipped
    path = tmp_path / "mine.toml"
    path.write_text(shipped.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=re.escape(words)) as caught:
        load_circuit(path)
    assert len(caught.value.faults) == 1
