"""Sampling: on the grid, balanced, distinct, space-filling and repeatable."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.circuits import Circuit, load_circuit
from core.errors import InputError
from core.spice import sample_designs


def test_designs_lie_on_the_grid(circuit: Circuit) -> None:
    designs = sample_designs(circuit, 500, 1)
    for variable in circuit.variables:
        assert designs[variable.name].isin(variable.grid).all()


def test_designs_are_distinct_and_balanced(circuit: Circuit) -> None:
    designs = sample_designs(circuit, 2000, 1)
    assert not designs.duplicated().any()
    assert circuit.is_balanced(designs).all()


def test_first_designs_do_not_depend_on_the_number(circuit: Circuit) -> None:
    few, many = sample_designs(circuit, 50, 1), sample_designs(circuit, 5000, 1)
    pd.testing.assert_frame_equal(few, many.iloc[:50])


def test_seeds_give_different_designs(circuit: Circuit) -> None:
    one, other = sample_designs(circuit, 50, 1), sample_designs(circuit, 50, 2)
    assert not one.equals(other)


def test_widths_are_spread_over_the_decades() -> None:
    """Log-uniform: as many widths below the geometric mean as above."""
    widths = sample_designs(load_circuit("5t_opamp"), 4000, 1)["w1"]
    assert np.median(widths) == pytest.approx(np.sqrt(0.5 * 50), rel=0.1)


def test_short_grids_are_used_evenly() -> None:
    designs = sample_designs(load_circuit("5t_opamp"), 4000, 1)
    for name in ("l1", "l2", "l3", "ibias"):
        share = designs[name].value_counts(normalize=True)
        assert share.between(0.22, 0.28).all()


@pytest.mark.parametrize("n", [0, -5])
def test_senseless_number_is_refused(n: int) -> None:
    with pytest.raises(InputError, match="give at least 1"):
        sample_designs(load_circuit("5t_opamp"), n, 1)
