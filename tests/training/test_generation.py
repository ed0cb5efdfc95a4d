"""Data sets generated in the background, with a real process."""

from __future__ import annotations

import pytest

from core.circuits import load_circuit
from core.data import load_dataset
from core.errors import InputError
from core.training.generation import (
    GenerationRequest,
    cancel_generation,
    generations,
    start_generation,
)
from core.training.run_store import RunState
from tests.processes import until


def only(root):
    (job,) = generations(root)
    return job


def test_a_small_set_is_generated_and_loads(tmp_path):
    request = GenerationRequest("5t_opamp", "sky130", "gf180mcu", 12, 12)
    start_generation(tmp_path, "small", request)
    until(lambda: only(tmp_path).state != RunState.RUNNING, timeout=180)
    assert only(tmp_path).state == RunState.DONE, only(tmp_path).message
    with pytest.raises(InputError, match="working amplifiers"):
        load_dataset(tmp_path / "small", load_circuit("5t_opamp"))


def test_a_cancelled_generation_leaves_no_data_set(tmp_path):
    request = GenerationRequest("5t_opamp", "sky130", "gf180mcu", 5000, 500)
    start_generation(tmp_path, "large", request)
    until(lambda: only(tmp_path).done > 0 or only(tmp_path).state != RunState.RUNNING, timeout=180)
    with pytest.raises(InputError, match="works already"):
        start_generation(tmp_path, "second", request)
    cancel_generation(tmp_path, "large")
    until(lambda: only(tmp_path).state != RunState.RUNNING, timeout=60)
    assert only(tmp_path).state == RunState.CANCELLED
    assert not (tmp_path / "large").exists()


def test_an_unknown_process_fails_with_its_sentence(tmp_path):
    start_generation(tmp_path, "x", GenerationRequest("5t_opamp", "sky13", "gf180mcu", 5, 5))
    until(lambda: only(tmp_path).state != RunState.RUNNING, timeout=120)
    job = only(tmp_path)
    assert job.state == RunState.FAILED
    assert "sky13" in job.message


def test_a_name_that_is_no_folder_name_is_refused(tmp_path):
    request = GenerationRequest("5t_opamp", "sky130", "gf180mcu", 5, 5)
    with pytest.raises(InputError, match="is no name"):
        start_generation(tmp_path, "../x", request)
