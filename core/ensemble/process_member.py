"""The Gaussian process as a member of the ensemble."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.ensemble.gaussian_process import (
    GaussianProcess,
    Hyperparameters,
    fit_hyperparameters,
    posterior_mean,
)
from core.ensemble.process_doubt import doubt, held_out_doubt, telling_rows, whitening
from core.models import MLP

_BLOCK = 128  # Rows at a time: their kernels stay in the processor's cache, four times as fast.
_LARGE = 0.9  # The quantile of the errors that intervals of 90 % are made of.
_FAR = 8.0  # Standard deviations of A at which extrapolations are cut.
# Typical errors of an estimate beyond which its error is cut before a process learns it: a few
# designs where the estimate breaks down would else set the noise for all.
_WILD = 4.5
Estimator = Callable[[Tensor], Tensor]


class ProcessMember(nn.Module):
    """Features n x f to the processes' mean and doubt, n x m each, in standardised space.

    All that a process needs is stored as numbers, in double precision: its training inputs
    (n x q), the weights alpha of their kernels (m x n) and the hyper-parameters. Only the first
    of A's networks is asked: which of them shapes the inputs hardly matters, and each costs time.
    Where there is an estimator (features to standardised metrics, n x m), its estimates are inputs
    too, and what the processes learn is its error.
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
    telling: Tensor
    white: Tensor

    def __init__(
        self, baseline: MLP, n: int, q: int, m: int, c: int, estimator: Estimator | None = None
    ) -> None:
        """Make an empty member for n training rows, c of them telling, to be filled."""
        super().__init__()
        self._baseline = (_first_network(baseline),)  # In a tuple: stored elsewhere.
        self._estimator = estimator
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
            "telling": (m, c, q),
            "white": (m, c, c),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))

    @property
    def has_estimator(self) -> bool:
        """Whether the processes learn the error of an estimate."""
        return self._estimator is not None

    def raw_inputs(self, x: Tensor) -> Tensor:
        """Features, A's prediction and the estimates, r x q."""
        predicted = self._baseline[0](x).squeeze(0).clamp(-_FAR, _FAR)
        told = torch.cat([x, predicted], dim=1).double()
        if self._estimator is None:
            return told
        return torch.cat([told, self._estimator(x).clamp(-_FAR, _FAR)], dim=1)

    def prior(self, raw: Tensor) -> Tensor:
        """What is expected before any row is known (r x m), by the raw inputs (r x q)."""
        m = len(self.shift)
        return raw[:, -m:] if self._estimator is not None else raw.new_zeros(len(raw), m)

    def process_inputs(self, x: Tensor) -> Tensor:
        """The same, standardised on B's training rows."""
        return self._standardised(self.raw_inputs(x))

    def _standardised(self, raw: Tensor) -> Tensor:
        return (raw - self.centre) / self.spread

    def silence(self, outputs: Tensor) -> None:
        """Stop computing outputs (m booleans) that nobody listens to."""
        self.alpha[outputs] = 0.0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean, and the variance by the telling rows: where the process knows little."""
        # In single precision the large weights of opposite sign would not cancel.
        raw = self.raw_inputs(x)
        blocks = [self._block(inputs) for inputs in self._standardised(raw).split(_BLOCK)]
        mean, variance = (torch.cat(part) for part in zip(*blocks, strict=True))
        return (self.prior(raw) + mean * self.scale + self.shift).float(), variance.float()

    def _block(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        h = self.hyperparameters()
        mean = posterior_mean(inputs, self.inputs, self.alpha, h)
        return mean, doubt(inputs, self.telling, self.white, h)

    def hyperparameters(self) -> Hyperparameters:
        """What the kernels are made of."""
        return Hyperparameters(self.length, self.amplitude, self.noise, self.slope)


@dataclass(frozen=True)
class FittedProcess:
    """A Gaussian process on B's training rows and what it tells of itself.

    Attributes:
        member: ready to predict.
        held_out: n x m, the mean of each fold's rows from the other folds, standardised space.
        doubt: n x m, the variance of each fold's rows by the telling rows of the other folds.
        learning: how much smaller errors become when a model learns from all rows in place of
            those outside a fold.
    """

    member: ProcessMember
    held_out: Tensor
    doubt: Tensor
    learning: float


def _first_network(baseline: MLP) -> MLP:
    first = MLP(replace(baseline.architecture, members=1))
    first.load_state_dict({name: value[:1] for name, value in baseline.state_dict().items()})
    return first.eval().requires_grad_(False)


def fit_process(
    baseline: MLP,
    x: Tensor,
    y: Tensor,
    fold: Tensor,
    between: Callable[[], None] = lambda: None,
    estimator: Estimator | None = None,
) -> FittedProcess:
    """Fit the processes to B's training rows.

    Args:
        baseline: A's networks.
        x: n x f features. y: n x m standardised metrics, all measured.
        fold: n cross-fitting folds.
        between: called between steps; may raise to stop.
        estimator: an estimate whose error is to be learned.

    The hyper-parameters are those of all rows, also where folds are left out: few enough to leave
    a row's own influence small.
    """
    member, standardised, prior = _empty(baseline, x, y, estimator)
    found = fit_hyperparameters(member.inputs, standardised, between)
    process = GaussianProcess(member.inputs, standardised, found)
    member.length, member.amplitude = found.length, found.amplitude
    member.noise, member.slope, member.alpha = found.noise, found.slope, process.alpha
    member.telling = member.inputs[telling_rows(member.inputs, found)]
    member.white = whitening(member.telling, found)
    by_fold, by_row = process.leave_out(fold), process.leave_out(torch.arange(len(x)))
    return FittedProcess(
        member=member.eval(),
        held_out=(prior + by_fold * member.scale + member.shift).float(),
        doubt=held_out_doubt(member.inputs, fold, found).float(),
        learning=_learning(standardised - by_fold, standardised - by_row),
    )


def _empty(
    baseline: MLP, x: Tensor, y: Tensor, estimator: Estimator | None
) -> tuple[ProcessMember, Tensor, Tensor]:
    """A member that knows how to scale its inputs and outputs, its outputs and its prior."""
    m = y.shape[1]
    q = x.shape[1] + (m if estimator is None else 2 * m)
    with torch.random.fork_rng():
        member = ProcessMember(baseline, len(x), q, m, 1, estimator)
    with torch.no_grad():
        raw = member.raw_inputs(x)
        prior = member.prior(raw)
        wanted = y.double() - prior
        if estimator is not None:
            limit = _WILD * wanted.abs().median(0).values
            wanted = wanted.clamp(-limit, limit)
        member.centre, member.spread = raw.mean(0), raw.std(0).clamp(min=1e-6)
        member.shift, member.scale = wanted.mean(0), wanted.std(0).clamp(min=1e-6)
        member.inputs = member.process_inputs(x)
        return member, (wanted - member.shift) / member.scale, prior


def _learning(by_fold: Tensor, by_row: Tensor) -> float:
    """Errors n x m of rows left out one by one, over those left out by folds; at most 1."""
    many, one = (torch.quantile(error.abs(), _LARGE, dim=0) for error in (by_fold, by_row))
    return min(1.0, float((one / many).log().mean().exp()))
