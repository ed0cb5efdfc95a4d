"""The Gaussian process as a member of the ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from core.ensemble.calibration import typical_and_large
from core.ensemble.fusion import UNHEARD
from core.ensemble.gaussian_process import (
    GaussianProcess,
    Hyperparameters,
    fit_hyperparameters,
    mean_from_others,
    posterior_mean,
    side_by_side,
)
from core.ensemble.process_doubt import doubt, held_out_doubt, telling_rows, whitening
from core.models import MLP

_BLOCK = 128  # Rows at a time: their kernels stay in the processor's cache, four times as fast.
_FAR = 8.0  # Standard deviations of A at which extrapolations are cut.
# Typical errors of an estimate beyond which its error is cut before a process learns it: a few
# designs where the estimate breaks down would else set the noise for all.
_WILD = 4.5
_FASTEST = 0.6  # Power of the number of rows.
Estimator = Callable[[Tensor], Tensor]


class ProcessMember(nn.Module):
    """Features n x f to the processes' mean and doubt, n x m each, in standardised space.

    All that a process needs is stored as numbers, in double precision: its training inputs
    (n x q), the weights alpha of their kernels (m x n) and the hyper-parameters. Only the first
    of A's networks is asked: which of them shapes the inputs hardly matters, and each costs time.
    Where there is an estimator (features to standardised metrics, n x m), its estimates are inputs
    too, and what a process learns may be the error of its own output's estimate.
    """

    rests: Tensor
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
            "rests": (m,),
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
        """Whether estimates are among the inputs."""
        return self._estimator is not None

    def raw_inputs(self, x: Tensor) -> Tensor:
        """Features, A's prediction and the estimates, r x q."""
        predicted = self._baseline[0](x).squeeze(0).clamp(-_FAR, _FAR)
        told = torch.cat([x, predicted], dim=1).double()
        if self._estimator is None:
            return told
        return torch.cat([told, _within_reach(self._estimator(x))], dim=1)

    def with_estimates(self, raw: Tensor, estimates: Tensor) -> Tensor:
        """Raw inputs (r x q) with other estimates (r x m) than the estimator's."""
        return torch.cat([raw[:, : -len(self.rests)], _within_reach(estimates)], dim=1)

    def prior(self, raw: Tensor) -> Tensor:
        """What is expected before any row is known (r x m), by the raw inputs (r x q).

        The estimates of the outputs that rest on theirs (1 in ``rests``), and 0.
        """
        return raw[:, -len(self.rests) :] * self.rests

    def doubtful(self, raw: Tensor, doubt: Tensor) -> Tensor:
        """The doubt (r x m) of raw inputs (r x q), past all measure where an estimate was cut.

        There the amplifier is dead by its nodal equations: what they tell of it means nothing.
        """
        if self._estimator is None:
            return doubt
        cut = (raw[:, -len(self.rests) :].abs() >= _FAR).any(dim=1, keepdim=True)
        return doubt.masked_fill(cut, UNHEARD)

    def process_inputs(self, x: Tensor) -> Tensor:
        """The same, standardised on B's training rows."""
        return self.standardised(self.raw_inputs(x))

    def standardised(self, raw: Tensor) -> Tensor:
        """Raw inputs (r x q) as the processes see them."""
        return (raw - self.centre) / self.spread

    def silence(self, outputs: Tensor) -> None:
        """Stop computing outputs (m booleans) that nobody listens to."""
        self.alpha[outputs] = 0.0

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean, and the variance by the telling rows: where the process knows little."""
        raw, h = self.raw_inputs(x), self.hyperparameters()
        variance = [
            doubt(inputs, self.telling, self.white, h)
            for inputs in self.standardised(raw).split(_BLOCK)
        ]
        return self._mean(raw), self.doubtful(raw, torch.cat(variance)).float()

    def mean(self, x: Tensor) -> Tensor:
        """The mean alone."""
        return self._mean(self.raw_inputs(x))

    def _mean(self, raw: Tensor) -> Tensor:
        # In single precision the large weights of opposite sign would not cancel.
        mean = posterior_mean(
            self.standardised(raw), self.inputs, self.alpha, self.hyperparameters()
        )
        return (self.prior(raw) + mean * self.scale + self.shift).float()

    def hyperparameters(self) -> Hyperparameters:
        """What the kernels are made of."""
        return Hyperparameters(self.length, self.amplitude, self.noise, self.slope)


def _within_reach(estimates: Tensor) -> Tensor:
    return estimates.clamp(-_FAR, _FAR)


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


@dataclass(frozen=True)
class LearnedProcess:
    """A Gaussian process on B's training rows before anybody asks how it does by folds.

    Attributes:
        member: ready to predict.
        process: what its processes learned, standardised, conditioned on its inputs.
        raw: n x q, the inputs before they were standardised.
        y: n x m, what is to be predicted, standardised space.
        left_out: n x m, errors of each row's mean from all others, standardised likewise.
    """

    member: ProcessMember
    process: GaussianProcess
    raw: Tensor
    y: Tensor
    left_out: Tensor

    @property
    def errors(self) -> Tensor:
        """Of each row's mean from all others, n x m, standardised space."""
        return self.left_out * self.member.scale


def learn_process(
    baseline: MLP,
    x: Tensor,
    y: Tensor,
    between: Callable[[], None] = lambda: None,
    estimator: Estimator | None = None,
) -> LearnedProcess:
    """Fit the processes to B's training rows.

    Args:
        baseline: A's networks.
        x: n x f features. y: n x m standardised metrics, all measured.
        between: called between steps; may raise to stop.
        estimator: an estimate that helps. Where errors stay smaller so, a process learns its error.
    """
    member, raw = _empty(baseline, x, y, estimator)
    inputs, m = member.inputs, y.shape[1]
    estimates = raw[:, -m:] if estimator is not None else None
    learned = [
        min(_ways(inputs, y[:, [j]].double(), estimates, j, between), key=_Learned.badness)
        for j in range(m)
    ]
    process = _fill(member, learned)
    left_out = torch.cat([one.left_out for one in learned], dim=1)
    return LearnedProcess(member.eval(), process, raw, y.double(), left_out)


def hold_out(
    learned: LearnedProcess,
    fold: Tensor,
    between: Callable[[], None] = lambda: None,
    estimates: Tensor | None = None,
) -> FittedProcess:
    """Predict each row from the folds (n) that it is not in.

    Args:
        between: called between steps; may raise to stop.
        estimates: folds x n x m, of all rows by an estimator that a fold was kept from; None where
            the estimator has seen no row's metrics.
    """
    member, process, raw = learned.member, learned.process, learned.raw
    folds = int(fold.max()) + 1
    mean = torch.empty_like(learned.y)
    for number in range(folds):
        own = raw if estimates is None else member.with_estimates(raw, estimates[number])
        mean[fold == number] = _from_others(learned, own, fold == number, between)
    doubt = held_out_doubt(process.inputs, fold, process.hyperparameters)
    by_fold = process.y - process.leave_out(fold)
    return FittedProcess(
        member=member,
        held_out=mean.float(),
        doubt=member.doubtful(raw, doubt).float(),
        learning=_learning(by_fold, learned.left_out, folds),
    )


def _from_others(
    learned: LearnedProcess, raw: Tensor, here: Tensor, between: Callable[[], None]
) -> Tensor:
    """Mean (r x m) of the r rows that are here (n booleans) from all others, by raw inputs."""
    member = learned.member
    prior, inputs = member.prior(raw), member.standardised(raw)
    left = _cut(learned.y - prior, member.rests, ~here)
    wanted = (left - member.shift) / member.scale
    found = mean_from_others(inputs, wanted, here, learned.process.hyperparameters, between)
    return prior[here] + found * member.scale + member.shift


def _cut(left: Tensor, rests: Tensor, rows: Tensor) -> Tensor:
    """What estimates leave of the outputs (n x m), cut where wild by what rows (n booleans) say.

    Args:
        rests: m, 1 where an output rests on its estimate and 0 where nothing is cut.
    """
    limit = torch.where(rests > 0, _WILD * left[rows].abs().median(0).values, torch.inf)
    return left.clamp(-limit, limit)


@dataclass(frozen=True)
class _Learned:
    """A process of one output on n rows, and what it was asked to learn.

    Attributes:
        rests: 1 where that is the error of an estimate, 0 where the output itself; shape 1.
        shift: shape 1. scale: shape 1.
        wanted: n x 1, standardised by shift and scale.
        found: hyper-parameters.
        left_out: n x 1, errors of each row's mean from all others, standardised likewise.
    """

    rests: Tensor
    shift: Tensor
    scale: Tensor
    wanted: Tensor
    found: Hyperparameters
    left_out: Tensor

    def badness(self) -> float:
        """How large errors are, typical and large ones alike."""
        return float(typical_and_large(self.left_out * self.scale).log().sum())


def _ways(
    inputs: Tensor, y: Tensor, estimates: Tensor | None, j: int, between: Callable[[], None]
) -> Iterator[_Learned]:
    """Processes of output j (y, n x 1) without and, given estimates (n x m), with its estimate."""
    yield _learn(inputs, y, torch.zeros_like(y), 0.0, between)
    if estimates is not None:
        yield _learn(inputs, y, estimates[:, [j]], 1.0, between)


def _learn(
    inputs: Tensor, y: Tensor, estimate: Tensor, rests: float, between: Callable[[], None]
) -> _Learned:
    """Learn what an estimate leaves of an output, n x 1 both."""
    every = torch.ones(len(y), dtype=torch.bool)
    left = _cut(y - rests * estimate, y.new_full((1,), rests), every)
    shift, scale = left.mean(0), left.std(0).clamp(min=1e-6)
    wanted = (left - shift) / scale
    found = fit_hyperparameters(inputs, wanted, between)
    mean = GaussianProcess(inputs, wanted, found).leave_out(torch.arange(len(y)))
    return _Learned(shift.new_full((1,), rests), shift, scale, wanted, found, wanted - mean)


def _fill(member: ProcessMember, learned: Sequence[_Learned]) -> GaussianProcess:
    """Put the processes of the outputs into a member; the same, conditioned on its inputs."""
    for name in ("rests", "shift", "scale"):
        setattr(member, name, torch.cat([getattr(one, name) for one in learned]))
    found = side_by_side([one.found for one in learned])
    wanted = torch.cat([one.wanted for one in learned], dim=1)
    process = GaussianProcess(member.inputs, wanted, found)
    member.length, member.amplitude = found.length, found.amplitude
    member.noise, member.slope, member.alpha = found.noise, found.slope, process.alpha
    member.telling = member.inputs[telling_rows(member.inputs, found)]
    member.white = whitening(member.telling, found)
    return process


def _empty(
    baseline: MLP, x: Tensor, y: Tensor, estimator: Estimator | None
) -> tuple[ProcessMember, Tensor]:
    """A member that knows how to scale its inputs, and its raw inputs (n x q)."""
    m = y.shape[1]
    q = x.shape[1] + (m if estimator is None else 2 * m)
    with torch.random.fork_rng():
        member = ProcessMember(baseline, len(x), q, m, 1, estimator)
    with torch.no_grad():
        raw = member.raw_inputs(x)
        member.centre, member.spread = raw.mean(0), raw.std(0).clamp(min=1e-6)
        member.inputs = member.process_inputs(x)
    return member, raw


def _learning(by_fold: Tensor, by_row: Tensor, folds: int) -> float:
    """Large errors n x m of rows left out one by one, over those left out by folds; at most 1.

    Few rows tell that ratio badly: errors are not believed to fall faster than n ^ -_FASTEST.
    """
    many, one = (typical_and_large(error)[1] for error in (by_fold, by_row))
    ratio = float((one / many).log().mean().exp())
    return min(1.0, max((1.0 - 1.0 / folds) ** _FASTEST, ratio))
