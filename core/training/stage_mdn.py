"""Stage 5: the mixture density network that proposes sizes for given metrics of B."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from core.models import InverseMDN
from core.training.loop import Losses, Task, seeded
from core.training.workspace import Workspace

_HOLDOUT = 0.1


def train_mdn(work: Workspace) -> None:
    """Fit p(sizes given metrics) on B's training rows and write ``{circuit}_mdn``."""
    settings = work.config.mdn
    y, x = _pairs(work)
    order = np.random.default_rng(work.seed("mdn")).permutation(len(y))
    count = max(1, round(_HOLDOUT * len(y)))
    held, rows = torch.from_numpy(order[:count]), torch.from_numpy(order[count:])
    with seeded(work.seed("mdn")):
        model = InverseMDN(
            inputs=y.shape[1],
            outputs=x.shape[1],
            components=settings.components,
            hidden_width=settings.hidden_width,
            hidden_layers=settings.hidden_layers,
        ).to(work.device)

    def losses_of(index: Tensor) -> Losses:
        nll = -model.log_likelihood(y[index.squeeze(0)], x[index.squeeze(0)]).mean(0, keepdim=True)
        return {"loss": nll, "nll": nll}

    def watch() -> Losses:
        nll = losses_of(held)["nll"]
        return {"nll": nll, "stop": nll}

    task = Task("mdn", model, rows.unsqueeze(0), losses_of, watch, single=True)
    work.fit(
        task, settings, lambda: work.save("mdn", "mdn", model, arguments=dict(model.arguments))
    )


def _pairs(work: Workspace) -> tuple[Tensor, Tensor]:
    """Metrics and standardised log sizes of the working amplifiers."""
    complete = work.target.working.all(dim=1).cpu().numpy()
    rows = work.target.rows[complete]
    designs = torch.from_numpy(work.dataset.train.designs.to_numpy(dtype=float)[rows])
    sizes = work.transforms.sizes.forward(designs).float().to(work.device)
    return work.target.y[torch.from_numpy(complete)], sizes
