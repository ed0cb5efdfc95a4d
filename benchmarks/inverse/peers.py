"""Peers from public libraries, each an adapter of a few lines around the same trial.

All start from the best known designs, whose values they are told without a simulation; all see the
sum of the normalised violations, and the single constraints where the library takes them.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from scipy.optimize import differential_evolution

from benchmarks.inverse.trial import Judged, Trial

POPULATION = 20
FOR_EVER = 10**6
SIGMA = 0.1
TOLD_TO_TPE = 100
TOLD_TO_GP = 20


def differential(trial: Trial) -> None:
    """Differential evolution (scipy; Storn and Price 1997), the best known as its population."""
    trial.confirm_known()
    first, _ = trial.best_known(POPULATION)
    differential_evolution(
        lambda unit: trial.evaluate(unit).objective,
        [(0.0, 1.0)] * first.shape[1],
        init=first,
        rng=trial.seed,
        polish=False,
        tol=0.0,
        maxiter=FOR_EVER,
    )


def cma_es(trial: Trial) -> None:
    """CMA-ES (``cma``; Hansen 2001), restarted from the next best known design where it stalls."""
    import cma

    trial.confirm_known()
    starts, _ = trial.best_known(POPULATION)
    for attempt, start in enumerate(itertools.cycle(starts)):
        strategy = cma.CMAEvolutionStrategy(
            start, SIGMA, {"bounds": [0, 1], "seed": trial.seed + attempt + 1, "verbose": -9}
        )
        while not strategy.stop():
            asked = strategy.ask()
            strategy.tell(asked, [trial.evaluate(unit).objective for unit in asked])


def tpe(trial: Trial) -> None:
    """Tree-structured Parzen estimator with constraints (optuna; Watanabe and Hutter 2023)."""
    import optuna

    sampler = optuna.samplers.TPESampler(seed=trial.seed, multivariate=True, n_startup_trials=0)
    _optuna(trial, sampler, TOLD_TO_TPE)


def gp_sampler(trial: Trial) -> None:
    """Gaussian process with constraints and log expected improvement (optuna's GPSampler)."""
    import optuna

    sampler = optuna.samplers.GPSampler(
        seed=trial.seed, deterministic_objective=True, n_startup_trials=0
    )
    _optuna(trial, sampler, TOLD_TO_GP)


def nsga2(trial: Trial) -> None:
    """NSGA-II (pymoo; Deb et al. 2002): least current and area under the constraints."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import ElementwiseProblem
    from pymoo.optimize import minimize

    trial.confirm_known()
    first, judged = trial.best_known(2 * POPULATION)
    aims = [trial.quantities.index(name) for name in ("supply_current", "gate_area")]

    class Sizing(ElementwiseProblem):  # type: ignore[misc]
        """The trial as pymoo asks for it."""

        def _evaluate(self, unit: np.ndarray, out: dict[str, Any], *_: Any, **__: Any) -> None:
            seen = trial.evaluate(unit)
            out["F"] = np.nan_to_num(seen.quantities[aims])
            out["G"] = seen.constraints

    problem = Sizing(
        n_var=first.shape[1], n_obj=2, n_ieq_constr=len(judged[0].constraints), xl=0.0, xu=1.0
    )
    algorithm = NSGA2(pop_size=2 * POPULATION, n_offsprings=POPULATION, sampling=first)
    minimize(problem, algorithm, ("n_gen", FOR_EVER), seed=trial.seed, copy_algorithm=False)


def _optuna(trial: Trial, sampler: Any, told: int) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trial.confirm_known()
    starts, judged = trial.best_known(told)
    names = list(trial.bench.space.free)
    space = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names}
    study = optuna.create_study(sampler=sampler)
    for unit, seen in zip(starts, judged, strict=True):
        study.add_trial(
            optuna.trial.create_trial(
                params=dict(zip(names, map(float, unit), strict=True)),
                distributions=space,
                value=seen.objective,
                constraints=_named(seen),
            )
        )
    while True:
        asked = study.ask(space)
        seen = trial.evaluate(np.array([asked.params[name] for name in names]))
        for name, value in _named(seen).items():
            asked.set_constraint(name, value)
        study.tell(asked, seen.objective)


def _named(seen: Judged) -> dict[str, float]:
    return {str(place): float(value) for place, value in enumerate(seen.constraints)}
