"""The nodal equations of an amplifier, with transistors that were learned or extracted.

Operating points by Newton's method, and the linear network around them: L. W. Nagel, "SPICE2",
1975. Everything in double precision and for many designs at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.circuits.operating_point import CHARGES
from core.devices.compact import CompactTransistor
from core.devices.seats import Pairs, Seats
from core.devices.topology import FEEDBACK, GROUND, INPUT, OUTPUT, SUPPLY, Branch, Topology
from core.devices.transistor import TransistorModel

MOST_STEPS = 40  # of Newton's method, from anywhere
_SHORTER, _LONGER = 0.5, 1.25  # steps at most, of what turns round and of what does not
_LARGEST_STEP, _STILL = 0.2, 3e-3  # V, of Newton's method; after the last one 1e-4 V are missing
_LEAK = 1e-12  # S from each node to ground
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


class NodalEquations(nn.Module):
    """What flows at the nodes of n designs (n x d, physical units); N nodes, k transistors.

    The first u nodes have unknown voltages.

    Attributes:
        transistors: one model of all polarities, in the order of ``topology.kinds``.
        overlap: of a gate with drain and source, F/um, a row each polarity.
    """

    overlap: Tensor

    def __init__(
        self,
        topology: Topology,
        surroundings: Surroundings,
        transistors: TransistorModel | CompactTransistor,
    ) -> None:
        super().__init__()
        self.topology, self.surroundings, self.transistors = topology, surroundings, transistors
        self.register_buffer("overlap", torch.zeros(len(topology.kinds), 2, dtype=torch.float64))
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

    def repeated(self, values: Tensor) -> Tensor:
        """Values of each polarity and design (n x p x c) in the seats of the transistors."""
        return self._seats.repeated(values)

    def solve(
        self, designs: Tensor, start: Tensor, steps: int = MOST_STEPS, feedback: bool = True
    ) -> Tensor:
        """Node voltages (n x u, V) after at most so many steps of Newton's method.

        Without derivatives.

        Args:
            start: n x u, V.
            feedback: whether the output drives the feedback input.
        """
        nodes = list(range(self.topology.unknowns))
        volts = self._all_nodes(start, feedback)
        return self._settled(designs, volts, nodes, steps, feedback)[:, nodes]

    def _followed(self, designs: Tensor, closed: Tensor, start: Tensor, steps: int) -> Tensor:
        """Node voltages (n x u, V) where the input was stepped and the output has not moved yet.

        Args:
            closed: n x u, V, before the step. start: n x u, V.
        """
        volts, free = self._stepped(self._all_nodes(closed, feedback=True)), self._followers
        volts[:, free] = start[:, free]
        settled = self._settled(designs, volts, free, steps)
        return settled[:, : self.topology.unknowns]

    @property
    def _followers(self) -> list[int]:
        """Nodes that follow a step of the input at once."""
        t = self.topology
        return [k for k in range(t.unknowns) if k not in (t.pair_output, t.node(OUTPUT))]

    def _stepped(self, volts: Tensor) -> Tensor:
        """Voltages of all nodes (n x N) with the input stepped and nothing else moved."""
        step = torch.zeros_like(volts)
        step[:, self.topology.node(INPUT)] = 1.0
        return volts + step * self._column(volts, self.surroundings.step)

    def _settled(
        self,
        designs: Tensor,
        volts: Tensor,
        free: list[int],
        steps: int,
        feedback: bool = False,
    ) -> Tensor:
        """Voltages of all nodes (n x N) after Newton's steps of the free ones, without derivatives.

        A design is left alone once it stands still: all but a few do after a step or two. Some
        would swing for ever: who turns round may go half as far from then on, and a little farther
        with each step that goes on.

        Args:
            feedback: whether the feedback input moves with the output.
        """
        with torch.no_grad():
            volts, sizes = volts.clone(), self._sizes(designs)
            none, supply = (volts[:, [self.topology.node(name)]] for name in (GROUND, SUPPLY))
            volts[:, free] = volts[:, free].clamp(none, supply)
            moving, before = torch.arange(len(volts)), torch.zeros_like(volts[:, free])
            longest = torch.full_like(before, _LARGEST_STEP)
            for _ in range(steps):
                here = volts[moving]
                lost, matrix = self._balance(designs[moving], sizes[moving], here, free, feedback)
                step = solved(matrix, lost)
                turns = step * before[moving] < 0.0
                limit = longest[moving] * torch.where(turns, _SHORTER, _LONGER)
                limit = limit.clamp(max=_LARGEST_STEP)
                before[moving], longest[moving] = step, limit
                moved = here[:, free] - step.clamp(-limit, limit)
                moved = moved.clamp(none[moving], supply[moving])
                on = ((moved - here[:, free]).abs() > _STILL).any(dim=1)
                here[:, free] = moved
                if feedback:
                    here[:, self.topology.node(FEEDBACK)] = here[:, self.topology.node(OUTPUT)]
                volts[moving] = here
                moving = moving[on]
                if not len(moving):
                    break
        return volts

    def small_signal(self, designs: Tensor, start: Tensor, feedback: bool = True) -> SmallSignal:
        """The operating point and what is linear about it; differentiable by the designs.

        From voltages that were solved without derivatives, a last step with the matrix held gives
        the derivative of the solution, as the implicit function theorem has it.

        Args:
            designs: n x d.
            start: n x u, V, solved.
            feedback: whether the output drives the feedback input.
        """
        nodes = list(range(self.topology.unknowns))
        sizes, volts = self._sizes(designs), self._all_nodes(start, feedback)
        lost, matrix = self._balance(designs, sizes, volts, nodes, feedback)
        volts = self._all_nodes(start - limited_step(matrix.detach(), lost), feedback)
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
        self, designs: Tensor, sizes: Tensor, volts: Tensor, free: list[int], feedback: bool
    ) -> tuple[Tensor, Tensor]:
        """What flows out of each of f free nodes that should not (n x f, A), and its Jacobian.

        Args:
            volts: n x N, of all nodes.
            feedback: whether the feedback input moves with the output, one of the free nodes.
        """
        leaving, conductance = self._leaving(designs, sizes, volts)
        matrix = conductance[:, free][:, :, free]
        if feedback:
            out = free.index(self.topology.node(OUTPUT))
            matrix[:, :, out] += conductance[:, free, self.topology.node(FEEDBACK)]
        return leaving[:, free], matrix

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


def solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Solutions of linear equations; not finite where there is none, and no other row suffers."""
    result: Tensor = torch.linalg.solve_ex(matrix, right).result
    return result


def limited_step(matrix: Tensor, residual: Tensor) -> Tensor:
    """Newton's step (n x u, V), no longer than voltages can be trusted to be linear."""
    return solved(matrix, residual).clamp(-_LARGEST_STEP, _LARGEST_STEP)


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
