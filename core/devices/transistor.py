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

from core.circuits.operating_point import CHARGES, CONDUCTANCES, JUNCTIONS, SUBSTRATE
from core.models.layers import MemberLinear

_HIDDEN, _LAYERS, _SMALL = 48, 3, 32
_BURN_IN = 500
_ITERATIONS = {"current": 4000, "capacitances": 300, "imbalance": 6000, "substrate": 1500}
_BATCH, _RATE = 512, 5e-3
# 1/V, typical slopes of ln gm, ln gds and ln gmbs / gm along the drain and the gate voltage.
_DRAIN_SLOPES, _GATE_SLOPES = (0.05, 1.0, 0.01), (10.0, 10.0, 1.0)
# What an error of the logs of these ratios is multiplied with before it counts.
_RATIO_WEIGHTS = (5e3, 5e2, 1e5)
_SURFACE = 0.8  # V, surface potential of the body effect the network starts from
_DECAY = 1e-4  # of the squared weights of the imbalance: its rows are few
_FAR_APART = 1.0  # V between drains; beyond it one of two equal transistors is in triode
_LEAST_SHARE = 1e-9  # of the drain current; less of it in the bulk does not show
_UNIT = 1e-15  # F um^-2 and F um^-1, in which capacitances are of order one


def size_and_bias(width: Tensor, length: Tensor, voltages: Tensor) -> Tensor:
    """Inputs n x 5 of the networks: ln W, L (um), vgs, vds, vsb (V); polarity taken out."""
    return torch.cat([width.log()[:, None], length[:, None], voltages], dim=1)


def _spread(columns: Tensor) -> Tensor:
    """Standard deviations of columns (n x k); 1 where one does not vary."""
    deviation = columns.std(0)
    return torch.where(deviation > 1e-6, deviation, 1.0)


class ScaledNetwork(nn.Module):
    """A small tanh network, or one a polarity side by side, on standardised inputs."""

    centre: Tensor
    spread: Tensor
    level: Tensor
    scale: Tensor

    def __init__(self, widths: Sequence[int], polarities: int | None = None) -> None:
        """Make a network of these widths, from inputs to outputs."""
        super().__init__()
        lead = () if polarities is None else (polarities,)
        layers = [MemberLinear(a, b, polarities) for a, b in pairwise(widths)]
        self.layers = nn.ModuleList(layers).double()
        for name in ("centre", "spread"):
            self.register_buffer(name, torch.ones(*lead, 1, widths[0], dtype=torch.float64))
        for name in ("level", "scale"):
            self.register_buffer(name, torch.ones(*lead, 1, widths[-1], dtype=torch.float64))

    def standardise(self, inputs: Tensor, outputs: Tensor | None = None) -> None:
        """Set the scales of inputs (n x i) and, where they have any, of outputs (n x o)."""
        with torch.no_grad():
            self.centre, self.spread = inputs.mean(0, keepdim=True), _spread(inputs)[None]
            self.level = torch.zeros_like(self.level)
            if outputs is not None:
                self.level, self.scale = outputs.mean(0, keepdim=True), _spread(outputs)[None]

    @property
    def weights(self) -> list[Tensor]:
        """Of each layer, (P x) i x o."""
        return [layer.weight for layer in self.layers if isinstance(layer, MemberLinear)]

    def hidden(self, x: Tensor) -> list[Tensor]:
        """Activations of the hidden layers for standardised inputs (P x) n x i."""
        found = []
        for layer in self.layers[:-1]:
            x = torch.tanh(layer(x))
            found.append(x)
        return found

    def pulled_back(self, hidden: list[Tensor]) -> Tensor:
        """Derivative of the first output, in its units, by the standardised inputs: (P x) n x i."""
        back = self.weights[-1][..., :1].mT
        for weight, tanh in zip(reversed(self.weights[:-1]), reversed(hidden), strict=True):
            back = torch.addcmul(back, back * tanh, tanh, value=-1.0) @ weight.mT
        return back

    def forward(self, inputs: Tensor) -> Tensor:
        """Map (P x) n x i to (P x) n x o."""
        found: Tensor = self.layers[-1](self.hidden((inputs - self.centre) / self.spread)[-1])
        return found * self.scale + self.level


class DrainCurrent(ScaledNetwork):
    """ln(Id L / W), and its derivatives by vgs, vds and vbs, in closed form."""

    def __init__(self, polarities: int | None = None) -> None:
        super().__init__([8, *[_HIDDEN] * _LAYERS, 1], polarities)
        for layer in self.layers:
            assert isinstance(layer, MemberLinear)
            nn.init.normal_(layer.weight, std=1.0 / math.sqrt(layer.weight.shape[-2]))
            nn.init.zeros_(layer.bias)
        lead = () if polarities is None else (polarities,)
        self.straight = nn.Parameter(torch.zeros(*lead, 8, 1, dtype=torch.float64))
        # Threshold (V), body effect (V^0.5) and log of 2 n kT/q (V).
        inversion = torch.tensor([0.75, 0.4, math.log(0.08)], dtype=torch.float64)
        self.inversion = nn.Parameter(inversion.expand(*lead, 1, 3).clone())

    def standardise_current(self, z: Tensor, log_current: Tensor) -> None:
        """Set the scales of inputs (n x 5) and output (n)."""
        with torch.no_grad():
            self.standardise(self._inputs(z)[0], log_current[:, None])

    def _inputs(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Raw inputs (P x) n x 8, and the last one's derivatives by vgs and vsb."""
        threshold, body, log_slope = self.inversion.unbind(-1)
        root = torch.sqrt(_SURFACE + z[..., 4].clamp(min=-0.5 * _SURFACE))
        slope = torch.exp(-log_slope)
        drive = slope * (z[..., 2] - threshold - body * (root - math.sqrt(_SURFACE)))
        charge = functional.softplus(drive) + 1e-30
        by_gate = 2.0 * slope * torch.sigmoid(drive) / charge
        width, length = torch.exp(-z[..., :1]), 1.0 / z[..., 1:2]
        inputs = torch.cat([z, width, length, 2.0 * charge.log()[..., None]], dim=-1)
        return inputs, by_gate, -0.5 * body * by_gate / root

    def with_slopes(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map inputs (P x) n x 5 to ln(Id L / W) ((P x) n; A) and derivatives (x 3, 1/V).

        The derivatives are those by vgs, vds and vbs.
        """
        inputs, by_gate, by_source = self._inputs(z)
        x = (inputs - self.centre) / self.spread
        hidden = self.hidden(x)
        value = self.layers[-1](hidden[-1]) + x @ self.straight
        back = (self.pulled_back(hidden) + self.straight.mT) / self.spread * self.scale
        by_drive = back[..., 7]
        slopes = torch.stack(
            [
                back[..., 2] + by_drive * by_gate,
                back[..., 3],
                -back[..., 4] - by_drive * by_source,
            ],
            dim=-1,
        )
        return (value * self.scale + self.level)[..., 0], slopes


class SubstrateShare(ScaledNetwork):
    """ln of the share of the drain current that ends in the bulk, and its derivatives.

    Hot carriers tear it loose near the drain. Small as it is, it rises so steeply with the drain
    voltage that a per cent of an output conductance may be its.
    """

    def __init__(self, polarities: int | None = None) -> None:
        super().__init__([5, _SMALL, _SMALL, 1], polarities)

    def with_slopes(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Map inputs (P x) n x 5 to the ln ((P x) n) and derivatives by vgs, vds and vbs (x 3)."""
        hidden = self.hidden((z - self.centre) / self.spread)
        value = self.layers[-1](hidden[-1]) * self.scale + self.level
        back = self.pulled_back(hidden) / self.spread * self.scale
        slopes = torch.stack([back[..., 2], back[..., 3], -back[..., 4]], dim=-1)
        return value[..., 0], slopes


class Imbalance(ScaledNetwork):
    """ln of the ratios of gm, gds and gmbs of two equal transistors with a common source, n x 3.

    It is linear in the differences of their drain and gate voltages; the network gives the slopes
    (1/V) at the mean of their voltages, of gm, gds and gmbs / gm. That last ratio is what an input
    pair whose source follows both gates makes of a common-mode voltage.
    """

    def __init__(self, polarities: int | None = None) -> None:
        super().__init__([5, _HIDDEN, _HIDDEN, 6], polarities)
        units = torch.tensor([*_DRAIN_SLOPES, *_GATE_SLOPES], dtype=torch.float64)
        self.scale = units.expand_as(self.scale).clone()

    def told(self, z: Tensor, difference: Tensor) -> Tensor:
        """Map inputs (P x) n x 5 and differences of vgs, vds (and vsb), x 3, to (P x) n x 3.

        Returns:
            ln of the ratios of gm, gds and gmbs / gm.
        """
        by_drain, by_gate = self(z).split(3, dim=-1)
        found: Tensor = by_drain * difference[..., 1:2] + by_gate * difference[..., :1]
        return found

    def of_pair(self, z: Tensor, difference: Tensor) -> Tensor:
        """Likewise, to ln of the ratios of gm, gds and gmbs."""
        gm, gds, rest = self.told(z, difference).unbind(-1)
        return torch.stack([gm, gds, gm + rest], dim=-1)


class TransistorModel(nn.Module):
    """One polarity of a process, or several side by side.

    Its inputs are those of ``size_and_bias``, (P x) n x 5.

    Attributes:
        anywhere: whether it means something at any bias, or only near those it was shown.
    """

    anywhere = False

    def __init__(self, polarities: int | None = None) -> None:
        super().__init__()
        charges = len(CHARGES) + len(JUNCTIONS)
        self.current = DrainCurrent(polarities)
        # Charges' derivatives per gate area (fF um^-2) and junctions per width (fF um^-1).
        self.capacitances = ScaledNetwork([5, _SMALL, charges], polarities)
        self.imbalance = Imbalance(polarities)
        self.substrate = SubstrateShare(polarities)

    @property
    def precision(self) -> torch.dtype:
        """Of its inputs."""
        return self.current.straight.dtype

    def bias(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Drain current ((P x) n, A) and gm, gds, gmbs (x 3, S)."""
        log_current, slopes = self.current.with_slopes(z)
        current = torch.exp(log_current.clamp(-60.0, 0.0) + z[..., 0]) / z[..., 1]
        return current, current[..., None] * slopes

    def charge(self, z: Tensor) -> Tensor:
        """Capacitances (P x) n x 11, F."""
        charges, junctions = self.capacitances(z).split([len(CHARGES), len(JUNCTIONS)], dim=-1)
        side = _UNIT * torch.exp(z[..., :1])
        return torch.cat([charges * side * z[..., 1:2], junctions * side], dim=-1)


def side_by_side(models: Sequence[TransistorModel]) -> TransistorModel:
    """Models of one polarity each as one of them all: a single pass asks every one."""
    joined = TransistorModel(len(models))
    states = [model.state_dict() for model in models]
    joined.load_state_dict({name: torch.stack([s[name] for s in states]) for name in states[0]})
    return joined


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
        _fit_substrate(model.substrate, points, between)
        if len(pairs):
            _fit_imbalance(model.imbalance, pairs, between)
        else:
            for part in model.imbalance.layers[-1].parameters():
                nn.init.zeros_(part)
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
    model.standardise_current(z, log_current)
    _burn_in(model, z, wanted, between)
    settle(model, lambda: _current_loss(model, z, wanted), between, _ITERATIONS["current"])


def _fit_capacitances(
    model: ScaledNetwork, points: pd.DataFrame, between: Callable[[], None]
) -> None:
    z = _inputs_of(points)
    width, length = _columns(points, ("width", "length")).T[:, :, None]
    charges = _columns(points, CHARGES) / (width * length)
    values = torch.cat([charges, _columns(points, JUNCTIONS) / width], dim=1) / _UNIT
    fit_scaled(model, z, values, between, _ITERATIONS["capacitances"])


def _fit_substrate(
    model: SubstrateShare, points: pd.DataFrame, between: Callable[[], None]
) -> None:
    share = _columns(points, (SUBSTRATE,)) / _columns(points, ("id",))
    log_share = torch.log(share.clamp(min=0.0) + _LEAST_SHARE)
    fit_scaled(model, _inputs_of(points), log_share, between, _ITERATIONS["substrate"])


def _fit_imbalance(model: Imbalance, pairs: pd.DataFrame, between: Callable[[], None]) -> None:
    first, second = _inputs_of(pairs), _inputs_of(pairs, "_other")
    mean, difference = (first + second) / 2.0, (first - second)[:, 2:]
    ratio = (_columns(pairs, CONDUCTANCES) / _columns(pairs, CONDUCTANCES, "_other")).log()
    near = difference[:, 1].abs() < _FAR_APART
    mean, difference, ratio = mean[near], difference[near], ratio[near]
    ratio[:, 2] -= ratio[:, 0]
    model.standardise(mean)

    def loss() -> Tensor:
        error = (model.told(mean, difference) - ratio) * ratio.new_tensor(_RATIO_WEIGHTS)
        size = torch.stack([weight.square().sum() for weight in model.weights]).sum()
        return functional.huber_loss(error, torch.zeros_like(error), delta=0.3) + _DECAY * size

    settle(model, loss, between, _ITERATIONS["imbalance"])


def _current_loss(model: DrainCurrent, z: Tensor, wanted: Tensor) -> Tensor:
    """Huber loss of the log current, to 10 %, and of the conductances' relative error, to 30 %."""
    value, slopes = model.with_slopes(z)
    error = 10.0 * (value - wanted[:, 0])
    relative = 3.0 * (slopes * torch.exp(-wanted[:, 1:]) - 1.0)
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


def fit_scaled(
    model: ScaledNetwork,
    inputs: Tensor,
    outputs: Tensor,
    between: Callable[[], None],
    iterations: int,
) -> None:
    """Fit outputs (n x o), each in units of its spread, to inputs (n x i) by least squares."""
    model.standardise(inputs, outputs)

    def loss() -> Tensor:
        return ((model(inputs) - outputs) / model.scale).square().mean()

    settle(model, loss, between, iterations)


def settle(
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
