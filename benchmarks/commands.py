"""Run every command of the command line once and put its real output into the README.

Usage: python -m benchmarks.commands   (rewrites the README between its two marks)
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = "<!-- commands: begin -->", "<!-- commands: end -->"
LINES = 46

DESIGNS = """w1,w2,w3,l1,l2,l3,ibias
36,22,14,1,1,0.5,1e-05
12,8.5,20,0.5,1,1,5e-06
"""

SPEC = """circuit = "5t_opamp"

[goals]
dc_gain = { goal = "min", value = "47 dB", weight = 0.4 }
ugf = { goal = "range", low = "4 MHz", high = "8 MHz" }
phase_margin = { goal = "range", low = 60, high = 89 }
cmrr = { goal = "min", value = "66 dB" }
power = { goal = "max", value = "120 uW" }

[limits]
l1 = 1.0
"""

WORKED_EXAMPLE = (
    '--y-target "2.5e8,200,1.5e6,65,20000" --goal "min,min,range,range,min" '
    '--ugf-band 8e5:2e6 --pm-band 60:75 --weights "0.05,0.40,0.90,0.10,0.65"'
)

RUN = "checkpoints/5t_opamp"
COMMANDS = (
    (
        "Simulate designs in SPICE",
        "simulate --circuit 5t_opamp --process gf180mcu --designs {tmp}/designs.csv "
        "--out {tmp}/metrics.csv",
        "metrics.csv",
    ),
    (
        "Make a data set (here a small one; the bundled one is 10,000 + 1,000)",
        "generate --circuit 5t_opamp --n-source 40 --n-target 20 --seed 1 --out {tmp}/data",
        "",
    ),
    ("Check a data set", "check --circuit 5t_opamp", ""),
    (
        "Train (here the quick preset)",
        "train --circuit 5t_opamp --preset quick --out {tmp}/run",
        "",
    ),
    ("Evaluate on held-out B rows", f"evaluate --run {RUN}", ""),
    (
        "Predict with 90 % intervals",
        f"predict --run {RUN} --designs {{tmp}}/designs.csv --out {{tmp}}/predicted.csv",
        "predicted.csv",
    ),
    (
        "Draw sizings from the inverse network",
        f'sample --run {RUN} --y-target "4e6,250,8e6,80,2000" --n 3 --out {{tmp}}/init.csv',
        "init.csv",
    ),
    (
        "Design to a spec file, and confirm the best three in SPICE",
        f"design --run {RUN} --spec {{tmp}}/spec.toml --n 5 --verify 3 --out {{tmp}}/design",
        "",
    ),
    (
        "Design with flags: a slew rate that no 5T OTA reaches is answered by name",
        f"design --run {RUN} {WORKED_EXAMPLE} --n 3 --out {{tmp}}/infeasible",
        "",
    ),
)


def main() -> None:
    """Run all commands in a temporary folder and rewrite the README's section."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "designs.csv").write_text(DESIGNS)
        (folder / "spec.toml").write_text(SPEC)
        parts = ["`designs.csv`", _block("text", DESIGNS), "`spec.toml`", _block("toml", SPEC)]
        for title, command, shown in COMMANDS:
            parts += [f"{title}:", _block("text", _run(command, shown, folder))]
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    readme.write_text(head + BEGIN + "\n" + "\n\n".join(parts) + "\n" + END + tail, "utf-8")


def _block(language: str, text: str) -> str:
    return f"```{language}\n{text.strip()}\n```"


def _run(command: str, shown: str, folder: Path) -> str:
    arguments = shlex.split(command.format(tmp=folder))
    done = subprocess.run(
        [sys.executable, "-m", "core", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command}: exit {done.returncode}\n{done.stderr}")
    lines = done.stdout.rstrip().splitlines()
    if len(lines) > LINES:
        lines = [*lines[:LINES], f"... ({len(lines) - LINES} more lines)"]
    if shown:
        lines += [f"$ cat {shown}", *(folder / shown).read_text().rstrip().splitlines()]
    typed = command.replace("{tmp}/", "")
    return f"$ python -m core {typed}\n" + "\n".join(lines).replace(f"{folder}/", "")


if __name__ == "__main__":
    main()
