"""The inverse with the runs that ship: specifications that simulated designs are known to meet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from core.ensemble import load_predictor
from core.inverse import (
    Goal,
    GoalKind,
    Specification,
    Workbench,
    design,
    mdn_sampler,
    prepare,
    sample_sizings,
    specification_from_flags,
    verify,
)
from core.spice.process import load_process

CIRCUITS = ("5t_opamp", "two_stage_opamp")


@pytest.fixture(scope="module", params=CIRCUITS)
def shipped(request: pytest.FixtureRequest, root: Path) -> tuple[Path, Workbench]:
    run = root / "checkpoints" / request.param
    return run, prepare(load_predictor(run), size=2048)


def relaxed(bench: Workbench, row: int) -> Specification:
    """What a working known design does, less 5 %: certainly possible."""
    circuit = bench.forward.predictor.circuit
    table = bench.forward.predictor.known_designs()
    values = table.metrics[table.valid].iloc[row]
    goals = [Goal(name, GoalKind.MIN, 0.95 * float(values[name])) for name in circuit.metric_names]
    return Specification(circuit, tuple(goals))


def test_a_specification_that_is_met_by_a_known_design_is_called_feasible(
    shipped: tuple[Path, Workbench],
) -> None:
    run, bench = shipped
    result = design(bench, relaxed(bench, 3), sampler=mdn_sampler(run))
    assert result.feasibility.feasible
    assert result.candidates["probability"].iloc[0] > 0.5


@pytest.mark.ngspice
def test_spice_confirms_one_of_the_first_three(shipped: tuple[Path, Workbench]) -> None:
    _, bench = shipped
    result = design(bench, relaxed(bench, 5), n=3)
    found = verify(result, 3, load_process("gf180mcu"), engine="ngspice")
    assert found.passed >= 1
    assert len(found.table) == 3


def test_the_worked_example_says_that_its_slew_rate_is_out_of_reach(root: Path) -> None:
    bench = prepare(load_predictor(root / "checkpoints" / "5t_opamp"), size=2048)
    spec = specification_from_flags(
        bench.forward.predictor.circuit,
        "2.5e8,200,1.5e6,65,20000",
        "min,min,range,range,min",
        "8e5:2e6",
        "60:75",
        "0.05,0.40,0.90,0.10,0.65",
    )
    result = design(bench, spec)
    assert not result.feasibility.feasible
    assert "Slew rate at least 250 V/us cannot be met" in result.conflicts[0]
    assert result.feasibility.limits[0].alone < 1e8


@pytest.mark.parametrize("name", CIRCUITS)
def test_samples_of_the_network_lie_on_the_grid_and_repeat(name: str, root: Path) -> None:
    run = root / "checkpoints" / name
    predictor = load_predictor(run)
    table = predictor.known_designs()
    values = table.metrics[table.valid].iloc[0].tolist()
    first, second = (sample_sizings(run, values, 8, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    pd.testing.assert_frame_equal(predictor.circuit.snap(first), first)
