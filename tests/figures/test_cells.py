"""Numbers on coloured cells can be read on both grounds."""

from __future__ import annotations

import tomllib

import numpy as np
import pandas as pd
import pytest

from core.figures import sensitivity, style
from core.figures.cells import (
    GROUNDS,
    NOTHING,
    CellColours,
    cell_map,
    channels,
    contrast,
    inks,
    luminance,
)
from core.figures.relations import correlation_map

WHITE_TO_RED = CellColours(0.0, 10.0, ((0.0, ("#FFFFFF", 1.0)), (1.0, ("#FF0000", 1.0))))


def colours(*texts):
    return np.array([channels(text) for text in texts])


def test_contrast_is_what_the_guideline_says():
    assert luminance(colours("#FFFFFF", "#000000")) == pytest.approx([1.0, 0.0])
    assert contrast(colours("#FFFFFF"), colours("#000000")) == pytest.approx([21.0])
    # The guideline's best-known grey: just enough on white.
    assert contrast(colours("#767676"), colours("#FFFFFF")) == pytest.approx([4.54], abs=0.005)


def test_ink_is_black_on_light_and_middling_colours_and_white_on_dark_ones():
    seen = colours("#FFFF00", style.CANDIDATE, "#14B8A6", "#A16207", "#00008B")
    assert inks(seen) == ["#000000", "#000000", "#000000", "#FFFFFF", "#FFFFFF"]


def test_black_or_white_reaches_enough_contrast_on_any_colour():
    seen = np.random.default_rng(0).random((5000, 3))
    assert contrast(seen, colours(*inks(seen))).min() >= 4.5


def test_a_half_transparent_cell_lets_the_ground_through():
    scale = CellColours(0.0, 1.0, ((0.0, ("#FF0000", 0.5)), (1.0, ("#FF0000", 1.0))))
    assert scale.on_ground(np.array([0.0]), "#FFFFFF")[0] == pytest.approx([1.0, 0.5, 0.5])
    assert scale.on_ground(np.array([0.0]), "#000000")[0] == pytest.approx([0.5, 0.0, 0.0])
    assert scale.on_ground(np.array([0.5]), "#000000")[0] == pytest.approx([0.75, 0.0, 0.0])
    assert scale.on_ground(np.array([9.0]), "#000000")[0] == pytest.approx([1.0, 0.0, 0.0])


def test_an_empty_cell_has_the_ink_of_the_ground():
    empty = CellColours(0.0, 1.0, ((0.0, NOTHING), (1.0, NOTHING)))
    for theme, ink in (("light", "#000000"), ("dark", "#FFFFFF")):
        assert inks(empty.on_ground(np.array([0.3]), GROUNDS[theme])) == [ink]


def test_the_grounds_are_those_of_the_theme(root):
    theme = tomllib.loads((root / ".streamlit" / "config.toml").read_text())["theme"]
    assert {name: theme[name]["backgroundColor"] for name in GROUNDS} == GROUNDS


def test_every_number_is_written_on_its_cell_and_gaps_stay_blank():
    values = np.array([[1.0, np.nan], [0.01, 9.0]])
    figure = cell_map(
        values, WHITE_TO_RED, ["r", "s"], ["x", "y"],
        form="%.1f", hover="", theme="light", height=100, least=0.05,
    )  # fmt: skip
    texts = figure.data[1]
    assert list(zip(texts.x, texts.y, texts.text, strict=True)) == [(0, 0, "1.0"), (1, 1, "9.0")]


@pytest.mark.parametrize("theme", GROUNDS)
@pytest.mark.parametrize(
    "drawn",
    [
        sensitivity.elasticity_map,
        sensitivity.importance_map,
        lambda table, rows, columns, theme: correlation_map(table, columns, theme),
    ],
)
def test_the_numbers_of_every_map_have_enough_contrast(drawn, theme):
    table = pd.DataFrame(np.linspace(-1, 1, 41)[None, :])
    figure = drawn(table, ["r"], ["c"] * 41, theme)
    cells, texts = figure.data
    stops = cells.colorscale
    for number, ink in zip(cells.z[0][list(texts.x)], texts.textfont.color, strict=True):
        at = np.clip((number - cells.zmin) / (cells.zmax - cells.zmin), 0, 1)
        rgba = [
            np.interp(at, [stop[0] for stop in stops], column)
            for column in zip(*(_rgba(stop[1]) for stop in stops), strict=True)
        ]
        seen = np.array(rgba[:3]) * rgba[3] + channels(GROUNDS[theme]) * (1 - rgba[3])
        assert contrast(seen[None, :], colours(ink))[0] >= 4.5


def _rgba(text):
    red, green, blue, opacity = (float(part) for part in text[5:-1].split(","))
    return red / 255, green / 255, blue / 255, opacity
