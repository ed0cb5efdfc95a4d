"""One contract for every engine: known circuits against theory, failures, replacement."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from core.errors import InputError
from core.spice import available_engines, load_process
from core.spice.engines.registry import borrow_engine, choose_engine, start_engine
from core.spice.engines.worker import Analysis, EngineFailureError, WorkerEngine

R, C = 1e3, 1e-6
RC = f"* low-pass\nV1 in 0 DC 0 AC 1 PWL(0 0 1u 1)\nR1 in out {R:g}\nC1 out 0 {C:g}\n.end\n"
DIVIDER = "* divider\nV1 a 0 DC 3\nR1 a b 1k\nR2 b 0 2k\n.end\n"
BROKEN = "* broken\nV1 a 0 DC 1\nM1 a a 0 0 nomodel w=1u l=1u\n.end\n"


def test_divider_has_its_voltage_and_current(engine: WorkerEngine) -> None:
    point = engine.run(DIVIDER, [Analysis("op", ("b", "v1#branch"))])[0]
    assert point["b"][0] == pytest.approx(2.0, rel=1e-9)
    assert point["v1#branch"][0] == pytest.approx(-1e-3, rel=1e-9)


def test_rc_low_pass_follows_its_transfer_function(engine: WorkerEngine) -> None:
    sweep = engine.run(RC, [Analysis("ac", ("frequency", "out"), (10, 1.0, 1e5))])[0]
    frequency = sweep["frequency"].real
    theory = 1 / (1 + 2j * np.pi * frequency * R * C)
    assert len(frequency) == 51
    assert np.allclose(sweep["out"], theory, rtol=1e-6)


def test_rc_step_response_is_exponential(engine: WorkerEngine) -> None:
    tau = R * C
    step = engine.run(RC, [Analysis("tran", ("time", "out"), (tau / 200, 5 * tau))])[0]
    theory = 1 - np.exp(-step["time"] / tau)
    assert step["time"][-1] == pytest.approx(5 * tau)
    assert np.abs(step["out"] - theory).max() < 2e-3


@pytest.mark.parametrize("process_name", ["sky130", "gf180mcu"])
def test_common_source_stage_has_the_gain_of_its_derivatives(
    engine: WorkerEngine, process_name: str
) -> None:
    """AC gain against the slope of the DC transfer curve, which theory says are equal."""
    process = load_process(process_name)
    card = process.model_card("nmos", 10.0, 1.0)

    def deck(vin: float) -> str:
        return (
            f"* stage\n.options reltol=1e-6 vntol=1e-9\n.model n nmos {card}\n"
            f"Vdd vdd 0 DC {process.supply}\nVin g 0 DC {vin:.9g} AC 1\n"
            "RD vdd d 20k\nM1 d g 0 0 n w=10u l=1u\n.end\n"
        )

    bias, delta = (0.62, 1e-3) if process_name == "sky130" else (0.8, 1e-3)
    low, high = (
        engine.run(deck(v), [Analysis("op", ("d",))])[0]["d"][0]
        for v in (bias - delta, bias + delta)
    )
    gain = engine.run(deck(bias), [Analysis("ac", ("d",), (1, 1.0, 10.0))])[0]["d"][0]
    slope = (high - low) / (2 * delta)
    assert slope < -1.0
    assert gain.real == pytest.approx(slope, rel=2e-3)


@pytest.mark.ngspice
def test_common_source_gain_is_gm_times_the_output_resistance() -> None:
    process = load_process("gf180mcu")
    deck = (
        f"* stage\n.model n nmos {process.model_card('nmos', 10.0, 1.0)}\n"
        "Vdd vdd 0 DC 3.3\nVin g 0 DC 0.8 AC 1\nRD vdd d 20k\nM1 d g 0 0 n w=10u l=1u\n.end\n"
    )
    with borrow_engine("ngspice") as engine:
        point, sweep = engine.run(
            deck,
            [Analysis("op", ("@m1[gm]", "@m1[gds]")), Analysis("ac", ("d",), (1, 1.0, 10.0))],
        )
    gm, gds = point["@m1[gm]"][0], point["@m1[gds]"][0]
    # gm leaves out the drain's impact ionisation current, some per mille of the whole.
    assert sweep["d"][0].real == pytest.approx(-gm / (gds + 1 / 20e3), rel=5e-3)


def test_broken_netlist_fails_and_the_next_deck_runs(engine: WorkerEngine) -> None:
    with pytest.raises(EngineFailureError) as failure:
        engine.run(BROKEN, [Analysis("op", ("a",))])
    assert failure.value.reason in ("the netlist was refused", "op analysis failed")
    assert engine.run(DIVIDER, [Analysis("op", ("b",))])[0]["b"][0] == pytest.approx(2.0)


def test_missing_vector_is_a_failure(engine: WorkerEngine) -> None:
    with pytest.raises(EngineFailureError, match="op analysis failed"):
        engine.run(DIVIDER, [Analysis("op", ("no_such_node",))])


def test_failure_keeps_the_analyses_before_it(engine: WorkerEngine) -> None:
    analyses = [Analysis("op", ("b",)), Analysis("op", ("no_such_node",))]
    with pytest.raises(EngineFailureError) as failure:
        engine.run(DIVIDER, analyses)
    assert failure.value.done[0]["b"][0] == pytest.approx(2.0)


def test_killed_worker_is_replaced_and_costs_one_deck(engine: WorkerEngine) -> None:
    engine.run(DIVIDER, [Analysis("op", ("b",))])
    assert engine._worker is not None
    engine._worker.kill()
    engine._worker.wait()
    with pytest.raises(EngineFailureError, match="simulator crashed"):
        engine.run(DIVIDER, [Analysis("op", ("b",))])
    assert engine.run(DIVIDER, [Analysis("op", ("b",))])[0]["b"][0] == pytest.approx(2.0)


def test_hanging_worker_is_killed_at_its_time_limit() -> None:
    hanging = [sys.executable, "-c", "import sys; sys.stdin.buffer.read()"]
    engine = WorkerEngine("hanging", hanging, reports_devices=False, time_limit=0.2)
    with pytest.raises(EngineFailureError, match="simulator ran out of time"):
        engine.run(DIVIDER, [Analysis("op", ("b",))])
    assert engine._worker is None


def test_worker_ends_when_its_parent_closes_the_pipe(engine: WorkerEngine) -> None:
    engine.run(DIVIDER, [Analysis("op", ("b",))])
    worker = engine._worker
    assert worker is not None
    assert worker.stdin is not None
    worker.stdin.close()
    assert worker.wait(timeout=10) == 0


@pytest.mark.ngspice
def test_fatal_error_of_ngspice_costs_one_deck() -> None:
    """``quit`` makes the library ask to be detached, as it does after a fatal error."""
    engine = start_engine("ngspice")
    fatal = "* fatal\nV1 a 0 DC 1\nR1 a 0 1k\n.control\nquit 1\n.endc\n.end\n"
    with pytest.raises(EngineFailureError):
        engine.run(fatal, [Analysis("op", ("a",))])
    assert engine.run(DIVIDER, [Analysis("op", ("b",))])[0]["b"][0] == pytest.approx(2.0)
    engine.close()


def test_borrowed_engine_stays_warm(engine_name: str) -> None:
    with borrow_engine(engine_name) as engine:
        engine.run(DIVIDER, [Analysis("op", ("b",))])
        first = engine._worker
    with borrow_engine(engine_name) as engine:
        assert engine._worker is first


def test_auto_takes_the_most_trusted_engine() -> None:
    assert choose_engine("auto") == available_engines()[0]


def test_unknown_engine_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match='Did you mean "ngspice"'):
        choose_engine("ngspise")


def test_numbers_survive_the_pipe_bit_for_bit(engine: WorkerEngine) -> None:
    value = math.pi / 3
    deck = f"* exact\nV1 a 0 DC {value!r}\nR1 a 0 1k\n.end\n"
    assert engine.run(deck, [Analysis("op", ("a",))])[0]["a"][0] == value
