"""The charts of the simulator tell what SPICE answered, under a pointer and under arrow keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from benchmarks.browser import visit
from core.circuits import load_circuit
from pages.shell import loaders, spice

pytestmark = pytest.mark.browser
QUERY = "data=data:+small&run=run:+tiny"
LEFT = 50  # Where the curves begin, px.


@pytest.fixture
def gain(page, base):
    """The panel of the gain."""
    visit(page, base, "simulator", QUERY)
    panel = page.get_by_role("img", name="Bode plot: Gain over frequency")
    expect(panel.locator("path")).to_have_count(2)
    panel.scroll_into_view_if_needed()
    return panel


def test_a_chart_without_room_waits_for_it(page, gain):
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    place = page.locator(".st-key-simulator_bode .panel-chart")
    place.evaluate("chart => { chart.style.width = '20px'; }")
    expect(place).to_have_css("width", "20px")
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    place.evaluate("chart => { chart.style.width = '300px'; }")
    expect(gain.locator("svg").first).to_have_attribute("width", str(300 - LEFT - 10))
    assert not [text for text in said if "negative" in text]


def legend(page, number):
    return page.locator(".panel-legend").nth(number)


def test_the_cursor_reads_all_curves_of_both_panels(page, gain, workspace):
    gain.hover(position={"x": LEFT, "y": 60})
    circuit = load_circuit("5t_opamp")
    sizes = loaders.first_sizes(workspace / "uploads" / "5t_opamp" / "small", "5t_opamp")
    found = spice.simulation(
        circuit.id, "sky130", sizes, corner="tt", temperature=27.0, supply=None
    )
    first = found.bode.iloc[0]
    expect(legend(page, 0)).to_contain_text("1 mHz")
    expect(legend(page, 0)).to_contain_text(f"A {first['gain']:.4g} dB")
    expect(legend(page, 1)).to_contain_text(re.compile(r"B −?[\d.]+°"))


def frequencies(page):
    """Return what stands at the horizontal axis."""
    return page.locator(".st-key-simulator_bode text[text-anchor=middle]").all_text_contents()


def zoom(page, gain):
    box = gain.bounding_box()
    page.mouse.move(box["x"] + 150, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=4)
    page.mouse.up()


def test_dragging_zooms_both_panels_and_a_double_click_goes_back(page, gain):
    whole = frequencies(page)
    assert {"1 m", "1 G"} <= set(whole)
    zoom(page, gain)
    assert not {"1 m", "1 G"} & set(frequencies(page))
    gain.dblclick()
    assert frequencies(page) == whole


def test_arrow_keys_move_the_cursor(page, gain):
    gain.focus()
    gain.press("ArrowRight")
    here = legend(page, 0).inner_text()
    assert "dB" in here
    gain.press("ArrowRight")
    assert legend(page, 0).inner_text() != here


def test_a_zoom_outlives_a_moved_slider(page, gain):
    zoom(page, gain)
    seen, curve = frequencies(page), gain.locator("path").first
    before = curve.get_attribute("d")
    page.get_by_role("slider").first.press("ArrowRight")
    expect(curve).not_to_have_attribute("d", before)
    assert frequencies(page) == seen
