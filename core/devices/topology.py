"""What a netlist template connects: transistors, resistors, capacitors and sources by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from core.circuits import Circuit
from core.errors import InputError
from core.spice.netlist import render

INPUT, FEEDBACK, OUTPUT, SUPPLY, GROUND = "inp", "inn", "out", "vdd", "0"
_PORTS = (INPUT, FEEDBACK, SUPPLY, GROUND)


@dataclass(frozen=True)
class Transistor:
    """One transistor of a circuit.

    Attributes:
        name: as in the netlist.
        polarity: ``nmos`` or ``pmos``.
        width: position of its width among the design variables.
        length: position of its length.
        nodes: positions of drain, gate, source and bulk among the nodes.
    """

    name: str
    polarity: str
    width: int
    length: int
    nodes: tuple[int, int, int, int]


@dataclass(frozen=True)
class Branch:
    """A resistor, capacitor or current source from one node to another, sized by a variable."""

    first: int
    second: int
    variable: int


@dataclass(frozen=True)
class Topology:
    """An amplifier as a graph.

    Attributes:
        nodes: the inner nodes and the output, then input, feedback input, supply and ground.
        transistors: in the netlist's order.
        resistors: branches in Ohm.
        capacitors: branches in F.
        currents: branches in A, flowing from the first node to the second.
    """

    nodes: tuple[str, ...]
    transistors: tuple[Transistor, ...]
    resistors: tuple[Branch, ...]
    capacitors: tuple[Branch, ...]
    currents: tuple[Branch, ...]

    @property
    def unknowns(self) -> int:
        """How many nodes have no given voltage: they are the first ones."""
        return len(self.nodes) - len(_PORTS)

    def node(self, name: str) -> int:
        """Position of a node."""
        return self.nodes.index(name)

    @cached_property
    def polarities(self) -> np.ndarray:
        """+1 for each NMOS, -1 for each PMOS."""
        return np.array([1.0 if t.polarity == "nmos" else -1.0 for t in self.transistors])

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The polarities that occur, in alphabetical order."""
        return tuple(sorted({t.polarity for t in self.transistors}))

    @cached_property
    def input_pair(self) -> tuple[int, ...]:
        """Positions of the transistors whose gates are the two inputs."""
        gates = {self.node(INPUT), self.node(FEEDBACK)}
        return tuple(k for k, t in enumerate(self.transistors) if t.nodes[1] in gates)

    @cached_property
    def pair_output(self) -> int | None:
        """Position of the node where the currents of the input pair end, one of them mirrored.

        None where they end in no single node beside a diode-connected transistor's.
        """
        diodes = {t.nodes[0] for t in self.transistors if t.nodes[0] == t.nodes[1]}
        found = {self.transistors[k].nodes[0] for k in self.input_pair} - diodes
        return found.pop() if len(found) == 1 else None

    @cached_property
    def equal_pairs(self) -> tuple[tuple[int, int], ...]:
        """Positions of transistors of equal size that share their source, two by two."""
        seen: dict[tuple[str, int, int, int], int] = {}
        found = []
        for k, t in enumerate(self.transistors):
            partner = seen.pop((t.polarity, t.width, t.length, t.nodes[2]), None)
            if partner is None:
                seen[t.polarity, t.width, t.length, t.nodes[2]] = k
            else:
                found.append((partner, k))
        return tuple(found)


def read_topology(circuit: Circuit) -> Topology:
    """Read the graph out of a circuit's netlist template.

    Raises:
        InputError: the circuit has no template, or an element of it is none of M, R, C and I.
    """
    names = circuit.variable_names
    devices = {device.name: device for device in circuit.devices}

    def transistor(name: str, *nodes: str) -> str:
        return f"{name} {' '.join(nodes)}"

    # In place of its value, each variable writes its own number.
    text = render(circuit, {name: number for number, name in enumerate(names)}, transistor)
    rows = [line.split() for line in text.splitlines() if line[:1].isalpha()]
    found = sorted({node for row in rows for node in _nodes(row, devices)} - set(_PORTS) - {OUTPUT})
    nodes = (*found, OUTPUT, *_PORTS)
    place = {node: position for position, node in enumerate(nodes)}

    def branches(letter: str) -> tuple[Branch, ...]:
        return tuple(
            Branch(place[row[1]], place[row[2]], int(row[3]))
            for row in rows
            if row[0] not in devices and row[0][0].upper() == letter
        )

    others = [row[0] for row in rows if row[0] not in devices and row[0][0].upper() not in "RCI"]
    if others:
        raise InputError(
            f'The netlist of circuit "{circuit.id}" holds "{others[0]}": nodal equations are '
            "written for transistors, resistors, capacitors and current sources."
        )
    return Topology(
        nodes,
        tuple(
            Transistor(
                row[0],
                devices[row[0]].polarity,
                names.index(devices[row[0]].width),
                names.index(devices[row[0]].length),
                (place[row[1]], place[row[2]], place[row[3]], place[row[4]]),
            )
            for row in rows
            if row[0] in devices
        ),
        branches("R"),
        branches("C"),
        branches("I"),
    )


def _nodes(row: Sequence[str], devices: Mapping[str, object]) -> Sequence[str]:
    return row[1:5] if row[0] in devices else row[1:3]
