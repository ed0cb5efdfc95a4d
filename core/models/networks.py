"""The regression networks: a baseline, an aligned heteroscedastic one, a dual-headed one."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from core.losses.hetero import LOGVAR_BOUNDS, bound_logvar
from core.models.layers import Backbone, MemberLinear

Domain = Literal["A", "B"]
_START_LOGVAR = -4.0  # Start confident enough to fit the mean, not so much that it explodes.


@dataclass(frozen=True)
class Architecture:
    """The shape of a network: what has to agree before weights can be carried over.

    Attributes:
        inputs: features f (or sizes d) per design.
        outputs: metrics m.
        hidden: widths of the hidden layers.
        members: networks side by side (s); None: a single one, without the leading axis.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = (512,) * 6
    activation: str = "relu"
    dropout: float = 0.1
    members: int | None = None

    def backbone(self) -> Backbone:
        """Make the hidden layers."""
        return Backbone(self.inputs, self.hidden, self.activation, self.dropout, self.members)

    def head(self) -> MemberLinear:
        """Make an output layer."""
        return MemberLinear(self.hidden[-1], self.outputs, self.members)

    def to_dict(self) -> dict[str, Any]:
        """Return plain numbers and texts."""
        return asdict(self)


class OutputScale(nn.Module):
    """A fixed shift and scale per member and metric, so that heads work in B's own units.

    A's standardisation leaves B's metrics off centre on purpose; this layer, set once from
    training rows, is where the network absorbs the process shift.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, outputs: int, members: int | None = None) -> None:
        super().__init__()
        lead = () if members is None else (members, 1)
        self.register_buffer("shift", torch.zeros(*lead, outputs))
        self.register_buffer("scale", torch.ones(*lead, outputs))

    def forward(self, mu: Tensor) -> Tensor:
        """Map head units (s x) n x m to A's standardised space."""
        return mu * self.scale + self.shift

    def inverse(self, y: Tensor) -> Tensor:
        """Map A's standardised space to head units."""
        return (y - self.shift) / self.scale


class MLP(nn.Module):
    """The baseline: x to y_hat; (s x) n x f to (s x) n x m."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone = architecture.backbone()
        self.head = architecture.head()

    def forward(self, x: Tensor) -> Tensor:
        """Predict standardised metrics."""
        y: Tensor = self.head(self.backbone(x))
        return y


class AlignHeteroMLP(nn.Module):
    """Backbone and heteroscedastic head: x to (mu, logvar, features)."""

    def __init__(
        self, architecture: Architecture, logvar_bounds: tuple[float, float] = LOGVAR_BOUNDS
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.logvar_bounds = (float(logvar_bounds[0]), float(logvar_bounds[1]))
        self.backbone = architecture.backbone()
        self.head = architecture.head()
        self.logvar_head = architecture.head()
        self.output = OutputScale(architecture.outputs, architecture.members)
        nn.init.zeros_(self.logvar_head.weight)
        nn.init.constant_(self.logvar_head.bias, _START_LOGVAR)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return mean and log-variance in standardised space, (s x) n x m, and the features."""
        mu, logvar, features = self.head_units(x)
        return self.output(mu), logvar + 2.0 * self.output.scale.log(), features

    def head_units(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The same in head units, in which each metric of B has unit spread."""
        features = self.backbone(x)
        logvar = bound_logvar(self.logvar_head(features), self.logvar_bounds)
        return self.head(features), logvar, features


class DualHeadMLP(nn.Module):
    """One backbone, a head for A and a head for B."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.backbone = architecture.backbone()
        self.head_a = architecture.head()
        self.head_b = architecture.head()
        self.output = OutputScale(architecture.outputs, architecture.members)

    def forward(self, x: Tensor, domain: Domain = "B") -> Tensor:
        """Predict the standardised metrics of process A or B.

        Raises:
            ValueError: unknown domain.
        """
        features = self.backbone(x)
        if domain == "A":
            y: Tensor = self.head_a(features)
            return y
        if domain == "B":
            scaled: Tensor = self.output(self.head_b(features))
            return scaled
        raise ValueError(f'domain is "{domain}": expected "A" or "B"')
