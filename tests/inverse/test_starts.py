from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.circuits import load_circuit
from core.errors import InputError
from core.inverse import read_starts

ROW = [20.0, 10.0, 8.0, 1.0, 1.0, 1.0, 1e-5]


def test_starts_are_read_from_npy_and_csv_alike(tmp_path: Path) -> None:
    circuit = load_circuit("5t_opamp")
    np.save(tmp_path / "a.npy", np.array([ROW, ROW]))
    pd.DataFrame([ROW, ROW], columns=circuit.variable_names).to_csv(tmp_path / "a.csv", index=False)
    pd.testing.assert_frame_equal(
        read_starts(tmp_path / "a.npy", circuit), read_starts(tmp_path / "a.csv", circuit)
    )


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((3, 5)), "has shape (3, 5): expected rows of 7 sizes"),
        (np.ones(7), "has shape (7,)"),
        (np.array([[{}] * 7], dtype=object), "no array of plain numbers"),
        (np.array([["a"] * 7]), "does not hold numbers"),
        (np.array([[*ROW[:6], -1.0]]), "no positive number"),
        (np.array([[*ROW[:6], np.nan]]), "no positive number"),
        (np.empty((0, 7)), "is empty"),
    ],
)
def test_a_wrong_array_is_one_sentence(tmp_path: Path, array: np.ndarray, words: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(InputError) as caught:
        read_starts(tmp_path / "a.npy", load_circuit("5t_opamp"))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "w1,w2\n1,2\n", "lacks the columns"),
        ("a.csv", "w1,w2,w3,l1,l2,l3,ibias\n1,2,x,1,1,1,1\n", "text where sizes belong"),
        ("a.txt", "", "neither .npy nor .csv"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_starts(tmp_path / name, load_circuit("5t_opamp"))
    assert words in str(caught.value)
