"""Fixtures of the SPICE tests: every engine that works here, and designs known to work."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.circuits import Circuit, load_circuit
from core.spice import available_engines
from core.spice.engines.registry import start_engine
from core.spice.engines.worker import WorkerEngine

ENGINES = ("ngspice", "neospice")
PROCESSES = ("sky130", "gf180mcu")

WORKING = {
    "5t_opamp": {
        "w1": 10.0, "w2": 10.0, "w3": 10.0, "l1": 1.0, "l2": 1.0, "l3": 1.0, "ibias": 1e-5,
    },
    "two_stage_opamp": {
        "w1": 8.0, "w2": 8.0, "w3": 8.0, "w4": 40.0, "w5": 20.0,
        "l1": 1.0, "l2": 0.5, "l3": 1.0, "l4": 0.5, "l5": 1.0,
        "cc": 1.5e-12, "cr": 3000.0, "ibias": 1e-5,
    },
}  # fmt: skip


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest) -> str:
    """Name of each engine in turn; the test is skipped where it does not work."""
    name = str(request.param)
    if name not in available_engines():
        pytest.skip(f"{name} does not work on this machine")
    return name


@pytest.fixture
def engine(engine_name: str) -> Iterator[WorkerEngine]:
    """Each engine in turn, started for this test."""
    engine = start_engine(engine_name)
    yield engine
    engine.close()


@pytest.fixture(params=sorted(WORKING))
def circuit(request: pytest.FixtureRequest) -> Circuit:
    """Each circuit in turn."""
    return load_circuit(request.param)


@pytest.fixture(params=PROCESSES)
def process_name(request: pytest.FixtureRequest) -> str:
    """Each process in turn."""
    return str(request.param)
