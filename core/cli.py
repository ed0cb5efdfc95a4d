"""The command line, a public contract: other programs call these commands and flags.

Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 bad input (one sentence a
fault), 2 wrong usage. Heavy imports stay inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.errors import CrossfabError, InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from core.circuits import Circuit
    from core.inverse import (
        DesignResult,
        ReferenceSettings,
        Specification,
        Verification,
        Workbench,
    )
    from core.spice import Process

MODELS = ("ensemble", "align", "target_only", "dual_head", "baseline")
STAGES = "baseline,align,target_only,dual_head,mdn"
ENGINES = ("auto", "ngspice", "neospice")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code; no user's mistake ends in a traceback."""
    try:
        code = commands.main(args=arguments, prog_name="python -m core", standalone_mode=False)
    except click.exceptions.Exit as finished:
        code = finished.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        code = 2
    except click.ClickException as error:
        code = _report([error.format_message()], 2)
    except click.Abort:
        code = _report(["Stopped."], 130)
    except UsageError as error:
        code = _report(error.faults, 2)
    except InputError as error:
        code = _report(error.faults, 1)
    except CrossfabError as error:
        code = _report([str(error)], 1)
    except OSError as error:
        code = _report([f'"{error.filename}": {error.strerror}.'], 1)
    sys.exit(code if isinstance(code, int) else 0)


def _report(faults: Sequence[str], code: int) -> int:
    for fault in faults:
        click.echo(f"error: {fault}", err=True)
    return code


def _progress(what: str) -> Callable[[int, int], None]:
    """Return a callback that reports at most every percent on stderr."""
    last = -1

    def report(done: int, total: int) -> None:
        nonlocal last
        percent = 100 * done // max(total, 1)
        if percent != last:
            last = percent
            end = "\n" if done >= total else ""
            click.echo(f"\r{what}: {done} of {total} ({percent} %){end}", err=True, nl=False)

    return report


def _show(table: pd.DataFrame, digits: int = 4) -> None:
    """Print a table on stdout with a fixed number of significant digits."""
    click.echo(table.to_string(float_format=lambda value: f"{value:.{digits}g}"))


def _read_designs(path: Path, circuit: Circuit) -> pd.DataFrame:
    from core.data import read_designs

    return read_designs(path, circuit)


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    """Write a table aside and rename it, so that no half-written file is ever seen."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    table.to_csv(aside, index=False, float_format="%.6g")
    aside.replace(path)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Crossfab: learn process A, transfer to B, size to spec, confirm in SPICE.",
)
def commands() -> None:
    """Group of all commands."""


_circuit = click.option(
    "--circuit", "circuit_name", required=True, help="Circuit id, or the path of a circuit's TOML."
)
_engine = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="SPICE engine; auto takes ngspice where its library is found, else neospice.",
)
_jobs = click.option(
    "--jobs", type=int, default=-1, show_default=True, help="Parallel workers; -1: every core."
)
_data = click.option(
    "--data",
    type=click.Path(path_type=Path),
    default=None,
    help="Folder with source/ and target/ in it; default: the bundled SPICE data of the circuit.",
)
_val_split = click.option(
    "--val-split", default=0.2, show_default=True, help="Share of B rows held out, 0 to 1."
)
_run = click.option(
    "--run", "run_folder", type=click.Path(path_type=Path), required=True, help="Run folder."
)
_model = click.option(
    "--model",
    type=click.Choice(MODELS),
    default="ensemble",
    show_default=True,
    help="The trained model that predicts.",
)


def _seed(default: int) -> Callable[[Any], Any]:
    return click.option("--seed", default=default, show_default=True, help="Random seed.")


@commands.command(help="Simulate designs in SPICE and write their metrics.")
@_circuit
@click.option("--process", required=True, help="Process, for example gf180mcu.")
@click.option("--designs", type=click.Path(path_type=Path), required=True, help="CSV of designs.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV to write.")
@click.option("--corner", default="tt", show_default=True, help="tt, ff, ss, fs or sf.")
@click.option("--temp", default=27.0, show_default=True, help="Temperature in degrees Celsius.")
@click.option("--vdd", type=float, default=None, help="Supply in V; default: the process's own.")
@_engine
@_jobs
def simulate(
    circuit_name: str,
    process: str,
    designs: Path,
    out: Path,
    corner: str,
    temp: float,
    vdd: float | None,
    engine: str,
    jobs: int,
) -> None:
    """Simulate the designs of a CSV and write metrics, supply current and failure reason."""
    from core.circuits import load_circuit
    from core.spice import load_process
    from core.spice import simulate as run_spice

    circuit = load_circuit(circuit_name)
    sizes = _read_designs(designs, circuit)
    table = run_spice(
        circuit,
        load_process(process),
        sizes,
        corner=corner,
        temperature=temp,
        supply=vdd,
        engine=engine,
        jobs=jobs,
        progress=_progress("simulated"),
    )
    result = table.metrics.assign(supply_current=table.supply_current, failure=table.failure)
    _write_csv(result, out)
    working = int((table.failure == "").sum())
    click.echo(f"{len(sizes)} designs simulated with {table.engine}, {working} work: {out}")


@commands.command(help="Sample designs, simulate them in both processes, write a data set.")
@_circuit
@click.option("--source", default="sky130", show_default=True, help="Process A.")
@click.option("--target", default="gf180mcu", show_default=True, help="Process B.")
@click.option("--n-source", default=10_000, show_default=True, help="Designs in process A.")
@click.option("--n-target", default=1_000, show_default=True, help="Designs in process B.")
@_seed(42)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@_engine
@_jobs
def generate(
    circuit_name: str,
    source: str,
    target: str,
    n_source: int,
    n_target: int,
    seed: int,
    out: Path,
    engine: str,
    jobs: int,
) -> None:
    """Make a data set in SPICE."""
    from core.circuits import load_circuit
    from core.spice import generate as make_data
    from core.spice import load_process

    circuit = load_circuit(circuit_name)
    make_data(
        circuit,
        load_process(source),
        load_process(target),
        n_source,
        n_target,
        seed,
        out,
        engine=engine,
        jobs=jobs,
        progress=_progress("simulated"),
    )
    click.echo(f"Data set of {n_source} + {n_target} designs: {out}")


def _data_folder(data: Path | None, circuit: Circuit) -> Path:
    from core.data import bundled_dataset_folder

    return data if data is not None else bundled_dataset_folder(circuit.id)


@commands.command(help="Validate a data set; report split, scalers and drift.")
@_circuit
@_data
@_val_split
@_seed(42)
def check(circuit_name: str, data: Path | None, val_split: float, seed: int) -> None:
    """Validate a data set and print what is in it."""
    from core.circuits import load_circuit
    from core.data import drift_table, load_dataset, quality_findings, scaler_table

    circuit = load_circuit(circuit_name)
    dataset = load_dataset(_data_folder(data, circuit), circuit, val_split=val_split, seed=seed)
    click.echo(f"{circuit.name}: {dataset.source_process} (A) to {dataset.target_process} (B)")
    for name, domain in (("A", dataset.source), ("B", dataset.target)):
        click.echo(f"{name}: {len(domain.designs)} designs, {int(domain.valid.sum())} valid")
    click.echo(
        f"B split (seed {seed}): {len(dataset.train_rows)} training rows, "
        f"{len(dataset.validation_rows)} validation rows"
    )
    click.echo("\nScalers, fitted on A alone (model space)")
    _show(scaler_table(dataset))
    click.echo("\nDrift, A to B")
    _show(drift_table(dataset))
    findings = quality_findings(dataset)
    click.echo(f"\nQuality findings: {len(findings)}")
    if len(findings):
        _show(findings)


@commands.command(help="Train all stages on a data set; the run folder holds everything.")
@_circuit
@_data
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to make.")
@click.option("--stages", default=STAGES, show_default=True, help="Stages to run, by commas.")
@click.option(
    "--preset",
    type=click.Choice(("default", "reference", "quick")),
    default="default",
    show_default=True,
    help="Hyper-parameters: the measured best, the source documents', or a fast try.",
)
@click.option("--set", "overrides", multiple=True, help="Override one, as in align.lr=1e-3.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out where it stopped.")
@_val_split
@_seed(42)
def train(
    circuit_name: str,
    data: Path | None,
    out: Path,
    stages: str,
    preset: str,
    overrides: tuple[str, ...],
    resume: bool,
    val_split: float,
    seed: int,
) -> None:
    """Train and fit the ensemble."""
    from core.circuits import load_circuit
    from core.training import start_training

    circuit = load_circuit(circuit_name)
    run = start_training(
        circuit,
        _data_folder(data, circuit),
        out,
        stages=tuple(stage.strip() for stage in stages.split(",")),
        preset_name=preset,
        overrides=overrides,
        val_split=val_split,
        seed=seed,
        resume=resume,
        report=lambda line: click.echo(line, err=True),
    )
    click.echo(f"Run: {run.folder}")


@commands.command(help="Report accuracy and calibration of every model of a run.")
@_run
@click.option("--designs", type=click.Path(path_type=Path), help="CSV of designs in process B.")
@click.option("--targets", type=click.Path(path_type=Path), help="CSV of their metrics.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the report here.")
def evaluate(
    run_folder: Path, designs: Path | None, targets: Path | None, json_file: Path | None
) -> None:
    """Evaluate on the run's held-out rows, or on rows given."""
    from core.ensemble import evaluate_run

    if (designs is None) != (targets is None):
        raise UsageError("--designs and --targets go together: give both or neither.")
    report = evaluate_run(run_folder, designs, targets)
    click.echo(report.text())
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        aside = json_file.with_name(f".{json_file.name}.{os.getpid()}")
        aside.write_text(json.dumps(report.to_dict(), indent=1), encoding="utf-8")
        aside.replace(json_file)


@commands.command(
    help="Train on growing parts of B's rows: accuracy against simulations, kept with the run."
)
@_run
@click.option("--preset", "preset_name", default="quick", show_default=True, help="Of each run.")
def learning_curve(run_folder: Path, preset_name: str) -> None:
    """Print the median relative error of transfer and of the same network from scratch."""
    from core.training.learning_curve import learning_curve_of_run
    from core.training.run_store import RunStore

    table = learning_curve_of_run(
        RunStore(run_folder), preset_name, lambda line: click.echo(line, err=True)
    )
    _show(
        table.pivot_table(index=["model", "rows"], columns="metric", values="median_relative_error")
    )


@commands.command(help="Predict process B's metrics of designs, with 90 % intervals.")
@_run
@click.option("--designs", type=click.Path(path_type=Path), required=True, help="CSV of designs.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV to write.")
@_model
def predict(run_folder: Path, designs: Path, out: Path, model: str) -> None:
    """Write METRIC, METRIC_lo, METRIC_hi and the validity probability of each design."""
    from core.ensemble import load_predictor

    predictor = load_predictor(run_folder, model)
    prediction = predictor.predict(_read_designs(designs, predictor.circuit))
    _write_csv(prediction.table(), out)
    click.echo(f"{len(prediction.median)} designs predicted by {model}: {out}")


@commands.command(help="Draw sizings from the mixture density network p(sizes given metrics).")
@_run
@click.option("--y-target", required=True, help="The five metrics by commas, in SI units.")
@click.option("--n", default=64, show_default=True, help="Number of sizings.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="CSV to write.")
@_seed(0)
def sample(run_folder: Path, y_target: str, n: int, out: Path, seed: int) -> None:
    """Sample sizings that the inverse network finds likely."""
    from core.inverse import parse_numbers, sample_sizings
    from core.training import run_circuit

    circuit = run_circuit(run_folder)
    targets = parse_numbers("--y-target", y_target, circuit)
    sizings = sample_sizings(run_folder, targets, n, seed)
    _write_csv(sizings, out)
    click.echo(f"{len(sizings)} sizings: {out}")


@commands.command(help="Find sizings that meet specs in process B; verify them in SPICE.")
@_run
@click.option("--spec", "spec_file", type=click.Path(path_type=Path), help="Spec file (TOML).")
@click.option("--y-target", help="The five metrics by commas, in SI units.")
@click.option("--goal", help="min, max, target, range, maximize, minimize or ignore, by commas.")
@click.option("--ugf-band", help="Band of the UGF as lo:hi, in Hz, for the goal range.")
@click.option("--pm-band", help="Band of the phase margin as lo:hi, in degrees.")
@click.option("--weights", help="Weight of each metric, by commas.")
@click.option("--n", default=10, show_default=True, help="Number of candidates.")
@click.option("--verify", "verify_count", type=int, default=0, help="Simulate the best K in SPICE.")
@click.option(
    "--until",
    default=0,
    help="Simulate and learn until N designs are confirmed; writes campaign.csv.",
)
@click.option("--budget", default=20, show_default=True, help="Most simulations of --until.")
@click.option(
    "--corners", is_flag=True, help="Size for 17 corners, confirmed in SPICE; writes corners.csv."
)
@click.option("--process", default=None, help="Process to verify in; default: the run's target.")
@_model
@click.option(
    "--method",
    type=click.Choice(("default", "reference")),
    default="default",
    show_default=True,
    help="Gauss-Newton search, or Adam and L-BFGS as in the source documents.",
)
@click.option("--n-init", default=512, show_default=True, help="Starts (reference).")
@click.option("--steps", default=800, show_default=True, help="Adam steps (reference).")
@click.option("--lr", default=0.002, show_default=True, help="Adam learning rate (reference).")
@click.option("--finish-lbfgs", default=80, show_default=True, help="L-BFGS steps (reference).")
@click.option("--prior", default=1e-3, show_default=True, help="Weight of the prior (reference).")
@click.option("--init", "init_file", type=click.Path(path_type=Path), help="Starts, .npy or .csv.")
@_seed(0)
@_engine
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write.")
def design(run_folder: Path, out: Path, **flags: Any) -> None:
    """Search, rank, verify and write candidates.csv, report.json and the netlists."""
    from core.ensemble import load_predictor
    from core.inverse import design as search
    from core.inverse import mdn_sampler, prepare, read_starts, write_outputs

    _check_counts(flags["n"], flags["verify_count"])
    predictor = load_predictor(run_folder, flags["model"])
    specification = _specification(predictor.circuit, flags)
    process = _process_to_verify(run_folder, flags["process"])
    starts = read_starts(flags["init_file"], predictor.circuit) if flags["init_file"] else None
    bench = prepare(predictor, seed=flags["seed"])
    result = search(
        bench,
        specification,
        n=flags["n"],
        method=flags["method"],
        seed=flags["seed"],
        starts=starts,
        sampler=mdn_sampler(run_folder, flags["seed"]),
        supply_voltage=process.supply,
        reference=_reference_settings(flags),
    )
    _show(result.candidates)
    click.echo(f"{len(result.candidates)} candidates in {result.seconds:.2f} s, predicted only")
    for sentence in result.conflicts:
        click.echo(sentence)
    verification = None
    if flags["verify_count"]:
        verification = _verify(result, process, flags)
    write_outputs(result, verification, out, process)
    if flags["until"]:
        _until(bench, specification, process, run_folder, out, flags)
    if flags["corners"]:
        _corners(bench, specification, process, out, flags)
    click.echo(f"Written: {out}")


def _until(
    bench: Workbench,
    specification: Specification,
    process: Process,
    run_folder: Path,
    out: Path,
    flags: dict[str, Any],
) -> None:
    """Design, simulate and learn until enough designs are confirmed."""
    from core.inverse import design_until, mdn_sampler, spice_oracle

    campaign = design_until(
        bench,
        specification,
        spice_oracle(specification.circuit, process, engine=flags["engine"]),
        confirmed=flags["until"],
        budget=flags["budget"],
        seed=flags["seed"],
        sampler=mdn_sampler(run_folder, flags["seed"]),
        supply_voltage=process.supply,
        progress=_progress("simulated"),
    )
    _write_csv(campaign.table, out / "campaign.csv")
    click.echo(f"{campaign.confirmed} designs confirmed with {len(campaign.table)} simulations")
    for reason, times in campaign.rejections.items():
        click.echo(f"rejected {times}: {reason}")


def _corners(
    bench: Workbench,
    specification: Specification,
    process: Process,
    out: Path,
    flags: dict[str, Any],
) -> None:
    """Size for the corners and say which candidates hold in all of them."""
    from core.inverse import design_for_corners

    found = design_for_corners(
        bench,
        specification,
        process,
        n=flags["n"],
        k=min(3, flags["n"]),
        seed=flags["seed"],
        engine=flags["engine"],
        progress=_progress("rounds over the corners"),
    )
    _show(found.table)
    _write_csv(found.table, out / "corner_candidates.csv")
    _write_csv(found.corners.table, out / "corners.csv")
    click.echo(
        f"{len(found.confirmed)} of {len(found.table)} candidates hold in all 17 corners "
        f"({found.simulations} simulations)"
    )


def _check_counts(n: int, verify_count: int) -> None:
    faults = []
    if n < 1:
        faults.append(f"--n is {n}: ask for at least one candidate.")
    if not 0 <= verify_count <= max(n, 1):
        faults.append(f"--verify is {verify_count}: give 0 to {n}, the number of candidates (--n).")
    if faults:
        raise InputError(faults)


def _specification(circuit: Circuit, flags: dict[str, Any]) -> Specification:
    from core.inverse import load_specification, specification_from_flags

    if (flags["spec_file"] is None) == (flags["y_target"] is None):
        raise UsageError("Give the specs once: either --spec FILE or --y-target with --goal.")
    if flags["spec_file"] is not None:
        return load_specification(flags["spec_file"], circuit)
    return specification_from_flags(
        circuit,
        flags["y_target"],
        flags["goal"],
        flags["ugf_band"],
        flags["pm_band"],
        flags["weights"],
    )


def _process_to_verify(run_folder: Path, name: str | None) -> Process:
    """The process named, or the run's target; gf180mcu where the data tell of none."""
    from core.spice import load_process, process_names
    from core.training.run_store import RunStore

    if name is None:
        name = RunStore(run_folder).config().get("target_process")
        name = name if name in process_names() else "gf180mcu"
    return load_process(name)


def _reference_settings(flags: dict[str, Any]) -> ReferenceSettings:
    from core.inverse import ReferenceSettings

    return ReferenceSettings(
        starts=flags["n_init"],
        steps=flags["steps"],
        learning_rate=flags["lr"],
        lbfgs_steps=flags["finish_lbfgs"],
        prior=flags["prior"],
    )


def _verify(result: DesignResult, process: Process, flags: dict[str, Any]) -> Verification:
    from core.inverse import verify

    count = min(flags["verify_count"], len(result.candidates))
    verification = verify(
        result, count, process, engine=flags["engine"], progress=_progress("verified")
    )
    _show(verification.table.T)
    click.echo(
        f"SPICE ({verification.engine}, {process.name}): "
        f"{verification.passed} of {count} candidates pass"
    )
    for reason, times in verification.rejections.items():
        click.echo(f"rejected {times}: {reason}")
    return verification
