"""Uploaded data sets are checked before they are kept."""

from __future__ import annotations

import io
import zipfile

import pytest

from core.circuits import load_circuit
from core.data import bundled_dataset_folder, load_dataset, upload
from core.data.upload import PLACES, copy_dataset, previews, store_upload, template
from core.errors import InputError
from tests.synthetic import write_dataset

CIRCUIT = load_circuit("5t_opamp")


@pytest.fixture
def files(tmp_path):
    folder = write_dataset(tmp_path / "made")
    return {name: (folder / place / name).read_bytes() for name, place in PLACES.items()}


def packed(files, folder=""):
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return memory.getvalue()


def test_four_files_become_a_data_set(files, tmp_path):
    dataset = store_upload(files, CIRCUIT, tmp_path / "sets", "mine")
    assert (len(dataset.source), len(dataset.target)) == (400, 120)
    assert dataset.folder == tmp_path / "sets" / "mine"


def test_a_zip_with_folders_is_the_same(files, tmp_path):
    upload = {"all.zip": packed(files, "export/2026/")}
    assert len(store_upload(upload, CIRCUIT, tmp_path / "sets", "mine").target) == 120


def test_a_zip_cannot_write_outside_its_place(files, tmp_path):
    upload = {"all.zip": packed(files, "../../")}
    store_upload(upload, CIRCUIT, tmp_path / "sets", "mine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "sets"]


def test_missing_and_foreign_files_are_all_named(files, tmp_path):
    del files["target_targets.csv"]
    files["target_target.csv"] = b""
    with pytest.raises(InputError) as caught:
        store_upload(files, CIRCUIT, tmp_path / "sets", "mine")
    assert any('Did you mean "target_targets.csv"?' in fault for fault in caught.value.faults)
    assert any('"target_targets.csv" is missing' in fault for fault in caught.value.faults)


def test_a_fault_in_a_row_keeps_nothing(files, tmp_path):
    files["target_targets.csv"] = files["target_targets.csv"].replace(b"\n", b"\nx", 1)
    with pytest.raises(InputError, match=r"target_targets\.csv"):
        store_upload(files, CIRCUIT, tmp_path / "sets", "mine")
    assert list((tmp_path / "sets").iterdir()) == []


def test_a_broken_zip_is_said_to_be_one(tmp_path):
    with pytest.raises(InputError, match="is no zip file"):
        store_upload({"all.zip": b"PK junk"}, CIRCUIT, tmp_path, "mine")


@pytest.mark.parametrize("name", ["", "../up", ".hidden", "a/b"])
def test_a_name_that_is_no_folder_name_is_refused(files, tmp_path, name):
    with pytest.raises(InputError, match="is no name for a data set"):
        store_upload(files, CIRCUIT, tmp_path, name)


def test_a_taken_name_is_refused(files, tmp_path):
    store_upload(files, CIRCUIT, tmp_path / "sets", "mine")
    with pytest.raises(InputError, match="exists already"):
        store_upload(files, CIRCUIT, tmp_path / "sets", "mine")


def test_the_template_has_the_columns_of_the_circuit():
    with zipfile.ZipFile(io.BytesIO(template(CIRCUIT))) as archive:
        head = archive.read("target/target_design_features.csv").decode().splitlines()[0]
        assert head == "w1,w2,w3,l1,l2,l3,ibias"
        assert len(archive.namelist()) == 4


def test_a_copy_of_bundled_data_holds_the_same_and_may_be_changed(tmp_path):
    bundled = bundled_dataset_folder("5t_opamp")
    copy = copy_dataset(bundled, CIRCUIT, tmp_path / "sets", "mine")
    assert copy == tmp_path / "sets" / "mine"
    assert load_dataset(copy, CIRCUIT).fingerprint == load_dataset(bundled, CIRCUIT).fingerprint
    assert load_dataset(copy, CIRCUIT).target_process == "gf180mcu"
    with pytest.raises(InputError, match="exists already"):
        copy_dataset(bundled, CIRCUIT, tmp_path / "sets", "mine")


def test_a_preview_counts_and_shows_the_rows_of_every_table(files, tmp_path):
    loose = {part.name: part for part in previews(files)}
    zipped = {part.name: part for part in previews({"all.zip": packed(files, "folder/")})}
    assert loose.keys() == zipped.keys() == set(PLACES)
    for name, content in files.items():
        if name in PLACES:
            assert zipped[name].rows == loose[name].rows == content.count(b"\n") - 1
    head = zipped["target_design_features.csv"].head
    assert list(head.columns) == CIRCUIT.variable_names
    assert len(head) == 5


def test_a_preview_of_what_is_no_table_is_empty():
    (part,) = previews({"odd.csv": b""})
    assert (part.rows, len(part.head)) == (0, 0)


def test_a_zip_with_a_password_is_said_to_be_one(files, tmp_path):
    content = bytearray(packed(files))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = content.find(signature)
        while place >= 0:
            content[place + offset] |= 1  # The flag of an encrypted member.
            place = content.find(signature, place + 1)
    with pytest.raises(InputError, match="without a password"):
        store_upload({"all.zip": bytes(content)}, CIRCUIT, tmp_path / "sets", "mine")


def test_a_zip_that_unpacks_to_more_than_memory_bears_is_refused(files, tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "LARGEST", sum(map(len, files.values())) - 1)
    with pytest.raises(InputError, match="unpacks to"):
        store_upload({"all.zip": packed(files)}, CIRCUIT, tmp_path / "sets", "mine")
    assert not (tmp_path / "sets" / "mine").exists()


def test_a_copy_takes_the_data_and_no_leftovers_below_them(files, tmp_path):
    original = store_upload(files, CIRCUIT, tmp_path, "mine").folder
    leftover = original / "target" / "old"
    leftover.mkdir()
    (leftover / "target_targets.csv").write_text("nothing")
    copy = copy_dataset(original, CIRCUIT, tmp_path, "copy")
    assert load_dataset(copy, CIRCUIT).fingerprint == load_dataset(original, CIRCUIT).fingerprint
