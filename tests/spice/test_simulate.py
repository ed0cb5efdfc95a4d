"""Simulation of designs: the same contract for both engines, circuits and processes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.circuits import Circuit, load_circuit
from core.errors import InputError
from core.spice import (
    available_engines,
    failure_categories,
    load_process,
    sample_designs,
    simulate,
    simulate_one,
)
from core.spice.checks import make_conditions
from core.spice.engines.worker import WorkerEngine
from core.spice.testbench import evaluate
from tests.spice.conftest import WORKING

TOLERANCE = {
    "slewrate_pos": 5e-3,
    "dc_gain": 5e-3,
    "ugf": 5e-3,
    "phase_margin": 5e-3,
    "cmrr": 2e-2,
}


def test_known_design_works(engine_name: str, circuit: Circuit, process_name: str) -> None:
    one = simulate_one(circuit, load_process(process_name), WORKING[circuit.id], engine=engine_name)
    assert one.failure == ""
    assert one.engine == engine_name
    assert all(np.isfinite(value) for value in one.metrics.values())


def test_waveforms_agree_with_the_metrics(engine_name: str, circuit: Circuit) -> None:
    one = simulate_one(circuit, load_process("gf180mcu"), WORKING[circuit.id], engine=engine_name)
    assert 20 * np.log10(one.metrics["dc_gain"]) == pytest.approx(one.bode["gain"].iloc[0])
    assert one.bode["phase"].iloc[0] == 0.0
    crossing = np.interp(0.0, -one.bode["gain"], np.log10(one.bode["frequency"]))
    assert 10**crossing == pytest.approx(one.metrics["ugf"], rel=2e-2)
    height = circuit.testbench["step"] * 3.3
    assert one.step["input"].iloc[-1] - one.step["input"].iloc[0] == pytest.approx(height)
    assert one.step["output"].iloc[-1] - one.step["output"].iloc[0] == pytest.approx(
        height, rel=0.02
    )


def test_slew_rate_is_the_tail_current_over_the_load() -> None:
    """5T OTA: Itail/CL, here 10 uA into the load and what little the devices add to it."""
    circuit = load_circuit("5t_opamp")
    design = {**WORKING[circuit.id], "w1": 2.0}
    one = simulate_one(circuit, load_process("gf180mcu"), design)
    assert one.metrics["slewrate_pos"] == pytest.approx(1e-5 / circuit.testbench["load"], rel=0.15)


@pytest.mark.ngspice
def test_gain_and_bandwidth_follow_from_the_operating_point() -> None:
    """5T OTA by hand: A = gm1/(gds2+gds4), UGF = gm1/(2 pi CL)."""
    circuit = load_circuit("5t_opamp")
    one = simulate_one(circuit, load_process("gf180mcu"), WORKING[circuit.id], engine="ngspice")
    assert one.operating_point is not None
    point = one.operating_point.set_index("device")
    gm = point.loc["M1", "gm"]
    gain = gm / (point.loc["M2", "gds"] + point.loc["M4", "gds"])
    assert one.metrics["dc_gain"] == pytest.approx(gain, rel=0.02)
    load = circuit.testbench["load"]
    assert one.metrics["ugf"] == pytest.approx(gm / (2 * np.pi * load), rel=0.1)
    assert (point["region"] == "saturation").all()
    assert (point["gm_over_id"] == point["gm"] / point["id"]).all()


def test_supply_current_is_close_to_the_nominal_one(engine_name: str, circuit: Circuit) -> None:
    designs = pd.DataFrame([WORKING[circuit.id]])
    table = simulate(circuit, load_process("gf180mcu"), designs, engine=engine_name)
    nominal = circuit.supply_current(designs)
    assert table.supply_current[0] == pytest.approx(nominal[0], rel=0.1)


def test_neospice_says_what_it_did_not_check() -> None:
    circuit = load_circuit("5t_opamp")
    one = simulate_one(circuit, load_process("gf180mcu"), WORKING[circuit.id], engine="neospice")
    assert one.operating_point is None
    assert "node voltages only" in one.unchecked


@pytest.mark.ngspice
def test_collapsed_design_stays_in_the_table_with_its_reasons() -> None:
    """An input pair that is too weak for its tail current leaves the tail source no headroom."""
    circuit = load_circuit("5t_opamp")
    row = {**WORKING[circuit.id], "w1": 0.5, "l1": 2.0, "w3": 50.0, "l3": 0.5, "ibias": 2e-5}
    for engine in available_engines():
        table = simulate(circuit, load_process("sky130"), pd.DataFrame([row]), engine=engine)
        assert "M5 not in saturation" in failure_categories(table.failure[0])
        assert np.isfinite(table.metrics.loc[0, "dc_gain"])
        assert np.isfinite(table.supply_current[0])


def test_crash_costs_one_design(engine: WorkerEngine) -> None:
    circuit = load_circuit("5t_opamp")
    conditions = make_conditions(load_process("gf180mcu"), "tt", 27.0, None)
    design = WORKING[circuit.id]
    evaluate(engine, circuit, conditions, design)
    assert engine._worker is not None
    engine._worker.kill()
    engine._worker.wait()
    lost = evaluate(engine, circuit, conditions, design)
    assert lost.reasons == ["simulator crashed"]
    assert all(np.isnan(value) for value in lost.metrics.values())
    assert evaluate(engine, circuit, conditions, design).reasons == []


def test_tables_keep_index_order_and_count(engine_name: str) -> None:
    circuit, process = load_circuit("5t_opamp"), load_process("gf180mcu")
    designs = sample_designs(circuit, 30, 3).set_axis(range(100, 130))
    calls: list[tuple[int, int]] = []
    table = simulate(
        circuit,
        process,
        designs,
        engine=engine_name,
        progress=lambda done, total: calls.append((done, total)),
    )
    assert list(table.metrics.index) == list(range(100, 130))
    assert calls == [(25, 30), (30, 30)]
    last = simulate(circuit, process, designs.iloc[[29]], engine=engine_name)
    pd.testing.assert_frame_equal(last.metrics, table.metrics.iloc[[29]], check_exact=True)


@pytest.mark.ngspice
def test_parallel_work_gives_the_same_numbers() -> None:
    circuit, process = load_circuit("5t_opamp"), load_process("gf180mcu")
    designs = sample_designs(circuit, 60, 4)
    one, two = (simulate(circuit, process, designs, jobs=jobs) for jobs in (1, 2))
    pd.testing.assert_frame_equal(one.metrics, two.metrics, check_exact=True)
    pd.testing.assert_series_equal(one.failure, two.failure)


@pytest.mark.ngspice
def test_engines_agree_on_random_designs(circuit: Circuit, process_name: str) -> None:
    process = load_process(process_name)
    designs = sample_designs(circuit, 6, 11)
    first, second = (
        simulate(circuit, process, designs, engine=engine) for engine in ("ngspice", "neospice")
    )
    both = first.metrics.notna() & second.metrics.notna()
    assert both.sum().sum() > 0.6 * both.size
    for name, tolerance in TOLERANCE.items():
        measured = both[name]
        ours, theirs = first.metrics.loc[measured, name], second.metrics.loc[measured, name]
        assert (abs(ours / theirs - 1) < tolerance).all(), name
    assert np.allclose(first.supply_current, second.supply_current, rtol=5e-3)


@pytest.mark.parametrize("corner", ["ff", "ss", "fs", "sf"])
def test_every_corner_differs_from_typical(circuit: Circuit, corner: str) -> None:
    design = WORKING[circuit.id]
    process = load_process("gf180mcu")
    typical = simulate_one(circuit, process, design)
    other = simulate_one(circuit, process, design, corner=corner)
    assert other.metrics["dc_gain"] != typical.metrics["dc_gain"]
    assert other.failure == ""


def test_transconductance_falls_with_temperature() -> None:
    circuit, process = load_circuit("5t_opamp"), load_process("gf180mcu")
    cold, hot = (
        simulate_one(circuit, process, WORKING[circuit.id], temperature=t).metrics["ugf"]
        for t in (-40.0, 125.0)
    )
    assert cold > 1.2 * hot


def test_supply_is_set() -> None:
    circuit, process = load_circuit("5t_opamp"), load_process("gf180mcu")
    one = simulate_one(circuit, process, WORKING[circuit.id], supply=2.97)
    assert "Vdd1 vdd1 0 DC 2.97" in one.netlist


def bad_design(**change: float) -> pd.DataFrame:
    return pd.DataFrame([WORKING["5t_opamp"], {**WORKING["5t_opamp"], **change}])


def test_design_outside_the_grid_is_refused_by_row_and_column() -> None:
    with pytest.raises(InputError, match=r'Row 2, column "w1": 80\.0 is outside 0\.5 to 50 um'):
        simulate(load_circuit("5t_opamp"), load_process("gf180mcu"), bad_design(w1=80.0))


def test_design_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match='Row 2, column "l2": nan'):
        simulate(load_circuit("5t_opamp"), load_process("gf180mcu"), bad_design(l2=float("nan")))


def test_all_faults_are_told_at_once_but_not_without_end() -> None:
    designs = pd.concat([bad_design(w1=80.0, w2=0.1)] * 20, ignore_index=True)
    with pytest.raises(InputError) as error:
        simulate(load_circuit("5t_opamp"), load_process("gf180mcu"), designs)
    assert len(error.value.faults) == 11
    assert error.value.faults[-1] == "There are 31 more."


def test_missing_column_is_refused_by_name() -> None:
    designs = bad_design().drop(columns="w3").rename(columns={"w2": "W2"})
    with pytest.raises(InputError, match='Column "w3" is missing'):
        simulate(load_circuit("5t_opamp"), load_process("gf180mcu"), designs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"corner": "xx"}, "Unknown corner"),
        ({"temperature": 400.0}, "Temperature 400 C"),
        ({"supply": 10.0}, "Supply 10 V"),
        ({"engine": "hspice"}, "Unknown engine"),
    ],
)
def test_senseless_conditions_are_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        simulate(
            load_circuit("5t_opamp"),
            load_process("gf180mcu"),
            bad_design(),
            **arguments,  # type: ignore[arg-type]
        )
