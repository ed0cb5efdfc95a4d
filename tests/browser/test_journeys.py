"""What a designer does: specs, candidates, SPICE, download; training, curves, cancel."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from benchmarks.browser import settled, visit
from core.circuits import load_circuit
from core.training import jobs
from core.training.run_store import RunState, RunStore
from tests.processes import until

pytestmark = pytest.mark.browser
QUERY = "data=data:+small&run=run:+tiny"


def pick(page, label, option):
    """Choose an option of a select box by its labels."""
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def typed(page, label, text):
    """Type a value into a field and commit it."""
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")
    settled(page)


def test_from_a_first_visit_to_verified_candidate_and_netlist(page, base):
    visit(page, base, "overview", QUERY)
    page.get_by_test_id("stTopNav").get_by_role("link", name="Design", exact=True).click()
    settled(page)
    pick(page, "Goal of DC gain", "ignore")
    typed(page, "UGF, value", "1 MHz")
    expect(page).to_have_url(re.compile(r"spec=.*ugf\+min\+1e%2B06"))
    pick(page, "Process B", "gf180mcu")
    page.get_by_role("button", name="Verify in SPICE").click()
    expect(page.get_by_text("Bode plot")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    with page.expect_download() as netlist:
        page.get_by_role("button", name="Netlist", exact=True).click()
    text = netlist.value.path().read_text()
    assert "gf180" in text.lower()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy netlist").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("() => navigator.clipboard.readText()") == text
    with page.expect_download() as table:
        page.get_by_role("button", name="CSV", exact=True).click()
    lines = table.value.path().read_text().splitlines()
    assert lines[0].startswith("w1,w2,w3,l1,l2,l3,ibias,")
    assert len(lines) == 11


@pytest.mark.parametrize("circuit", ["5t_opamp", "two_stage_opamp"])
def test_a_what_if_begins_with_the_candidate_and_goes_on_in_the_simulator(page, base, circuit):
    visit(page, base, "design", f"circuit={circuit}&design_tab=What+if")
    sheet = page.locator("[data-testid=stDataFrame]").last
    sliders = page.locator("[class*=st-key-design_what_if_]")
    sizes = sliders.get_by_role("slider").evaluate_all(
        "items => items.map(item => item.getAttribute('aria-valuetext'))"
    )
    assert len(sizes) == len(load_circuit(circuit).variables)
    expect(sheet).to_be_visible()
    page.get_by_role("button", name="Open in the simulator").click()
    expect(page).to_have_url(re.compile("/simulator"))
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    shown = page.locator(f"[class*=st-key-simulator_{circuit}_]").get_by_role("slider")
    found = shown.evaluate_all("items => items.map(item => item.getAttribute('aria-valuetext'))")
    assert found == sizes
    page.reload()
    settled(page)
    expect(page.get_by_label("Circuit", exact=True)).to_have_value(load_circuit(circuit).name)


def test_a_slider_moved_by_keys_changes_specs_and_link(page, base):
    visit(page, base, "design", QUERY)
    thumb = page.locator(".st-key-design_5t_opamp_dc_gain_slider_1").get_by_role("slider")
    before = thumb.get_attribute("aria-valuetext")
    old = page.url
    thumb.focus()
    thumb.press("ArrowRight")
    expect(thumb).not_to_have_attribute("aria-valuetext", before or "")
    expect(page).not_to_have_url(old)
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_a_link_reproduces_the_specification(page, base):
    visit(page, base, "design", QUERY + "&spec=ugf+range+1e%2B06..3e%2B06;dc_gain+max+300")
    expect(page.get_by_label("UGF, from", exact=True)).to_have_value("1 MHz")
    expect(page.get_by_label("UGF, to", exact=True)).to_have_value("3 MHz")
    expect(page.get_by_label("DC gain, value", exact=True)).to_have_value("49.5 dB")


def test_a_link_reproduces_the_choices_and_the_tab(page, base):
    visit(page, base, "design", QUERY)
    page.get_by_role("combobox", name="Candidates").click()
    page.get_by_role("option", name="20", exact=True).click()
    settled(page)
    page.get_by_role("tab", name="Compare").click()
    settled(page)
    expect(page).to_have_url(re.compile("design_tab=Compare"))
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    settled(page)
    expect(page.get_by_role("tab", name="Compare")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("combobox", name="Candidates").first).to_have_value("20")


def test_a_training_is_launched_cancelled_found_after_a_reload_and_resumed(page, base, workspace):
    visit(page, base, "training", QUERY)
    typed(page, "Name", "in the browser")
    page.get_by_role("radio", name="quick").or_(page.get_by_role("button", name="quick")).click()
    settled(page)
    page.get_by_role("button", name="Start training").click()
    run_folder = workspace / "runs" / "in the browser"
    expect(page.get_by_role("progressbar").first).to_be_visible()
    run = RunStore(run_folder)
    until(lambda: any(event["kind"] == "epoch" for event in run.events()), timeout=240)
    expect(page.get_by_test_id("stVegaLiteChart")).to_be_visible(timeout=120_000)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelled", exact=False).first).to_be_visible(timeout=60_000)
    assert run.status().state == RunState.CANCELLED
    # The page comes back with it after a reload, and in a new tab that knows no link.
    page.reload()
    settled(page)
    expect(page.get_by_text("cancelled", exact=False).first).to_be_visible()
    visit(page, base, "training")
    expect(page.get_by_text("in the browser", exact=True).last).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    seen = len(run.events())
    page.get_by_role("button", name="Resume").click()
    until(lambda: len(run.events()) > seen, timeout=120)
    expect(page.get_by_role("button", name="Cancel")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    until(lambda: jobs.pursue_cancel(run) or run.status().state.is_finished(), timeout=60)


def test_a_broken_upload_shows_its_fault_and_a_good_one_is_kept_and_trained_on(
    page, base, workspace, tmp_path
):
    good = workspace / "uploads" / "5t_opamp" / "small"
    broken = tmp_path / "target_targets.csv"
    text = (good / "target" / "target_targets.csv").read_text()
    broken.write_text(text.replace("dc_gain", "gain", 1))
    others = [path for path in good.glob("*/*.csv") if path.name != broken.name]
    visit(page, base, "data", QUERY)
    page.get_by_role("tab", name="Upload").click()
    settled(page)
    typed(page, "Name of the data set", "brought")
    chooser = page.get_by_test_id("stFileUploaderDropzoneInput")
    chooser.set_input_files([*others, broken])
    expect(page.get_by_text("Preview of target_targets.csv")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Check and keep").click()
    expect(page.get_by_test_id("stAlert")).to_contain_text("dc_gain")
    assert not (workspace / "uploads" / "5t_opamp" / "brought").exists()
    page.reload()
    page.get_by_role("tab", name="Upload").click()
    settled(page)
    typed(page, "Name of the data set", "brought")
    chooser.set_input_files([*others, good / "target" / "target_targets.csv"])
    expect(page.get_by_text("Preview of target_targets.csv")).to_be_visible()
    settled(page)
    page.get_by_role("button", name="Check and keep").click()
    expect(page.get_by_label("Data set", exact=True)).to_have_value("data: brought")
    assert (workspace / "uploads" / "5t_opamp" / "brought").is_dir()
    train_and_see_results(page, base, workspace)


def train_and_see_results(page, base, workspace):
    """Train quickly on the data set that was just uploaded; look at the accuracy."""
    page.get_by_test_id("stTopNav").get_by_role("link", name="Training", exact=True).click()
    settled(page)
    expect(page.get_by_label("Data set", exact=True)).to_have_value("data: brought")
    typed(page, "Name", "on my data")
    page.get_by_role("radio", name="quick").or_(page.get_by_role("button", name="quick")).click()
    settled(page)
    page.get_by_role("button", name="Start training").click()
    folder = workspace / "runs" / "on my data"
    until((folder / "evaluation.json").is_file, timeout=600)
    run = RunStore(folder)
    until(lambda: run.status().state == RunState.DONE, timeout=60)
    visit(page, base, "ensemble", "data=data:+brought&run=run:+on+my+data")
    expect(page.get_by_text("held-out designs of B")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
