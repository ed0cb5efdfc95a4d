"""Total effects against functions whose shares of variance are known."""

from __future__ import annotations

import pytest
import torch

from core.circuits import load_circuit
from core.ensemble.importance import total_effects_of

CIRCUIT = load_circuit("5t_opamp")
NAMES = CIRCUIT.variable_names


def effects(function):
    """Analyse a function of one design's sizes that stands in every metric's place."""

    def answer(designs):
        sizes = dict(zip(NAMES, designs.T, strict=True))
        return function(sizes)[:, None].expand(-1, len(CIRCUIT.metric_names))

    return total_effects_of(answer, CIRCUIT, 1024, 0)


def variance(values):
    return torch.as_tensor(values, dtype=torch.float64).var(unbiased=False)


def test_a_sum_of_two_shares_by_their_variances():
    w, length = (CIRCUIT.variable(name).grid for name in ("w1", "l1"))
    table = effects(lambda sizes: sizes["w1"] + 3.0 * sizes["l1"])
    share = float(variance(w) / (variance(w) + 9.0 * variance(length)))
    assert table.loc["ugf", "w1"] == pytest.approx(share, abs=0.03)
    assert table.loc["ugf", "l1"] == pytest.approx(1.0 - share, abs=0.03)


def test_what_does_not_act_has_no_effect():
    table = effects(lambda sizes: torch.log10(sizes["ibias"]))
    assert table.loc["cmrr", "ibias"] == pytest.approx(1.0, abs=0.02)
    assert (table.drop(columns="ibias") < 1e-9).all(axis=None)


def test_acting_together_counts_for_both():
    table = effects(lambda sizes: (sizes["w1"] - 20.0) * (sizes["l1"] - 1.0))
    assert table.loc["ugf", ["w1", "l1"]].sum() > 1.1
