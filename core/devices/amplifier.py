"""An amplifier from its nodal equations, with transistors that were learned.

Operating point by Newton's method, open-loop gains by the small-signal admittance matrix, the
buffer's step response by backward Euler on the linear network with an input pair that saturates:
P. R. Gray et al., "Analysis and Design of Analog Integrated Circuits", 5th ed., chapters 3, 7
and 9, and L. W. Nagel, "SPICE2", 1975. What it says is an estimate: the ensemble's Gaussian
process learns what it misses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.circuits.operating_point import CHARGES
from core.devices.topology import FEEDBACK, GROUND, INPUT, OUTPUT, SUPPLY, Branch, Topology
from core.devices.transistor import TransistorModel, size_and_bias

ESTIMATES = ("slewrate_pos", "dc_gain", "ugf", "phase_margin", "cmrr")
_NEWTON_STEPS = 2  # The guess is some 10 mV off; with the last step they leave 0.01 %.
_LARGEST_STEP = 0.2  # V
_LEAK = 1e-12  # S from each node to ground
_SWEEP = (4.0, 11.0)  # log10 Hz, where a unity-gain frequency is looked for
_APPROACHES, _SECANTS = 9, 3
_TIME_STEPS = 48
_SETTLING = 6.0  # Time constants of the loop that the step response is followed beyond its slewing.
_SWING = 0.2  # of the step: the slew rate is the steepest secant over this part
_LEVELS = 40
_TINY = 1e-30
_THERMAL = 0.075  # V, 2 n kT/q
_INVERSION_STEPS = 8


@dataclass(frozen=True)
class Surroundings:
    """What stands around the amplifier.

    Attributes:
        supply: VDD, V.
        common_mode: V at both inputs.
        load: F at the output.
        step: V, height of the step at the buffer's input.
        cmrr_frequency: Hz.
    """

    supply: float
    common_mode: float
    load: float
    step: float
    cmrr_frequency: float


@dataclass(frozen=True)
class SmallSignal:
    """The linear network of n designs at their operating points; N nodes, k transistors.

    Attributes:
        conductance: n x N x N, S.
        voltages: n x N, V.
        probes: n x k x 3, vgs, vds and vsb of the transistors, V.
        currents: n x k, A.
        slopes: n x k x 3, gm, gds and gmbs, S.
    """

    conductance: Tensor
    voltages: Tensor
    probes: Tensor
    currents: Tensor
    slopes: Tensor


class AmplifierModel(nn.Module):
    """Designs n x d (physical units) to estimates of ``ESTIMATES``, n x 5, double precision.

    Attributes:
        overlap: of a gate with drain and source, F/um, NMOS and PMOS.
        start: coefficients of a quadratic in the standardised logs of the sizes (``centre`` and
            ``spread``) that guesses the node voltages.
    """

    overlap: Tensor
    centre: Tensor
    spread: Tensor
    start: Tensor

    def __init__(self, topology: Topology, surroundings: Surroundings, inputs: int) -> None:
        """Make an empty model of an amplifier with so many design variables."""
        super().__init__()
        self.topology, self.surroundings = topology, surroundings
        polarities = sorted({t.polarity for t in topology.transistors})
        # In single precision: an error of 1e-6 of a current is far below the networks' own.
        self.transistors = nn.ModuleDict({p: TransistorModel() for p in polarities}).float()
        terms = 1 + inputs + inputs * (inputs + 1) // 2
        shapes = {
            "overlap": (2,),
            "centre": (inputs,),
            "spread": (inputs,),
            "start": (terms, topology.unknowns),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape, dtype=torch.float64))
        self._stamp()

    def _stamp(self) -> None:
        """Constant matrices that turn element values into nodal equations."""
        t = self.topology
        n, k = len(t.nodes), len(t.transistors)
        probe = torch.zeros(3 * k, n, dtype=torch.float64)
        flow = torch.zeros(k, n, dtype=torch.float64)
        conductance = torch.zeros(3 * k + len(t.resistors), n, n, dtype=torch.float64)
        per_device = len(CHARGES) + 4
        capacitance = torch.zeros(per_device * k + len(t.capacitors) + 1, n, n, dtype=torch.float64)
        for i, device in enumerate(t.transistors):
            d, g, s, b = device.nodes
            sign = float(t.polarities[i])
            for row, (plus, minus) in enumerate(((g, s), (d, s), (s, b))):
                probe[3 * i + row, plus] += sign
                probe[3 * i + row, minus] -= sign
            flow[i, d] += sign
            flow[i, s] -= sign
            for row, control in enumerate((g, d, b)):
                for node, way in ((d, 1.0), (s, -1.0)):
                    conductance[3 * i + row, node, control] += way
                    conductance[3 * i + row, node, s] -= way
            base = per_device * i
            for row, name in enumerate(CHARGES):
                charge, control = ({"g": g, "d": d, "s": s, "b": b}[letter] for letter in name[1:])
                for node, way in ((charge, 1.0), (s, -1.0)):
                    capacitance[base + row, node, control] += way
                    capacitance[base + row, node, b] -= way
            for row, pair in enumerate(((d, b), (s, b), (g, d), (g, s)), start=len(CHARGES)):
                _connect(capacitance[base + row], *pair)
        for row, branch in enumerate(t.resistors, start=3 * k):
            _connect(conductance[row], branch.first, branch.second)
        for row, branch in enumerate(t.capacitors, start=per_device * k):
            _connect(capacitance[row], branch.first, branch.second)
        _connect(capacitance[-1], t.node(OUTPUT), t.node(GROUND))
        self._probe, self._flow = probe.T.contiguous(), flow
        self._conductance, self._capacitance = conductance.flatten(1), capacitance.flatten(1)
        groups = {
            p: [i for i, d in enumerate(t.transistors) if d.polarity == p] for p in ("nmos", "pmos")
        }
        self._groups = {polarity: torch.tensor(rows) for polarity, rows in groups.items() if rows}
        self._order = torch.cat(list(self._groups.values())).argsort()
        self._widths = torch.tensor([d.width for d in t.transistors])
        self._lengths = torch.tensor([d.length for d in t.transistors])
        self._kinds = torch.tensor([0 if d.polarity == "nmos" else 1 for d in t.transistors])

    def forward(self, designs: Tensor) -> Tensor:
        """Estimate metrics (n x 5, SI units) of designs (n x d, physical, double)."""
        at = self.small_signal(designs)
        capacitance = self._capacitances(designs, at.probes)
        loop = self._loop(at, capacitance)
        slew = self._slew_rate(at, capacitance, loop["ugf"])
        return torch.stack([{**loop, "slewrate_pos": slew}[name] for name in ESTIMATES], dim=1)

    def loop_estimates(self, designs: Tensor, at: SmallSignal) -> dict[str, Tensor]:
        """Estimates (n each) of what the open loop tells, at an operating point."""
        return self._loop(at, self._capacitances(designs, at.probes))

    def _loop(self, at: SmallSignal, capacitance: Tensor) -> dict[str, Tensor]:
        t, u = self.topology, self.topology.unknowns
        inp, inn, out = t.node(INPUT), t.node(FEEDBACK), t.node(OUTPUT)
        matrix, drive = at.conductance[:, :u, :u], -at.conductance[:, :u, inp]
        gain = torch.linalg.solve(matrix, drive)[:, out].abs()
        fixed = torch.full_like(gain, math.log10(self.surroundings.cmrr_frequency))
        differential = self._response(at, capacitance, fixed, (inp,))
        common = self._response(at, capacitance, fixed, (inp, inn))
        log_ugf, response = self._unity_gain(at, capacitance)
        return {
            "dc_gain": gain + _TINY,
            "ugf": 10.0**log_ugf,
            "phase_margin": torch.rad2deg(torch.angle(-response)),
            "cmrr": (differential.abs() + _TINY) / (common.abs() + _TINY),
        }

    def small_signal(self, designs: Tensor) -> SmallSignal:
        """Solve the operating point; differentiable by the designs.

        The Newton steps are taken without derivatives; a last one with the matrix held gives the
        derivative of the solution, as the implicit function theorem has it.
        """
        guess = quadratic((designs.log() - self.centre) / self.spread) @ self.start
        guess = guess.clamp(0.0, self.surroundings.supply)
        with torch.no_grad():
            unknown = guess
            for _ in range(_NEWTON_STEPS):
                residual, matrix = self._balance(designs, unknown)
                step = torch.linalg.solve(matrix, residual)
                unknown = unknown - step.clamp(-_LARGEST_STEP, _LARGEST_STEP)
                unknown = unknown.clamp(0.0, self.surroundings.supply)
        residual, matrix = self._balance(designs, unknown)
        unknown = unknown - torch.linalg.solve(matrix.detach(), residual).clamp(
            -_LARGEST_STEP, _LARGEST_STEP
        )
        volts = self._all_nodes(unknown)
        probes = (volts @ self._probe).unflatten(1, (-1, 3))
        currents, slopes = self._devices(designs, probes, "bias")
        slopes = self._balanced(designs, probes, slopes)
        return SmallSignal(
            conductance=self._conductances(designs, slopes),
            voltages=volts,
            probes=probes,
            currents=currents[:, :, 0],
            slopes=slopes,
        )

    def _balance(self, designs: Tensor, unknown: Tensor) -> tuple[Tensor, Tensor]:
        """What flows out of each node that should not (n x u, A), and its Jacobian (n x u x u)."""
        t, n = self.topology, self.topology.unknowns
        volts = self._all_nodes(unknown)
        probes = (volts @ self._probe).unflatten(1, (-1, 3))
        currents, slopes = self._devices(designs, probes, "bias")
        conductance = self._conductances(designs, slopes)
        leaving = currents[:, :, 0] @ self._flow + _LEAK * volts
        for branch in t.resistors:
            drop = volts[:, branch.first] - volts[:, branch.second]
            leaving = leaving + _flows(branch, drop / designs[:, branch.variable], len(t.nodes))
        for branch in t.currents:
            leaving = leaving + _flows(branch, designs[:, branch.variable], len(t.nodes))
        matrix = conductance[:, :n, :n].clone()
        matrix[:, :, t.node(OUTPUT)] += conductance[:, :n, t.node(FEEDBACK)]
        return leaving[:, :n], matrix

    def _conductances(self, designs: Tensor, slopes: Tensor) -> Tensor:
        """Nodal matrix n x N x N, S, of gm, gds and gmbs (n x k x 3) and the resistors."""
        n = len(self.topology.nodes)
        ohms = [1.0 / designs[:, branch.variable, None] for branch in self.topology.resistors]
        values = torch.cat([slopes.flatten(1), *ohms], dim=1)
        found = (values @ self._conductance).view(-1, n, n)
        return found + _LEAK * torch.eye(n, dtype=values.dtype)

    def _balanced(self, designs: Tensor, probes: Tensor, slopes: Tensor) -> Tensor:
        """Slopes n x k x 3 with the ratios of equal transistors as the imbalance has them."""
        columns = list(slopes.unbind(1))
        for first, second in self.topology.equal_pairs:
            device = self.topology.transistors[first]
            width, length = designs[:, device.width], designs[:, device.length]
            one, other = probes[:, first], probes[:, second]
            z = size_and_bias(width, length, (one + other) / 2.0).float()
            imbalance = self.transistors[device.polarity].imbalance
            half = 0.5 * imbalance(z, (one - other).float()).double()  # type: ignore[operator]
            mean = (slopes[:, first] * slopes[:, second]).clamp(min=_TINY).sqrt()
            columns[first], columns[second] = mean * torch.exp(half), mean * torch.exp(-half)
        return torch.stack(columns, dim=1)

    def _all_nodes(self, unknown: Tensor) -> Tensor:
        """Voltages of all nodes: the loop is closed from the output to the feedback input."""
        around = self.surroundings
        one = torch.ones_like(unknown[:, :1])
        out = self.topology.node(OUTPUT)
        given = {
            INPUT: around.common_mode * one,
            FEEDBACK: unknown[:, out : out + 1],
            SUPPLY: around.supply * one,
            GROUND: 0.0 * one,
        }
        return torch.cat([unknown, *given.values()], dim=1)

    def _devices(self, designs: Tensor, probes: Tensor, what: str) -> tuple[Tensor, ...]:
        """Ask the transistor models about every device; each answer is n x devices x k."""
        width, length = designs[:, self._widths], designs[:, self._lengths]
        found = []
        for polarity, rows in self._groups.items():
            model, bias = self.transistors[polarity], probes[:, rows].flatten(0, 1)
            sizes = (size[:, rows].flatten().float() for size in (width, length))
            answer = getattr(model, what)(*sizes, bias.float())
            parts = answer if isinstance(answer, tuple) else (answer,)
            shape = (-1, len(rows))
            parts = tuple(part if part.ndim == 2 else part[:, None] for part in parts)
            found.append([part.double().unflatten(0, shape) for part in parts])
        return tuple(torch.cat(part, dim=1)[:, self._order] for part in zip(*found, strict=True))

    def _capacitances(self, designs: Tensor, probes: Tensor) -> Tensor:
        t = self.topology
        (found,) = self._devices(designs, probes, "charge")
        widths = designs[:, self._widths]
        overlap = (widths * self.overlap[self._kinds])[:, :, None].expand(-1, -1, 2)
        own = [designs[:, branch.variable, None] for branch in t.capacitors]
        load = torch.full_like(designs[:, :1], self.surroundings.load)
        values = torch.cat([torch.cat([found, overlap], 2).flatten(1), *own, load], dim=1)
        return (values @ self._capacitance).view(-1, len(t.nodes), len(t.nodes))

    def _response(
        self, at: SmallSignal, capacitance: Tensor, log_frequency: Tensor, driven: tuple[int, ...]
    ) -> Tensor:
        """Complex gain (n) from the driven inputs to the output."""
        u = self.topology.unknowns
        omega = 2.0 * math.pi * 10.0**log_frequency
        admittance = torch.complex(at.conductance, omega[:, None, None] * capacitance)
        drive = -admittance[:, :u, list(driven)].sum(2)
        found: Tensor = torch.linalg.solve(admittance[:, :u, :u], drive)
        return found[:, self.topology.node(OUTPUT)]

    def _unity_gain(self, at: SmallSignal, capacitance: Tensor) -> tuple[Tensor, Tensor]:
        """log10 of the first unity-gain frequency and the complex gain there.

        Comes from below by steps that a gain which falls by no more than 40 dB a decade cannot
        jump over, for a zero may keep the gain near one over decades; then by secants.
        """
        inp = self.topology.node(INPUT)

        def height(log_f: Tensor) -> tuple[Tensor, Tensor]:
            found = self._response(at, capacitance, log_f, (inp,))
            return torch.log10(found.abs() + _TINY), found

        with torch.no_grad():
            here = torch.full_like(at.voltages[:, 0], _SWEEP[0])
            value = height(here)[0]
            for _ in range(_APPROACHES):
                before, high = here, value
                here = (here + (value / 2.0).clamp(-0.1, 2.0)).clamp(*_SWEEP)
                value = height(here)[0]
            slope = torch.full_like(here, -1.0)
            for _ in range(_SECANTS):
                rise = (value - high) / (here - before)
                slope = torch.where((here - before).abs() > 1e-7, rise, slope).clamp(-6.0, -0.05)
                before, high = here, value
                here = (here - (value / slope).clamp(-0.1, 0.1)).clamp(*_SWEEP)
                value = height(here)[0]
        here = here - height(here)[0] / slope
        return here, height(here)[1]

    def _slew_rate(self, at: SmallSignal, capacitance: Tensor, ugf: Tensor) -> Tensor:
        """Steepest secant of the buffer's step response, V/s (n).

        The linear network is stepped implicitly. The input pair sees no more than what its tail
        current lets through, and the transistors at the output deliver what they do far from
        their operating point.
        """
        t, u = self.topology, self.topology.unknowns
        inp, inn, out = t.node(INPUT), t.node(FEEDBACK), t.node(OUTPUT)
        height = self.surroundings.step
        pair = list(t.input_pair)
        last = [k for k, d in enumerate(t.transistors) if d.nodes[0] == out and k not in pair]
        gm, half = at.slopes[:, pair, 0].mean(1), at.currents[:, pair].mean(1)
        reach = 2.0 * half / gm  # V, where the linear pair would have run out of current.
        sharpness = 2.5 + 2.3 * (1.0 - 0.5 * _THERMAL * gm / half).clamp(0.0, 1.0)
        time_constant = 1.0 / (2.0 * math.pi * ugf)
        h = time_constant * (height / reach + _SETTLING) / _TIME_STEPS
        mass = capacitance[:, :u, :u].clone()
        mass[:, :, out] += capacitance[:, :u, inn]
        rate = mass / h[:, None, None]
        inverse = torch.linalg.inv(rate + at.conductance[:, :u, :u])
        by_input = -(inverse @ at.conductance[:, :u, [inp, inn]])
        # Half of what the output has moved is common to both inputs: part of the linear step.
        common = 0.5 * by_input.sum(2)
        keep = (inverse @ rate).mT.contiguous()
        keep[:, out] += common
        steady = (common * height)[:, None]
        pushes = torch.stack(
            [0.5 * (by_input[:, :, 0] - by_input[:, :, 1]), -inverse[:, :, out]], 1
        )
        driver = _Driver.at(at, last, self._flow[last, out])
        probe = self._probe[:u].view(u, -1, 3)[:, last, 0]
        state = -(inverse @ capacitance[:, :u, inp, None]).mT / h[:, None, None] * height
        outputs = [torch.zeros_like(ugf)]
        for _ in range(_TIME_STEPS):
            drive = (height - state[:, 0, out]) / reach
            turned = reach * drive / (1.0 + drive.abs() ** sharpness) ** (1.0 / sharpness)
            extra = driver.excess(state[:, 0] @ probe)
            linear = torch.baddbmm(steady, state, keep)
            state = torch.baddbmm(linear, torch.stack([turned, extra], 1)[:, None], pushes)
            outputs.append(state[:, 0, out])
        return _steepest(torch.stack(outputs, 1), h, height)


@dataclass(frozen=True)
class _Driver:
    """What transistors add to the output's current, away from their operating point.

    Their currents follow the interpolation between weak and strong inversion that has each one's
    current and transconductance at the operating point.

    Attributes:
        current: n x k, A, into the output or out of it.
        transconductance: n x k, likewise, S.
        inversion: n x k, u in Id ~ softplus(u)^2.
        charge: n x k, softplus(u).
    """

    current: Tensor
    transconductance: Tensor
    inversion: Tensor
    charge: Tensor

    @classmethod
    def at(cls, at: SmallSignal, devices: list[int], way: Tensor) -> _Driver:
        """Choose each device's u so that gm / Id = 2 sigmoid(u) / softplus(u) / (2 n kT/q)."""
        current, gm = at.currents[:, devices], at.slopes[:, devices, 0]
        wanted = (_THERMAL * gm / current).clamp(0.02, 1.9)
        u = 2.0 / wanted - 1.0
        for _ in range(_INVERSION_STEPS):
            soft, part = functional.softplus(u), torch.sigmoid(u)
            slope = 2.0 * part * ((1.0 - part) * soft - part) / soft.square()
            u = u - ((2.0 * part / soft - wanted) / slope).clamp(-2.0, 2.0)
        return cls(current * way, gm * way, u, functional.softplus(u))

    def excess(self, moved: Tensor) -> Tensor:
        """Current (n) beyond the linear one, for moves of the gates (n x k, V)."""
        charge = functional.softplus(self.inversion + moved / _THERMAL) / self.charge
        return (self.current * (charge.square() - 1.0) - self.transconductance * moved).sum(1)


def _steepest(trace: Tensor, h: Tensor, height: float) -> Tensor:
    """Steepest secant over a part of the step of rising traces (n x k) with time steps h (n)."""
    rising = trace.cummax(1).values + 1e-12 * torch.arange(trace.shape[1])
    levels = height * torch.linspace(0.0, 0.95, _LEVELS, dtype=trace.dtype)
    wanted = levels + 0.0 * trace[:, :1]
    after = torch.searchsorted(rising.detach().contiguous(), wanted).clamp(1, trace.shape[1] - 1)
    low, high = rising.gather(1, after - 1), rising.gather(1, after)
    crossing = after - 1 + (wanted - low) / (high - low).clamp(min=_TINY)
    part = round(_SWING / 0.95 * (_LEVELS - 1))
    shortest = (crossing[:, part:] - crossing[:, :-part]).amin(1).clamp(min=1e-3)
    return (levels[part] - levels[0]) / (shortest * h)


def quadratic(x: Tensor) -> Tensor:
    """1, x and all products of two, n x (1 + q + q (q + 1) / 2)."""
    first, second = torch.triu_indices(x.shape[1], x.shape[1])
    return torch.cat([torch.ones_like(x[:, :1]), x, x[:, first] * x[:, second]], dim=1)


def _connect(matrix: Tensor, first: int, second: int) -> None:
    """Add a two-terminal element of value one to a nodal matrix."""
    matrix[first, first] += 1.0
    matrix[second, second] += 1.0
    matrix[first, second] -= 1.0
    matrix[second, first] -= 1.0


def _flows(branch: Branch, current: Tensor, nodes: int) -> Tensor:
    """What a branch current (n) takes out of each node (n x N)."""
    way = torch.zeros(nodes, dtype=current.dtype)
    way[branch.first], way[branch.second] = 1.0, -1.0
    return current[:, None] * way
