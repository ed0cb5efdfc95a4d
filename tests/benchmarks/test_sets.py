"""The sets hold what their names say, on designs of the textbook OTA."""

from __future__ import annotations

import pytest
import torch

from benchmarks.inverse.designs import Fresh
from benchmarks.inverse.infeasible import infeasible_specs
from benchmarks.inverse.sets import LADDER, _passing, ladder, match_goals, meet_goals
from benchmarks.inverse.specs import FrozenSpec
from benchmarks.inverse.trial import Bench, design_key
from core.inverse import judge
from core.spice import sample_designs


@pytest.fixture(scope="module")
def fresh(textbook_bench: Bench) -> Fresh:
    def simulated(count: int, seed: int):  # type: ignore[no-untyped-def]
        sizes = sample_designs(textbook_bench.circuit, count, seed)
        seen = textbook_bench.oracle(sizes)
        return sizes.join(seen.values).assign(failure=seen.failure)

    second = simulated(400, 2)
    return Fresh(
        textbook_bench.circuit,
        simulated(50, 1),
        second[second["failure"] == ""].reset_index(drop=True),
        simulated(3000, 3),
        "textbook",
    )


def test_a_ladder_specification_is_passed_by_as_many_as_its_grade_says(fresh: Fresh) -> None:
    share = dict(LADDER)
    made = list(ladder(fresh))
    assert {spec.kind for spec in made[:4]} == set(share)
    for spec in made[:24]:
        assert _passing(fresh, spec) == share[spec.kind]


def test_no_design_of_the_pool_meets_an_infeasible_specification(fresh: Fresh) -> None:
    made = list(infeasible_specs(fresh))
    assert {"bias current", "gate area"} <= {spec.kind for spec in made}
    # The square law of the textbook knows no weak inversion, so it breaks that bound of physics.
    physical = [spec for spec in made if spec.kind != "transconductance"]
    assert all(_passing(fresh, spec) == 0 for spec in physical)


def test_the_design_that_a_specification_was_made_from_meets_it(
    fresh: Fresh, textbook_bench: Bench
) -> None:
    for make in (meet_goals, match_goals):
        row = fresh.second.iloc[[5]].reset_index(drop=True)
        spec = FrozenSpec("any", 0, make(fresh.circuit, row.iloc[0]))
        verdict = judge(spec.specification(fresh.circuit), row, row["failure"])["verdict"]
        assert verdict.iloc[0] == "PASS"


def test_a_fingerprint_tells_goals_and_limits_but_not_the_origin(fresh: Fresh) -> None:
    goals = meet_goals(fresh.circuit, fresh.second.iloc[0])
    plain = FrozenSpec("meet", 0, goals)
    assert plain.fingerprint == FrozenSpec("meet", 0, goals, origin={"w1": 1.0}).fingerprint
    limited = FrozenSpec("meet", 0, goals, limits={"w1": (1.0, 2.0)})
    assert plain.fingerprint != limited.fingerprint


def test_a_design_has_one_key_however_it_was_computed(textbook_bench: Bench) -> None:
    space = textbook_bench.space
    sizes = sample_designs(textbook_bench.circuit, 20, 5)
    again = space.table(space.snap(space.unit(torch.tensor(sizes.to_numpy(dtype=float)))))
    for row in range(len(sizes)):
        one, other = (design_key(textbook_bench.circuit, t.iloc[[row]]) for t in (sizes, again))
        assert one == other
