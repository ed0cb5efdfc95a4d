"""The report of the forward benchmark says what the cells say."""

from __future__ import annotations

from benchmarks.forward_report import METRICS, efficiency_figure, report


def cell(method: str, model: str, seed: int, log_r2: float, width: float, rows: int = 0) -> dict:
    figures = {
        "log_r2": log_r2,
        "r2": log_r2 - 0.1,
        "median_relative_error": 0.02,
        "p95_relative_error": 0.1,
        "coverage": 0.9,
        "mae": 1.5,
        "width": width,
    }
    return {
        "method": method,
        "data": "bundled",
        "circuit": "5t_opamp",
        "seed": seed,
        "rows": rows,
        "seconds_train": 10.0,
        "seconds_10000": 0.5,
        "models": {model: dict.fromkeys(METRICS, figures)},
    }


CELLS = [
    cell("crossfab", "ensemble", 3, 0.90, 1.0),
    cell("crossfab", "ensemble", 4, 0.80, 1.0),
    cell("gp", "gp", 3, 0.70, 4.0),
    cell("ridge", "ridge", 3, 0.20, 8.0),
]


def test_figures_are_means_over_the_splits_and_ours_come_first():
    lines = report(CELLS).splitlines()
    ours = next(i for i, line in enumerate(lines) if line.startswith("| crossfab ensemble"))
    assert "0.8500 ± 0.0500" in lines[ours]
    assert lines[ours + 1].startswith("| gp")


def test_widths_are_compared_with_the_narrowest_peer():
    text = report(CELLS)
    assert "(gp): 75 / 75 / 75 / 75 / 75 % narrower, 75 % in the geometric mean." in text


def test_data_efficiency_has_a_column_a_number_of_rows():
    cells = [cell("gp", "gp", 3, value, 1.0, rows) for value, rows in ((0.5, 25), (0.7, 100))]
    assert "| gp | 0.500 | 0.700 |" in report(cells)


def test_the_figure_is_drawn(tmp_path):
    cells = [cell("gp", "gp", 3, value, 1.0, rows) for value, rows in ((0.5, 25), (0.7, 100))]
    efficiency_figure(cells, tmp_path / "figure.svg")
    assert "<svg" in (tmp_path / "figure.svg").read_text()
