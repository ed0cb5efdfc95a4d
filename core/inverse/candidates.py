"""The table of candidates: sizes, predicted values with intervals, and how far to trust them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.inverse.forward import Outcome
from core.inverse.goals import GATE_AREA, POWER, SUPPLY_CURRENT
from core.inverse.problem import Problem, physical
from core.inverse.workbench import Workbench


def candidate_table(
    bench: Workbench,
    problem: Problem,
    sizes: pd.DataFrame,
    outcome: Outcome,
    supply_voltage: float | None,
) -> pd.DataFrame:
    """One row a candidate, in the order given.

    Columns: the d sizes; METRIC, METRIC_lo, METRIC_hi (median and 90 % interval); gate_area
    (um^2); supply_current (A); power (W, NaN without a supply voltage); probability of meeting
    all requirements; worst_margin (share of the bound, an angle in degrees; negative: not met)
    and worst_spec, of the requirement least likely to hold; validity; trust_distance (1 is
    typical of known designs); known (whether it was simulated before).
    """
    predictor = bench.forward.predictor
    circuit = predictor.circuit
    columns: dict[str, np.ndarray] = {}
    half = torch.as_tensor(predictor.half_width).double()
    for column, name in enumerate(circuit.metric_names):
        centre, reach = outcome.mean[:, column], half[column] * outcome.sigma[:, column]
        columns[name] = physical(circuit, name, centre).numpy()
        columns[f"{name}_lo"] = physical(circuit, name, centre - reach).numpy()
        columns[f"{name}_hi"] = physical(circuit, name, centre + reach).numpy()
    columns[GATE_AREA] = circuit.gate_area(sizes).to_numpy()
    current = 10.0 ** outcome.mean[:, problem.quantities.index(SUPPLY_CURRENT)].numpy()
    columns[SUPPLY_CURRENT] = current
    columns[POWER] = current * (np.nan if supply_voltage is None else supply_voltage)
    columns["probability"] = torch.exp(problem.log_probability(outcome)).numpy()
    margin, spec = _worst(problem, outcome, pd.DataFrame(columns))
    distance = bench.trust_distance(sizes)
    rest = {
        "worst_margin": margin.numpy(),
        "worst_spec": np.array(spec, dtype=object),
        "validity": outcome.validity.numpy(),
        "trust_distance": distance,
        "known": distance < 1e-6,
    }
    return pd.concat([sizes.reset_index(drop=True), pd.DataFrame(columns | rest)], axis=1)


def relative_margin(problem: Problem, table: pd.DataFrame) -> pd.DataFrame:
    """Margin of each requirement (n x c) as a share of its bound; of an angle in degrees."""
    columns = {}
    for requirement in problem.requirements:
        margin = requirement.margin(table[requirement.quantity])
        angle = requirement.quantity == "phase_margin"
        columns[requirement.name] = margin if angle else margin / abs(requirement.bound)
    return pd.DataFrame(columns, index=table.index)


def _worst(problem: Problem, outcome: Outcome, table: pd.DataFrame) -> tuple[Tensor, list[str]]:
    if not problem.requirements:
        return torch.full((len(table),), torch.nan), [""] * len(table)
    least = (problem.standardised(outcome)).argmin(1)
    margins = torch.tensor(relative_margin(problem, table).to_numpy(dtype=float))
    names = [problem.requirements[int(position)].name for position in least]
    return margins.gather(1, least[:, None])[:, 0], names
