"""Checkpoints come back bit for bit, and anything wrong with one is said by name."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from core.errors import CheckpointError
from core.models import (
    MLP,
    AlignHeteroMLP,
    Architecture,
    DualHeadMLP,
    InverseMDN,
    load_checkpoint,
    save_checkpoint,
)
from core.models.checkpoint import MANIFEST, fill, read_manifest, remove_checkpoint
from core.models.stored import build, tensors_of

SHAPE = Architecture(inputs=7, outputs=5, hidden=(8, 8), activation="silu", dropout=0.1, members=2)
NETWORKS = {
    "baseline": (MLP(SHAPE), {"architecture": SHAPE.to_dict()}),
    "align": (
        AlignHeteroMLP(SHAPE, (-9.0, 2.0)),
        {"architecture": SHAPE.to_dict(), "logvar_bounds": [-9.0, 2.0]},
    ),
    "dual_head": (DualHeadMLP(SHAPE), {"architecture": SHAPE.to_dict()}),
    "mdn": (
        (mdn := InverseMDN(5, 7, components=3, hidden_width=8, hidden_layers=2)),
        {"arguments": mdn.arguments},
    ),
}


def store(folder, kind, circuit="5t_opamp"):
    model, description = NETWORKS[kind]
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    save_checkpoint(folder, kind, tensors, {"circuit": circuit, "kind": kind, **description})
    return model


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_comes_back_bit_for_bit(tmp_path, kind):
    model = store(tmp_path, kind).eval()
    again = build(load_checkpoint(tmp_path, kind, "5t_opamp", kind))
    assert not again.training
    x = torch.randn(3, 5 if kind == "mdn" else 7)
    expected, found = model(x), again(x)
    pairs = (
        zip(expected, found, strict=True) if isinstance(expected, tuple) else [(expected, found)]
    )
    assert all(torch.equal(a, b) for a, b in pairs)


def test_building_leaves_the_random_state_alone(tmp_path):
    store(tmp_path, "baseline")
    before = torch.get_rng_state()
    build(load_checkpoint(tmp_path, "baseline", "5t_opamp", "baseline"))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_manifest_lists_every_file(tmp_path):
    store(tmp_path, "baseline")
    store(tmp_path, "mdn")
    assert set(json.loads((tmp_path / MANIFEST).read_text())) == {
        "baseline.safetensors",
        "mdn.safetensors",
    }


def test_nothing_is_left_beside_the_files(tmp_path):
    store(tmp_path, "baseline")
    assert {path.name for path in tmp_path.iterdir()} == {"baseline.safetensors", MANIFEST}


def refused(folder, name="baseline", circuit="5t_opamp", kind="baseline"):
    with pytest.raises(CheckpointError) as caught:
        build(load_checkpoint(folder, name, circuit, kind))
    assert f"{name}.safetensors" in str(caught.value)
    return str(caught.value)


def test_a_missing_checkpoint_is_named(tmp_path):
    assert "is missing" in refused(tmp_path)


def test_a_checkpoint_with_one_flipped_byte_is_refused(tmp_path):
    store(tmp_path, "baseline")
    path = tmp_path / "baseline.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "is damaged" in refused(tmp_path)


def test_a_truncated_checkpoint_is_refused_even_if_the_manifest_agrees(tmp_path):
    store(tmp_path, "baseline")
    path = tmp_path / "baseline.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / MANIFEST).write_text(json.dumps({path.name: digest}))
    assert "is damaged" in refused(tmp_path)


def test_a_checkpoint_from_elsewhere_is_refused(tmp_path):
    store(tmp_path / "one", "baseline")
    store(tmp_path / "two", "mdn")
    (tmp_path / "two" / "baseline.safetensors").write_bytes(
        (tmp_path / "one" / "baseline.safetensors").read_bytes()
    )
    assert "not in the manifest" in refused(tmp_path / "two")


def test_a_checkpoint_of_another_circuit_is_refused(tmp_path):
    store(tmp_path, "baseline", circuit="two_stage_opamp")
    assert 'trained for circuit "two_stage_opamp": expected "5t_opamp"' in refused(tmp_path)


def test_a_checkpoint_of_another_kind_is_refused(tmp_path):
    store(tmp_path, "baseline")
    assert 'holds a "baseline": expected a "align"' in refused(tmp_path, kind="align")


def test_a_foreign_safetensors_file_is_refused(tmp_path):
    import hashlib

    path = tmp_path / "baseline.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / MANIFEST).write_text(json.dumps({path.name: digest}))
    assert "was not written by Crossfab" in refused(tmp_path)


def test_a_damaged_manifest_is_named(tmp_path):
    store(tmp_path, "baseline")
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(CheckpointError, match="Manifest"):
        load_checkpoint(tmp_path, "baseline", "5t_opamp", "baseline")


def test_tensors_that_do_not_fit_are_named_and_nothing_is_filled_in(tmp_path):
    store(tmp_path, "baseline")
    checkpoint = load_checkpoint(tmp_path, "baseline", "5t_opamp", "baseline")
    other = MLP(replace(SHAPE, hidden=(8, 9)))
    before = other.head.bias.clone()
    with pytest.raises(CheckpointError, match="does not fit: tensor"):
        fill(other, replace(checkpoint, tensors=tensors_of(checkpoint, "model")))
    assert torch.equal(other.head.bias, before)


def test_a_description_that_lacks_its_parts_is_refused(tmp_path):
    save_checkpoint(tmp_path, "baseline", {}, {"circuit": "5t_opamp", "kind": "baseline"})
    assert "does not describe a network" in refused(tmp_path)


def test_a_removed_checkpoint_is_in_folder_and_manifest_no_more(tmp_path):
    described = {"circuit": "5t_opamp", "kind": "baseline"}
    for name in ("baseline", "other"):
        save_checkpoint(tmp_path, name, {"x": torch.zeros(1)}, described)
    remove_checkpoint(tmp_path, "baseline")
    remove_checkpoint(tmp_path, "never there")
    assert list(read_manifest(tmp_path)) == ["other.safetensors"]
    assert not (tmp_path / "baseline.safetensors").exists()
