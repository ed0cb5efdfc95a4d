"""How fast a buffer's output can rise: what its input pair delivers once its input has stepped."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from core.devices.amplifier import ESTIMATES, AmplifierModel
from core.devices.slewing import saturation
from core.spice import sample_designs
from tests.devices.made_up import BENCH, CIRCUIT, half_way, made_up

_LARGE = replace(BENCH, supply=2.5, step=0.8, load=2e-11)


def design(**sizes: float) -> torch.Tensor:
    """Sizes of one amplifier (1 x d): a wide pair and mirror but for what is said."""
    usual = {"w1": 30.0, "w2": 20.0, "w3": 20.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5}
    return torch.tensor([[({**usual, **sizes})[name] for name in CIRCUIT.variable_names]]).double()


def solved(model: AmplifierModel, designs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Node voltages at rest, and where the input was stepped."""
    return model.solve_states(designs, half_way(model, designs)).chunk(2, dim=1)


def slew_rate(model: AmplifierModel, designs: torch.Tensor) -> torch.Tensor:
    found = model.estimate(designs, torch.cat(solved(model, designs), dim=1))
    return found[:, ESTIMATES.index("slewrate_pos")]


def test_a_pair_sees_of_the_whole_step_what_it_is_said_to():
    height = torch.tensor([0.1, 0.5, 0.5], dtype=torch.float64)
    most = torch.tensor([0.03, 0.2, 0.4], dtype=torch.float64)
    sharpness = torch.tensor([2.5, 3.0, 4.8], dtype=torch.float64)
    reach = saturation(most, height, sharpness)
    seen = height / (1.0 + (height / reach) ** sharpness) ** (1.0 / sharpness)
    torch.testing.assert_close(seen, most)


def test_a_pair_that_sees_the_whole_step_stays_linear():
    one = torch.ones(1, dtype=torch.float64)
    assert float(saturation(2.0 * one, one, 3.0 * one)) > 10.0


def test_with_headroom_the_tail_current_charges_the_load():
    model = made_up(_LARGE)
    with torch.no_grad():
        tail = model.small_signal(design(), solved(model, design())[0]).currents[0, 4]
    # The tail's drain rises with the input, and its current with it.
    assert 1.0 < float(slew_rate(model, design())[0]) * _LARGE.load / float(tail) < 1.2


def test_a_mirror_without_headroom_delivers_less_than_the_tail_current():
    model = made_up(BENCH)
    wide, narrow = (slew_rate(model, design(w2=width, ibias=2e-5)) for width in (20.0, 3.0))
    assert 0.1 * float(wide) < float(narrow) < 0.3 * float(wide)


def test_no_current_is_lost_at_the_nodes_that_follow_a_step():
    model = made_up(BENCH)
    designs = torch.tensor(sample_designs(CIRCUIT, 300, seed=6).to_numpy(dtype=float))
    with torch.no_grad():
        rest, followed = solved(model, designs)
        at = model.small_signal(designs, rest)
        volts, free = model._stepped(at.voltages), model._followers
        volts[:, free] = followed[:, free]
        left = model._leaving(designs, model._sizes(designs), volts)[0][:, free]
    assert [model.topology.nodes[node] for node in free] == ["bias", "mirror", "tail"]
    share = left.abs().amax(1) / at.currents.amax(1)
    out, inp = model.topology.node("out"), model.topology.node("inp")
    torch.testing.assert_close(followed[:, out], rest[:, out], rtol=0.0, atol=0.0)
    torch.testing.assert_close(volts[:, inp] - at.voltages[:, inp], torch.full_like(share, 0.3))
    # A linear step makes good what the last one has missed. Where a bias node is stuck at the
    # supply the circuit is dead anyway.
    alive = followed[:, free[0]] < BENCH.supply
    assert int(alive.sum()) > 200
    assert float(share[alive].max()) < 2e-3


def test_its_derivatives_by_the_sizes_are_those_of_small_steps():
    model = made_up(BENCH)
    logs = design(w2=3.0, ibias=2e-5).log().requires_grad_(True)
    (exact,) = torch.autograd.grad(slew_rate(model, logs.exp()).log().sum(), logs)
    for column in range(7):
        step = torch.zeros_like(logs)
        step[0, column] = 1e-4
        with torch.no_grad():
            ends = [slew_rate(model, (logs + way * step).exp()).log() for way in (1, -1)]
        assert float(exact[0, column]) == pytest.approx(float(ends[0] - ends[1]) / 2e-4, rel=1e-3)
