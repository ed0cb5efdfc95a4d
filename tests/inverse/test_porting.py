"""What A's amplifier does becomes what is asked of B."""

from __future__ import annotations

import math

import pytest

from core.circuits import load_circuit
from core.errors import InputError
from core.inverse import port_specification, specification_from_flags
from core.spice import load_process, simulate_one
from tests.spice.conftest import WORKING

CIRCUIT = load_circuit("5t_opamp")


@pytest.mark.ngspice
def test_every_metric_is_asked_for_as_it_was_simulated_rounded_down() -> None:
    found = simulate_one(CIRCUIT, load_process("sky130"), WORKING["5t_opamp"])
    spec = port_specification(CIRCUIT, found.metrics)
    assert [goal.quantity for goal in spec.goals] == CIRCUIT.metric_names
    for requirement in spec.requirements:
        value = found.metrics[requirement.quantity]
        assert requirement.side == "at least"
        assert 0.99 * value < requirement.bound <= value


def test_a_port_asks_the_same_as_the_flags_would() -> None:
    metrics = dict(zip(CIRCUIT.metric_names, (4.639e6, 213.7, 9.999e6, 81.27, 5e3), strict=True))
    expected = specification_from_flags(CIRCUIT, "4.63e6,213,9.99e6,81.2,5e3")
    assert port_specification(CIRCUIT, metrics).goals == expected.goals


def test_an_amplifier_that_was_not_measured_is_not_ported() -> None:
    metrics = dict.fromkeys(CIRCUIT.metric_names, 1e3) | {"ugf": math.nan}
    with pytest.raises(InputError, match="UGF of this amplifier was not measured"):
        port_specification(CIRCUIT, metrics)
