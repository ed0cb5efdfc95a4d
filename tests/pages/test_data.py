"""The Data page and its states."""

from __future__ import annotations

import io
import zipfile

import pytest

from tests.pages.conftest import texts

PAGE = "pages/learn/data.py"


def test_without_data_it_says_what_to_do(empty_workspace, open_page):
    assert "No data set yet" in texts(open_page(PAGE))


def test_a_fault_in_the_data_is_shown_at_its_place(workspace, open_page):
    path = workspace / "uploads" / "5t_opamp" / "small" / "target" / "target_targets.csv"
    lines = path.read_text().splitlines()
    cells = lines[3].split(",")
    cells[2] = "fast"
    path.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]))
    said = texts(open_page(PAGE))
    assert "target_targets.csv" in said
    assert "fast" in said


def test_counts_of_both_processes_are_shown(workspace, open_page):
    values = {metric.label: metric.value for metric in open_page(PAGE).metric}
    assert values["Process A"] == "400 designs"
    assert values["Process B"] == "120 designs"
    assert values["B: training / held out"] == "96 / 24"


def test_every_metric_and_variable_has_a_distribution(workspace, open_page):
    assert len(open_page(PAGE).get("bidi_component")) == 5
    assert len(open_page(PAGE, data_columns="Design variables").get("bidi_component")) == 7


@pytest.mark.parametrize("scale", ["log", "linear"])
def test_both_axes_work_with_failed_designs_too(workspace, open_page, scale):
    app = open_page(PAGE)
    app.get_by_key("data_scale").set_value(scale)
    app.toggle(key="data_valid").set_value(False).run()
    assert not app.exception


@pytest.mark.parametrize(
    "tab", ["Drift", "Correlations", "Scatter", "Quality", "Upload", "Generate"]
)
def test_every_tab_opens(workspace, open_page, tab):
    assert not open_page(PAGE, data_tab=tab).exception


def test_drift_lists_every_column_with_a_verdict(workspace, open_page):
    table = open_page(PAGE, data_tab="Drift").dataframe[0].value
    assert len(table) == 12
    assert table.loc["w1", "verdict"] == "same distribution"
    assert table.loc["dc_gain", "verdict"] != "same distribution"


def test_quality_names_the_sentinel(workspace, open_page):
    table = open_page(PAGE, data_tab="Quality").dataframe[0].value
    assert table.loc[table["column"] == "ugf", "finding"].str.contains("1e\\+11").all()


def test_the_rows_of_the_first_finding_stand_below_it(workspace, open_page):
    app = open_page(PAGE, data_tab="Quality")
    findings, rows = (frame.value for frame in app.dataframe[:2])
    assert len(rows) == findings["rows"].iloc[0]
    assert rows.index[0] == findings["example"].iloc[0]


def test_an_upload_is_seen_before_it_is_kept(workspace, open_page):
    folder = workspace / "uploads" / "5t_opamp" / "small"
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        for path in folder.glob("*/*.csv"):
            archive.write(path, path.name)
    app = open_page(PAGE, data_tab="Upload")
    upload = app.get_by_key("data_upload_files")
    upload.set_value([("all.zip", memory.getvalue(), "application/zip")]).run()
    assert sum("target_targets.csv: 120 rows" in part.label for part in app.expander) == 1
    upload = app.get_by_key("data_upload_files")
    upload.set_value([("all.zip", b"no zip", "application/zip")]).run()
    assert "is no zip file" in texts(app)


def test_without_data_one_click_leads_to_generate_or_upload(empty_workspace, open_page):
    app = open_page(PAGE)
    app.button(key="data_empty_Upload").click().run()
    assert app.session_state["data_tab"] == "Upload"
    assert "Four CSV files" in texts(app)


def test_an_upload_shows_its_faults_and_a_good_one_is_kept(workspace, open_page):
    folder = workspace / "uploads" / "5t_opamp" / "small"
    files = [(path.name, path.read_bytes(), "text/csv") for path in folder.glob("*/*.csv")]
    app = open_page(PAGE, data_tab="Upload")
    app.text_input(key="data_upload_name").set_value("mine").run()
    uploader = app.get_by_key("data_upload_files")
    uploader.set_value(files[:3]).run()
    app.button(key="data_upload").click().run()
    assert "is missing" in texts(app)
    uploader = app.get_by_key("data_upload_files")
    uploader.set_value(files).run()
    app.button(key="data_upload").click().run()
    assert not app.exception
    assert (workspace / "uploads" / "5t_opamp" / "mine" / "target").is_dir()


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_same_designs_are_simulated_in_both_processes(workspace, open_page):
    app = open_page(PAGE, data_tab="Drift")
    app.get_by_key("data_paired_count").set_value(25)
    app.button(key="data_paired").click().run()
    assert not app.exception
    table = app.dataframe[1].value
    assert list(table.index) == ["Slew rate", "DC gain", "UGF", "Phase margin", "CMRR"]
    assert (table["Designs"] > 0).all()
