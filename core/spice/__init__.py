"""Real SPICE numbers: processes, testbenches, engines, and the data sets made with them."""

from core.spice.engines.registry import available_engines
from core.spice.gate import SATURATION_MARGIN, failure_categories
from core.spice.generate import generate
from core.spice.mismatch import simulate_mismatch
from core.spice.pdk import pdk_netlist
from core.spice.process import Process, load_process, process_names
from core.spice.sampling import sample_designs
from core.spice.simulate import Simulation, SimulationTable, simulate, simulate_one

__all__ = [
    "SATURATION_MARGIN",
    "Process",
    "Simulation",
    "SimulationTable",
    "available_engines",
    "failure_categories",
    "generate",
    "load_process",
    "pdk_netlist",
    "process_names",
    "sample_designs",
    "simulate",
    "simulate_mismatch",
    "simulate_one",
]
