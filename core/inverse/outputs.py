"""What a design run leaves on disk: candidates.csv, report.json, a netlist a candidate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from core.circuits import Circuit
from core.files import plain, write_csv, write_folder, write_text
from core.inverse.search import DesignResult
from core.inverse.specification import Specification
from core.inverse.verify import Verification
from core.spice.pdk import pdk_netlist
from core.spice.process import Process


def write_outputs(
    result: DesignResult,
    verification: Verification | None,
    folder: str | Path,
    process: Process | None = None,
) -> list[Path]:
    """Write everything aside, then rename; a reader never sees half a file.

    Args:
        result: the candidates.
        verification: what SPICE said, if it was asked.
        folder: made where missing.
        process: process B, for the netlists; without it none are written.

    Returns:
        The paths written.
    """
    folder = Path(folder)
    candidates, told = folder / "candidates.csv", folder / "report.json"
    write_csv(result.candidates, candidates)
    write_text(json.dumps(report(result, verification), indent=1), told)
    written = [candidates, told]
    if verification is not None:
        verified = folder / "verification.csv"
        write_csv(verification.table, verified)
        written.append(verified)
    if process is not None:
        circuit = result.specification.circuit
        texts = netlists(circuit, process, result.candidates, "candidate")
        written.append(write_folder(folder / "netlists", texts))
    return written


def report(result: DesignResult, verification: Verification | None = None) -> dict[str, Any]:
    """Everything of a design run as plain JSON values; NaN becomes null."""
    feasibility = result.feasibility
    content = {
        "circuit": result.specification.circuit.id,
        "specification": describe(result.specification),
        "method": result.method,
        "model": result.model_name,
        "supply_voltage": result.supply_voltage,
        "seconds": result.seconds,
        "counters": result.counters,
        "feasibility": {
            "probability": feasibility.probability,
            "difficulty": feasibility.difficulty,
            "feasible": feasibility.feasible,
            "limits": [
                {
                    "requirement": limit.requirement.name,
                    "bound": limit.requirement.bound,
                    "alone": limit.alone,
                    "together": limit.together,
                    "resolves": limit.resolves,
                    "without_limits": limit.whole,
                }
                for limit in feasibility.limits
            ],
            "conflicts": feasibility.pairs,
            "sentences": feasibility.sentences,
        },
        "candidates": result.candidates.to_dict("records"),
    }
    if verification is not None:
        content["verification"] = {
            "process": verification.process,
            "engine": verification.engine,
            "passed": verification.passed,
            "rejections": dict(verification.rejections),
            "rows": verification.table.to_dict("records"),
        }
    return {key: plain(value) for key, value in content.items()}


def describe(specification: Specification) -> dict[str, Any]:
    """A specification as plain values: goals, limits, ties."""
    return {
        "goals": [
            {
                "quantity": goal.quantity,
                "goal": str(goal.kind),
                "low": goal.low,
                "high": goal.high,
                "weight": goal.weight,
            }
            for goal in specification.goals
        ],
        "limits": {name: list(ends) for name, ends in specification.limits.items()},
        "ties": {tie.variable: f"{tie.ratio:g} * {tie.other}" for tie in specification.ties},
    }


def netlists(
    circuit: Circuit, process: Process, designs: pd.DataFrame, stem: str
) -> dict[str, str]:
    """Ready-to-run netlists of designs (n x d) by file name: ``STEM_01.cir`` and so on."""
    rows = designs[circuit.variable_names].to_dict("records")
    return {
        f"{stem}_{number:02d}.cir": pdk_netlist(circuit, process, row)
        for number, row in enumerate(rows, start=1)
    }
