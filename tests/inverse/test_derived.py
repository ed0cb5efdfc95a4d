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


def test_the_correction_finds_a_smooth_departure_from_nominal_and_how_well(
    circuit: Circuit,
) -> None:
    designs = sample_designs(circuit, 600, seed=3)
    departure = 1.1 * (designs["l5"] / designs["l3"]) ** 0.05 + 0.02 / designs["w5"]
    current = (circuit.supply_current(designs) * departure).to_numpy()
    model = fit_supply_model(circuit, designs.iloc[:500], current[:500])
    found = 10.0 ** model.log_current(tensor(designs.iloc[500:]))
    assert found.numpy() == pytest.approx(current[500:], rel=5e-3)
    error = np.log10(found.numpy() / current[500:])
    assert 0.5 < error.std() / model.sigma < 2.0


def test_its_gradient_is_that_of_a_finite_difference(circuit: Circuit) -> None:
    designs = sample_designs(circuit, 100, seed=4)
    current = (circuit.supply_current(designs) * (1.0 + 0.05 / designs["w5"])).to_numpy()
    model = fit_supply_model(circuit, designs, current)
    logs = tensor(designs.iloc[:1]).log().requires_grad_()
    (gradient,) = torch.autograd.grad(model.log_current(logs.exp()).sum(), logs)
    step = 1e-5 * torch.eye(logs.shape[1], dtype=torch.float64)
    up, down = (model.log_current((logs.detach() + sign * step).exp()) for sign in (1.0, -1.0))
    assert gradient[0].numpy() == pytest.approx(((up - down) / 2e-5).numpy(), abs=1e-6)
