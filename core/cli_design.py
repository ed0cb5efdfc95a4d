"""The command ``design``: from its flags to candidates, sign-off and files."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import pandas as pd

from core import console
from core.circuits import Circuit
from core.ensemble import load_predictor
from core.errors import InputError, UsageError
from core.figures.datasheet_page import datasheet_page
from core.files import write_csv, write_folder
from core.inverse import (
    CornerTable,
    DesignResult,
    ReferenceSettings,
    Specification,
    Workbench,
    add_verified,
    check_data_folder,
    design,
    design_for_corners,
    design_until,
    load_specification,
    mdn_sampler,
    netlists,
    prepare,
    read_starts,
    simulate_corners,
    specification_from_flags,
    spice_oracle,
    verify,
    write_outputs,
)
from core.spice import Process, load_process, process_names, simulate_one
from core.training.run_store import RunStore

Flags = Mapping[str, Any]
# What a spec file says itself, by flag.
SPEC_FLAGS = {
    "goal": "--goal",
    "ugf_band": "--ugf-band",
    "pm_band": "--pm-band",
    "bands": "--band",
    "weights": "--weights",
    "upper_bounds": "--at-most",
    "minimized": "--minimize",
    "limits": "--limit",
    "ties": "--tie",
}
SIGN_OFF_FILES = ("verification.csv", "campaign.csv", "corner_candidates.csv", "corners.csv")
SIGN_OFF_FOLDERS = ("datasheets", "confirmed", "corner_confirmed")
FASTEST = 10.0  # learning rate of Adam, in spreads of the sizes
# The least value of a number that may not be any.
LEAST = {
    "until": ("--until", 0),
    "budget": ("--budget", 1),
    "n_init": ("--n-init", 1),
    "steps": ("--steps", 0),
    "finish_lbfgs": ("--finish-lbfgs", 0),
    "prior": ("--prior", 0),
}


def run_design(flags: Flags) -> None:
    """Search, rank, verify and write; say on stdout what was found.

    Raises:
        InputError: bad input, one sentence a fault.
        UsageError: flags that do not go together.
    """
    _check_flags(flags)
    run, out = flags["run_folder"], flags["out"]
    predictor = load_predictor(run, flags["model"])
    circuit = predictor.circuit
    specification = _specification(circuit, flags)
    process = _process_to_verify(run, flags["process"])
    starts = read_starts(flags["init_file"], circuit) if flags["init_file"] else None
    if flags["add_to_data"]:
        check_data_folder(flags["add_to_data"], circuit, process, flags["engine"])
    bench = prepare(predictor, seed=flags["seed"])
    result = design(
        bench,
        specification,
        n=flags["n"],
        method=flags["method"],
        seed=flags["seed"],
        starts=starts,
        sampler=mdn_sampler(run, flags["seed"]),
        supply_voltage=process.supply,
        reference=_reference_settings(flags),
    )
    console.show(result.candidates)
    click.echo(f"{len(result.candidates)} candidates in {result.seconds:.2f} s, predicted only")
    for sentence in result.conflicts:
        click.echo(sentence)
    _forget_sign_off(out)
    simulated = [_sign_off(result, process, flags)]
    if flags["until"]:
        simulated.append(_until(bench, specification, process, flags))
    if flags["corners"]:
        _corners(bench, specification, process, flags)
    if flags["add_to_data"]:
        everything = pd.concat(simulated, ignore_index=True)
        added = add_verified(flags["add_to_data"], circuit, process, everything, flags["engine"])
        click.echo(added.sentence)
    click.echo(f"Written: {out}")


def _forget_sign_off(out: Path) -> None:
    """Remove what SPICE said of other candidates, which an earlier call left in the folder."""
    for name in SIGN_OFF_FILES:
        (out / name).unlink(missing_ok=True)
    for name in SIGN_OFF_FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)


def _sign_off(result: DesignResult, process: Process, flags: Flags) -> pd.DataFrame:
    """Verify the best K where that was asked, write the outputs; return what was simulated."""
    out, count = flags["out"], min(flags["verify_count"], len(result.candidates))
    if not count:
        write_outputs(result, None, out, process)
        return pd.DataFrame()
    found = verify(
        result, count, process, engine=flags["engine"], progress=console.progress("verified")
    )
    console.show(found.table.T)
    click.echo(f"SPICE ({found.engine}, {process.name}): {found.passed} of {count} candidates pass")
    _say_rejections(found.rejections)
    write_outputs(result, found, out, process)
    pages = _datasheets(result.specification, found.simulated, process, flags, "candidate")
    write_folder(out / "datasheets", pages)
    return found.simulated


def _until(
    bench: Workbench, specification: Specification, process: Process, flags: Flags
) -> pd.DataFrame:
    """Design, simulate and learn until enough designs are confirmed."""
    campaign = design_until(
        bench,
        specification,
        spice_oracle(specification.circuit, process, engine=flags["engine"]),
        confirmed=flags["until"],
        budget=flags["budget"],
        seed=flags["seed"],
        sampler=mdn_sampler(flags["run_folder"], flags["seed"]),
        supply_voltage=process.supply,
        progress=console.progress("simulated"),
    )
    write_csv(campaign.table, flags["out"] / "campaign.csv")
    click.echo(f"{campaign.confirmed} designs confirmed with {len(campaign.table)} simulations")
    if campaign.hopeless:
        click.echo("Ended early: no design is left that has a chance to meet everything.")
    _say_rejections(campaign.rejections)
    confirmed = campaign.table[campaign.table["verdict"] == "PASS"]
    _write_confirmed(specification, confirmed, process, flags, "confirmed")
    return campaign.table


def _corners(
    bench: Workbench, specification: Specification, process: Process, flags: Flags
) -> None:
    """Size for the corners and say which candidates hold in all of them."""
    found = design_for_corners(
        bench,
        specification,
        process,
        n=flags["n"],
        k=min(3, flags["n"]),
        seed=flags["seed"],
        engine=flags["engine"],
        progress=console.progress("rounds over the corners"),
    )
    console.show(found.table)
    write_csv(found.table, flags["out"] / "corner_candidates.csv")
    write_csv(found.conditions, flags["out"] / "corners.csv")
    click.echo(
        f"{len(found.confirmed)} of {len(found.table)} candidates hold in all 17 corners "
        f"({len(found.conditions)} simulations)"
    )
    _write_confirmed(specification, found.confirmed, process, flags, "corner_confirmed")


def _say_rejections(rejections: Mapping[str, int]) -> None:
    for reason, times in rejections.items():
        click.echo(f"rejected {times}: {reason}")


def _write_confirmed(
    specification: Specification, designs: pd.DataFrame, process: Process, flags: Flags, name: str
) -> None:
    """Write a netlist and a datasheet of each confirmed design into a folder of that name."""
    if not len(designs):
        return
    texts = netlists(specification.circuit, process, designs, name)
    texts |= _datasheets(specification, designs, process, flags, name)
    write_folder(flags["out"] / name, texts)


def _datasheets(
    specification: Specification, designs: pd.DataFrame, process: Process, flags: Flags, stem: str
) -> dict[str, str]:
    """Simulate designs over the corners; return an HTML page of each by file name."""
    sizes = designs[specification.circuit.variable_names].reset_index(drop=True)
    corners = simulate_corners(
        specification,
        sizes,
        process,
        engine=flags["engine"],
        progress=console.progress("conditions for the datasheets"),
    )
    return {
        f"{stem}_{number:02d}.html": _page(specification, row, process, corners, number, flags)
        for number, row in enumerate(sizes.to_dict("records"), start=1)
    }


def _page(
    specification: Specification,
    sizes: Mapping[Any, float],
    process: Process,
    corners: CornerTable,
    number: int,
    flags: Flags,
) -> str:
    typical = simulate_one(specification.circuit, process, dict(sizes), engine=flags["engine"])
    rows = corners.table[corners.table["candidate"] == number].reset_index(drop=True)
    return datasheet_page(specification, sizes, process, typical, rows)


def _check_flags(flags: Flags) -> None:
    """Refuse counts that make no sense and flags that do not go together."""
    if (flags["spec_file"] is None) == (flags["y_target"] is None):
        raise UsageError("Give the specs once: either --spec FILE or --y-target with --goal.")
    twice = [flag for name, flag in SPEC_FLAGS.items() if flags["spec_file"] and flags[name]]
    if twice:
        raise UsageError(
            f"Give the specs once: {', '.join(twice)} goes with --y-target; with --spec, write it "
            "into the file."
        )
    if flags["add_to_data"] and not (flags["verify_count"] or flags["until"]):
        raise UsageError("--add-to-data adds what was simulated: give --verify K or --until N too.")
    n, count = flags["n"], flags["verify_count"]
    faults = [] if n >= 1 else [f"--n is {n}: ask for at least one candidate."]
    if not 0 <= count <= max(n, 1):
        faults.append(f"--verify is {count}: give 0 to {n}, the number of candidates (--n).")
    faults += [
        f"{flag} is {flags[name]:g}: give {least:g} or more."
        for name, (flag, least) in LEAST.items()
        if not flags[name] >= least
    ]
    if not 0 < flags["lr"] <= FASTEST:
        faults.append(f"--lr is {flags['lr']:g}: give a number above 0, {FASTEST:g} at most.")
    if not flags["prior"] < math.inf:
        faults.append(f"--prior is {flags['prior']:g}: give a finite number.")
    if faults:
        raise InputError(faults)


def _specification(circuit: Circuit, flags: Flags) -> Specification:
    if flags["spec_file"] is not None:
        return load_specification(flags["spec_file"], circuit)
    return specification_from_flags(
        circuit, flags["y_target"], **{name: flags[name] for name in SPEC_FLAGS}
    )


def _process_to_verify(run_folder: Path, name: str | None) -> Process:
    """The process named, or the run's target; gf180mcu where the data tell of none."""
    if name is None:
        name = RunStore(run_folder).config().get("target_process")
        name = name if name in process_names() else "gf180mcu"
    return load_process(name)


def _reference_settings(flags: Flags) -> ReferenceSettings:
    return ReferenceSettings(
        starts=flags["n_init"],
        steps=flags["steps"],
        learning_rate=flags["lr"],
        lbfgs_steps=flags["finish_lbfgs"],
        prior=flags["prior"],
    )
