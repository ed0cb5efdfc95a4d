"""The amplifier that ships for the two-stage circuit, beside SPICE on designs nobody has seen."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.circuits import load_circuit
from core.devices.amplifier import ESTIMATES
from core.ensemble.estimator import load_amplifier
from core.spice import available_engines, load_process, sample_designs, simulate

CIRCUIT = load_circuit("two_stage_opamp")
# The errors' medians over the working ones of 60 designs: shares, and degrees for the margin.
ALLOWED = {
    "slewrate_pos": 0.07, "dc_gain": 0.04, "ugf": 0.01, "phase_margin": 0.5, "cmrr": 0.15,
}  # fmt: skip


@pytest.fixture(scope="module")
def amplifier(root):
    return load_amplifier(root / "checkpoints" / CIRCUIT.id, CIRCUIT, lambda found: found)


@pytest.fixture(scope="module")
def simulated():
    if available_engines()[0] != "ngspice":
        pytest.skip("operating points need ngspice")
    designs = sample_designs(CIRCUIT, 60, seed=987)
    table = simulate(CIRCUIT, load_process("gf180mcu"), designs, engine="ngspice", jobs=-1)
    return designs, table


def working(simulated):
    designs, table = simulated
    rows = np.flatnonzero((table.failure == "").to_numpy())
    assert len(rows) > 30
    return rows, torch.tensor(designs.to_numpy(dtype=float)[rows])


def test_estimates_are_near_spice(amplifier, simulated):
    rows, designs = working(simulated)
    found = amplifier(designs).numpy()
    for column, name in enumerate(ESTIMATES):
        measured = simulated[1].metrics[name].to_numpy()[rows]
        error = found[:, column] - measured
        error = error if name == "phase_margin" else error / measured
        assert np.median(np.abs(error)) < ALLOWED[name], name


def test_currents_and_voltages_are_those_of_spice(amplifier, simulated):
    rows, designs = working(simulated)
    at, points = (
        amplifier.small_signal(designs, amplifier.guessed(designs)),
        simulated[1].operating_points,
    )
    for k, device in enumerate(amplifier.topology.transistors):
        own = points[points["device"] == device.name].set_index("row").loc[rows]
        assert np.median(np.abs(at.currents[:, k].numpy() / own["id"] - 1)) < 0.01
        assert np.median(np.abs(at.probes[:, k, 0].numpy() - own["vgs"])) < 2e-3
        assert np.median(np.abs(at.slopes[:, k, 0].numpy() / own["gm"] - 1)) < 0.02


def test_no_current_is_lost_at_any_node(amplifier, simulated):
    _, designs = working(simulated)
    at = amplifier.small_signal(designs, amplifier.guessed(designs))
    leaving, _ = amplifier._leaving(designs, amplifier._sizes(designs), at.voltages)
    left = leaving[:, : amplifier.topology.unknowns]
    share = left.abs().amax(1) / at.currents.amax(1)
    assert float(share.quantile(0.9)) < 1e-4
    assert float(share.max()) < 0.01


def test_derivatives_by_the_sizes_are_those_of_small_steps(amplifier):
    design = torch.tensor(
        [[8.0, 8.0, 8.0, 40.0, 20.0, 1.0, 0.5, 1.0, 0.5, 1.0, 1.5e-12, 3000.0, 1e-5]],
        dtype=torch.float64,
    )
    logs = design.log().requires_grad_(True)
    gain_and_ugf = amplifier(logs.exp())[0, 1:3].log()
    step = 1e-2
    for column in (0, 3, 10):
        aside = torch.zeros_like(logs)
        aside[0, column] = step
        ends = [amplifier((logs.detach() + way * aside).exp())[0, 1:3].log() for way in (1, -1)]
        expected = (ends[0] - ends[1]) / (2 * step)
        for row in range(2):
            (slope,) = torch.autograd.grad(gain_and_ugf[row], logs, retain_graph=True)
            assert float(slope[0, column]) == pytest.approx(float(expected[row]), abs=0.03)


def test_a_design_s_estimate_does_not_hang_on_its_neighbours(amplifier, simulated):
    _, designs = working(simulated)
    together = amplifier(designs)
    alone = torch.cat([amplifier(row) for row in designs.split(1)])
    torch.testing.assert_close(together, alone, rtol=1e-3, atol=1e-9)
