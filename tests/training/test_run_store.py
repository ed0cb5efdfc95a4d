"""The run folder: what one process writes, another reads."""

from __future__ import annotations

import json
import os
import time

import pytest

from core.errors import CheckpointError, InputError
from core.training.run_store import (
    EVENTS,
    LAUNCH,
    LOG,
    STALE_AFTER,
    STATUS,
    RunState,
    RunStore,
    list_runs,
)
from tests.processes import a_process_that_is_gone


@pytest.fixture
def store(tmp_path):
    return RunStore.create(tmp_path / "run", {"circuit": "5t_opamp", "seed": 42})


def write_status(store, **values):
    old = json.loads((store.folder / STATUS).read_text())
    store.write_json(STATUS, {**old, **values})


def test_a_new_run_is_queued_and_keeps_its_config(store):
    opened = RunStore(store.folder)
    assert opened.config() == {"circuit": "5t_opamp", "seed": 42}
    assert opened.status().state == RunState.QUEUED
    assert not opened.status().state.is_finished()


def test_a_folder_that_holds_a_started_run_is_refused(store):
    store.append({"kind": "log", "message": "begun"})
    with pytest.raises(InputError, match="holds a run already"):
        RunStore.create(store.folder, {})


def test_a_reserved_folder_is_taken_over_by_the_trainer(store):
    assert RunStore.create(store.folder, {"seed": 7}).config() == {"seed": 7}


def test_a_finished_run_without_events_is_not_taken_over(store):
    store.set_status(RunState.FAILED, message="no data")
    with pytest.raises(InputError, match="holds a run already"):
        RunStore.create(store.folder, {})


def test_a_missing_folder_and_a_foreign_folder_are_told_apart(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        RunStore(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="is no run folder"):
        RunStore(tmp_path)


def test_a_damaged_status_is_one_sentence(store):
    (store.folder / STATUS).write_text('{"state": "run')
    with pytest.raises(CheckpointError, match="damaged"):
        store.status()


def test_an_unknown_state_is_damage(store):
    write_status(store, state="flying")
    with pytest.raises(CheckpointError, match="damaged"):
        store.status()


def test_running_records_this_process_and_done_its_end(store):
    store.set_status(RunState.RUNNING, stage="align")
    running = store.status()
    assert (running.state, running.stage, running.pid) == (RunState.RUNNING, "align", os.getpid())
    assert running.started > 0
    assert running.finished == 0
    store.set_status(RunState.DONE, message="trained")
    done = store.status()
    assert (done.state, done.message, done.stage) == (RunState.DONE, "trained", "align")
    assert done.finished >= done.started == running.started


def test_a_run_whose_process_is_gone_is_lost(store):
    store.set_status(RunState.RUNNING)
    write_status(store, pid=a_process_that_is_gone())
    assert store.status().state == RunState.LOST


def test_the_time_that_a_run_lay_still_is_no_work(store):
    store.set_status(RunState.RUNNING)
    store.append({"kind": "log", "message": "worked for a minute"})
    now = time.time()
    os.utime(store.folder / EVENTS, (now - 3600.0, now - 3600.0))
    gone = {"pid": a_process_that_is_gone(), "pid_started": 1.0}
    write_status(store, started=now - 3660.0, **gone)
    store.set_status(RunState.RUNNING, stage="align")
    assert store.status().worked() == pytest.approx(60.0, abs=5.0)
    store.set_status(RunState.RUNNING, stage="mdn")
    assert store.status().worked() == pytest.approx(60.0, abs=5.0)
    assert store.status().started == pytest.approx(now - 3660.0)


def test_a_reused_process_number_does_not_count_as_alive(store):
    store.set_status(RunState.RUNNING)
    write_status(store, pid_started=store.status().pid_started - 60)
    assert store.status().state == RunState.LOST


def test_a_silent_run_that_is_there_says_for_how_long_until_a_heartbeat(store):
    store.set_status(RunState.RUNNING)
    long_ago = store.status().heartbeat - STALE_AFTER - 10
    os.utime(store.folder / STATUS, (long_ago, long_ago))
    assert store.status().state == RunState.RUNNING
    assert "No sign of life for 31" in store.status().message
    store.heartbeat()
    assert store.status().state == RunState.RUNNING
    assert store.status().message == ""


def test_what_cannot_be_read_is_failed_where_it_is_listed(store):
    (store.folder / STATUS).write_text("{")
    assert store.readable_status().state == RunState.FAILED
    assert "is damaged" in store.readable_status().message


def test_a_launch_that_died_before_training_is_failed_with_its_last_words(store):
    store.write_json(LAUNCH, {"pid": a_process_that_is_gone(), "pid_started": 1.0})
    (store.folder / LOG).write_text("Unknown stage\n\n")
    status = store.status()
    assert (status.state, status.message) == (RunState.FAILED, "Unknown stage")


def test_events_come_back_in_order_with_their_time(store):
    for epoch in range(3):
        store.append({"kind": "epoch", "stage": "align", "epoch": epoch})
    events = store.events()
    assert [event["epoch"] for event in events] == [0, 1, 2]
    assert events[0]["time"] <= events[2]["time"]
    assert [event["epoch"] for event in store.events(start_line=2)] == [2]


def test_a_half_written_last_line_is_ignored_and_does_not_eat_the_next(store):
    store.append({"kind": "log", "message": "first"})
    with (store.folder / EVENTS).open("a") as file:
        file.write('{"kind": "log", "mess')
    assert [event["message"] for event in store.events()] == ["first"]
    store.append({"kind": "log", "message": "second"})
    assert [event["message"] for event in store.events()] == ["first", "second"]


def test_cancel_is_seen_by_another_store_and_can_be_cleared(store):
    other = RunStore(store.folder)
    assert not other.cancel_requested()
    store.request_cancel()
    assert other.cancel_requested()
    other.clear_cancel()
    assert not store.cancel_requested()


def test_json_that_cannot_be_written_leaves_the_old_file_alone(store):
    store.write_json("evaluation.json", {"r2": 0.99})
    with pytest.raises(TypeError):
        store.write_json("evaluation.json", {"r2": object()})
    assert store.read_json("evaluation.json") == {"r2": 0.99}
    assert not list(store.folder.glob(".evaluation*"))


def test_runs_are_listed_newest_first_and_other_folders_left_out(tmp_path):
    for age, name in [(30, "old"), (10, "new"), (20, "middle")]:
        run = RunStore.create(tmp_path / name, {})
        then = 1_700_000_000 - age
        os.utime(run.folder / "config.json", (then, then))
    (tmp_path / "notes").mkdir()
    assert [run.folder.name for run in list_runs(tmp_path)] == ["new", "middle", "old"]
    assert list_runs(tmp_path / "nothing") == []
