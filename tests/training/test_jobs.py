"""Training in the background, with real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import psutil
import pytest

from core.errors import InputError
from core.training import jobs
from core.training.jobs import TrainingRequest
from core.training.processes import NICENESS
from core.training.run_store import (
    HEARTBEAT,
    LAUNCH,
    LOG,
    STALE_AFTER,
    STATUS,
    RunState,
    RunStore,
)
from tests.processes import until

# Works until it is told to stop, or until nobody is left to tell it.
OBEDIENT = "import sys; print(1, flush=True); sys.stdin.read()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + OBEDIENT


def has_ended(run):
    return run.status().state.is_finished()


@pytest.fixture
def worker():
    """Return a function that starts a process and hands it a run."""
    processes = []

    def start(run, code):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        processes.append(process)
        process.stdout.read(1)  # It works once it has printed.
        run.set_status(RunState.RUNNING)
        table = json.loads((run.folder / STATUS).read_text())
        started = psutil.Process(process.pid).create_time()
        run.write_json(STATUS, {**table, "pid": process.pid, "pid_started": started})
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def run(tmp_path):
    return RunStore.create(tmp_path / "run", {"circuit": "5t_opamp"})


def test_flags_are_those_of_the_command_line():
    request = TrainingRequest(
        "5t_opamp", data="d", preset="quick", overrides=("align.lr=1e-3",), stages=("a", "b")
    )
    assert " ".join(request.flags()) == (
        "--circuit 5t_opamp --preset quick --seed 42 --val-split 0.2 --data d --stages a,b "
        "--set align.lr=1e-3"
    )


def test_a_resume_asks_for_what_the_run_was_started_with(tmp_path, monkeypatch):
    began = {"circuit": "mine", "circuit_file": "6t.toml", "seed": 7, "preset": "quick"}
    began |= {"config": {"data": {"val_split": 0.3, "seed": 7}}, "stages": ["baseline"]}
    run = RunStore.create(tmp_path / "run", began)
    run.set_status(RunState.CANCELLED)
    run.append({"kind": "log", "message": "began"})
    jobs.resume(tmp_path, run)
    command = " ".join(run.read_json(LAUNCH)["command"])
    until(lambda: has_ended(run))
    for flags in ("--circuit 6t.toml", "--val-split 0.3", "--seed 7", "--stages baseline"):
        assert flags in command


def test_a_damaged_run_keeps_nobody_from_training_and_can_be_deleted(tmp_path):
    damaged = RunStore.create(tmp_path / "damaged", {"circuit": "5t_opamp"})
    (damaged.folder / STATUS).unlink()
    assert jobs.active_runs(tmp_path) == []
    run = jobs.launch(tmp_path, "next", TrainingRequest("6t_opamp"))
    until(lambda: has_ended(run))
    jobs.delete(damaged)
    assert not damaged.folder.exists()


@pytest.mark.parametrize("stages", [("align",), ("mdn",), ("nonsense",)])
def test_stages_that_cannot_stand_alone_start_no_run(tmp_path, stages):
    with pytest.raises(InputError):
        jobs.launch(tmp_path, "run", TrainingRequest("5t_opamp", stages=stages))
    assert not (tmp_path / "run").exists()


def test_a_launch_with_bad_input_fails_with_the_sentence_of_the_command_line(tmp_path):
    run = jobs.launch(tmp_path, "bad", TrainingRequest("6t_opamp"))
    until(lambda: has_ended(run))
    status = run.status()
    assert status.state == RunState.FAILED
    assert "6t_opamp" in status.message
    assert "6t_opamp" in jobs.read_log(run)


def test_a_launched_process_leads_its_own_session_at_low_priority(tmp_path):
    run = jobs.launch(tmp_path, "x", TrainingRequest("6t_opamp"))
    launched = run.read_json(LAUNCH)
    try:
        process = psutil.Process(launched["pid"])
        assert process.nice() == NICENESS
    except psutil.Error:
        pytest.skip("the process has already ended")
    until(lambda: has_ended(run))


def test_no_more_runs_start_than_the_machine_bears(tmp_path, worker, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_AT_ONCE", 1)
    worker(RunStore.create(tmp_path / "busy", {}), OBEDIENT)
    with pytest.raises(InputError, match=r'at most 1 training runs work already .*"busy"'):
        jobs.launch(tmp_path, "second", TrainingRequest("5t_opamp"))
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("name", ["", "../elsewhere", "a/b", ".hidden", "x" * 81])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="is no name for a run"):
        jobs.launch(tmp_path, name, TrainingRequest("5t_opamp"))


def test_a_run_that_is_silent_is_cancelled_all_the_same(run, worker):
    process = worker(run, OBEDIENT)
    long_ago = run.status().heartbeat - STALE_AFTER - 10
    for name in (STATUS, HEARTBEAT):
        (run.folder / name).touch()
        os.utime(run.folder / name, (long_ago, long_ago))
    jobs.cancel(run)
    until(lambda: jobs.pursue_cancel(run, grace=0.001) or process.poll() is not None)
    jobs.pursue_cancel(run)
    assert run.status().state == RunState.CANCELLED


def test_a_taken_name_is_refused(tmp_path, run):
    with pytest.raises(InputError, match="exists already"):
        jobs.launch(tmp_path, "run", TrainingRequest("5t_opamp"))


def test_cancel_first_asks_then_terminates(run, worker):
    process = worker(run, OBEDIENT)
    jobs.cancel(run)
    jobs.pursue_cancel(run, grace=60.0)
    assert process.poll() is None
    assert run.cancel_requested()
    until(lambda: jobs.pursue_cancel(run, grace=0.001) or process.poll() is not None)
    assert process.wait() in (-signal.SIGTERM, -signal.SIGKILL)
    jobs.pursue_cancel(run)
    assert run.status().state == RunState.CANCELLED


def test_a_process_that_ignores_the_request_is_killed(run, worker):
    process = worker(run, STUBBORN)
    jobs.cancel(run)
    until(lambda: jobs.pursue_cancel(run, grace=0.05) or process.poll() is not None)
    assert process.wait() == -signal.SIGKILL
    jobs.pursue_cancel(run)
    assert run.status().state == RunState.CANCELLED


def test_a_finished_run_is_neither_cancelled_nor_changed_by_it(run):
    run.set_status(RunState.DONE)
    jobs.cancel(run)
    jobs.pursue_cancel(run)
    assert run.status().state == RunState.DONE
    assert not run.cancel_requested()


def test_a_working_run_is_not_resumed_renamed_or_deleted(tmp_path, run, worker):
    worker(run, OBEDIENT)
    with pytest.raises(InputError, match="cancel it"):
        jobs.resume(tmp_path, run)
    with pytest.raises(InputError, match="still works"):
        jobs.rename(run, "other")
    with pytest.raises(InputError, match="cancel it"):
        jobs.delete(run)


def test_a_finished_run_is_renamed_and_deleted(run):
    run.set_status(RunState.DONE)
    renamed = jobs.rename(run, "best so far")
    assert renamed.folder.name == "best so far"
    assert renamed.status().state == RunState.DONE
    jobs.delete(renamed)
    assert not renamed.folder.exists()


def test_the_log_shows_only_the_last_state_of_a_progress_line(run):
    (run.folder / LOG).write_text("a\nepoch 1\repoch 2\repoch 3\nend\n")
    assert jobs.read_log(run) == "a\nepoch 3\nend"
    assert jobs.read_log(run, lines=1) == "end"
