"""Design, simulate, learn, design again: until enough designs are confirmed or the budget is out.

This is Bayesian optimisation with the transferred predictor as the prior: every simulation is
spent on the design most likely to meet everything, given all that was simulated before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd
import torch
from scipy import stats

from core.errors import InputError
from core.inverse.correction import PRIOR_DESIGNS
from core.inverse.pools import Sampler, SearchSettings, pose
from core.inverse.search import DesignResult, design
from core.inverse.specification import Specification
from core.inverse.verify import PASS, Simulated, judge
from core.inverse.workbench import Workbench
from core.spice.gate import failure_categories

# So many simulations are spent although the model sees no chance; it may be wrong. After them the
# loop ends where all that are left would find something less often than that.
PATIENCE = 5
HOPE = 1e-5

# Simulates designs (n x d): their quantities and why they fail.
Oracle = Callable[[pd.DataFrame], Simulated]


@dataclass(frozen=True)
class Campaign:
    """What a closed loop did.

    Attributes:
        table: one row a simulated design in order: sizes, simulated quantities, margins and
            verdicts, ``failure``, and ``predicted``, the probability it was proposed with.
        confirmed: how many meet everything.
        rejections: how many circuits do not work, by reason.
        hopeless: whether it ended early, because no design is left that has a chance, or none.
    """

    table: pd.DataFrame
    confirmed: int
    rejections: Mapping[str, int]
    hopeless: bool = False


def design_until(
    bench: Workbench,
    specification: Specification,
    oracle: Oracle,
    *,
    confirmed: int = 1,
    budget: int = 20,
    batch: int = 1,
    seed: int = 0,
    sampler: Sampler | None = None,
    supply_voltage: float | None = None,
    settings: SearchSettings | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Campaign:
    """Go on until `confirmed` designs are confirmed or `budget` simulations are spent.

    It ends earlier where simulations have not shown the model wrong that sees no chance.

    Args:
        bench: the workbench of the predictor.
        specification: what is wanted.
        oracle: simulates designs, for example ``spice_oracle``.
        confirmed: designs to find.
        budget: most simulations.
        batch: simulations between two updates of the model.
        seed: of the searches.
        sampler: starts from a generator.
        supply_voltage: V, for power goals.
        settings: of the search.
        progress: called with (simulations spent, budget).

    Raises:
        InputError: a budget, batch or number of designs below 1.
    """
    for name, value in (("confirmed", confirmed), ("budget", budget), ("batch", batch)):
        if value < 1:
            raise InputError(f"{name} is {value}: give a number of at least 1.")
    names = specification.circuit.variable_names
    rows: list[pd.DataFrame] = []
    learned, found, spent = bench, 0, 0
    while True:
        result = design(
            learned,
            specification,
            n=min(batch, budget - spent),
            seed=seed,
            sampler=sampler,
            supply_voltage=supply_voltage,
            settings=settings,
            exclude=pd.concat(rows)[names] if rows else None,
        )
        if not len(result.candidates):
            hopeless = True
            break
        simulated = oracle(result.candidates[names])
        rows.append(_rows(specification, result, simulated))
        table = pd.concat(rows, ignore_index=True)
        found, spent = int((table["verdict"] == PASS).sum()), len(table)
        if progress is not None:
            progress(spent, budget)
        over = found >= confirmed or spent >= budget
        hopeless = (
            not over
            and spent >= PATIENCE
            and (budget - spent) * _chance(learned, result, spent - len(simulated.failure)) < HOPE
        )
        if over or hopeless:
            break
        learned = bench.learn(table)
    reasons = Counter(table["failure"].map(failure_categories).explode().dropna())
    return Campaign(table, found, dict(reasons.most_common()), hopeless)


def _chance(learned: Workbench, result: DesignResult, told: int) -> float:
    """Probability that the best of the candidates meets everything, when so many designs have told.

    What a Student's t process predicts is t-distributed (Shah, Wilson and Ghahramani 2014): a model
    that few designs have tried is not believed where it is sure that nothing will do.
    """
    specification = result.specification
    question = pose(learned, specification, result.supply_voltage)
    sizes = result.candidates[specification.circuit.variable_names]
    with torch.no_grad():
        outcome = learned.forward(torch.tensor(sizes.to_numpy(dtype=float)))
    sigmas = question.problem.standardised(outcome)
    held = stats.t.cdf(sigmas.numpy(), PRIOR_DESIGNS + told).prod(axis=1)
    return float((held * outcome.validity.numpy()).max())


def _rows(specification: Specification, result: DesignResult, simulated: Simulated) -> pd.DataFrame:
    sizes = result.candidates[specification.circuit.variable_names].reset_index(drop=True)
    predicted = result.candidates["probability"].reset_index(drop=True).rename("predicted")
    judged = judge(specification, simulated.values, simulated.failure)
    return pd.concat([sizes, simulated.values, judged, predicted], axis=1)
