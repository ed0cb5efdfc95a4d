"""The command line as other programs and people meet it: exit codes and sentences."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.cli import commands, main
from tests.processes import until

CONTRACT = {
    "simulate": "--circuit --process --designs --out --corner --temp --vdd --engine",
    "generate": "--circuit --source --target --n-source --n-target --seed --out",
    "check": "--circuit --data --val-split --seed",
    "train": "--circuit --data --out --stages --preset --set --resume",
    "evaluate": "--run --designs --targets --json",
    "predict": "--run --designs --out --model",
    "sample": "--run --y-target --n --out",
    "design": "--run --spec --y-target --goal --ugf-band --pm-band --weights --n --verify "
    "--band --at-most --minimize --limit --tie --until --budget --corners --add-to-data "
    "--process --model --method --n-init --steps --lr --finish-lbfgs --prior --init --out",
}


def run(*arguments: object) -> int:
    """Run one command in this process and return its exit code."""
    with pytest.raises(SystemExit) as stopped:
        main([str(argument) for argument in arguments])
    return int(stopped.value.code or 0)


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_every_flag_of_the_contract_is_there_and_explained(name: str) -> None:
    options = {flag: option for option in commands.commands[name].params for flag in option.opts}
    for flag in CONTRACT[name].split():
        assert flag in options
        assert options[flag].help


@pytest.mark.parametrize("name", sorted(CONTRACT))
def test_help_exits_with_zero(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert "--" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["check"],
        ["check", "--circuit", "5t_opamp", "--seed", "many"],
        ["check", "--circuit", "5t_opamp", "--seed", "-1"],
        ["generate", "--circuit", "5t_opamp", "--out", "x", "--jobs", "0"],
        ["train", "--circuit", "5t_opamp", "--out", "x", "--preset", "best"],
        ["evaluate", "--run", "x", "--designs", "only.csv"],
    ],
)
def test_wrong_usage_exits_with_two_and_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["check", "--circuit", "5t_opam"], "5t_opamp"),
        (["check", "--circuit", "5t_opamp", "--data", "{tmp}/none"], "none"),
        (["check", "--circuit", "5t_opamp", "--val-split", "1.5"], "1.5"),
        (["train", "--circuit", "5t_opamp", "--out", "{tmp}/r", "--stages", "alig"], "align"),
        (["train", "--circuit", "5t_opamp", "--out", "{tmp}/r", "--set", "align.rl=1"], "align.lr"),
        (["train", "--circuit", "5t_opamp", "--out", "{tmp}/r", "--set", "align.lr=no"], "no"),
        (["evaluate", "--run", "{tmp}/no-run"], "no-run"),
        (["predict", "--run", "{tmp}/no-run", "--designs", "d", "--out", "o"], "no-run"),
        (["sample", "--run", "{tmp}/no-run", "--y-target", "1,2", "--out", "o"], "no-run"),
        (["design", "--run", "{tmp}/no-run", "--spec", "s", "--out", "{tmp}/o"], "no-run"),
    ],
)
def test_bad_input_exits_with_one_and_one_sentence_that_names_the_place(
    arguments: list[str], named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*(argument.format(tmp=tmp_path) for argument in arguments)) == 1
    said = capsys.readouterr().err.strip()
    assert named in said
    assert len(said.splitlines()) == 1
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("process", "named"), [("sky13", "sky130"), ("gf180", "gf180mcu"), ("nothing", "Known")]
)
def test_an_unknown_process_is_answered_with_what_is_known(
    process: str, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    designs = tmp_path / "designs.csv"
    designs.write_text("w1,w2,w3,l1,l2,l3,ibias\n10,10,10,1,1,1,1e-5\n")
    arguments = ["--circuit", "5t_opamp", "--process", process, "--designs", designs]
    assert run("simulate", *arguments, "--out", tmp_path / "y.csv") == 1
    assert named in capsys.readouterr().err
    assert not (tmp_path / "y.csv").exists()


def test_a_size_outside_the_model_bins_is_refused_with_row_and_column(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    designs = tmp_path / "designs.csv"
    designs.write_text("w1,w2,w3,l1,l2,l3,ibias\n10,10,10,1,1,1,1e-5\n10,900,10,1,1,1,1e-5\n")
    arguments = ["--circuit", "5t_opamp", "--process", "gf180mcu", "--designs", designs]
    assert run("simulate", *arguments, "--out", tmp_path / "y.csv") == 1
    said = capsys.readouterr().err
    assert "w2" in said
    assert "900" in said
    assert not (tmp_path / "y.csv").exists()


@pytest.mark.ngspice
def test_a_terminated_generation_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    numbers = ["--n-source", "4000", "--n-target", "1000", "--jobs", "1"]
    command = [sys.executable, "-m", "core", "generate", "--circuit", "5t_opamp", *numbers]
    process = subprocess.Popen(
        [*command, "--out", tmp_path / "data"], cwd=root, stderr=subprocess.PIPE, text=True
    )
    until(lambda: bool(list(tmp_path.iterdir())))
    process.terminate()
    assert "Stopped." in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert list(tmp_path.iterdir()) == []
