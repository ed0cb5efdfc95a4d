from __future__ import annotations

import numpy as np
import pytest

from core.errors import InputError
from core.inverse import Goal, GoalKind, Specification, Workbench, pareto_front


def test_no_design_of_the_front_dominates_another(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = Specification(circuit, (Goal("phase_margin", GoalKind.MIN, 60.0),))
    front = pareto_front(bench, spec, {"dc_gain": "maximize", "ugf": "maximize"}, directions=4)
    gain, ugf = front["dc_gain"].to_numpy(), front["ugf"].to_numpy()
    assert len(front) > 5
    assert (np.diff(gain) < 0).all()
    assert (np.diff(ugf) > 0).all()


def test_the_ends_of_the_front_are_the_textbook_extremes(bench: Workbench) -> None:
    """Largest gain: widest and longest pair at the least current, 632; largest UGF: 101 MHz."""
    circuit = bench.forward.predictor.circuit
    spec = Specification(circuit, (Goal("phase_margin", GoalKind.MIN, 20.0),))
    front = pareto_front(bench, spec, {"dc_gain": "maximize", "ugf": "maximize"}, directions=8)
    assert front["dc_gain"].max() == pytest.approx(632.0, rel=0.05)
    assert front["ugf"].max() == pytest.approx(101e6, rel=0.3)


def test_one_objective_is_no_front(bench: Workbench) -> None:
    circuit = bench.forward.predictor.circuit
    spec = Specification(circuit, (Goal("phase_margin", GoalKind.MIN, 60.0),))
    with pytest.raises(InputError, match="two or three"):
        pareto_front(bench, spec, {"dc_gain": "maximize"})
    with pytest.raises(InputError, match="maximize or minimize"):
        pareto_front(bench, spec, {"dc_gain": "larger", "ugf": "maximize"})
