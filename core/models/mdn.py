"""Mixture density network, p(sizes given metrics): Bishop (1994), "Mixture density networks"."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.models.layers import Backbone, MemberLinear

_LOG_SIGMA_BOUNDS = (-5.0, 3.0)


class InverseMDN(nn.Module):
    """Standardised metrics y (n x m) to a mixture of diagonal Gaussians over log sizes (d)."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        components: int = 10,
        hidden_width: int = 256,
        hidden_layers: int = 4,
        activation: str = "silu",
    ) -> None:
        super().__init__()
        self.arguments = {
            "inputs": inputs,
            "outputs": outputs,
            "components": components,
            "hidden_width": hidden_width,
            "hidden_layers": hidden_layers,
            "activation": activation,
        }
        self.components, self.outputs = components, outputs
        self.backbone = Backbone(inputs, (hidden_width,) * hidden_layers, activation)
        self.head = MemberLinear(hidden_width, components * (1 + 2 * outputs))

    def forward(self, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log_pi (n x k), mu and log_sigma (n x k x d)."""
        k, d = self.components, self.outputs
        logits, mu, log_sigma = self.head(self.backbone(y)).split((k, k * d, k * d), dim=-1)
        shape = (*y.shape[:-1], k, d)
        return (
            functional.log_softmax(logits, dim=-1),
            mu.reshape(shape),
            log_sigma.reshape(shape).clamp(*_LOG_SIGMA_BOUNDS),
        )

    def log_likelihood(self, y: Tensor, x: Tensor) -> Tensor:
        """log p(x given y) for x n x d: n values."""
        log_pi, mu, log_sigma = self(y)
        z = (x.unsqueeze(-2) - mu) * torch.exp(-log_sigma)
        log_density = (-0.5 * z.square() - log_sigma).sum(-1) - 0.5 * x.shape[-1] * math.log(
            2.0 * math.pi
        )
        return torch.logsumexp(log_pi + log_density, dim=-1)

    @torch.no_grad()
    def sample(self, y: Tensor, n: int, generator: torch.Generator | None = None) -> Tensor:
        """Draw n sizes for each row of y (r x m): r x n x d."""
        log_pi, mu, log_sigma = self(y)
        choice = torch.multinomial(log_pi.exp(), n, replacement=True, generator=generator)
        index = choice.unsqueeze(-1).expand(-1, -1, self.outputs)
        noise = torch.randn(index.shape, generator=generator, dtype=mu.dtype)
        return mu.gather(1, index) + log_sigma.exp().gather(1, index) * noise.to(mu.device)
