"""Failures that the user reads."""

from core.errors import CheckpointError, InputError, UsageError, suggest


def test_all_faults_are_carried_at_once() -> None:
    error = InputError(["first fault.", "second fault."])
    assert error.faults == ("first fault.", "second fault.")
    assert str(error) == "first fault.\nsecond fault."


def test_a_near_miss_is_answered_with_the_name_that_was_meant() -> None:
    assert "two_stage_opamp" in suggest("two_stage_opamo", ["5t_opamp", "two_stage_opamp"])


def test_a_far_miss_is_answered_with_all_that_is_known() -> None:
    assert suggest("zzz", ["b", "a"]) == " Known: a, b."


def test_usage_and_checkpoint_faults_are_input_faults() -> None:
    assert issubclass(UsageError, InputError)
    assert issubclass(CheckpointError, InputError)
