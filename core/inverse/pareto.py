"""Trade-offs: the front of designs of which none is better in every objective at once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.stats import qmc
from torch import Tensor

from core.errors import InputError
from core.inverse.candidates import candidate_table
from core.inverse.forward import Outcome, join
from core.inverse.goals import Goal, GoalKind
from core.inverse.pools import Question, SearchSettings, pose, search_default
from core.inverse.problem import Problem
from core.inverse.specification import Specification
from core.inverse.workbench import Workbench

FEWEST, MOST = 2, 3
HELD = 0.5
PULL = 4.0
SETTINGS = SearchSettings(starts=12, iterations=6, repair_rounds=2)


def pareto_front(
    bench: Workbench,
    specification: Specification,
    objectives: dict[str, str],
    *,
    directions: int = 12,
    seed: int = 0,
    supply_voltage: float | None = None,
) -> pd.DataFrame:
    """Designs that likely meet a specification and are not dominated in two or three objectives.

    The front is traced by searches with many different weights of the objectives (Marler and
    Arora, "Survey of multi-objective optimization methods for engineering", 2004), over the
    library, the known designs and whatever the searches judged.

    Args:
        bench: the workbench of the predictor.
        specification: requirements that every design of the front is to meet.
        objectives: quantity to ``maximize`` or ``minimize``, two or three of them.
        directions: number of weightings.
        seed: of the weightings.
        supply_voltage: V, for power.

    Returns:
        A candidate table, sorted by the first objective; empty where nothing meets the spec.

    Raises:
        InputError: the number of objectives, an unknown quantity or direction.
    """
    if not FEWEST <= len(objectives) <= MOST:
        raise InputError(
            f"A Pareto front of {len(objectives)} objectives is asked for: give two or three."
        )
    goals = tuple(_objective(name, kind) for name, kind in objectives.items())
    aims = pose(bench, Specification(specification.circuit, goals), supply_voltage).problem
    question = pose(bench, specification, supply_voltage)
    index, outcome = _judged(question, aims, directions, seed)
    held = torch.exp(question.problem.log_probability(outcome)) >= HELD
    index, outcome = index[held], outcome.rows(held)
    values = outcome.mean[:, aims.objective_column] * aims.objective_sign
    front = undominated(values.numpy())
    order = front[np.argsort(-values[front, 0].numpy())]
    rows = torch.tensor(order, dtype=torch.long)
    sizes = question.space.table(index[rows])
    return candidate_table(bench, question.problem, sizes, outcome.rows(rows), supply_voltage)


def _objective(name: str, kind: str) -> Goal:
    if kind not in (GoalKind.MAXIMIZE, GoalKind.MINIMIZE):
        raise InputError(f'Objective {name} is "{kind}": give maximize or minimize.')
    return Goal(name, GoalKind(kind))


def _judged(
    question: Question, aims: Problem, directions: int, seed: int
) -> tuple[Tensor, Outcome]:
    """Every design that searches in many directions have judged, without duplicates."""
    count = len(aims.objectives)
    drawn = qmc.Sobol(count, seed=seed).random_base2(max(directions - 1, 1).bit_length())
    shares = -np.log(np.clip(drawn[:directions], 1e-3, 1.0))
    shares = PULL * shares / shares.sum(axis=1, keepdims=True)
    pools = []
    for weight in torch.tensor(shares):
        problem = replace(
            question.problem,
            objectives=aims.objectives,
            objective_column=aims.objective_column,
            objective_sign=aims.objective_sign,
            objective_weight=weight,
            objective_aim=aims.objective_aim,
        )
        nothing = torch.empty(0, question.space.dimension, dtype=torch.long)
        pools.append(search_default(replace(question, problem=problem), nothing, SETTINGS))
    index = torch.cat([pool.index for pool in pools])
    outcome = join([pool.outcome for pool in pools])
    _, first = np.unique(index.numpy(), axis=0, return_index=True)
    rows = torch.tensor(first)
    return index[rows], outcome.rows(rows)


def undominated(values: np.ndarray) -> np.ndarray:
    """Positions of the rows (n x k, larger is better) that no other row dominates."""
    order = np.argsort(-values.sum(axis=1), kind="stable")
    kept: list[int] = []
    for position in order:
        against = values[kept]
        worse = (against >= values[position]).all(axis=1) if kept else np.zeros(0, dtype=bool)
        if not worse.any():
            kept.append(int(position))
    return np.array(kept, dtype=int)
