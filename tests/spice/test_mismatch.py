"""Mismatch: Pelgrom's law, and what it does to an amplifier."""

from __future__ import annotations

import numpy as np
import pytest

from core.circuits import load_circuit
from core.errors import InputError
from core.spice import load_process, simulate_mismatch
from core.spice.engines.registry import borrow_engine
from core.spice.engines.worker import Analysis
from core.spice.mismatch import draw_mismatch, mismatch_sigma
from core.spice.model_cards import shift_card
from tests.spice.conftest import WORKING

CIRCUIT = load_circuit("5t_opamp")
DESIGN = WORKING["5t_opamp"]


def test_sigma_follows_pelgroms_law() -> None:
    """sky130: 3.356 mV um over the root of 10 um^2."""
    sigma = mismatch_sigma(CIRCUIT, load_process("sky130"), DESIGN)
    assert sigma["M1"] == pytest.approx((3.356e-3 / np.sqrt(10), 3.443e-3 / np.sqrt(10)))
    assert sigma["M3"][0] == pytest.approx(5.856e-3 / np.sqrt(10))


def test_sigma_of_gf180mcu_is_that_of_its_subcircuit() -> None:
    """0.7071 par_vth / sqrt((l - par_l)(w - par_w)) with the file's numbers."""
    sigma = mismatch_sigma(CIRCUIT, load_process("gf180mcu"), DESIGN)
    expected = 0.7071 * 0.007148 / np.sqrt((1.0 - 0.15) * (10.0 + 0.1))
    assert sigma["M1"][0] == pytest.approx(expected, rel=1e-4)


def test_drawn_shifts_have_the_sigma_and_are_independent() -> None:
    process = load_process("gf180mcu")
    drawn = draw_mismatch(CIRCUIT, process, DESIGN, 4000, 0)
    first, second = (np.array([row[name] for row in drawn]) for name in ("M1", "M2"))
    assert first.std(axis=0) == pytest.approx(
        mismatch_sigma(CIRCUIT, process, DESIGN)["M1"], rel=0.05
    )
    assert abs(np.corrcoef(first[:, 0], second[:, 0])[0, 1]) < 0.05


def test_first_samples_do_not_depend_on_the_number() -> None:
    process = load_process("gf180mcu")
    few, many = (draw_mismatch(CIRCUIT, process, DESIGN, n, 7) for n in (3, 30))
    assert few == many[:3]


@pytest.mark.ngspice
def test_shifted_card_equals_the_instance_parameters_of_ngspice() -> None:
    card = load_process("gf180mcu").model_card("nmos", 10.0, 1.0)

    def current(model: str, instance: str) -> float:
        deck = (
            f"* id\n.model n nmos {model}\nVd d 0 DC 1\nVg g 0 DC 0.9\n"
            f"M1 d g 0 0 n w=10u l=1u {instance}\n.end\n"
        )
        with borrow_engine("ngspice") as engine:
            return float(engine.run(deck, [Analysis("op", ("vd#branch",))])[0]["vd#branch"][0])

    shifted = current(shift_card(card, 0.01, 0.05), "")
    assert shifted == pytest.approx(current(card, "delvto=0.01 mulu0=1.05"), rel=1e-6)
    assert abs(shifted / current(card, "") - 1) > 0.01


def test_mismatch_spreads_the_rejection(engine_name: str) -> None:
    table = simulate_mismatch(CIRCUIT, load_process("gf180mcu"), DESIGN, 10, 1, engine=engine_name)
    assert len(table.metrics) == 10
    spread = np.log10(table.metrics).std()
    assert spread["cmrr"] > 0.05
    assert spread["ugf"] < 0.03


def test_senseless_number_of_samples_is_refused() -> None:
    with pytest.raises(InputError, match="Monte Carlo"):
        simulate_mismatch(CIRCUIT, load_process("gf180mcu"), DESIGN, 0, 1)
