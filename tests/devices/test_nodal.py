"""Node voltages: where they are looked for, and that no current is lost where they are found."""

from __future__ import annotations

from dataclasses import replace

import torch

from core.spice import sample_designs
from tests.devices.made_up import BENCH, CIRCUIT, half_way, made_up

_OPEN = replace(BENCH, open_loop=True)


def solved(designs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Node voltages with the loop closed and open, from half the supply."""
    model = made_up(_OPEN)
    found = model.solve_states(designs, half_way(model, designs))
    return found.split(model.topology.unknowns, dim=1)[:2]


def sampled(count: int) -> torch.Tensor:
    return torch.tensor(sample_designs(CIRCUIT, count, seed=3).to_numpy(dtype=float))


def test_in_the_open_loop_both_inputs_stand_at_the_common_mode():
    model = made_up(_OPEN)
    designs = sampled(20)
    closed, apart = solved(designs)
    inn, out = (model.topology.node(name) for name in ("inn", "out"))
    apart = model.small_signal(designs, apart, feedback=False).voltages
    closed = model.small_signal(designs, closed).voltages
    torch.testing.assert_close(apart[:, inn], torch.full((20,), 1.2, dtype=torch.float64))
    torch.testing.assert_close(closed[:, inn], closed[:, out])


def test_from_half_the_supply_no_current_is_lost_at_any_node_in_the_end():
    model, designs = made_up(_OPEN), sampled(300)
    with torch.no_grad():
        for volts, feedback in zip(solved(designs), (True, False), strict=True):
            at = model.small_signal(designs, volts, feedback)
            leaving, _ = model._leaving(designs, model._sizes(designs), at.voltages)
            share = leaving[:, : model.topology.unknowns].abs().amax(1) / at.currents.amax(1)
            # A bias node may be stuck at the supply: such a circuit is dead.
            alive = volts[:, model.topology.node("bias")] < BENCH.supply
            assert int(alive.sum()) > 200
            assert float(share[alive].max()) < 1e-3


def test_a_design_is_solved_as_it_is_by_itself():
    model, designs = made_up(_OPEN), sampled(20)
    together = model.solve_states(designs, half_way(model, designs))
    alone = [model.solve_states(row, half_way(model, row)) for row in designs.split(1)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0.0, atol=1e-9)


def test_a_design_that_was_solved_stands_still():
    model, designs = made_up(_OPEN), sampled(20)
    solved = model.solve_states(designs, half_way(model, designs))
    again = model.solve_states(designs, solved)
    assert float((again - solved).abs().max()) < 3e-3
