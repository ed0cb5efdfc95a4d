"""Files that are written whole or not at all."""

from __future__ import annotations

import math
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from core.files import new_folder, plain, write_folder, write_text, written_aside


def test_threads_that_write_one_file_leave_it_whole(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    texts = [letter * 10_000 for letter in "abcd"]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: write_text(texts[number % 4], path), range(200)))
    assert path.read_text() in texts
    assert [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    write_text("old", path)

    def fail_half_way() -> None:
        with written_aside(path) as aside:
            aside.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_a_link_stays_one_and_permissions_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    write_text("old", real)
    real.chmod(0o600)
    link.symlink_to(real)
    write_text("new", link)
    assert link.is_symlink()
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600


def test_a_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        write_text("told", pipe)
        assert read.result(timeout=30) == "told"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_folder_is_no_file_to_write(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        write_text("text", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    write_folder(tmp_path / "netlists", {"a.cir": "1", "b.cir": "2"})
    write_folder(tmp_path / "netlists", {"c.cir": "3"})
    assert [path.name for path in tmp_path.rglob("*.cir")] == ["c.cir"]
    assert [path.name for path in tmp_path.iterdir()] == ["netlists"]


@pytest.mark.parametrize("name", ["../up", "", ".hidden", "a" * 81, "semi;colon"])
def test_a_name_that_is_none_for_a_folder_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name for a run"):
        new_folder(tmp_path, name, "a run")


@pytest.mark.parametrize("name", ["there", "shipped", "Bundled"])
def test_a_name_that_is_taken_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError, match=f'A run named "{name}" exists already'):
        new_folder(tmp_path, name, "a run")


def test_what_json_has_no_word_for_is_null() -> None:
    told = {"r2": -math.inf, "mse": np.float64("nan"), "rows": [np.int64(3), 0.5], 7: "text"}
    assert plain(told) == {"r2": None, "mse": None, "rows": [3, 0.5], "7": "text"}
