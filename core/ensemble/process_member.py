"""The Gaussian process as a member of the ensemble.

Its mean is exact. Its variance costs n^2 per design, too much for a hundred thousand designs;
since it depends on where the training rows lie but not on what was measured there, it can be
computed at any number of designs and learned by a small network beforehand.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.ensemble.gaussian_process import (
    GaussianProcess,
    Hyperparameters,
    fit_hyperparameters,
    kernel,
)
from core.ensemble.members import NetworkMember
from core.models import MemberLinear
from core.models.layers import Backbone

_FAR = 8.0  # Standard deviations of A at which A's extrapolation is cut.
_WIDTH, _LAYERS = 48, 2
_STEPS, _BATCH, _LR = 800, 256, 5e-3


class LogVarianceNetwork(nn.Module):
    """Inputs r x q of a process to its log-variances r x m."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.backbone = Backbone(inputs, (_WIDTH,) * _LAYERS, "silu")
        self.head = MemberLinear(_WIDTH, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Predict log-variances."""
        logs: Tensor = self.head(self.backbone(inputs))
        return logs


class ProcessMember(nn.Module):
    """Features n x f to mean and variance n x m in standardised space.

    All that a process needs is stored as numbers: its training inputs (n x q), the weights
    alpha of their kernels (m x n) and the hyper-parameters.
    """

    centre: Tensor
    spread: Tensor
    shift: Tensor
    scale: Tensor
    inputs: Tensor
    alpha: Tensor
    length: Tensor
    amplitude: Tensor
    noise: Tensor
    slope: Tensor

    def __init__(self, baseline: NetworkMember, n: int, q: int, m: int) -> None:
        """Make an empty member for n training rows, to be filled by ``fit`` or from a file."""
        super().__init__()
        self._baseline = (baseline,)  # In a tuple: its weights are stored elsewhere.
        shapes = {
            "centre": (q,),
            "spread": (q,),
            "shift": (m,),
            "scale": (m,),
            "inputs": (n, q),
            "alpha": (m, n),
            "length": (m, q),
            "amplitude": (m,),
            "noise": (m,),
            "slope": (m,),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self.log_variance = LogVarianceNetwork(q, m)

    def process_inputs(self, x: Tensor) -> Tensor:
        """Features to standardised inputs, r x q: features and A's prediction."""
        return (self._raw(x) - self.centre) / self.spread

    def _raw(self, x: Tensor) -> Tensor:
        predicted = self._baseline[0](x)[0].clamp(-_FAR, _FAR)
        return torch.cat([x, predicted], dim=1).double()

    @property
    def hyperparameters(self) -> Hyperparameters:
        """Of the m processes."""
        return Hyperparameters(self.length, self.amplitude, self.noise, self.slope)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance."""
        inputs = self.process_inputs(x)
        # Single precision is enough by far once the kernels' weights are known.
        single, known = inputs.float(), self.inputs.float()
        columns = [
            kernel(single, known, h.length, h.amplitude, h.slope) @ self.alpha[j].float()
            for j, h in enumerate(_single(self.hyperparameters).outputs())
        ]
        mean = torch.stack(columns, 1) * self.scale.float() + self.shift.float()
        variance = self.log_variance(single).exp() * self.scale.float().square()
        return mean, variance


def _single(h: Hyperparameters) -> Hyperparameters:
    return Hyperparameters(h.length.float(), h.amplitude.float(), h.noise.float(), h.slope.float())


def fit_process(
    baseline: NetworkMember,
    x: Tensor,
    y: Tensor,
    fold: Tensor,
    elsewhere: Tensor,
    seed: int,
    between: Callable[[], None] = lambda: None,
) -> tuple[ProcessMember, tuple[Tensor, Tensor]]:
    """Fit the processes to B's training rows.

    Args:
        baseline: A's networks.
        x: n x f features. y: n x m standardised metrics, all measured.
        fold: n cross-fitting folds.
        elsewhere: r x f features of designs anywhere in the design space, to learn the
            variance on.
        between: called between steps; may raise to stop.

    Returns:
        The member, and mean and variance (n x m) of each fold's rows from the other folds. The
        hyper-parameters are those of all rows: a few per output, which leaves the rows' own
        influence on them small.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        member = ProcessMember(baseline, len(x), x.shape[1] + y.shape[1], y.shape[1])
    with torch.no_grad():
        raw, wanted = member._raw(x), y.double()
        member.centre, member.spread = raw.mean(0), raw.std(0).clamp(min=1e-6)
        member.shift, member.scale = wanted.mean(0), wanted.std(0).clamp(min=1e-6)
        member.inputs = member.process_inputs(x)
    standardised = (wanted - member.shift) / member.scale
    found = fit_hyperparameters(member.inputs, standardised, between)
    process = GaussianProcess(member.inputs, standardised, found)
    member.length, member.amplitude = found.length, found.amplitude
    member.noise, member.slope, member.alpha = found.noise, found.slope, process.alpha
    mean, variance = process.leave_out(fold)
    with torch.no_grad():
        places = member.process_inputs(elsewhere)
    _learn_variance(member.log_variance, process, places, seed, between)
    held_out = (mean * member.scale + member.shift, variance * member.scale.square())
    return member.eval(), (held_out[0].float(), held_out[1].float())


def _learn_variance(
    network: LogVarianceNetwork,
    process: GaussianProcess,
    places: Tensor,
    seed: int,
    between: Callable[[], None],
) -> None:
    """Teach the network the process's log-variance at these places (r x q)."""
    with torch.no_grad():
        wanted = torch.cat([process.variance(part) for part in places.split(512)]).log().float()
        network.head.bias.copy_(wanted.mean(0))
    single = places.float()
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(network.parameters(), lr=_LR)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, _STEPS)
    for _ in range(_STEPS):
        between()
        rows = torch.randint(len(single), (_BATCH,), generator=generator)
        loss = (network(single[rows]) - wanted[rows]).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
