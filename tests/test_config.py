"""Settings: complete, bounded, described, and refused with a hint when wrong."""

from __future__ import annotations

import json

import pytest

from core.config import (
    PRESETS,
    STAGES,
    TrainingConfig,
    describe,
    preset,
    with_overrides,
)
from core.errors import InputError


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name):
    config = preset(name)
    assert TrainingConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("name", PRESETS)
def test_every_setting_is_described_and_within_its_bounds(name):
    for item in describe(preset(name)):
        assert item.description
        if item.minimum is not None:
            assert item.minimum <= item.value <= item.maximum, item.path
        if item.choices:
            assert item.value in item.choices


def test_every_stage_has_its_section():
    sections = {item.section for item in describe()}
    assert set(STAGES) <= sections


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("network.hidden_layers", 6),
        ("network.hidden_width", 512),
        ("network.dropout", 0.1),
        ("baseline.epochs", 50),
        ("baseline.patience", 10),
        ("align.lr", 1e-4),
        ("align.batch_size", 256),
        ("align.weight_decay", 1e-4),
        ("align.clip_norm", 1.0),
        ("align.lambda_coral", 0.05),
        ("align.alpha_r2", 1.0),
        ("dual_head.l2sp", 1e-4),
        ("dual_head.lr", 3e-4),
        ("dual_head.lr_head", 1e-4),
        ("dual_head.lr_unfrozen", 5e-5),
        ("mdn.epochs", 60),
        ("mdn.batch_size", 128),
        ("mdn.lr", 1e-3),
        ("mdn.components", 10),
        ("mdn.hidden_width", 256),
    ],
)
def test_the_reference_preset_holds_the_published_defaults(path, value):
    values = {item.path: item.value for item in describe(preset("reference"))}
    assert values[path] == value


def test_an_override_changes_one_setting_and_leaves_the_rest():
    config = with_overrides(preset("default"), ["align.lr=3e-4", "align.refit_head=false"])
    assert config.align.lr == 3e-4
    assert config.align.refit_head is False
    assert config.baseline == preset("default").baseline


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("align.lrr=1", 'Unknown setting "align.lrr". Did you mean "align.lr"?'),
        ("algn.lr=1", 'Unknown section in "algn.lr". Did you mean "align"?'),
        ("align.lr", "is not of the form section.name=value"),
        ("lr=1", "is not of the form section.name=value"),
        ("align.lr=fast", 'align.lr is "fast": expected a number'),
        ("align.epochs=1.5", 'align.epochs is "1.5": expected a whole number'),
        ("align.lr=nan", "expected at least"),
        ("align.epochs=0", "align.epochs is 0: expected at least 1"),
        ("network.dropout=2", "expected at most 0.9"),
        ("align.refit_head=perhaps", "expected true or false"),
        ("network.activation=silly", 'Did you mean "silu"?'),
    ],
)
def test_a_wrong_override_says_what_is_wrong(assignment, expected):
    with pytest.raises(InputError) as caught:
        with_overrides(preset("default"), [assignment])
    assert expected in str(caught.value)


def test_all_wrong_overrides_are_told_at_once():
    with pytest.raises(InputError) as caught:
        with_overrides(preset("default"), ["a.b=1", "align.lr=x", "align.epochs=7"])
    assert len(caught.value.faults) == 2


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match="Did you mean"):
        preset("refernce")
