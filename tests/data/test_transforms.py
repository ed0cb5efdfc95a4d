"""Transforms: fitted on A alone, exact both ways, differentiable."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from core.circuits import load_circuit
from core.config import TransformConfig
from core.data import load_dataset
from core.data.transforms import Transforms, fit_transforms, scaler_table
from tests.synthetic import write_dataset

CIRCUIT = load_circuit("5t_opamp")
CONFIGS = [
    TransformConfig(),
    TransformConfig(inputs="raw", metrics="log1p"),
]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return load_dataset(write_dataset(tmp_path_factory.mktemp("data")), CIRCUIT)


@pytest.fixture(params=CONFIGS, ids=["features", "raw"])
def transforms(request, dataset):
    return fit_transforms(dataset.source, CIRCUIT, request.param)


def test_features_of_a_have_mean_zero_and_unit_spread(dataset, transforms):
    x = transforms.features(dataset.source.designs)
    torch.testing.assert_close(x.mean(0), torch.zeros(x.shape[1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(x.std(0, unbiased=False), torch.ones(x.shape[1]), atol=1e-5, rtol=0)


def test_valid_metrics_of_a_have_mean_zero_and_unit_spread(dataset, transforms):
    y = transforms.targets(dataset.source.metrics)[torch.from_numpy(dataset.source.valid.copy())]
    torch.testing.assert_close(y.mean(0), torch.zeros(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(y.std(0, unbiased=False), torch.ones(5), atol=1e-5, rtol=0)


def test_the_shift_of_b_stays_visible(dataset, transforms):
    y = transforms.targets(dataset.target.metrics)[torch.from_numpy(dataset.target.valid.copy())]
    gain = CIRCUIT.metric_names.index("dc_gain")
    assert y[:, gain].mean() > 1.0


def test_designs_come_back_exactly(dataset, transforms):
    designs = torch.from_numpy(dataset.target.designs.to_numpy().copy())
    for part in (transforms.inputs, transforms.sizes):
        back = part.inverse(part.forward(designs))
        torch.testing.assert_close(back, designs, rtol=1e-9, atol=0)


def test_metrics_come_back_exactly(dataset, transforms):
    metrics = torch.from_numpy(dataset.target.metrics.to_numpy()[dataset.target.valid])
    maps = transforms.metrics
    standardised = maps.standardise(maps.transform(metrics))
    back = maps.inverse(maps.unstandardise(standardised))
    torch.testing.assert_close(back, metrics, rtol=1e-9, atol=0)


def test_the_maps_are_log10_or_log1p_as_told(dataset):
    metrics = torch.tensor([[1e6, 100.0, 1e7, 60.0, 999.0]], dtype=torch.float64)
    default = fit_transforms(dataset.source, CIRCUIT, TransformConfig()).metrics
    reference = fit_transforms(dataset.source, CIRCUIT, CONFIGS[1]).metrics
    expected = torch.tensor([[6.0, 2.0, 7.0, 60.0, np.log10(999.0)]], dtype=torch.float64)
    torch.testing.assert_close(default.transform(metrics), expected)
    log1p = reference.transform(metrics)[0]
    torch.testing.assert_close(log1p[4], torch.tensor(np.log(1000.0)))
    assert log1p[0] == 1e6


def test_gradients_reach_the_designs(dataset, transforms):
    designs = torch.from_numpy(dataset.target.designs.to_numpy().copy()).requires_grad_()
    transforms.inputs.forward(designs).sum().backward()
    assert designs.grad is not None
    assert bool((designs.grad != 0).all())


def test_not_measured_stays_not_measured(dataset, transforms):
    y = transforms.targets(dataset.target.metrics)
    missing = torch.from_numpy(dataset.target.metrics.isna().to_numpy().copy())
    assert bool(missing.any())
    assert torch.equal(torch.isnan(y), missing)


def test_a_column_that_a_keeps_constant_keeps_its_unit(dataset):
    source = dataset.source.rows(np.arange(len(dataset.source)))
    source.designs["ibias"] = 1e-5
    inputs = fit_transforms(source, CIRCUIT, TransformConfig()).inputs
    column = CIRCUIT.feature_names.index("log Ib")
    assert inputs.scale[column] == 1.0
    shifted = torch.tensor([[10.0, 10, 10, 1, 1, 1, 2e-5]], dtype=torch.float64)
    assert inputs.forward(shifted)[0, column].item() == pytest.approx(np.log(2.0))


def test_an_overdrive_feature_is_the_square_root_of_i_l_over_w(dataset):
    inputs = fit_transforms(dataset.source, CIRCUIT, TransformConfig()).inputs
    column = CIRCUIT.feature_names.index("overdrive 2")
    raw = inputs.raw(torch.tensor([[10.0, 4, 10, 1, 2, 1, 2e-5]], dtype=torch.float64))
    assert raw[0, column].item() == pytest.approx(np.sqrt(2e-5 * 2 / 4))


def test_transforms_survive_json_bit_for_bit(transforms):
    again = Transforms.from_dict(json.loads(json.dumps(transforms.to_dict())))
    assert again == transforms


def test_the_scaler_table_names_every_feature_and_metric(dataset):
    table = scaler_table(dataset)
    assert list(table.index[-5:]) == CIRCUIT.metric_names
    assert table.loc["ugf", "transform"] == "log10"
    assert (table["std"] > 0).all()
