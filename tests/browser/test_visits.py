"""A first visit to every page, in both themes."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from benchmarks.browser import PAGES, new_context, visit

pytestmark = pytest.mark.browser
QUERY = "data=data:+small&run=run:+tiny"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_stands_without_exception_scroll_or_foreign_request(page, base, name):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    visit(page, base, name, QUERY)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    main = page.get_by_test_id("stMain")
    assert main.evaluate("element => element.scrollWidth <= element.clientWidth")
    assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == []


@pytest.mark.parametrize(
    ("theme", "colour"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(14, 20, 29)")]
)
def test_the_theme_follows_the_system(browser, base, theme, colour):
    context = new_context(browser, theme)
    page = context.new_page()
    visit(page, base, "overview", QUERY)
    expect(page.get_by_test_id("stApp")).to_have_css("background-color", colour)
    context.close()


def test_the_navigation_leads_to_every_page(page, base):
    visit(page, base, "overview", QUERY)
    for name in ("Data", "Training", "Ensemble", "Design", "Simulator", "Overview"):
        page.get_by_test_id("stTopNav").get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(name)
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_the_server_log_holds_no_traceback(page, base, server_log):
    visit(page, base, "overview", QUERY)
    assert "Traceback" not in server_log.read_text()
