"""Progress is read from the journal alone."""

from __future__ import annotations

import pytest

from core.training.progress import StageState, progress_of, usual_seconds, whole_seconds_left
from core.training.run_store import RunStore

STAGES = ("baseline", "align")


def epoch(stage, number, of, time):
    return {"kind": "epoch", "stage": stage, "epoch": number, "epochs": of, "time": time}


def test_a_run_without_events_waits():
    progress = progress_of([], STAGES)
    assert [stage.state for stage in progress.stages] == [StageState.WAITING] * 2
    assert progress.fraction == 0
    assert progress.seconds_left is None
    assert progress.working is None


def test_half_of_the_second_of_two_stages_is_three_quarters():
    events = [
        {"kind": "stage", "stage": "baseline", "state": "started"},
        epoch("baseline", 1, 1, 0.0),
        {"kind": "stage", "stage": "baseline", "state": "finished", "seconds": 3.5},
        {"kind": "stage", "stage": "align", "state": "started"},
        epoch("align", 1, 10, 100.0),
        epoch("align", 5, 10, 108.0),
    ]
    progress = progress_of(events, STAGES)
    assert progress.fraction == pytest.approx(0.75)
    assert progress.stages[0].seconds == 3.5
    assert progress.working.name == "align"
    # Four epochs took 8 s, five are left.
    assert progress.seconds_left == pytest.approx(10.0)


def test_a_stage_that_was_not_asked_for_is_shown_too():
    progress = progress_of([{"kind": "stage", "stage": "ensemble", "state": "started"}], STAGES)
    assert [stage.name for stage in progress.stages] == ["baseline", "align", "ensemble"]
    assert progress.working.name == "ensemble"


def test_a_stage_that_starts_again_forgets_its_old_pace():
    events = [
        epoch("align", 1, 4, 0.0),
        epoch("align", 2, 4, 100.0),
        {"kind": "stage", "stage": "align", "state": "started"},
        epoch("align", 3, 4, 200.0),
        epoch("align", 4, 4, 201.0),
    ]
    assert progress_of(events, ("align",)).seconds_left == 0


def test_a_second_phase_counts_anew():
    events = [epoch("dual_head", 9, 10, 0.0), epoch("dual_head", 10, 10, 50.0)]
    events += [epoch("dual_head", 1, 10, 60.0), epoch("dual_head", 2, 10, 61.0)]
    progress = progress_of(events, ("dual_head",))
    assert progress.working.epoch == 2
    assert progress.seconds_left == pytest.approx(8.0)


USUAL = {"baseline": 10.0, "align": 40.0, "dual_head": 30.0, "ensemble": 20.0}


def started(stage, time):
    return {"kind": "stage", "stage": stage, "state": "started", "time": time}


def test_at_the_start_a_run_takes_what_an_earlier_one_took():
    progress = progress_of([started("baseline", 100.0)], STAGES)
    # 10 - 4 s of baseline, 40 of align, 20 of the ensemble, which every run adds.
    assert whole_seconds_left(progress, USUAL, 104.0) == pytest.approx(66.0)


def test_what_is_left_is_scaled_by_the_stages_that_are_done():
    events = [
        started("baseline", 100.0),
        {"kind": "stage", "stage": "baseline", "state": "finished", "seconds": 20.0},
        started("align", 120.0),
    ]
    # Twice as slow: 80 - 10 s of align and 40 of the ensemble.
    assert whole_seconds_left(progress_of(events, STAGES), USUAL, 130.0) == pytest.approx(110.0)


def test_a_stage_that_takes_longer_than_it_should_counts_its_epochs():
    events = [started("align", 0.0), epoch("align", 1, 10, 90.0), epoch("align", 2, 10, 100.0)]
    assert whole_seconds_left(progress_of(events, ("align",)), USUAL, 100.0) == pytest.approx(100.0)


def test_an_earlier_run_without_the_stage_tells_nothing():
    assert whole_seconds_left(progress_of([], ("mdn",)), USUAL, 0.0) is None


def test_only_a_finished_run_with_the_same_settings_says_what_is_usual(tmp_path):
    settings = {"preset": "quick", "overrides": [], "stages": ["align"]}
    unfinished = RunStore.create(tmp_path / "unfinished", settings)
    other = RunStore.create(tmp_path / "other", {**settings, "preset": "default"})
    other.write_json("progress.json", {"align": 1.0})
    like = RunStore.create(tmp_path / "like", settings)
    like.write_json("progress.json", {"align": 2.0})
    assert usual_seconds(settings, [unfinished, other, like]) == {"align": 2.0}
    assert usual_seconds(settings, [unfinished, other]) == {}
