from __future__ import annotations

import dataclasses
import math

import pandas as pd
import pytest
import torch

from core.circuits import Balance, load_circuit
from core.inverse.region import known_region


def test_the_excess_is_the_log_distance_beyond_what_is_known() -> None:
    """Known designs have w1/w2 from 1 to 2; a design at 8 lies ln 4 outside."""
    balance = Balance("ratio", {"w1": 1.0, "w2": -1.0}, 0.1, 10.0)
    circuit = dataclasses.replace(load_circuit("5t_opamp"), balances=(balance,))
    row = dict.fromkeys(circuit.variable_names, 1.0)
    known = pd.DataFrame([{**row, "w1": 2.0}, row])
    region = known_region(circuit, known)
    designs = torch.tensor([[8.0, 1, 1, 1, 1, 1, 1], [1.5, 1, 1, 1, 1, 1, 1]], dtype=torch.float64)
    excess = region.excess(designs)
    assert float(excess[0]) == pytest.approx(math.log(4.0))
    assert float(excess[1]) == 0.0
    assert region.holds(designs).tolist() == [False, True]


def test_a_circuit_without_balances_is_known_everywhere() -> None:
    circuit = dataclasses.replace(load_circuit("5t_opamp"), balances=())
    known = pd.DataFrame([dict.fromkeys(circuit.variable_names, 1.0)])
    assert known_region(circuit, known).holds(torch.full((3, 7), 50.0, dtype=torch.float64)).all()
