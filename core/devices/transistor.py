"""The transistors of a process, learned from the operating points of simulated amplifiers.

A network gives the logarithm of the drain current as a function of size and terminal voltages;
transconductance, output conductance and body transconductance are its derivatives, and it is
fitted to all four at once (Sobolev training: Czarnecki et al., "Sobolev training for neural
networks", NeurIPS 2017), so that currents and conductances agree with each other. What it starts
from is the interpolation from weak to strong inversion of Enz, Krummenacher and Vittoz (1995).
A second network gives the capacitances, a third by how much two equal transistors differ whose
drains do not stand at the same voltage: common-mode rejection hangs on differences of 0.1 %, less
than the first network's error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional

from core.circuits.operating_point import CHARGES, CONDUCTANCES, JUNCTIONS

_HIDDEN, _LAYERS, _SMALL = 48, 3, 32
_BURN_IN = 500
_ITERATIONS = {"current": 2500, "capacitances": 300, "imbalance": 2500}
_BATCH, _RATE = 512, 5e-3
# 1/V, typical slopes of ln gm, ln gds and ln gmbs along the drain and the gate voltage.
_DRAIN_SLOPES, _GATE_SLOPE = (0.05, 1.0, 0.05), 10.0
# What an error of the logs of these ratios is multiplied with before it counts.
_RATIO_WEIGHTS = (5e3, 5e2, 5e3)
_SURFACE = 0.8  # V, surface potential of the body effect the network starts from
_DECAY = 1e-3  # of the squared weights of the imbalance: its rows are few
_FAR_APART = 1.0  # V between drains; beyond it one of two equal transistors is in triode
_UNIT = 1e-15  # F um^-2 and F um^-1, in which capacitances are of order one


def size_and_bias(width: Tensor, length: Tensor, voltages: Tensor) -> Tensor:
    """Inputs n x 5 of the networks: ln W, L (um), vgs, vds, vsb (V); polarity taken out."""
    return torch.cat([width.log()[:, None], length[:, None], voltages], dim=1)


def _spread(columns: Tensor) -> Tensor:
    """Standard deviations of columns (n x k); 1 where one does not vary."""
    deviation = columns.std(0)
    return torch.where(deviation > 1e-6, deviation, 1.0)


class DrainCurrent(nn.Module):
    """ln(Id L / W), and its derivatives by vgs, vds and vsb, in closed form."""

    centre: Tensor
    spread: Tensor
    level: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        sizes = [8, *[_HIDDEN] * _LAYERS, 1]
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList(
            [nn.Parameter(torch.randn(b, a, dtype=torch.float64) / math.sqrt(a)) for a, b in pairs]
        )
        self.biases = nn.ParameterList(
            [nn.Parameter(torch.zeros(b, dtype=torch.float64)) for b in sizes[1:]]
        )
        self.straight = nn.Parameter(torch.zeros(8, dtype=torch.float64))
        # Threshold (V), body effect (V^0.5) and log of 2 n kT/q (V).
        self.inversion = nn.Parameter(torch.tensor([0.75, 0.4, math.log(0.08)]).double())
        for name, shape in {"centre": (8,), "spread": (8,), "level": (), "scale": ()}.items():
            self.register_buffer(name, torch.ones(shape, dtype=torch.float64))

    def standardise(self, z: Tensor, log_current: Tensor) -> None:
        """Set the scales of inputs (n x 5) and output (n)."""
        with torch.no_grad():
            inputs = self._inputs(z)[0]
            self.centre, self.spread = inputs.mean(0), _spread(inputs)
            self.level, self.scale = log_current.mean(), log_current.std()

    def _inputs(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw inputs n x 8, and the last one's derivatives by vgs and vsb."""
        threshold, body, log_slope = self.inversion
        root = torch.sqrt(_SURFACE + z[:, 4].clamp(min=-0.5 * _SURFACE))
        slope = torch.exp(-log_slope)
        drive = slope * (z[:, 2] - threshold - body * (root - math.sqrt(_SURFACE)))
        charge = functional.softplus(drive) + 1e-30
        by_gate = 2.0 * slope * torch.sigmoid(drive) / charge
        width, length = torch.exp(-z[:, :1]), 1.0 / z[:, 1:2]
        inputs = torch.cat([z, width, length, 2.0 * charge.log()[:, None]], dim=1)
        return inputs, by_gate, -0.5 * body * by_gate / root

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map inputs n x 5 to ln(Id L / W) (n; A) and its derivatives (n x 3, 1/V)."""
        inputs, by_gate, by_source = self._inputs(z)
        x = (inputs - self.centre) / self.spread
        hidden, layers = x, []
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = torch.tanh(functional.linear(hidden, weight, bias))
            layers.append(hidden)
        value = functional.linear(hidden, self.weights[-1], self.biases[-1])[:, 0]
        back = self.weights[-1]
        for weight, layer in zip(reversed(self.weights[:-1]), reversed(layers), strict=True):
            back = (back * (1.0 - layer.square())) @ weight
        back = (back + self.straight) / self.spread
        slopes = torch.stack(
            [back[:, 2] + back[:, 7] * by_gate, back[:, 3], back[:, 4] + back[:, 7] * by_source], 1
        )
        return (value + x @ self.straight) * self.scale + self.level, slopes * self.scale


class Capacitances(nn.Module):
    """Charges' derivatives per gate area and junctions per width, n x 11."""

    centre: Tensor
    spread: Tensor
    level: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        outputs = len(CHARGES) + len(JUNCTIONS)
        self.body = nn.Sequential(
            nn.Linear(5, _SMALL), nn.Tanh(), nn.Linear(_SMALL, outputs)
        ).double()
        for name, size in (("centre", 5), ("spread", 5), ("level", outputs), ("scale", outputs)):
            self.register_buffer(name, torch.ones(size, dtype=torch.float64))

    def standardise(self, z: Tensor, values: Tensor) -> None:
        """Set the scales of inputs (n x 5) and outputs (n x 11)."""
        self.centre, self.spread = z.mean(0), _spread(z)
        self.level, self.scale = values.mean(0), _spread(values)

    def forward(self, z: Tensor) -> Tensor:
        """Map inputs n x 5 to n x 11, in fF um^-2 and fF um^-1."""
        found: Tensor = self.body((z - self.centre) / self.spread)
        return found * self.scale + self.level


class Imbalance(nn.Module):
    """ln of the ratios of gm, gds and gmbs of two equal transistors with a common source, n x 3.

    It is linear in the differences of their drain and gate voltages; the network gives the slopes
    (1/V) at the mean of their voltages.
    """

    centre: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(5, _HIDDEN), nn.Tanh(), nn.Linear(_HIDDEN, _HIDDEN), nn.Tanh(),
            nn.Linear(_HIDDEN, 6),
        ).double()  # fmt: skip
        self.register_buffer("centre", torch.zeros(5, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(5, dtype=torch.float64))

    def standardise(self, z: Tensor) -> None:
        """Set the scales of inputs (n x 5)."""
        self.centre, self.spread = z.mean(0), _spread(z)

    def forward(self, z: Tensor, difference: Tensor) -> Tensor:
        """Map inputs n x 5 and differences of vgs, vds (and vsb), n x 3, to n x 3."""
        slopes = self.body((z - self.centre) / self.spread)
        by_drain = slopes[:, :3] * slopes.new_tensor(_DRAIN_SLOPES) * difference[:, 1:2]
        by_gate: Tensor = slopes[:, 3:] * _GATE_SLOPE * difference[:, :1]
        return by_drain + by_gate


class TransistorModel(nn.Module):
    """One polarity of a process."""

    def __init__(self) -> None:
        super().__init__()
        self.current, self.capacitances = DrainCurrent(), Capacitances()
        self.imbalance = Imbalance()

    def bias(self, width: Tensor, length: Tensor, voltages: Tensor) -> tuple[Tensor, Tensor]:
        """Drain current (n, A) and gm, gds, gmbs (n x 3, S) of sizes (um) at vgs, vds, vsb."""
        log_current, slopes = self.current(size_and_bias(width, length, voltages))
        current = torch.exp(log_current.clamp(-60.0, 0.0)) * width / length
        return current, current[:, None] * slopes * slopes.new_tensor([1.0, 1.0, -1.0])

    def charge(self, width: Tensor, length: Tensor, voltages: Tensor) -> Tensor:
        """Capacitances n x 11, F."""
        found: Tensor = self.capacitances(size_and_bias(width, length, voltages))
        area, side = (width * length)[:, None], width[:, None]
        k = len(CHARGES)
        return _UNIT * torch.cat([found[:, :k] * area, found[:, k:] * side], dim=1)


def fit_transistor(
    points: pd.DataFrame,
    pairs: pd.DataFrame,
    seed: int,
    between: Callable[[], None] = lambda: None,
) -> TransistorModel:
    """Fit a model to operating points of one polarity.

    Args:
        points: columns ``width``, ``length`` (um) and ``QUANTITIES`` (SI units).
        pairs: equal transistors with a common source, one pair a row: the columns of ``points``
            for the first, and with ``_other`` behind their names for the second; may be empty.
        seed: of the networks' first weights.
        between: called before each step; may raise to stop.
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = TransistorModel()
        _fit_current(model.current, points, between)
        _fit_capacitances(model.capacitances, points, between)
        if len(pairs):
            _fit_imbalance(model.imbalance, pairs, between)
        else:
            nn.init.zeros_(model.imbalance.body[-1].weight)  # type: ignore[arg-type]
            nn.init.zeros_(model.imbalance.body[-1].bias)  # type: ignore[arg-type]
    return model.requires_grad_(False).eval()


def _columns(table: pd.DataFrame, names: Sequence[str], suffix: str = "") -> Tensor:
    return torch.tensor(table[[f"{name}{suffix}" for name in names]].to_numpy(dtype=float))


def _inputs_of(points: pd.DataFrame, suffix: str = "") -> Tensor:
    width, length, vgs, vds, vbs = _columns(
        points, ("width", "length", "vgs", "vds", "vbs"), suffix
    ).T
    return size_and_bias(width, length, torch.stack([vgs, vds, -vbs], dim=1))


def _fit_current(model: DrainCurrent, points: pd.DataFrame, between: Callable[[], None]) -> None:
    z, drain = _inputs_of(points), _columns(points, ("id",))
    width, length = _columns(points, ("width", "length")).T
    log_current = (drain[:, 0] * length / width).log()
    relative = (_columns(points, CONDUCTANCES) / drain).log()
    wanted = torch.cat([log_current[:, None], relative], dim=1)
    model.standardise(z, log_current)
    _burn_in(model, z, wanted, between)
    _settle(model, lambda: _current_loss(model, z, wanted), between, _ITERATIONS["current"])


def _fit_capacitances(
    model: Capacitances, points: pd.DataFrame, between: Callable[[], None]
) -> None:
    z = _inputs_of(points)
    width, length = _columns(points, ("width", "length")).T[:, :, None]
    charges = _columns(points, CHARGES) / (width * length)
    values = torch.cat([charges, _columns(points, JUNCTIONS) / width], dim=1) / _UNIT
    model.standardise(z, values)

    def loss() -> Tensor:
        return ((model(z) - values) / model.scale).square().mean()

    _settle(model, loss, between, _ITERATIONS["capacitances"])


def _fit_imbalance(model: Imbalance, pairs: pd.DataFrame, between: Callable[[], None]) -> None:
    first, second = _inputs_of(pairs), _inputs_of(pairs, "_other")
    mean, difference = (first + second) / 2.0, (first - second)[:, 2:]
    ratio = (_columns(pairs, CONDUCTANCES) / _columns(pairs, CONDUCTANCES, "_other")).log()
    near = difference[:, 1].abs() < _FAR_APART
    mean, difference, ratio = mean[near], difference[near], ratio[near]
    model.standardise(mean)

    def loss() -> Tensor:
        error = (model(mean, difference) - ratio) * ratio.new_tensor(_RATIO_WEIGHTS)
        size = torch.stack([weight.square().sum() for weight in weights]).sum()
        return functional.huber_loss(error, torch.zeros_like(error), delta=0.3) + _DECAY * size

    weights = [layer.weight for layer in model.body if isinstance(layer, nn.Linear)]
    _settle(model, loss, between, _ITERATIONS["imbalance"])


def _current_loss(model: DrainCurrent, z: Tensor, wanted: Tensor) -> Tensor:
    """Huber loss of the log current, to 10 %, and of the conductances' relative error, to 30 %."""
    value, slopes = model(z)
    error = 10.0 * (value - wanted[:, 0])
    sign = slopes.new_tensor([1.0, 1.0, -1.0])
    relative = 3.0 * (sign * slopes * torch.exp(-wanted[:, 1:]) - 1.0)
    if not bool((z[:, 4] != z[0, 4]).any()):  # The bulk never moves: its slope is of no account.
        relative = relative[:, :2]
    zero = torch.zeros_like
    return functional.huber_loss(error, zero(error), delta=0.3) + 1.5 * functional.huber_loss(
        relative, zero(relative), delta=0.3
    )


def _burn_in(model: DrainCurrent, z: Tensor, wanted: Tensor, between: Callable[[], None]) -> None:
    """Bring the network near by steps on random batches."""
    optimiser = torch.optim.Adam(model.parameters(), lr=_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, total_steps=_BURN_IN)
    for _ in range(_BURN_IN):
        between()
        rows = torch.randint(len(z), (_BATCH,))
        optimiser.zero_grad()
        _current_loss(model, z[rows], wanted[rows]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()


def _settle(
    model: nn.Module,
    loss: Callable[[], Tensor],
    between: Callable[[], None],
    iterations: int,
) -> None:
    """Minimise to the last digits: smooth, small, without noise, what quasi-Newton is made for."""
    optimiser = torch.optim.LBFGS(
        model.parameters(),
        max_iter=iterations,
        history_size=30,
        line_search_fn="strong_wolfe",
        tolerance_grad=1e-12,
        tolerance_change=1e-14,
    )

    def closure() -> Tensor:
        between()
        optimiser.zero_grad()
        found = loss()
        found.backward()  # type: ignore[no-untyped-call]
        return found

    optimiser.step(closure)
