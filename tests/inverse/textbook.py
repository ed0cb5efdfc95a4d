"""A forward model in closed form: the long-channel five-transistor OTA of the textbooks.

gm = sqrt(2 k W/L I), ro = L / (lambda I), gain = gm (ro_n || ro_p), UGF = gm / (2 pi C),
slew rate = I / C (Gray, Hurst, Lewis and Meyer, *Analysis and Design of Analog Integrated
Circuits*, chapters 4 and 6). Its known answers are what the search is tested against.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from core.circuits import Circuit, load_circuit
from core.data.tables import DomainTable

LOAD = 1e-12
K_N, K_P = 200e-6, 60e-6
LAMBDA = 0.1
MIRROR_POLE = 5e-15


def textbook_metrics(designs: Tensor) -> Tensor:
    """Slew rate (V/s), gain, UGF (Hz), phase margin (deg) and CMRR, n x 5, of n x 7 designs."""
    w1, w2, w3, l1, l2, l3, ibias = designs.double().unbind(1)
    current = ibias
    gm1 = torch.sqrt(K_N * w1 / l1 * current)
    gm2 = torch.sqrt(K_P * w2 / l2 * current)
    conductance = 0.5 * current * LAMBDA * (1.0 / l1 + 1.0 / l2)
    gain = gm1 / conductance
    ugf = gm1 / (2.0 * math.pi * LOAD)
    pole = gm2 / (2.0 * math.pi * 2.0 * MIRROR_POLE * w2 * l2)
    margin = (
        90.0 - torch.rad2deg(torch.atan(ugf / pole)) + torch.rad2deg(torch.atan(ugf / (2.0 * pole)))
    )
    cmrr = 2.0 * gm1 * gm2 / conductance * l3 / (LAMBDA * current) * (1.0 + 0.02 * torch.log(w3))
    return torch.stack([current / LOAD, gain, ugf, margin, cmrr], 1)


@dataclass(frozen=True)
class TextbookPredictor:
    """The closed form as a predictor with a fixed uncertainty; it knows its own answers."""

    circuit: Circuit = field(default_factory=lambda: load_circuit("5t_opamp"))
    sigma: tuple[float, ...] = (0.004, 0.004, 0.004, 0.2, 0.01)
    known: int = 200
    model_name: str = "textbook"
    low_fidelity: TextbookPredictor | None = None

    @property
    def half_width(self) -> Tensor:
        return torch.full((5,), 1.645)

    def moments(self, designs: Tensor) -> tuple[Tensor, Tensor]:
        metrics = textbook_metrics(designs)
        mean = torch.cat(
            [torch.log10(metrics[:, :3]), metrics[:, 3:4], torch.log10(metrics[:, 4:])], 1
        )
        return mean, torch.tensor(self.sigma, dtype=mean.dtype).expand_as(mean)

    def validity(self, designs: Tensor) -> Tensor:
        """Works where the input pair's overdrive, sqrt(I / (k W/L)), is below 0.6 V."""
        overdrive = torch.sqrt(designs[:, 6] / (K_N * designs[:, 0] / designs[:, 3]))
        return torch.sigmoid(40.0 * (0.6 - overdrive))

    def known_designs(self) -> DomainTable:
        generator = np.random.default_rng(7)
        sizes = pd.DataFrame(
            {v.name: generator.choice(v.grid, self.known) for v in self.circuit.variables}
        )
        designs = torch.tensor(sizes.to_numpy(dtype=float))
        metrics = pd.DataFrame(textbook_metrics(designs).numpy(), columns=self.circuit.metric_names)
        valid = self.validity(designs).numpy() > 0.5
        return DomainTable(
            designs=sizes,
            metrics=metrics,
            valid=valid,
            reason=pd.Series(np.where(valid, "", "overdrive")),
            supply_current=2.0 * sizes["ibias"],
        )
