from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from core.circuits import Circuit, load_circuit
from core.inverse.derived import fit_supply_model, log_gate_area
from core.spice import sample_designs


@pytest.fixture(scope="module")
def circuit() -> Circuit:
    return load_circuit("two_stage_opamp")


def tensor(table: pd.DataFrame) -> torch.Tensor:
    return torch.tensor(table.to_numpy(dtype=float))


def test_gate_area_is_the_circuits_own_sum(circuit: Circuit) -> None:
    designs = sample_designs(circuit, 20, seed=1)
    area = 10.0 ** log_gate_area(circuit, tensor(designs))
    assert area.numpy() == pytest.approx(circuit.gate_area(designs).to_numpy())


def test_without_measurements_the_supply_current_is_the_nominal_one(circuit: Circuit) -> None:
    designs = sample_designs(circuit, 20, seed=2)
    model = fit_supply_model(circuit, designs, np.full(20, np.nan))
    current = 10.0 ** model.log_current(tensor(designs))
    assert current.numpy() == pytest.approx(circuit.supply_current(designs).to_numpy())


def test_the_correction_finds_a_second_order_departure_from_nominal(circuit: Circuit) -> None:
    designs = sample_designs(circuit, 600, seed=3)
    departure = 1.1 * (designs["l5"] / designs["l3"]) ** 0.05
    current = (circuit.supply_current(designs) * departure).to_numpy()
    model = fit_supply_model(circuit, designs.iloc[:500], current[:500])
    found = 10.0 ** model.log_current(tensor(designs.iloc[500:]))
    assert found.numpy() == pytest.approx(current[500:], rel=1e-3)
    assert model.sigma < 1e-3
