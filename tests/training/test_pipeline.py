"""A whole run on a small data set: what it writes, refuses, resumes, and never looks at."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from safetensors.torch import load_file

from core.data import load_dataset
from core.ensemble import MODELS
from core.errors import CheckpointError, InputError, TrainingError
from core.training.run_store import STATUS, RunState, RunStore
from core.training.start import run_circuit, run_data_folder, start_training
from core.training.watch import Cancelled
from tests.synthetic import FILES, write_dataset
from tests.tiny import CIRCUIT, OVERRIDES, tiny_run

FIRST_TWO = ("baseline", "align")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return tiny_run(data, tmp_path_factory.mktemp("run") / "tiny")


def tensors(folder, name):
    return load_file(folder / f"5t_opamp_{name}.safetensors")


def test_a_run_writes_every_checkpoint_and_ends_as_done(run):
    names = {path.name for path in run.folder.glob("*.safetensors")}
    assert names == {
        "5t_opamp_baseline.safetensors",
        "5t_opamp_align_hetero_lambda0.safetensors",
        "5t_opamp_target_only.safetensors",
        "5t_opamp_dualhead_finetuned.safetensors",
        "5t_opamp_mdn.safetensors",
        "5t_opamp_gaussian_process.safetensors",
        "5t_opamp_ensemble.safetensors",
    }
    assert run.status().state == RunState.DONE
    assert not list(run.folder.glob("*.resume"))


def test_a_run_says_what_it_was_made_of(run, data):
    config = run.config()
    assert config["circuit"] == "5t_opamp"
    assert config["fingerprint"] == load_dataset(data, CIRCUIT).fingerprint
    assert config["seed"] == 42
    assert config["config"]["network"]["hidden_width"] == 24
    assert run_circuit(run.folder).id == "5t_opamp"


def test_every_epoch_of_every_stage_is_in_the_journal(run):
    events = run.events()
    epochs = [e for e in events if e["kind"] == "epoch" and e["stage"] == "target_only"]
    assert epochs[-1]["epoch"] == epochs[-1]["epochs"] == len(epochs)
    assert all(math.isfinite(v) for e in epochs for v in e["losses"].values())
    finished = [e["stage"] for e in events if e["kind"] == "stage" and e["state"] == "finished"]
    assert finished == ["baseline", "align", "target_only", "dual_head", "mdn", "ensemble"]


def test_the_carry_over_is_reported(run):
    messages = [e["message"] for e in run.events() if e["kind"] == "log"]
    assert any("align: 4 tensors carried over" in message for message in messages)


def test_the_evaluation_reports_every_model_and_metric(run):
    report = run.read_json("evaluation.json")
    assert list(report["models"]) == list(MODELS)
    for model in report["models"].values():
        assert list(model["metrics"]) == CIRCUIT.metric_names
        for figures in model["metrics"].values():
            assert all(math.isfinite(value) for value in figures.values())
            assert 0 <= figures["coverage"] <= 1


def test_b_is_learned_and_the_transfer_beats_the_zero_shot_baseline(run):
    models = run.read_json("evaluation.json")["models"]
    assert models["ensemble"]["mean"]["log_r2"] > 0.9
    assert models["align"]["mean"]["log_r2"] > models["baseline"]["mean"]["log_r2"]


def test_checkpoints_carry_transforms_and_fingerprint(run):
    from core.models import load_checkpoint

    for name, kind in (("baseline", "baseline"), ("mdn", "mdn"), ("ensemble", "ensemble")):
        metadata = load_checkpoint(run.folder, f"5t_opamp_{name}", "5t_opamp", kind).metadata
        assert metadata["fingerprint"] == run.config()["fingerprint"]
        assert len(metadata["transforms"]["metrics"]["mean"]) == 5


def test_the_reported_rows_have_no_influence_on_anything_learned(run, data, tmp_path):
    """Scramble the metrics of the validation rows: every tensor must stay the same."""
    scrambled = tmp_path / "data"
    shutil.copytree(data, scrambled)
    rows = load_dataset(data, CIRCUIT).validation_rows
    path = scrambled / FILES["target"][1]
    table = pd.read_csv(path)
    table.loc[rows] = table.loc[rows].to_numpy()[::-1] * 1.5
    table.to_csv(path, index=False)
    other = tiny_run(scrambled, tmp_path / "run")
    for name in (
        "align_hetero_lambda0",
        "target_only",
        "dualhead_finetuned",
        "mdn",
        "gaussian_process",
        "ensemble",
    ):
        mine, theirs = tensors(run.folder, name), tensors(other.folder, name)
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            assert torch.equal(value.nan_to_num(), theirs[key].nan_to_num()), (name, key)
    assert other.read_json("evaluation.json") != run.read_json("evaluation.json")


def test_the_same_seed_gives_the_same_run_and_another_seed_another(data, tmp_path, run):
    again = tiny_run(data, tmp_path / "again", stages=("baseline",))
    other = tiny_run(data, tmp_path / "other", stages=("baseline",), seed=7)
    expected = tensors(run.folder, "baseline")
    assert all(torch.equal(v, expected[k]) for k, v in tensors(again.folder, "baseline").items())
    assert not torch.equal(
        tensors(other.folder, "baseline")["model.head.bias"], expected["model.head.bias"]
    )


class CancelAfter:
    """Asks the run to cancel once its report has said a thing."""

    def __init__(self, folder, what):
        self.folder, self.what = folder, what

    def __call__(self, line):
        if self.what in line:
            RunStore(self.folder).request_cancel()


@pytest.mark.parametrize("moment", ["baseline: epoch 3", "align: started", "align: epoch 14/"])
def test_a_cancelled_run_resumes_to_the_same_weights(data, tmp_path, run, moment, monkeypatch):
    monkeypatch.setattr("core.training.watch._ASK_EVERY", 0.0)
    out = tmp_path / "run"
    with pytest.raises(Cancelled):
        tiny_run(data, out, stages=FIRST_TWO, report=CancelAfter(out, moment))
    assert RunStore(out).status().state == RunState.CANCELLED
    tiny_run(data, out, stages=FIRST_TWO, resume=True)
    assert RunStore(out).status().state == RunState.DONE
    for name in ("baseline", "align_hetero_lambda0"):
        expected = tensors(run.folder, name)
        assert all(torch.equal(v, expected[k]) for k, v in tensors(out, name).items())


def test_a_resume_does_not_repeat_finished_stages(data, tmp_path):
    out = tmp_path / "run"
    tiny_run(data, out, stages=FIRST_TWO)
    before = (out / "5t_opamp_align_hetero_lambda0.safetensors").stat().st_mtime_ns
    tiny_run(data, out, stages=(*FIRST_TWO, "mdn"), resume=True)
    assert (out / "5t_opamp_align_hetero_lambda0.safetensors").stat().st_mtime_ns == before
    assert (out / "5t_opamp_mdn.safetensors").exists()


def test_a_resume_on_other_data_is_refused(data, tmp_path):
    out = tmp_path / "run"
    tiny_run(data, out, stages=("baseline",))
    other = write_dataset(tmp_path / "data", seed=9)
    with pytest.raises(CheckpointError, match="fingerprint"):
        tiny_run(other, out, stages=("baseline",), resume=True)
    assert RunStore(out).status().state == RunState.DONE


def test_a_run_that_another_process_works_on_is_not_resumed(data, tmp_path):
    out = tmp_path / "run"
    tiny_run(data, out, stages=("baseline",))
    store, parent = RunStore(out), psutil.Process().parent()
    store.set_status(RunState.RUNNING)
    working = {"pid": parent.pid, "pid_started": parent.create_time()}
    store.write_json(STATUS, {**store.read_json(STATUS), **working})
    with pytest.raises(InputError, match="still works"):
        tiny_run(data, out, stages=("baseline",), resume=True)
    assert store.status().pid == parent.pid


def test_split_and_seed_may_be_overridden_like_any_setting(data, tmp_path):
    settings = ("data.seed=7", "data.val_split=0.3")
    config = tiny_run(data, tmp_path / "run", *settings, stages=("baseline",)).config()
    assert config["config"]["data"] == {"val_split": 0.3, "seed": 7}
    assert config["seed"] == 7


def test_data_named_from_another_folder_are_found_again(data, tmp_path, monkeypatch):
    monkeypatch.chdir(data.parent)
    run = tiny_run(Path(data.name), tmp_path / "run", stages=("baseline",))
    monkeypatch.chdir(tmp_path)
    assert run_data_folder(run.folder) == data.resolve()


def test_a_resume_with_other_settings_is_refused(data, tmp_path):
    out = tmp_path / "run"
    tiny_run(data, out, stages=("baseline",))
    with pytest.raises(CheckpointError, match="other settings"):
        tiny_run(data, out, "baseline.lr=0.5", stages=("baseline",), resume=True)


def test_a_loss_that_is_not_finite_fails_the_run_with_its_place(data, tmp_path):
    absurd = tmp_path / "data"
    shutil.copytree(data, absurd)
    path = absurd / FILES["target"][1]
    table = pd.read_csv(path)
    table.loc[load_dataset(data, CIRCUIT).train_rows, "phase_margin"] *= 1e36
    table.to_csv(path, index=False)
    out = tmp_path / "run"
    with pytest.raises(
        TrainingError, match="stage align, epoch 1, batch 1: the loss is not finite"
    ):
        tiny_run(absurd, out, stages=FIRST_TWO)
    status = RunStore(out).status()
    assert status.state == RunState.FAILED
    assert "last good weights are kept" in status.message
    assert all(bool(torch.isfinite(v).all()) for v in tensors(out, "baseline").values())


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        (("algn",), 'Unknown stage: "algn". Did you mean "align"?'),
        ((), "No stage is given"),
        (("align",), 'add "baseline" to the stages'),
        (("mdn",), "add another stage"),
    ],
)
def test_stages_that_make_no_sense_are_refused(data, tmp_path, stages, expected):
    with pytest.raises(InputError) as caught:
        tiny_run(data, tmp_path / "run", stages=stages)
    assert expected in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_bad_input_leaves_nothing_behind(data, tmp_path):
    with pytest.raises(InputError):
        start_training(CIRCUIT, tmp_path / "nowhere", tmp_path / "run")
    with pytest.raises(InputError):
        tiny_run(data, tmp_path / "run", "align.lrr=1")
    assert not (tmp_path / "run").exists()


def test_a_device_that_is_not_there_is_refused(data, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(InputError, match="not available"):
        tiny_run(data, tmp_path / "run", device="cuda")


def test_the_reference_preset_runs_through_all_stages(data, tmp_path):
    small = [o for o in OVERRIDES if not o.startswith(("baseline.members", "align.members"))]
    run = start_training(
        CIRCUIT,
        data,
        tmp_path / "run",
        preset_name="reference",
        overrides=[*small, "align.epochs=12", "target_only.epochs=12", "baseline.epochs=4"],
    )
    assert (run.folder / "5t_opamp_align_hetero_lambda0.05.safetensors").exists()
    report = json.loads((run.folder / "evaluation.json").read_text())
    assert set(report["models"]) == {"ensemble", "align", "target_only", "dual_head", "baseline"}
    events = [e for e in run.events() if e["kind"] == "epoch" and e["stage"] == "align"]
    assert "train_coral" in events[0]["losses"]
