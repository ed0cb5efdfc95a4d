"""The predictor keeps its contract for every model, and refuses what is not a sound run."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from core.ensemble import MODELS, load_predictor, model_names
from core.errors import CheckpointError, InputError
from tests import synthetic
from tests.tiny import CIRCUIT


@pytest.fixture(params=MODELS)
def predictor(request, tiny):
    return load_predictor(tiny.folder, request.param)


@pytest.fixture
def designs():
    return synthetic.designs(50, seed=5)


def as_tensor(designs):
    return torch.from_numpy(designs.to_numpy(dtype=float, copy=True))


def test_every_trained_model_is_offered(tiny):
    assert model_names(tiny.folder) == list(MODELS)


def test_moments_are_n_by_m_with_positive_sigma(predictor, designs):
    mu, sigma = predictor.moments(as_tensor(designs))
    assert mu.shape == sigma.shape == (50, 5)
    assert bool((sigma > 0).all())
    assert predictor.half_width.shape == (5,)
    assert bool((predictor.half_width > 0).all())


def test_moments_do_not_depend_on_the_company(predictor, designs):
    values = as_tensor(designs)
    mu, sigma = predictor.moments(values)
    alone_mu, alone_sigma = predictor.moments(values[7:8])
    torch.testing.assert_close(mu[7:8], alone_mu, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(sigma[7:8], alone_sigma, rtol=1e-3, atol=1e-6)


def test_the_gradient_of_the_mean_agrees_with_finite_differences(predictor, designs):
    values = as_tensor(designs.head(4).assign(w1=20.0, w2=20.0, w3=20.0))
    values.requires_grad_()
    mu, _ = predictor.moments(values)
    (gradient,) = torch.autograd.grad(mu[:, 1].sum(), values)
    step = torch.zeros_like(values)
    step[:, 0] = 0.2
    with torch.no_grad():
        ahead, behind = (predictor.moments(values + s * step)[0][:, 1] for s in (1, -1))
    numeric = (ahead - behind) / 0.4
    torch.testing.assert_close(gradient[:, 0].to(numeric), numeric, rtol=0.1, atol=2e-4)


def test_gradients_reach_every_variable_through_mean_and_validity(predictor, designs):
    values = as_tensor(designs).requires_grad_()
    mu, sigma = predictor.moments(values)
    (mu.sum() + sigma.sum() + predictor.validity(values).sum()).backward()
    assert bool(torch.isfinite(values.grad).all())
    assert bool((values.grad != 0).any(0).all())


def test_many_designs_predicted_on_several_threads_equal_few_at_a_time(tiny, monkeypatch):
    monkeypatch.setattr("core.ensemble.predictor.os.cpu_count", lambda: 3)
    predictor, designs = load_predictor(tiny.folder), synthetic.designs(13_000, seed=5)
    threads = torch.get_num_threads()
    together = predictor.predict(designs).table()
    assert torch.get_num_threads() == threads
    pieces = [predictor.predict(designs[start : start + 512]) for start in range(0, 13_000, 512)]
    pd.testing.assert_frame_equal(
        together, pd.concat([piece.table() for piece in pieces]), check_exact=True
    )


def test_predict_is_the_moments_in_physical_units(predictor, designs):
    prediction = predictor.predict(designs)
    mu, sigma = predictor.moments(as_tensor(designs))
    gain, margin = (CIRCUIT.metric_names.index(n) for n in ("dc_gain", "phase_margin"))
    np.testing.assert_allclose(prediction.median["dc_gain"], 10 ** mu[:, gain].double(), rtol=1e-4)
    upper = mu[:, margin] + predictor.half_width[margin] * sigma[:, margin]
    np.testing.assert_allclose(prediction.upper["phase_margin"], upper.double(), rtol=1e-4)


def test_intervals_hold_the_median_and_the_table_has_the_promised_columns(predictor, designs):
    prediction = predictor.predict(designs)
    assert (prediction.lower < prediction.median).all(axis=None)
    assert (prediction.median < prediction.upper).all(axis=None)
    expected = [f"{n}{end}" for n in CIRCUIT.metric_names for end in ("", "_lo", "_hi")]
    assert list(prediction.table().columns) == [*expected, "validity"]


def test_the_index_of_the_designs_is_kept(predictor, designs):
    shifted = designs.set_index(designs.index + 100)
    assert list(predictor.predict(shifted).median.index) == list(shifted.index)


def test_a_missing_variable_is_named(predictor, designs):
    with pytest.raises(InputError, match='lack the column "w2"'):
        predictor.predict(designs.drop(columns="w2"))


def test_validity_is_a_probability_that_knows_the_collapsed_corner(predictor):
    designs = synthetic.designs(300, seed=6)
    probability = predictor.predict(designs).validity
    bad = synthetic.collapsed(designs)
    assert probability.between(0, 1).all()
    assert probability[bad].mean() < 0.5 < probability[~bad].mean()


def test_known_designs_are_the_training_rows(predictor, tiny_data):
    from core.data import load_dataset

    train = load_dataset(tiny_data, CIRCUIT).train
    known = predictor.known_designs()
    pd.testing.assert_frame_equal(known.designs, train.designs)
    pd.testing.assert_frame_equal(known.metrics, train.metrics)
    assert np.array_equal(known.valid, train.valid)


def test_predictions_leave_the_range_of_the_training_rows_only_where_every_member_does(tiny):
    known = load_predictor(tiny.folder).known_designs()
    gain = np.log10(known.metrics["dc_gain"][known.valid])
    margin = 0.05 * (gain.max() - gain.min())
    low, high = gain.min() - margin - 1e-5, gain.max() + margin + 1e-5
    designs = synthetic.designs(500, seed=5)
    told = {
        name: np.log10(load_predictor(tiny.folder, name).predict(designs).median["dc_gain"])
        for name in ("align", "gaussian_process", "ensemble")
    }
    fused = told.pop("ensemble")
    for alone in told.values():
        assert alone.between(low, high).all()
    below = np.all([alone < low + 2e-5 for alone in told.values()], axis=0)
    above = np.all([alone > high - 2e-5 for alone in told.values()], axis=0)
    assert fused[~below].min() >= low
    assert fused[~above].max() <= high


def test_loading_and_predicting_twice_is_the_same(tiny, designs):
    first, second = (load_predictor(tiny.folder).predict(designs).table() for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@pytest.fixture
def copy(tiny, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(tiny.folder, folder)
    return folder


def refused(folder, model="ensemble"):
    with pytest.raises(CheckpointError) as caught:
        load_predictor(folder, model)
    return str(caught.value)


def test_an_unknown_model_gets_a_suggestion(tiny):
    with pytest.raises(InputError, match=r'Did you mean "ensemble"\?'):
        load_predictor(tiny.folder, "ensembel")


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    assert "does not exist" in refused(tmp_path / "nowhere")
    assert "no run folder" in refused(tmp_path)


def test_a_run_without_an_ensemble_is_refused_by_name(copy):
    (copy / "5t_opamp_ensemble.safetensors").unlink()
    assert "5t_opamp_ensemble.safetensors" in refused(copy)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("ensemble", "ensemble"),
        ("align_hetero_lambda0", "ensemble"),
        ("baseline", "baseline"),
        ("target_only", "target_only"),
        ("dualhead_finetuned", "dual_head"),
    ],
)
def test_a_damaged_member_is_refused_by_name(copy, name, model):
    path = copy / f"5t_opamp_{name}.safetensors"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert path.name in refused(copy, model)


def test_a_run_of_another_circuit_is_refused(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "circuit": "two_stage_opamp"}))
    assert "two_stage_opamp_ensemble.safetensors" in refused(copy)


def test_a_circuit_that_is_not_here_is_said(copy):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "circuit": "mixer"}))
    assert "names no circuit that is here" in refused(copy)


def test_a_member_from_another_run_is_refused(copy, tiny_data, tmp_path):
    from core.models.checkpoint import MANIFEST
    from tests.synthetic import write_dataset
    from tests.tiny import tiny_run

    other = tiny_run(
        write_dataset(tmp_path / "data", seed=3), tmp_path / "other", stages=("baseline", "align")
    )
    name = "5t_opamp_align_hetero_lambda0.safetensors"
    shutil.copy(other.folder / name, copy / name)
    manifests = [json.loads((f / MANIFEST).read_text()) for f in (copy, other.folder)]
    manifests[0][name] = manifests[1][name]
    (copy / MANIFEST).write_text(json.dumps(manifests[0]))
    assert "does not match the ensemble" in refused(copy)


def test_the_gaussian_process_comes_back_as_it_was_fitted(tiny):
    from core.ensemble.predictor import _open, _process
    from core.models import load_checkpoint

    circuit, ensemble = _open(tiny.folder)
    process = _process(tiny.folder, circuit, ensemble, "gaussian_process")
    stored = load_checkpoint(
        tiny.folder, "5t_opamp_gaussian_process", "5t_opamp", "gaussian_process"
    )
    assert torch.equal(process.alpha, stored.tensors["model.alpha"])
    known = load_predictor(tiny.folder).known_designs()
    transforms = load_predictor(tiny.folder).transforms
    y = transforms.targets(known.metrics[known.valid])
    with torch.no_grad():
        mean, _ = process(transforms.features(known.designs[known.valid]))
    gain = CIRCUIT.metric_names.index("dc_gain")
    assert (mean - y)[:, gain].abs().max() < 0.01


def test_a_run_without_the_file_of_its_transistors_says_so(root, tmp_path):
    folder = tmp_path / "shipped"
    shutil.copytree(root / "checkpoints" / "5t_opamp", folder)
    (folder / "5t_opamp_amplifier.safetensors").unlink()
    assert 'amplifier.safetensors" is missing' in refused(folder)
