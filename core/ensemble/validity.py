"""Will a design bias up and measure at all? A classifier in front of the regressors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.models import MemberLinear
from core.models.layers import Backbone

_WIDTH, _LAYERS, _MEMBERS = 48, 2, 3
_STEPS, _BATCH, _LR, _WEIGHT_DECAY = 1200, 256, 3e-3, 1e-3


class ValidityClassifier(nn.Module):
    """Features n x f to the probability n of a working amplifier in process B.

    A few small networks see the features and which process a row is from, so that A's many rows
    teach the shape of the border and B's few where it lies.
    """

    def __init__(self, inputs: int, members: int = _MEMBERS) -> None:
        super().__init__()
        self.backbone = Backbone(inputs + 1, (_WIDTH,) * _LAYERS, "silu", 0.0, members)
        self.head = MemberLinear(_WIDTH, 1, members)

    def logits(self, x: Tensor, in_target: Tensor) -> Tensor:
        """Log-odds, s x n, of features (s x) n x f with in_target (s x) n being 0 or 1."""
        logits: Tensor = self.head(self.backbone(torch.cat([x, in_target.unsqueeze(-1)], -1)))
        return logits.squeeze(-1)

    def forward(self, x: Tensor) -> Tensor:
        """Probability in process B: the mean over the members."""
        return torch.sigmoid(self.logits(x, x.new_ones(len(x)))).mean(0)


def fit_validity(
    source: tuple[Tensor, np.ndarray], target: tuple[Tensor, np.ndarray], seed: int
) -> ValidityClassifier:
    """Fit the classifier on A and B together; both processes count alike.

    Args:
        source: features n x f of A and n booleans.
        target: the same of B's training rows.
    """
    x = torch.cat([source[0], target[0]])
    valid = torch.from_numpy(np.concatenate([source[1], target[1]])).float()
    in_target = torch.cat([torch.zeros(len(source[0])), torch.ones(len(target[0]))])
    share = torch.tensor([1.0 / len(source[0]), 1.0 / len(target[0])])
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = ValidityClassifier(x.shape[1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=_LR, weight_decay=_WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    for _ in range(_STEPS):
        rows = torch.multinomial(
            share[in_target.long()], _MEMBERS * _BATCH, replacement=True, generator=generator
        ).view(_MEMBERS, _BATCH)
        loss = functional.binary_cross_entropy_with_logits(
            model.logits(x[rows], in_target[rows]), valid[rows]
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()
