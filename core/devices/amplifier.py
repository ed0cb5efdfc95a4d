"""An amplifier from its nodal equations, with transistors that were learned or extracted.

Operating point by Newton's method, open-loop gains by the small-signal admittance matrix, the
buffer's step response by backward Euler on the linear network with an input pair that saturates:
P. R. Gray et al., "Analysis and Design of Analog Integrated Circuits", 5th ed., chapters 3, 7
and 9, and L. W. Nagel, "SPICE2", 1975. What it says is an estimate: the ensemble's Gaussian
process learns what it misses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from core.devices.compact import CompactTransistor
from core.devices.nodal import (
    MOST_STEPS,
    NodalEquations,
    SmallSignal,
    Surroundings,
    limited_step,
    solved,
)
from core.devices.slewing import THERMAL, Driver, saturation, steepest_secant
from core.devices.topology import FEEDBACK, INPUT, OUTPUT, Topology
from core.devices.transistor import ScaledNetwork, TransistorModel

ESTIMATES = ("slewrate_pos", "dc_gain", "ugf", "phase_margin", "cmrr")
# Newton steps from a guess by transistors that are known near operating points alone, by others.
_FEW_STEPS, _SOME_STEPS = 1, 15
_HIGHEST = 11.0  # log10 Hz, up to where a unity-gain frequency is looked for
_APPROACHES, _SECANTS = 8, 3
_TIME_STEPS = 40
_SETTLING = 3.5  # Time constants of the loop that the step response is followed beyond its slewing.
GUESS_UNITS = (32, 32)  # Hidden units that guess the node voltages.
_TINY = 1e-30


class AmplifierModel(NodalEquations):
    """Designs n x d (physical units) to estimates of ``ESTIMATES``, n x 5, double precision.

    Attributes:
        guess: node voltages (V) of all states from the logs of the sizes.
        slowest: log10 Hz, below every unity-gain frequency that was seen.
    """

    slowest: Tensor

    def __init__(
        self,
        topology: Topology,
        surroundings: Surroundings,
        inputs: int,
        transistors: TransistorModel | CompactTransistor,
        guessing: Sequence[int] = GUESS_UNITS,
    ) -> None:
        """Make an amplifier with so many design variables, and hidden units that guess."""
        super().__init__(topology, surroundings, transistors)
        self.guess = ScaledNetwork([inputs, *guessing, self.states * topology.unknowns])
        self.register_buffer("slowest", torch.tensor(0.0, dtype=torch.float64))

    @property
    def follows(self) -> bool:
        """Whether it can tell where nodes go once an input was stepped."""
        return self.transistors.anywhere and self.topology.pair_output is not None

    @property
    def states(self) -> int:
        """In how many states a design's node voltages are solved.

        With the loop closed; open, where the surroundings have it so; and closed, with the input
        stepped and the output not yet moved, where that can be told.
        """
        return 1 + self.surroundings.open_loop + self.follows

    def forward(self, designs: Tensor) -> Tensor:
        """Estimate metrics (n x 5, SI units) of designs (n x d, physical, double)."""
        return self.estimate(designs)

    def estimate(self, designs: Tensor, volts: Tensor | None = None) -> Tensor:
        """Estimate metrics (n x 5) of designs (n x d).

        Args:
            volts: of all states, as ``solve_states`` gives them. None: solved from the guess.
        """
        found = self.estimates(designs, self.guessed(designs) if volts is None else volts)
        return torch.stack([found[name] for name in ESTIMATES], dim=1)

    def estimates(self, designs: Tensor, volts: Tensor) -> dict[str, Tensor]:
        """The same, metric by metric (n each): no derivative of one goes through what others need.

        Args:
            volts: of all states, as ``solve_states`` gives them.
        """
        states = volts.split(self.topology.unknowns, dim=1)
        at = self.small_signal(designs, states[0])
        capacitance = self._capacitances(designs, at.probes)
        loop = self._loop(at, capacitance)
        stepped = states[-1] if self.follows else None
        slew = self._slew_rate(designs, at, capacitance, loop["ugf"], stepped)
        if self.surroundings.open_loop:
            # Rejection is measured with the loop closed all the same.
            apart = self.small_signal(designs, states[1], feedback=False)
            loop = self.loop_estimates(designs, apart) | {"cmrr": loop["cmrr"]}
        return {**loop, "slewrate_pos": slew}

    def loop_estimates(self, designs: Tensor, at: SmallSignal) -> dict[str, Tensor]:
        """Estimates (n each) of what the open loop tells, at an operating point."""
        return self._loop(at, self._capacitances(designs, at.probes))

    def _loop(self, at: SmallSignal, capacitance: Tensor) -> dict[str, Tensor]:
        t, u = self.topology, self.topology.unknowns
        inp, inn, out = t.node(INPUT), t.node(FEEDBACK), t.node(OUTPUT)
        matrix, drive = at.conductance[:, :u, :u], -at.conductance[:, :u, inp]
        gain = solved(matrix, drive)[:, out].abs()
        log_ugf, response = self._unity_gain(at, capacitance)
        omega = 2.0 * math.pi * self.surroundings.cmrr_frequency
        admittance = torch.complex(at.conductance[:, :u], omega * capacitance[:, :u])
        each = solved(admittance[:, :, :u], admittance[:, :, [inp, inn]])[:, out]
        return {
            "dc_gain": gain + _TINY,
            "ugf": 10.0**log_ugf,
            "phase_margin": torch.rad2deg(torch.angle(-response)),
            "cmrr": (each[:, 0].abs() + _TINY) / (each.sum(1).abs() + _TINY),
        }

    def guessed(self, designs: Tensor) -> Tensor:
        """Voltages of all states (n x states u) from the guess, as far as it needs to be solved.

        Where a circuit is about to collapse the guess may be off by much, and transistors that are
        known anywhere are asked for more steps.
        """
        steps = _SOME_STEPS if self.transistors.anywhere else _FEW_STEPS
        return self.solve_states(designs, self.guess(designs.log()), steps)

    def solve_states(self, designs: Tensor, start: Tensor, steps: int = MOST_STEPS) -> Tensor:
        """Voltages of all states side by side, from a start (n x states u, V) likewise."""
        starts = start.split(self.topology.unknowns, dim=1)
        found = [self.solve(designs, starts[0], steps)]
        if self.surroundings.open_loop:
            found.append(self.solve(designs, starts[1], steps, feedback=False))
        if self.follows:
            found.append(self._followed(designs, found[0], starts[-1], steps))
        return torch.cat(found, dim=1)

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
            found = solved(admittance, torch.complex(drive, frequency * push))[:, out]
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

    def _drive(self, designs: Tensor, at: SmallSignal, height: Tensor, stepped: Tensor) -> Tensor:
        """Voltage (n) that makes a linear input pair deliver what this one does once stepped.

        Where the pair's current ends, and at the output, nothing has moved yet; the nodes before
        have followed. A mirror without headroom then delivers less than the tail current.

        Args:
            height: n, V, of the step.
            stepped: n x u, V, where the nodes have followed.
        """
        t, free = self.topology, self._followers
        driven, inputs = t.pair_output, [t.node(INPUT), t.node(FEEDBACK)]
        sizes, volts = self._sizes(designs), self._stepped(at.voltages)
        volts[:, free] = stepped[:, free]
        leaving, matrix = self._leaving(designs, sizes, volts)
        matrix = matrix.detach()  # As at the operating point: a step that carries the derivative.
        step = limited_step(matrix[:, free][:, :, free], leaving[:, free])
        current = (matrix[:, driven, free] * step).sum(1) - leaving[:, driven]
        linear = at.conductance
        inner = solved(linear[:, free][:, :, free], linear[:, free][:, :, inputs])
        direct = linear[:, driven, inputs] - (linear[:, driven, free, None] * inner).sum(1)
        common, differential = -direct.sum(1), 0.5 * (direct[:, 1] - direct[:, 0])
        return (current - 0.5 * common * height) / differential

    def _slew_rate(
        self,
        designs: Tensor,
        at: SmallSignal,
        capacitance: Tensor,
        ugf: Tensor,
        stepped: Tensor | None,
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
        if stepped is not None:
            reach = saturation(self._drive(designs, at, height, stepped), height, sharpness)
            last = last if t.pair_output != out else []  # What they deliver is the pair's.
        time_constant = 1.0 / (2.0 * math.pi * ugf)
        h = time_constant * (height / reach + _SETTLING) / _TIME_STEPS
        mass = capacitance[:, :u, :u].clone()
        mass[:, :, out] += capacitance[:, :u, inn]
        rate = mass / h[:, None, None]
        inverse = torch.linalg.inv_ex(rate + at.conductance[:, :u, :u]).inverse
        by_input = -(inverse @ at.conductance[:, :u, [inp, inn]])
        # From here on designs come last: in what is small for each of them, they are the long axis.
        driver = Driver.at(
            at.currents[:, last].T, at.slopes[:, last, 0].T, self._flow[last, out, None]
        )
        gates = self._probe[:u].view(u, -1, 3)[:, last, 0].T
        push = inverse[:, :, out].T
        # Half of what the output has moved is common to both inputs: part of the linear step.
        by_input = by_input.permute(1, 2, 0)
        common = 0.5 * by_input.sum(1)
        # What the driver delivers beyond the linear network: its law less its tangent.
        tangent = (gates.T @ driver.transconductance)[:, None] * push
        keep = (inverse @ rate).permute(2, 1, 0) + tangent
        keep[out] += common
        steady = common * height + driver.current.sum(0) * push
        pair_push = 0.5 * (by_input[:, 0] - by_input[:, 1])
        onward = torch.cat([keep, torch.stack([pair_push, -push])])
        state = -(inverse @ capacitance[:, :u, inp, None])[:, :, 0].T * (height / h)
        outputs = [torch.zeros_like(ugf)]
        bend = -1.0 / sharpness
        for _ in range(_TIME_STEPS):
            outputs.append(state[out])
            error = height - state[out]
            turned = error * (error / reach).abs().pow(sharpness).add(1.0).pow(bend)
            delivered = driver.delivers(state, gates)
            told = torch.cat([state, turned[None], delivered[None]])
            state = steady + (onward * told[:, None]).sum(0)
        return steepest_secant(torch.stack(outputs, 1), h, height)
