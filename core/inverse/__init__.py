"""Inverse design: specifications of process B in, sizes on the manufacturing grid out."""

from core.inverse.closed_loop import Campaign, design_until
from core.inverse.contribution import add_verified, check_data_folder
from core.inverse.corner_design import CornerDesign, design_for_corners
from core.inverse.corners import (
    Condition,
    CornerTable,
    simulate_corners,
    standard_conditions,
    tightened,
)
from core.inverse.flags import parse_band, parse_numbers, specification_from_flags
from core.inverse.goals import Goal, GoalKind, Objective, Requirement, Tie
from core.inverse.guidance import Guidance, guide
from core.inverse.mismatch_yield import MismatchYield, simulate_yield
from core.inverse.outputs import netlists, report, write_outputs
from core.inverse.pareto import pareto_front
from core.inverse.pools import SearchSettings
from core.inverse.porting import port_specification
from core.inverse.reference import ReferenceSettings
from core.inverse.sampling import mdn_sampler, sample_sizings
from core.inverse.search import DesignResult, design
from core.inverse.sensitivity import sensitivities
from core.inverse.spec_file import load_specification
from core.inverse.specification import Specification
from core.inverse.starts import read_starts
from core.inverse.verify import Simulated, Verification, judge, spice_oracle, verify
from core.inverse.workbench import Workbench, prepare

__all__ = [
    "Campaign",
    "Condition",
    "CornerDesign",
    "CornerTable",
    "DesignResult",
    "Goal",
    "GoalKind",
    "Guidance",
    "MismatchYield",
    "Objective",
    "ReferenceSettings",
    "Requirement",
    "SearchSettings",
    "Simulated",
    "Specification",
    "Tie",
    "Verification",
    "Workbench",
    "add_verified",
    "check_data_folder",
    "design",
    "design_for_corners",
    "design_until",
    "guide",
    "judge",
    "load_specification",
    "mdn_sampler",
    "netlists",
    "pareto_front",
    "parse_band",
    "parse_numbers",
    "port_specification",
    "prepare",
    "read_starts",
    "report",
    "sample_sizings",
    "sensitivities",
    "simulate_corners",
    "simulate_yield",
    "specification_from_flags",
    "spice_oracle",
    "standard_conditions",
    "tightened",
    "verify",
    "write_outputs",
]
