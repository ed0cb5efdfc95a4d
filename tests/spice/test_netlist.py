"""Netlists: the cards picked are those that the whole PDK would have used."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from core.circuits import Circuit, load_circuit
from core.errors import InputError
from core.spice import load_process, pdk_netlist, simulate_one
from core.spice.engines.registry import borrow_engine
from core.spice.engines.worker import Analysis
from core.spice.model_cards import find_package_file, shift_card
from core.spice.netlist import Conditions, amplifier, bench
from tests.spice.conftest import WORKING


@pytest.mark.ngspice
@pytest.mark.parametrize("polarity", ["nmos", "pmos"])
def test_currents_are_those_of_the_whole_model_file(polarity: str) -> None:
    """sky130: ngspice chooses among all cards of the file, we choose one: same currents."""
    process = load_process("sky130")
    path = find_package_file(process.package, process.corners["tt"]["file"])
    cards = process.devices[polarity].cards
    sign = 1 if polarity == "nmos" else -1
    sizes = [(w, length) for w in (1.0, 1.5, 3.0, 5.0, 7.0, 50.0) for length in (0.5, 1.0, 2.0)]
    ours, theirs = (
        [f"* ours\nVg g 0 DC {sign}\n"],
        [f"* theirs\n.include {path}\nVg g 0 DC {sign}\n"],
    )
    for i, (w, length) in enumerate(sizes):
        drain = f"Vd{i} d{i} 0 DC {sign}\nM{i} d{i} g 0 0"
        size = f"w={w}u l={length}u\n"
        ours.append(f".model m{i} {polarity} {process.model_card(polarity, w, length)}\n")
        ours.append(f"{drain} m{i} {size}")
        theirs.append(f"{drain} {cards} {size}")
    currents = Analysis("op", tuple(f"vd{i}#branch" for i in range(len(sizes))))
    with borrow_engine("ngspice") as engine:
        picked, binned = (
            np.array([*engine.run("".join(deck) + ".end\n", [currents])[0].values()])
            for deck in (ours, theirs)
        )
    assert np.allclose(picked, binned, rtol=1e-9)


@pytest.mark.ngspice
@pytest.mark.skipif(shutil.which("ngspice") is None, reason="the program ngspice is not installed")
def test_pdk_netlist_gives_the_same_figures(circuit: Circuit, tmp_path: Path) -> None:
    """The PDK's own subcircuits and bins, run by the program ngspice, against our decks."""
    process = load_process("gf180mcu")
    folder = tmp_path / "gf180mcuD" / "libs.tech" / "ngspice"
    folder.mkdir(parents=True)
    for name in ("design.ngspice", "sm141064.ngspice"):
        shutil.copy(find_package_file(process.package, f"gf180mcu/models/{name}"), folder)
    deck = tmp_path / "candidate.cir"
    deck.write_text(pdk_netlist(circuit, process, WORKING[circuit.id], pdk_root=str(tmp_path)))
    run = subprocess.run(
        ["ngspice", "-b", str(deck)], capture_output=True, text=True, timeout=120, check=False
    )
    printed = dict(re.findall(r"(\S+) += +(\S+)", run.stdout))
    ours = simulate_one(circuit, process, WORKING[circuit.id], engine="ngspice")
    assert float(printed["dc_gain"]) == pytest.approx(ours.metrics["dc_gain"], rel=1e-4)
    assert float(printed["ugf"]) == pytest.approx(ours.metrics["ugf"], rel=1e-3)
    assert float(printed["phase_margin"]) == pytest.approx(ours.metrics["phase_margin"], abs=0.05)
    assert -float(printed["i(vdd)"]) == pytest.approx(ours.supply_current, rel=1e-4)


def test_pdk_netlist_of_sky130_uses_its_devices_and_units() -> None:
    circuit = load_circuit("5t_opamp")
    text = pdk_netlist(circuit, load_process("sky130"), WORKING[circuit.id], "ss")
    assert 'sky130.lib.spice" ss' in text
    assert "XM1 mirror inp tail 0 sky130_fd_pr__nfet_01v8 w=10 l=1 ad=2.9" in text


def test_sizes_and_junctions_are_written_in_micrometres(circuit: Circuit) -> None:
    process = load_process("gf180mcu")
    conditions = Conditions(process, "tt", 27.0, 3.3)
    sized = amplifier(circuit, conditions, WORKING[circuit.id])
    width = WORKING[circuit.id]["w1"]
    assert f"w={width:g}u l=1u ad={width * 0.18:g}p" in sized.text
    assert set(sized.terminals) == {device.name for device in circuit.devices}


def test_voltages_follow_the_supply(circuit: Circuit) -> None:
    process = load_process("sky130")
    low = bench(circuit, Conditions(process, "tt", 27.0, 3.0))
    assert low.common_mode == pytest.approx(0.6 * 3.0)
    assert low.step == pytest.approx(0.2 * 3.0)


def test_a_common_mode_may_be_given_for_each_process() -> None:
    circuit = load_circuit("5t_opamp")
    high = bench(circuit, Conditions(load_process("gf180mcu"), "tt", 27.0, 3.3))
    assert high.common_mode == pytest.approx(0.8 * 3.3)


def test_a_process_without_a_common_mode_is_named() -> None:
    circuit = load_circuit("5t_opamp")
    testbench = {**circuit.testbench, "common_mode": {"sky130": 0.6}}
    other = dataclasses.replace(circuit, testbench=testbench)
    with pytest.raises(InputError, match="gf180mcu"):
        bench(other, Conditions(load_process("gf180mcu"), "tt", 27.0, 3.3))


def test_template_with_an_unknown_name_is_refused() -> None:
    circuit = load_circuit("5t_opamp")
    broken = dataclasses.replace(circuit, netlist='{{ value("w9") }}')
    conditions = Conditions(load_process("gf180mcu"), "tt", 27.0, 3.3)
    with pytest.raises(InputError, match="netlist template"):
        amplifier(broken, conditions, WORKING[circuit.id])


def test_circuit_without_a_netlist_is_refused() -> None:
    circuit = dataclasses.replace(load_circuit("5t_opamp"), netlist="")
    conditions = Conditions(load_process("gf180mcu"), "tt", 27.0, 3.3)
    with pytest.raises(InputError, match="has no netlist"):
        amplifier(circuit, conditions, WORKING[circuit.id])


def test_shifted_card_moves_threshold_and_mobility() -> None:
    shifted = shift_card("level=14 vth0=0.5 u0=0.02 lu0=1e-9 ua=3", 0.01, 0.05)
    assert shifted == "level=14 vth0=0.51 u0=0.021 lu0=1.05e-09 ua=3"


def test_a_template_reaches_nothing_outside_itself() -> None:
    circuit = load_circuit("5t_opamp")
    text = "{{ cycler.__init__.__globals__.os.getcwd() }}"
    broken = dataclasses.replace(circuit, netlist=text)
    conditions = Conditions(load_process("gf180mcu"), "tt", 27.0, 3.3)
    with pytest.raises(InputError, match="netlist template"):
        amplifier(broken, conditions, WORKING[circuit.id])
