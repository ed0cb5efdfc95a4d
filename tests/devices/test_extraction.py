"""Transistors come back from metrics of amplifiers made of them, the testbench known or not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from core.data import DomainTable
from core.devices import extraction
from core.devices.amplifier import ESTIMATES, AmplifierModel
from core.devices.extraction import Extraction, extract_amplifier, learn_guess
from core.devices.nodal import Surroundings
from core.devices.topology import read_topology
from core.devices.transistor import fit_scaled
from core.spice import sample_designs
from tests.devices.made_up import BENCH, CIRCUIT, half_way, made_up

OPEN = replace(BENCH, open_loop=True)


def metrics_of(model: AmplifierModel, designs: pd.DataFrame) -> DomainTable:
    values = torch.tensor(designs.to_numpy(dtype=float))
    with torch.no_grad():
        volts = model.solve_states(values, half_way(model, values))
        found = model.estimate(values, volts).numpy()
    metrics = pd.DataFrame(found, columns=list(ESTIMATES))
    valid = ((metrics["dc_gain"] > 3) & (metrics["ugf"] > 1e4)).to_numpy()
    return DomainTable(
        designs=designs,
        metrics=metrics[list(CIRCUIT.metric_names)],
        valid=valid,
        reason=pd.Series(np.where(valid, "", "dead")),
        supply_current=pd.Series(np.zeros(len(designs))),
    )


def errors(found: AmplifierModel, truth: AmplifierModel) -> dict[str, float]:
    """Median errors on new designs: shares, and degrees of the phase margin."""
    table = metrics_of(truth, sample_designs(CIRCUIT, 80, seed=2))
    table = table.rows(np.flatnonzero(table.valid))
    told = found(torch.tensor(table.designs.to_numpy(dtype=float))).numpy()
    result = {}
    for column, name in enumerate(ESTIMATES):
        measured = table.metrics[name].to_numpy()
        error = np.abs(told[:, column] - measured)
        result[name] = float(np.median(error if name == "phase_margin" else error / measured))
    return result


@pytest.fixture(autouse=True)
def _fewer_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction, "_COARSE", ((60, 10.0, 1), (60, 1.0, 1)))
    monkeypatch.setattr(extraction, "_EVALUATIONS", 40)
    monkeypatch.setattr(extraction, "_SUPPLIES", (1.8,))


def learned_from(bench: Surroundings, count: int) -> DomainTable:
    return metrics_of(made_up(bench), sample_designs(CIRCUIT, count, seed=1))


def extracted(bench: Surroundings | None, table: DomainTable) -> Extraction:
    found = extract_amplifier(CIRCUIT, bench, table, np.arange(len(table)) % 4, seed=0)
    assert found is not None
    return found


def test_a_known_testbench_needs_only_the_transistors():
    found = extracted(BENCH, learned_from(BENCH, 150)).model
    error = errors(found, made_up(BENCH))
    assert max(error[name] for name in ("slewrate_pos", "dc_gain", "ugf")) < 0.02
    assert error["phase_margin"] < 0.3
    assert error["cmrr"] < 0.25
    assert found.surroundings == BENCH


def test_an_unknown_testbench_is_found_beside_the_transistors():
    found = extracted(None, learned_from(OPEN, 150)).model
    error = errors(found, made_up(OPEN))
    assert max(error[name] for name in ("slewrate_pos", "dc_gain", "ugf")) < 0.03
    assert found.surroundings.open_loop
    assert found.surroundings.load == pytest.approx(OPEN.load, rel=0.15)
    assert found.surroundings.step == pytest.approx(OPEN.step, rel=0.25)


def test_transistors_of_other_folds_know_a_design_less_than_those_of_all():
    table = learned_from(BENCH, 80)
    rng = np.random.default_rng(0)
    noisy = replace(table, metrics=table.metrics * np.exp(0.1 * rng.standard_normal((80, 5))))
    found = extracted(BENCH, noisy)
    assert found.by_fold.shape == (4, 80, len(ESTIMATES))
    known = found.model(torch.tensor(noisy.designs.to_numpy(dtype=float))).numpy()
    rows, ratios = np.flatnonzero(table.valid), []
    for column in ("slewrate_pos", "dc_gain", "ugf", "cmrr"):
        measured, k = noisy.metrics[column].to_numpy()[rows], ESTIMATES.index(column)
        own = found.by_fold.numpy()[rows % 4, rows, k]
        unseen, seen = (np.abs(np.log(told / measured)) for told in (own, known[rows, k]))
        ratios.append(unseen.mean() / seen.mean())
    assert min(ratios) > 1.1


def test_a_testbench_is_told_in_a_designer_s_words():
    told = "supply 1.80 V, common mode 1.20 V, load 1.50 pF, step 300 mV"
    assert str(BENCH) == f"{told}, loop closed at the operating point"
    assert str(OPEN) == f"{told}, loop open at the operating point"


def test_with_few_designs_nothing_is_extracted():
    fold = np.zeros(40)
    assert extract_amplifier(CIRCUIT, BENCH, learned_from(BENCH, 40), fold, seed=0) is None


def test_a_search_stops_when_it_is_told_to():
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        extract_amplifier(
            CIRCUIT, BENCH, learned_from(BENCH, 80), np.zeros(80), seed=0, between=stop
        )


def test_a_guess_that_is_far_off_is_no_reason_for_another_estimate():
    model = made_up(OPEN)
    designs = torch.tensor(sample_designs(CIRCUIT, 200, seed=4).to_numpy(dtype=float))
    half = half_way(model, designs)
    spread = 0.01 * torch.randn(half.shape, generator=torch.Generator().manual_seed(0))
    fit_scaled(model.guess, designs.log(), half + spread, lambda: None, 1)
    with torch.no_grad():
        told = model(designs)
        exact = model.estimate(designs, model.solve_states(designs, half))
    working = (exact[:, ESTIMATES.index("dc_gain")] > 3.0).nonzero()[:, 0]
    assert len(working) > 100
    assert float((told / exact - 1.0).abs()[working].max()) < 2e-3


def test_designs_without_an_operating_point_do_not_spoil_the_guess_of_others():
    model = made_up(OPEN)
    designs = torch.tensor(sample_designs(CIRCUIT, 60, seed=4).to_numpy(dtype=float))
    volts = model.solve_states(designs, half_way(model, designs))
    volts[7, 0], volts[30] = torch.nan, torch.inf
    learn_guess(model, designs, volts, lambda: None)
    with torch.no_grad():
        away = (model.guess(designs.log()) - volts).abs()
    others = [row for row in range(60) if row not in (7, 30)]
    assert float(away[others].median()) < 0.02
    assert torch.isfinite(model(designs)).all()


def test_the_derivatives_of_the_search_are_those_of_small_steps():
    table = learned_from(BENCH, 60)
    search = extraction._Search(
        read_topology(CIRCUIT), OPEN, unknown=True, table=table, between=lambda: None
    )
    rng = np.random.default_rng(0)
    search.place = 0.2 * rng.standard_normal(len(search.place))
    exact = search._jacobian(search.place)
    for column in (0, 7, 25, 50, len(search.place) - 1):
        step = np.zeros(len(search.place))
        step[column] = 1e-5
        ends = [search._residuals(search.place + way * step) for way in (1, -1)]
        expected = (ends[0] - ends[1]) / 2e-5
        # A design here or there jumps: its slew rate is read off a trace in discrete steps.
        assert (
            np.quantile(np.abs(exact[:, column] - expected), 0.95) < 1e-3 * np.abs(expected).max()
        )
