"""All methods by name, with the budget that each is worth and the specifications it runs on."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.inverse import ours, peers, trust_region
from benchmarks.inverse.one_shot import one_shot
from benchmarks.inverse.ours import Method
from core.inverse import SearchSettings

BUDGET = 200
SUBSET, SUBSET_SEEDS, SUBSET_BUDGET = 30, 2, 100
ALL = 10**6
STRIDE = 5
SOLVABLE = ("meet", "match", "ladder", "uniform")


@dataclass(frozen=True)
class Entry:
    """A method of the benchmark.

    Attributes:
        run: spends a trial.
        budget: most simulations.
        specs: first specifications of each set that it gets.
        seeds: repetitions.
        stride: how many specifications the quick methods do while this one does one.
    """

    run: Method
    budget: int = BUDGET
    specs: int = ALL
    seeds: int = 1
    stride: int = 1


def slow(run: Method, budget: int = SUBSET_BUDGET, seeds: int = SUBSET_SEEDS) -> Entry:
    """On the stated subset only."""
    return Entry(run, budget, SUBSET, seeds, STRIDE)


OURS = {
    "crossfab": Entry(ours.closed_loop()),
}
ABLATIONS = {
    "no network": slow(ours.closed_loop(network=False), seeds=1),
    "no boundary": slow(ours.closed_loop(ours.without_boundary), seeds=1),
    "no uncertainty": slow(ours.closed_loop(ours.without_uncertainty), seeds=1),
    "no coarse steps": slow(ours.closed_loop(settings=SearchSettings(generations=0)), seeds=1),
    "no repair": slow(ours.closed_loop(settings=SearchSettings(repair_rounds=0)), seeds=1),
    "no loop": slow(ours.ranked, seeds=1),
}
PEERS = {
    "nearest": Entry(ours.nearest),
    "random": Entry(ours.random_designs),
    "evolution": Entry(peers.differential),
    "cma-es": Entry(peers.cma_es),
    "nsga-ii": Entry(peers.nsga2),
    "tpe": slow(peers.tpe),
    "gp": slow(peers.gp_sampler),
    "turbo": slow(trust_region.turbo),
    "scbo": slow(trust_region.scbo),
    "gm/id": Entry(one_shot, budget=4),
    "reference": slow(ours.reference, budget=20, seeds=1),
}
METHODS = OURS | ABLATIONS | PEERS
# Those that go on as long as they are paid for; one shot has no more to give after its four.
RIVALS = tuple(name for name in PEERS if name not in ("gm/id", "reference"))
