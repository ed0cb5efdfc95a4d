"""The command line, a public contract: other programs call these commands and flags.

Progress goes to stderr, results to stdout. Exit codes: 0 done, 1 bad input (one sentence a
fault), 2 wrong usage. Heavy imports stay inside the commands, so that ``--help`` answers at once.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from core import console, files
from core.config import MODELS, PRESETS, STAGES
from core.errors import CrossfabError, InputError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from core.circuits import Circuit

ENGINES = ("auto", "ngspice", "neospice")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code; no user's mistake ends in a traceback."""
    with suppress(ValueError):  # Not the main thread: signals are somebody else's there.
        signal.signal(signal.SIGTERM, _interrupt)
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
        place = "A file" if error.filename is None else f'"{error.filename}"'
        code = _report([f"{place}: {error.strerror}."], 1)
    sys.exit(code if isinstance(code, int) else 0)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Stop like by Ctrl-C, which leaves nothing half-written behind."""
    raise KeyboardInterrupt


def _report(faults: Sequence[str], code: int) -> int:
    for fault in faults:
        click.echo(f"error: {fault}", err=True)
    return code


def _read_designs(path: Path, circuit: Circuit) -> pd.DataFrame:
    from core.data import read_designs

    return read_designs(path, circuit)


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


def _workers(context: click.Context, parameter: click.Parameter, value: int) -> int:
    if value == 0:
        raise click.BadParameter("0 workers do nothing: give 1 or more, or -1 for every core.")
    return value


_jobs = click.option(
    "--jobs",
    type=int,
    default=-1,
    show_default=True,
    callback=_workers,
    help="Parallel workers; -1: every core.",
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
    whole = click.IntRange(min=0, max=2**32 - 1)
    return click.option(
        "--seed", type=whole, default=default, show_default=True, help="Random seed."
    )


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
        progress=console.progress("simulated"),
    )
    result = table.metrics.assign(supply_current=table.supply_current, failure=table.failure)
    files.write_csv(result, out)
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
        progress=console.progress("simulated"),
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
    from core.data import load_dataset, quality_findings
    from core.data.drift import drift_table
    from core.data.transforms import scaler_table

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
    console.show(scaler_table(dataset))
    click.echo("\nDrift, A to B")
    console.show(drift_table(dataset))
    findings = quality_findings(dataset)
    click.echo(f"\nQuality findings: {len(findings)}")
    if len(findings):
        console.show(findings.drop(columns="positions"))


@commands.command(help="Train all stages on a data set; the run folder holds everything.")
@_circuit
@_data
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Run folder to make.")
@click.option(
    "--stages", default=",".join(STAGES), show_default=True, help="Stages to run, by commas."
)
@click.option(
    "--preset",
    type=click.Choice(PRESETS),
    default="default",
    show_default=True,
    help="Hyper-parameters: the measured best, the source documents', or a fast try.",
)
@click.option("--set", "overrides", multiple=True, help="Override one, as in align.lr=1e-3.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out where it stopped.")
@click.option(
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    default="auto",
    show_default=True,
    help="Where to train; auto takes CUDA where there is one.",
)
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
    device: str,
    val_split: float,
    seed: int,
) -> None:
    """Train and fit the ensemble."""
    from core.circuits import load_circuit
    from core.training.start import start_training

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
        device=device,
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
        files.write_text(json.dumps(files.plain(report.to_dict()), indent=1), json_file)


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
    console.show(
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
    files.write_csv(prediction.table(), out)
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
    from core.training.start import run_circuit

    circuit = run_circuit(run_folder)
    targets = parse_numbers("--y-target", y_target, circuit)
    sizings = sample_sizings(run_folder, targets, n, seed)
    files.write_csv(sizings, out)
    click.echo(f"{len(sizings)} sizings: {out}")


@commands.command(help="Find sizings that meet specs in process B; verify them in SPICE.")
@_run
@click.option("--spec", "spec_file", type=click.Path(path_type=Path), help="Spec file (TOML).")
@click.option("--y-target", help="The five metrics by commas, in SI units.")
@click.option("--goal", help="min, max, target, range, maximize, minimize or ignore, by commas.")
@click.option("--ugf-band", help="Band of the UGF as lo:hi, in Hz, for the goal range.")
@click.option("--pm-band", help="Band of the phase margin as lo:hi, in degrees.")
@click.option("--band", "bands", multiple=True, help="Band of a metric, as in dc_gain=100:200.")
@click.option("--weights", help="Weight of each metric, by commas.")
@click.option(
    "--at-most",
    "upper_bounds",
    multiple=True,
    help="Bound on power (W), supply_current (A) or gate_area (um²), as in power=120u.",
)
@click.option("--minimize", "minimized", multiple=True, help="power, supply_current or gate_area.")
@click.option(
    "--limit",
    "limits",
    multiple=True,
    help="Fix or bound a design variable (W and L in um, else SI), as in l1=0.5, ibias=5u:10u.",
)
@click.option("--tie", "ties", multiple=True, help="Tie a variable to another, as in w2=2*w1.")
@click.option("--n", default=10, show_default=True, help="Number of candidates.")
@click.option(
    "--verify",
    "verify_count",
    type=int,
    default=0,
    help="Simulate the best K in SPICE; writes a datasheet of each.",
)
@click.option(
    "--until",
    default=0,
    help="Simulate and learn until N designs are confirmed; writes campaign.csv and confirmed/.",
)
@click.option("--budget", default=20, show_default=True, help="Most simulations of --until.")
@click.option(
    "--corners",
    is_flag=True,
    help="Size for 17 corners, confirmed in SPICE; writes corners.csv and corner_confirmed/.",
)
@click.option(
    "--add-to-data",
    type=click.Path(path_type=Path),
    help="Data folder whose B rows the designs of --verify and --until are added to.",
)
@click.option("--process", default=None, help="Process to verify in; default: the run's target.")
@_model
@click.option(
    "--method",
    type=click.Choice(("default", "reference")),
    default="default",
    show_default=True,
    help="Gauss-Newton search, or Adam and L-BFGS as in the source documents (on the networks "
    "alone; the ensemble ranks what they find).",
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
def design(**flags: Any) -> None:
    """Search, rank, verify and write candidates.csv, report.json, netlists and datasheets."""
    from core.cli_design import run_design

    run_design(flags)
