"""A trial counts what a method spends, and tells every method the same."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from benchmarks.inverse import ours, peers, trust_region
from benchmarks.inverse.trial import Bench, SpentError, Trial
from core.inverse import Goal, GoalKind, Specification

# Peers by the library that each needs; scipy is always there, the others for the benchmark only.
PEERS = {
    "differential": "scipy",
    "cma_es": "cma",
    "tpe": "optuna",
    "gp_sampler": "optuna",
    "nsga2": "pymoo",
}
TRUST_REGIONS = {"turbo": "botorch", "scbo": "botorch"}


def installed(methods: dict[str, str]) -> list[str]:
    return [method for method, library in methods.items() if find_spec(library) is not None]


def at_least(bench: Bench, quantity: str, bound: float) -> Specification:
    return Specification(bench.circuit, (Goal(quantity, GoalKind.MIN, bound),))


def hopeless(bench: Bench) -> Specification:
    return at_least(bench, "dc_gain", 1e9)


def spend(trial: Trial, method: ours.Method) -> Trial:
    with pytest.raises(SpentError):
        method(trial)
    return trial


def test_a_method_that_finds_nothing_spends_its_budget_and_no_more(textbook_bench: Bench) -> None:
    trial = spend(Trial(textbook_bench, hopeless(textbook_bench), 7, 0), ours.nearest)
    assert (trial.spent, trial.first) == (7, None)


def test_the_nearest_known_design_solves_what_a_known_design_meets(textbook_bench: Bench) -> None:
    known = textbook_bench.known
    gain = float(known.loc[known["failure"] == "", "dc_gain"].max())
    wanted = at_least(textbook_bench, "dc_gain", 0.99 * gain)
    trial = spend(Trial(textbook_bench, wanted, 7, 0), ours.nearest)
    assert trial.first == 1


def test_the_violation_is_zero_where_met_and_grows_with_the_distance(
    textbook_bench: Bench,
) -> None:
    known = textbook_bench.known
    works = (known["failure"] == "").to_numpy()
    bound = float(known.loc[works, "ugf"].median())
    trial = Trial(textbook_bench, at_least(textbook_bench, "ugf", bound), 7, 0)
    objective = np.array([judged.objective for judged in trial.prior])
    met = (known["ugf"] >= bound).to_numpy()
    assert np.all(objective[works & met] == 0)
    short = works & ~met
    order = np.argsort(objective[short])
    assert np.all(np.diff(known["ugf"].to_numpy()[short][order]) <= 0)


def test_a_broken_circuit_is_never_without_violation(textbook_bench: Bench) -> None:
    trial = Trial(textbook_bench, at_least(textbook_bench, "dc_gain", 1.0), 7, 0)
    values = textbook_bench.known.head(2)
    working, broken = trial.judge(values, pd.Series(["", "output railed"]))
    assert working.objective == 0
    assert broken.objective > 0
    assert working.constraints[-1] < 0 < broken.constraints[-1]


def test_known_and_repeated_designs_cost_nothing(textbook_bench: Bench) -> None:
    trial = Trial(textbook_bench, hopeless(textbook_bench), 7, 0)
    (known, *_), _ = trial.best_known(1)
    trial.evaluate(known)
    assert trial.spent == 0
    other = np.full(textbook_bench.space.dimension, 0.37)
    assert trial.evaluate(other) is trial.evaluate(other)
    assert trial.spent == 1


def test_a_method_that_only_repeats_itself_is_stopped(textbook_bench: Bench) -> None:
    def repeat(trial: Trial) -> None:
        while True:
            trial.evaluate(np.full(textbook_bench.space.dimension, 0.37))

    assert spend(Trial(textbook_bench, hopeless(textbook_bench), 2, 0), repeat).spent == 1


def test_differential_evolution_starts_from_known_designs_for_nothing(
    textbook_bench: Bench,
) -> None:
    trial = spend(Trial(textbook_bench, hopeless(textbook_bench), 5, 0), peers.differential)
    assert trial.asked >= peers.POPULATION


@pytest.mark.parametrize("method", installed(PEERS))
def test_a_peer_spends_its_budget_and_repeats_with_its_seed(
    textbook_bench: Bench, method: str
) -> None:
    run = getattr(peers, method)
    first, second = (
        spend(Trial(textbook_bench, hopeless(textbook_bench), 6, 3), run) for _ in range(2)
    )
    assert first.spent == 6
    assert list(first.seen) == list(second.seen)


@pytest.mark.parametrize("method", installed(TRUST_REGIONS))
def test_a_trust_region_proposes_new_designs_only(textbook_bench: Bench, method: str) -> None:
    trial = Trial(textbook_bench, hopeless(textbook_bench), 9, 0)
    spend(trial, getattr(trust_region, method))
    assert trial.spent == 9
    assert trial.asked <= 10


def test_the_closed_loop_solves_what_a_known_design_nearly_meets(textbook_bench: Bench) -> None:
    circuit, known = textbook_bench.circuit, textbook_bench.known
    row = known[known["failure"] == ""].iloc[3]
    goals = tuple(Goal(name, GoalKind.MIN, 0.98 * row[name]) for name in circuit.metric_names)
    trial = Trial(textbook_bench, Specification(circuit, goals), 5, 0)
    assert spend(trial, ours.closed_loop(network=False)).first is not None


def test_the_parts_that_are_taken_out_are_out(textbook_bench: Bench) -> None:
    designs = textbook_bench.work.library.designs[:50]
    anywhere = ours.without_boundary(textbook_bench).forward(designs)
    assert bool((anywhere.validity == 1).all())
    equal = ours.without_uncertainty(textbook_bench).forward(designs)
    assert bool((equal.sigma == equal.sigma[0]).all())
    told = textbook_bench.work.forward(designs).sigma[0]
    assert equal.sigma[0].tolist() == pytest.approx(told.tolist())
    assert bool((equal.mean == textbook_bench.work.forward(designs).mean).all())
