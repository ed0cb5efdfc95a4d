"""Local sensitivities: by how many per cent a quantity moves when a variable moves by one."""

from __future__ import annotations

import math

import pandas as pd
import torch

from core.inverse.goals import is_logarithmic
from core.inverse.workbench import Workbench


def sensitivities(bench: Workbench, sizes: pd.Series) -> pd.DataFrame:
    """d ln(quantity) / d ln(variable) at one design, exact for the model (q x d).

    Rows are the metrics, gate area and supply current; columns the design variables. For an
    angle the same formula holds: relative change of the phase margin.
    """
    circuit = bench.forward.predictor.circuit
    names = circuit.variable_names
    logs = torch.log(torch.tensor([[float(sizes[name]) for name in names]], dtype=torch.float64))
    logs.requires_grad_(True)
    mean = bench.forward(torch.exp(logs)).mean[0]
    rows = []
    for value, quantity in zip(mean, bench.forward.quantities, strict=True):
        slope = torch.autograd.grad(value, logs, retain_graph=True)[0][0]
        factor = (
            math.log(10.0) if is_logarithmic(circuit, quantity) else 1.0 / float(value.detach())
        )
        rows.append((slope * factor).numpy())
    return pd.DataFrame(rows, index=bench.forward.quantities, columns=names)
