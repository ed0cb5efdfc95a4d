"""An amplifier from its nodal equations, with transistors that were learned or extracted.

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

from core.circuits.operating_point import CHARGES
from core.devices.compact import CompactTransistor
from core.devices.seats import Pairs, Seats
from core.devices.slewing import THERMAL, Driver, saturation, steepest_secant
from core.devices.topology import FEEDBACK, GROUND, INPUT, OUTPUT, SUPPLY, Branch, Topology
from core.devices.transistor import ScaledNetwork, TransistorModel

ESTIMATES = ("slewrate_pos", "dc_gain", "ugf", "phase_margin", "cmrr")
_NEWTON_STEPS = 1  # The guess is some mV off; with the last step it leaves 0.01 %.
_OPEN_STEPS = 8  # Where nothing holds the output, the guess of it may be off by a volt.
_LARGEST_STEP = 0.2  # V
_MOVING, _MORE_STEPS = 0.01, 30  # V in the last step, from which on a design takes more steps
_FOLLOWING, _FOLLOWING_ON, _SHORTER = 5, 25, 0.9  # Newton steps; their length from one to the next
_BALANCED = 1e-12  # A
_LEAK = 1e-12  # S from each node to ground
_HIGHEST = 11.0  # log10 Hz, up to where a unity-gain frequency is looked for
_APPROACHES, _SECANTS = 8, 3
_TIME_STEPS = 40
_SETTLING = 3.5  # Time constants of the loop that the step response is followed beyond its slewing.
_GUESSING = 32  # units that guess the node voltages
_TINY = 1e-30


@dataclass(frozen=True)
class Surroundings:
    """What stands around the amplifier: of all designs, or tensors of each one's own (n).

    Attributes:
        supply: VDD, V.
        common_mode: V at both inputs.
        load: F at the output.
        step: V, height of the step at the buffer's input.
        cmrr_frequency: Hz.
        open_loop: whether gain, UGF and phase margin are those of the operating point where both
            inputs stand at the common mode and nothing holds the output. Good benches close the
            loop, as the step response does anyway.
    """

    supply: float | Tensor
    common_mode: float | Tensor
    load: float | Tensor
    step: float | Tensor
    cmrr_frequency: float
    open_loop: bool = False

    @property
    def states(self) -> int:
        """How many operating points a design has: with the loop closed, and perhaps open."""
        return 2 if self.open_loop else 1

    def __str__(self) -> str:
        """What a designer would call it."""
        loop = "open" if self.open_loop else "closed"
        return (
            f"supply {float(self.supply):.2f} V, common mode {float(self.common_mode):.2f} V, "
            f"load {1e12 * float(self.load):.2f} pF, step {1e3 * float(self.step):.0f} mV, "
            f"loop {loop} at the operating point"
        )


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
        transistors: one model of all polarities, in the order of ``topology.kinds``.
        guess: node voltages (V) from the logs of the sizes.
        overlap: of a gate with drain and source, F/um, a row each polarity.
        slowest: log10 Hz, below every unity-gain frequency that was seen.
    """

    overlap: Tensor
    slowest: Tensor

    def __init__(
        self,
        topology: Topology,
        surroundings: Surroundings,
        inputs: int,
        transistors: TransistorModel | CompactTransistor,
    ) -> None:
        """Make an amplifier with so many design variables."""
        super().__init__()
        self.topology, self.surroundings, self.transistors = topology, surroundings, transistors
        outputs = surroundings.states * topology.unknowns
        self.guess = ScaledNetwork([inputs, _GUESSING, outputs])
        self.register_buffer("overlap", torch.zeros(len(topology.kinds), 2, dtype=torch.float64))
        self.register_buffer("slowest", torch.tensor(0.0, dtype=torch.float64))
        self._stamp()
        self._seat()

    def _stamp(self) -> None:
        """Constant matrices that turn element values into nodal equations."""
        t = self.topology
        n, k = len(t.nodes), len(t.transistors)
        probe = torch.zeros(3 * k, n, dtype=torch.float64)
        flow = torch.zeros(k, n, dtype=torch.float64)
        conductance = torch.zeros(3 * k + len(t.resistors), n, n, dtype=torch.float64)
        leak = torch.zeros(3 * k, n, n, dtype=torch.float64)
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
                for into, matrices in ((s, conductance), (b, leak)):
                    for node, way in ((d, 1.0), (into, -1.0)):
                        matrices[3 * i + row, node, control] += way
                        matrices[3 * i + row, node, s] -= way
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
        self._to_bulk = leak.flatten(1)
        self._to_ground = _LEAK * torch.eye(n, dtype=torch.float64)

    def _seat(self) -> None:
        """Seat the transistors, and their equal pairs, in one row a polarity.

        One batched network serves all polarities; the shorter rows are filled up by repeating.
        """
        t, count = self.topology, len(self.topology.kinds)
        self._kinds = torch.tensor([t.kinds.index(d.polarity) for d in t.transistors])
        self._widths = torch.tensor([d.width for d in t.transistors])
        self._lengths = torch.tensor([d.length for d in t.transistors])
        self._seats = Seats.of(self._kinds, count)
        self._pairs = Pairs.of(t.equal_pairs, self._kinds, count) if t.equal_pairs else None

    def forward(self, designs: Tensor) -> Tensor:
        """Estimate metrics (n x 5, SI units) of designs (n x d, physical, double)."""
        return self.estimate(designs)

    def estimate(self, designs: Tensor, start: Tensor | None = None) -> Tensor:
        """Estimate metrics (n x 5) of designs (n x d).

        Args:
            start: n x u, V, nearly right, or n x 2 u where the loop is open for some metrics:
                closed loop first. None: guessed.
        """
        unknowns = self.topology.unknowns
        starts = (None, None) if start is None else start.split(unknowns, dim=1)
        at = self.small_signal(designs, starts[0])
        capacitance = self._capacitances(designs, at.probes)
        loop = self._loop(at, capacitance)
        slew = self._slew_rate(designs, at, capacitance, loop["ugf"])
        if self.surroundings.open_loop:
            # Rejection is measured with the loop closed all the same.
            apart = self.small_signal(designs, starts[1], feedback=False)
            loop = self._loop(apart, self._capacitances(designs, apart.probes)) | {
                "cmrr": loop["cmrr"]
            }
        return torch.stack([{**loop, "slewrate_pos": slew}[name] for name in ESTIMATES], dim=1)

    def loop_estimates(self, designs: Tensor, at: SmallSignal) -> dict[str, Tensor]:
        """Estimates (n each) of what the open loop tells, at an operating point."""
        return self._loop(at, self._capacitances(designs, at.probes))

    def _loop(self, at: SmallSignal, capacitance: Tensor) -> dict[str, Tensor]:
        t, u = self.topology, self.topology.unknowns
        inp, inn, out = t.node(INPUT), t.node(FEEDBACK), t.node(OUTPUT)
        matrix, drive = at.conductance[:, :u, :u], -at.conductance[:, :u, inp]
        gain = _solved(matrix, drive)[:, out].abs()
        log_ugf, response = self._unity_gain(at, capacitance)
        omega = 2.0 * math.pi * self.surroundings.cmrr_frequency
        admittance = torch.complex(at.conductance[:, :u], omega * capacitance[:, :u])
        each = _solved(admittance[:, :, :u], admittance[:, :, [inp, inn]])[:, out]
        return {
            "dc_gain": gain + _TINY,
            "ugf": 10.0**log_ugf,
            "phase_margin": torch.rad2deg(torch.angle(-response)),
            "cmrr": (each[:, 0].abs() + _TINY) / (each.sum(1).abs() + _TINY),
        }

    def solve_states(self, designs: Tensor, start: Tensor, steps: int) -> Tensor:
        """Voltages of all states side by side, closed loop first: as ``guess`` gives them."""
        starts = start.split(self.topology.unknowns, dim=1)
        return torch.cat(
            [self.solve(designs, own, steps, state == 0) for state, own in enumerate(starts)], dim=1
        )

    def repeated(self, values: Tensor) -> Tensor:
        """Values of each polarity and design (n x p x c) in the seats of the transistors."""
        return self._seats.repeated(values)

    def solve(self, designs: Tensor, start: Tensor, steps: int, feedback: bool = True) -> Tensor:
        """Node voltages (n x u, V) after so many steps of Newton's method, without derivatives.

        Stops before where no current is lost at any node.
        """
        supply, sizes = self._column(designs, self.surroundings.supply), self._sizes(designs)
        none = torch.zeros_like(supply)
        unknown = start.clamp(none, supply)
        with torch.no_grad():
            for _ in range(steps):
                residual, matrix = self._balance(designs, sizes, unknown, feedback)
                unknown = (unknown - _limited_step(matrix, residual)).clamp(none, supply)
                if bool((residual.abs() < _BALANCED).all()):
                    break
        return unknown

    def _from_guess(self, designs: Tensor, steps: int, feedback: bool) -> Tensor:
        """The same from the guess.

        Where a circuit is about to collapse the guess may be off by much. There designs go on by
        themselves, if their transistors are known that far away.
        """
        start = self.guess(designs.log()).split(self.topology.unknowns, dim=1)[not feedback]
        if not self.transistors.anywhere:
            return self.solve(designs, start, steps, feedback)
        before = self.solve(designs, start, steps - 1, feedback)
        unknown = self.solve(designs, before, 1, feedback)
        moving = ((unknown - before).abs() > _MOVING).any(dim=1)
        if bool(moving.any()):
            unknown[moving] = self.solve(designs[moving], unknown[moving], _MORE_STEPS, feedback)
        return unknown

    def small_signal(
        self, designs: Tensor, start: Tensor | None = None, feedback: bool = True
    ) -> SmallSignal:
        """Solve the operating point; differentiable by the designs.

        The Newton steps are taken without derivatives; a last one with the matrix held gives the
        derivative of the solution, as the implicit function theorem has it.

        Args:
            designs: n x d.
            start: n x u, V, node voltages that are nearly right; guessed by default.
            feedback: whether the output drives the feedback input.
        """
        sizes, steps = self._sizes(designs), _NEWTON_STEPS if feedback else _OPEN_STEPS
        if start is None:
            unknown = self._from_guess(designs, steps, feedback)
        else:
            unknown = self.solve(designs, start, steps, feedback)
        residual, matrix = self._balance(designs, sizes, unknown, feedback)
        volts = self._all_nodes(unknown - _limited_step(matrix.detach(), residual), feedback)
        probes = (volts @ self._probe).unflatten(1, (-1, 3))
        currents, slopes = self._bias(sizes, probes)
        slopes = self._balanced(sizes, probes, slopes)
        leaks = self._leaks(sizes, probes, currents, slopes)
        return SmallSignal(
            conductance=self._conductances(designs, slopes) + leaks,
            voltages=volts,
            probes=probes,
            currents=currents,
            slopes=slopes,
        )

    def _balance(
        self, designs: Tensor, sizes: Tensor, unknown: Tensor, feedback: bool = True
    ) -> tuple[Tensor, Tensor]:
        """What flows out of each node that should not (n x u, A), and its Jacobian (n x u x u)."""
        n, out = self.topology.unknowns, self.topology.node(OUTPUT)
        leaving, conductance = self._leaving(designs, sizes, self._all_nodes(unknown, feedback))
        matrix = conductance[:, :n, :n]
        if feedback:
            matrix = matrix.clone()
            matrix[:, :, out] += conductance[:, :n, self.topology.node(FEEDBACK)]
        return leaving[:, :n], matrix

    def _leaving(self, designs: Tensor, sizes: Tensor, volts: Tensor) -> tuple[Tensor, Tensor]:
        """What flows out of every node (n x N, A) at its voltage, and the Jacobian (n x N x N)."""
        t = self.topology
        currents, slopes = self._bias(sizes, (volts @ self._probe).unflatten(1, (-1, 3)))
        leaving = currents @ self._flow + _LEAK * volts
        for branch in t.resistors:
            drop = volts[:, branch.first] - volts[:, branch.second]
            leaving = leaving + _flows(branch, drop / designs[:, branch.variable], len(t.nodes))
        for branch in t.currents:
            leaving = leaving + _flows(branch, designs[:, branch.variable], len(t.nodes))
        return leaving, self._conductances(designs, slopes)

    def _conductances(self, designs: Tensor, slopes: Tensor) -> Tensor:
        """Nodal matrix n x N x N, S, of gm, gds and gmbs (n x k x 3) and the resistors."""
        n = len(self.topology.nodes)
        ohms = [1.0 / designs[:, branch.variable, None] for branch in self.topology.resistors]
        values = torch.cat([slopes.flatten(1), *ohms], dim=1)
        return (values @ self._conductance).view(-1, n, n) + self._to_ground

    def _leaks(self, sizes: Tensor, probes: Tensor, currents: Tensor, slopes: Tensor) -> Tensor:
        """Nodal matrix n x N x N, S, of the shares of the drain currents that end in the bulks."""
        n = len(self.topology.nodes)
        if self.transistors.substrate is None:
            return self._to_ground.new_zeros(n, n)
        log_share, relative = self.transistors.substrate.with_slopes(self._seated(sizes, probes))
        found = self._seats.back(torch.cat([log_share[..., None], relative], dim=-1)).double()
        share = torch.exp(found[..., :1].clamp(max=0.0))
        leaks = share * (slopes + currents[..., None] * found[..., 1:])
        return (leaks.flatten(1) @ self._to_bulk).view(-1, n, n)

    def _balanced(self, sizes: Tensor, probes: Tensor, slopes: Tensor) -> Tensor:
        """Slopes n x k x 3 with the ratios of equal transistors as the imbalance has them."""
        pairs, imbalance = self._pairs, self.transistors.imbalance
        if pairs is None or imbalance is None:
            return slopes
        one, other = probes[:, pairs.first], probes[:, pairs.second]
        mean = torch.cat([sizes[:, pairs.first], (one + other) / 2.0], dim=2).float()
        ratio = imbalance.of_pair(pairs.seats.rows(mean), pairs.seats.rows((one - other).float()))
        logs = pairs.mean @ slopes.clamp(min=_TINY).log()
        return torch.exp(logs + pairs.apart @ pairs.seats.back(ratio).double())

    @staticmethod
    def _column(like: Tensor, value: float | Tensor) -> Tensor:
        """What all designs share or each has (n), as n x 1."""
        return torch.as_tensor(value, dtype=like.dtype).reshape(-1, 1).expand(len(like), 1)

    def _sizes(self, designs: Tensor) -> Tensor:
        """ln W and L (um) of every transistor, n x k x 2."""
        return torch.stack([designs[:, self._widths].log(), designs[:, self._lengths]], dim=2)

    def _seated(self, sizes: Tensor, probes: Tensor) -> Tensor:
        """What the transistors are asked: polarities x rows x 5, in their precision."""
        return self._seats.rows(torch.cat([sizes, probes], dim=2).to(self.transistors.precision))

    def _bias(self, sizes: Tensor, probes: Tensor) -> tuple[Tensor, Tensor]:
        """Currents n x k (A) and slopes n x k x 3 (S) of the transistors."""
        currents, slopes = self.transistors.bias(self._seated(sizes, probes))
        found = torch.cat([currents[..., None], slopes], dim=-1)
        found = self._seats.back(found).double()
        return found[..., 0], found[..., 1:]

    def _all_nodes(self, unknown: Tensor, feedback: bool) -> Tensor:
        """Voltages of all nodes, where the loop is closed with the output at the feedback input."""
        around, out = self.surroundings, self.topology.node(OUTPUT)
        common_mode = self._column(unknown, around.common_mode)
        given = {
            INPUT: common_mode,
            FEEDBACK: unknown[:, out : out + 1] if feedback else common_mode,
            SUPPLY: self._column(unknown, around.supply),
            GROUND: torch.zeros_like(common_mode),
        }
        return torch.cat([unknown, *given.values()], dim=1)

    def _capacitances(self, designs: Tensor, probes: Tensor) -> Tensor:
        t, sizes = self.topology, self._sizes(designs)
        found = self._seats.back(self.transistors.charge(self._seated(sizes, probes))).double()
        overlaps = designs[:, self._widths, None] * self.overlap[self._kinds]
        own = [designs[:, branch.variable, None] for branch in t.capacitors]
        load = self._column(designs, self.surroundings.load)
        values = torch.cat([torch.cat([found, overlaps], 2).flatten(1), *own, load], dim=1)
        return (values @ self._capacitance).view(-1, len(t.nodes), len(t.nodes))

    def _unity_gain(self, at: SmallSignal, capacitance: Tensor) -> tuple[Tensor, Tensor]:
        """log10 of the first unity-gain frequency and the complex gain there.

        Comes from below by steps that a gain which falls by no more than 40 dB a decade cannot
        jump over, for a zero may keep the gain near one over decades; then by secants.
        """
        u, inp = self.topology.unknowns, self.topology.node(INPUT)
        out = self.topology.node(OUTPUT)
        real, mass = at.conductance[:, :u, :u], 2.0 * math.pi * capacitance[:, :u, :u]
        drive, push = -at.conductance[:, :u, inp], -2.0 * math.pi * capacitance[:, :u, inp]

        def height(log_f: Tensor) -> tuple[Tensor, Tensor]:
            frequency = torch.pow(10.0, log_f)[:, None]
            admittance = torch.complex(real, frequency[:, None] * mass)
            found = _solved(admittance, torch.complex(drive, frequency * push))[:, out]
            return torch.log10(found.abs() + _TINY), found

        with torch.no_grad():
            here = self.slowest.expand(len(drive))
            value = height(here)[0]
            for _ in range(_APPROACHES):
                before, high = here, value
                here = (here + (value / 2.0).clamp(-0.1, 2.0)).clamp(max=_HIGHEST)
                value = height(here)[0]
            slope = torch.full_like(here, -1.0)
            for _ in range(_SECANTS):
                rise = (value - high) / (here - before)
                slope = torch.where((here - before).abs() > 1e-7, rise, slope).clamp(-6.0, -0.05)
                before, high = here, value
                here = (here - (value / slope).clamp(-0.1, 0.1)).clamp(max=_HIGHEST)
                value = height(here)[0]
        here = here - height(here)[0] / slope
        return here, height(here)[1]

    def _drive(self, designs: Tensor, at: SmallSignal, height: Tensor) -> Tensor:
        """Voltage (n) that makes a linear input pair deliver what this one does once stepped.

        Where the pair's current ends, and at the output, nothing has moved yet; the nodes before
        have followed. A mirror without headroom then delivers less than the tail current.
        """
        t = self.topology
        driven, inputs = t.pair_output, [t.node(INPUT), t.node(FEEDBACK)]
        free = [k for k in range(t.unknowns) if k not in (driven, t.node(OUTPUT))]
        sizes, volts = self._sizes(designs), at.voltages.clone()
        volts[:, inputs[0]] += height
        volts[:, free] = self._followed(designs, volts, free, _FOLLOWING, _LARGEST_STEP)[:, free]
        leaving, matrix = self._leaving(designs, sizes, volts)
        matrix = matrix.detach()  # As at the operating point: a step that carries the derivative.
        step = _limited_step(matrix[:, free][:, :, free], leaving[:, free])
        current = (matrix[:, driven, free] * step).sum(1) - leaving[:, driven]
        linear = at.conductance
        inner = _solved(linear[:, free][:, :, free], linear[:, free][:, :, inputs])
        direct = linear[:, driven, inputs] - (linear[:, driven, free, None] * inner).sum(1)
        common, differential = -direct.sum(1), 0.5 * (direct[:, 1] - direct[:, 0])
        return (current - 0.5 * common * height) / differential

    def _followed(
        self, designs: Tensor, volts: Tensor, free: list[int], steps: int, longest: float
    ) -> Tensor:
        """Voltages (n x N) where the free nodes have followed the others, by Newton's method.

        Without derivatives. Steps become shorter and shorter, for some would swing for ever; and
        designs that still move go on by themselves.
        """
        sizes, volts = self._sizes(designs), volts.detach().clone()
        none, supply = torch.zeros_like(volts[:, :1]), volts[:, [self.topology.node(SUPPLY)]]
        with torch.no_grad():
            for _ in range(steps):
                leaving, matrix = self._leaving(designs, sizes, volts)
                step = _limited_step(matrix[:, free][:, :, free], leaving[:, free], longest)
                volts[:, free] = (volts[:, free] - step).clamp(none, supply)
                longest *= _SHORTER
        moving = (step.abs() > _MOVING).any(dim=1)
        if steps == _FOLLOWING and self.transistors.shared and bool(moving.any()):
            on = self._followed(designs[moving], volts[moving], free, _FOLLOWING_ON, longest)
            volts[moving] = on
        return volts

    def _slew_rate(
        self, designs: Tensor, at: SmallSignal, capacitance: Tensor, ugf: Tensor
    ) -> Tensor:
        """Steepest secant of the buffer's step response, V/s (n).

        The linear network is stepped implicitly. The input pair sees no more than what it can
        deliver, and the transistors at the output deliver what they do far from their operating
        point.
        """
        t, u = self.topology, self.topology.unknowns
        inp, inn, out = t.node(INPUT), t.node(FEEDBACK), t.node(OUTPUT)
        height = self._column(at.voltages, self.surroundings.step)[:, 0]
        pair = list(t.input_pair)
        last = [k for k, d in enumerate(t.transistors) if d.nodes[0] == out and k not in pair]
        gm, half = at.slopes[:, pair, 0].mean(1), at.currents[:, pair].mean(1)
        sharpness = 2.5 + 2.3 * (1.0 - 0.5 * THERMAL * gm / half).clamp(0.0, 1.0)
        reach = 2.0 * half / gm  # V, where the linear pair would have run out of current.
        if self.transistors.anywhere and t.pair_output is not None:
            reach = saturation(self._drive(designs, at, height), height, sharpness)
            last = last if t.pair_output != out else []  # What they deliver is the pair's.
        time_constant = 1.0 / (2.0 * math.pi * ugf)
        h = time_constant * (height / reach + _SETTLING) / _TIME_STEPS
        mass = capacitance[:, :u, :u].clone()
        mass[:, :, out] += capacitance[:, :u, inn]
        rate = mass / h[:, None, None]
        inverse = torch.linalg.inv_ex(rate + at.conductance[:, :u, :u]).inverse
        by_input = -(inverse @ at.conductance[:, :u, [inp, inn]])
        driver = Driver.at(at.currents[:, last], at.slopes[:, last, 0], self._flow[last, out])
        gates = self._probe[:u].view(u, -1, 3)[:, last, 0]
        push = inverse[:, :, out]
        # Half of what the output has moved is common to both inputs: part of the linear step.
        common = 0.5 * by_input.sum(2)
        # What the driver delivers beyond the linear network: its law less its tangent.
        tangent = (driver.transconductance @ gates.T)[:, :, None] * push[:, None]
        keep = (inverse @ rate).mT + tangent
        keep[:, out] += common
        steady = (common * height[:, None] + driver.current.sum(1)[:, None] * push)[:, None]
        pair_push = 0.5 * (by_input[:, :, 0] - by_input[:, :, 1])
        onward = torch.cat([keep, torch.stack([pair_push, -push], 1)], 1)
        state = -(inverse @ capacitance[:, :u, inp, None])[:, :, 0] * (height / h)[:, None]
        outputs = [torch.zeros_like(ugf)]
        bend = -1.0 / sharpness
        for _ in range(_TIME_STEPS):
            outputs.append(state[:, out])
            error = height - state[:, out]
            turned = error * (error / reach).abs().pow(sharpness).add(1.0).pow(bend)
            delivered = driver.delivers(state, gates)
            told = torch.cat([state, turned[:, None], delivered[:, None]], 1)
            state = torch.baddbmm(steady, told[:, None], onward)[:, 0]
        return steepest_secant(torch.stack(outputs, 1), h, height)


def _solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Solutions of linear equations; not finite where there is none, and no other row suffers."""
    result: Tensor = torch.linalg.solve_ex(matrix, right).result
    return result


def _limited_step(matrix: Tensor, residual: Tensor, longest: float = _LARGEST_STEP) -> Tensor:
    """Newton's step (n x u, V), no longer than voltages can be trusted to be linear."""
    return _solved(matrix, residual).clamp(-longest, longest)


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
