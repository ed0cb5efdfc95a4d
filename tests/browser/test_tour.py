"""The guided tour, clicked through from the first step to the last."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from benchmarks.browser import settled, visit
from pages.shell.tour import STEPS

pytestmark = pytest.mark.browser


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()
    settled(page)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_tour_leads_through_four_pages_survives_a_reload_and_ends(page, base):
    visit(page, base, "overview")
    page.get_by_role("button", name="Take the tour").click()
    for number, name in enumerate(("Data", "Ensemble", "Design", "Simulator"), start=1):
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.get_by_text(f"Tour {number} of {len(STEPS)}")).to_be_visible()
        settled(page)
        if number < len(STEPS):
            press(page, "Next")
    page.mouse.move(640, 600)
    page.mouse.wheel(0, 900)
    expect(page.get_by_text("Tour 4 of")).to_be_in_viewport()
    page.reload()
    expect(page.get_by_text("Tour 4 of")).to_be_visible()
    settled(page)
    press(page, "Back")
    expect(page.get_by_label("DC gain, value", exact=True)).to_have_value("50.0 dB")
    press(page, "Next")
    press(page, "Finish")
    expect(page.get_by_role("heading", level=1)).to_have_text("Overview")
    expect(page.get_by_text("Tour 4 of")).to_have_count(0)
