"""The graph of an amplifier, as it stands in its netlist template."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.circuits import load_circuit
from core.devices.topology import read_topology
from core.errors import InputError


def names(topology, positions):
    return [tuple(topology.transistors[k].name for k in pair) for pair in positions]


def test_the_nodes_without_a_given_voltage_come_first():
    topology = read_topology(load_circuit("two_stage_opamp"))
    unknown = topology.nodes[: topology.unknowns]
    assert set(unknown) == {"bias", "first", "mirror", "tail", "zero", "out"}
    assert topology.nodes[topology.unknowns :] == ("inp", "inn", "vdd", "0")


def test_branches_are_sized_by_their_variables():
    circuit = load_circuit("two_stage_opamp")
    topology = read_topology(circuit)
    (resistor,), (capacitor,), (current,) = (
        topology.resistors,
        topology.capacitors,
        topology.currents,
    )
    assert circuit.variable_names[resistor.variable] == "cr"
    assert circuit.variable_names[capacitor.variable] == "cc"
    assert circuit.variable_names[current.variable] == "ibias"
    assert topology.nodes[current.first] == "vdd"


@pytest.mark.parametrize(
    ("circuit_id", "pair"), [("5t_opamp", ("M1", "M2")), ("two_stage_opamp", ("M1", "M2"))]
)
def test_input_pair_mirror_and_current_source_are_found_equal(circuit_id, pair):
    topology = read_topology(load_circuit(circuit_id))
    assert names(topology, [topology.input_pair]) == [pair]
    assert names(topology, topology.equal_pairs) == [("M1", "M2"), ("M3", "M4"), ("M5", "MB")]


@pytest.mark.parametrize(
    ("circuit_id", "node"), [("5t_opamp", "out"), ("two_stage_opamp", "first")]
)
def test_the_currents_of_the_input_pair_end_beside_the_mirror_s_diode(circuit_id, node):
    topology = read_topology(load_circuit(circuit_id))
    assert topology.nodes[topology.pair_output] == node


def test_without_a_mirror_the_input_pair_has_no_single_output():
    circuit = load_circuit("5t_opamp")
    text = circuit.netlist.replace('"mirror", "mirror", "vdd"', '"mirror", "bias", "vdd"')
    assert read_topology(replace(circuit, netlist=text)).pair_output is None


def test_an_element_that_nodal_equations_do_not_cover_is_named():
    circuit = load_circuit("5t_opamp")
    inductive = replace(circuit, netlist=circuit.netlist.replace("Ibias vdd", "Lbias vdd"))
    with pytest.raises(InputError, match='holds "Lbias"'):
        read_topology(inductive)
