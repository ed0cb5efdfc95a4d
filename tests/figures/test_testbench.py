"""The testbench in words."""

from __future__ import annotations

import pytest

from core.circuits import load_circuit
from core.errors import InputError
from core.figures.testbench import measured_with
from core.spice import load_process


def test_the_testbench_follows_process_and_supply() -> None:
    circuit, process = load_circuit("5t_opamp"), load_process("gf180mcu")
    expected = "load 1 pF, inputs at 2.64 V, step 660 mV, CMRR at 1 MHz"
    assert measured_with(circuit, process) == expected
    assert "inputs at 2.4 V, step 600 mV" in measured_with(circuit, process, supply=3.0)


def test_a_supply_that_the_process_does_not_bear_is_refused() -> None:
    with pytest.raises(InputError, match="Supply 9 V"):
        measured_with(load_circuit("5t_opamp"), load_process("gf180mcu"), supply=9.0)
