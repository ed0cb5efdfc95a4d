"""Where a search begins: Sobol points, known designs, samples of a generator, a user's file.

Initialiser and filter only: whatever proposes starts, the filter scores them by the forward model
and keeps a diverse few for the solver.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit
from core.errors import InputError
from core.inverse.forward import Outcome
from core.inverse.problem import Problem
from core.inverse.space import DesignSpace

SCREEN_FLOOR = 0.1
PER_COMBINATION = 2


def read_starts(path: str | Path, circuit: Circuit) -> pd.DataFrame:
    """Read a user's starts, .npy (k x d, columns in the circuit's order) or .csv, physical units.

    Raises:
        InputError: missing file, wrong ending or shape, objects inside, values that are no
            positive finite numbers.
    """
    path, names = Path(path), circuit.variable_names
    if not path.is_file():
        raise InputError(f'Start file "{path}" does not exist: give an existing .npy or .csv.')
    if path.suffix == ".npy":
        starts = pd.DataFrame(_read_npy(path, len(names)), columns=names)
    elif path.suffix == ".csv":
        starts = _read_csv(path, names)
    else:
        raise InputError(f'Start file "{path}" is neither .npy nor .csv: convert it to one.')
    values = starts.to_numpy(dtype=float)
    if not len(values):
        raise InputError(f'Start file "{path}" is empty: give at least one row.')
    bad = np.argwhere(~(np.isfinite(values) & (values > 0)))
    if len(bad):
        row, column = bad[0]
        raise InputError(
            f'Start file "{path}", row {row + 1}, column {names[column]}: '
            f"{values[row, column]} is no positive number; sizes are in physical units."
        )
    return starts


def _read_npy(path: Path, width: int) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise InputError(
            f'Start file "{path}" is no array of plain numbers ({error}): '
            "save it with numpy.save from a float array."
        ) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise InputError(f'Start file "{path}" does not hold numbers: save a float array.')
    if array.ndim != 2 or array.shape[1] != width:
        raise InputError(
            f'Start file "{path}" has shape {array.shape}: expected rows of {width} sizes.'
        )
    return array.astype(float)


def _read_csv(path: Path, names: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f'Start file "{path}" is no CSV table ({error}).') from None
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(
            f'Start file "{path}" lacks the columns {", ".join(missing)}: '
            f"expected {', '.join(names)}."
        )
    try:
        return table[names].astype(float)
    except ValueError as error:
        raise InputError(f'Start file "{path}" holds text where sizes belong ({error}).') from None


def screen(
    space: DesignSpace, problem: Problem, index: Tensor, outcome: Outcome, count: int
) -> Tensor:
    """Choose `count` starts among n screened designs: near to the spec, and unlike each other.

    Nearness is the weighted sum of squared violations, in sigmas that are bounded from below, so
    that a metric that is known very precisely does not decide alone while everything can still
    move. At most `PER_COMBINATION` starts share their values of all coarse variables, which the
    solver does not move.

    Returns:
        Positions of the chosen starts among the n.
    """
    t = problem.standardised(outcome, SCREEN_FLOOR)
    miss = (problem.weight * torch.relu(1.0 - t).square()).sum(1)
    score = miss - 2.0 * torch.log(outcome.validity.clamp_min(1e-12)) - problem.reward(outcome)
    order = torch.argsort(score)
    chosen: list[int] = []
    seen: dict[tuple[int, ...], int] = {}
    points: set[tuple[int, ...]] = set()
    coarse = space.coarse
    for position in order[: 50 * count].tolist():
        row = index[position]
        key, point = tuple(row[coarse].tolist()), tuple(row.tolist())
        if point in points or seen.get(key, 0) >= PER_COMBINATION:
            continue
        points.add(point)
        seen[key] = seen.get(key, 0) + 1
        chosen.append(position)
        if len(chosen) == count:
            break
    if len(chosen) < count:  # Few coarse combinations: fill up with the next best.
        rest = [p for p in order.tolist() if p not in set(chosen)]
        chosen += rest[: count - len(chosen)]
    return torch.tensor(chosen)
