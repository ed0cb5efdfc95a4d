from __future__ import annotations

import numpy as np
import pytest
import torch

from core.circuits import load_circuit
from core.errors import InputError
from core.inverse.goals import Tie
from core.inverse.space import design_space


def test_grid_designs_survive_the_way_to_unit_coordinates_and_back() -> None:
    circuit = load_circuit("two_stage_opamp")
    space = design_space(circuit)
    index = torch.stack([torch.randint(int(n), (50,)) for n in space.counts], 1)
    table = space.table(index)
    for variable in circuit.variables:
        assert np.isin(table[variable.name], variable.grid).all()
    again = space.snap(space.unit(torch.tensor(table.to_numpy())))
    assert torch.equal(again, index)


def test_fixed_variables_leave_the_search_and_ties_hold_exactly() -> None:
    circuit = load_circuit("5t_opamp")
    space = design_space(
        circuit, {"l1": (0.5, 0.5), "ibias": (5e-6, 10e-6)}, (Tie("w2", "w1", 2.0),)
    )
    assert "l1" not in space.free
    assert "w2" not in space.free
    index = torch.stack([torch.randint(int(n), (40,)) for n in space.counts], 1)
    table = space.table(index)
    assert (table["l1"] == 0.5).all()
    assert (table["ibias"] <= 10e-6).all()
    assert table["w2"].to_numpy() == pytest.approx(2.0 * table["w1"].to_numpy())


def test_fixing_everything_leaves_nothing_to_size() -> None:
    circuit = load_circuit("5t_opamp")
    limits = {v.name: (v.minimum, v.minimum) for v in circuit.variables}
    with pytest.raises(InputError, match="fix every variable"):
        design_space(circuit, limits)
