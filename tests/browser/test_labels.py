"""Names for a screen reader, and reach by the keyboard."""

from __future__ import annotations

import pytest

from benchmarks.browser import PAGES, settled, visit

pytestmark = pytest.mark.browser
QUERY = "data=data:+small&run=run:+tiny"
# Inputs, buttons, pictures and charts without a name that a screen reader could say.
NAMELESS = """() => {
    const named = element => {
        const by = (element.getAttribute("aria-labelledby") || "").split(" ").filter(Boolean);
        return (element.getAttribute("aria-label") || "").trim()
            || by.some(id => document.getElementById(id)?.textContent.trim())
            || [...(element.labels || [])].some(label => label.textContent.trim())
            || element.title || element.alt || element.textContent.trim()
            || element.closest("[aria-label]");
    };
    const selector = "input:not([type=hidden]), textarea, button, [role=slider], "
        + "[role=combobox], [role=tab], [role=switch], img";
    return [...document.querySelectorAll(`[data-testid=stMain] :is(${selector})`)]
        .filter(element => element.checkVisibility() && !named(element))
        .map(element => element.outerHTML.slice(0, 160));
}"""


@pytest.mark.parametrize("name", PAGES)
def test_everything_that_can_be_used_has_a_name(page, base, name):
    visit(page, base, name, QUERY)
    assert page.evaluate(NAMELESS) == []


@pytest.mark.parametrize(
    ("name", "tabs"),
    [
        ("data", ("Drift", "Correlations", "Scatter", "Quality", "Upload", "Generate")),
        ("ensemble", ("Parity", "Calibration", "Fusion", "Worst designs", "Sensitivity")),
        ("design", ("What if", "Corners", "Monte Carlo", "All candidates", "Library")),
    ],
)
def test_no_tab_has_a_nameless_part_or_scrolls_sideways(page, base, name, tabs):
    visit(page, base, name, QUERY)
    main = page.get_by_test_id("stMain")
    for tab in tabs:
        page.get_by_role("tab", name=tab, exact=True).click()
        settled(page)
        assert page.evaluate(NAMELESS) == [], tab
        assert main.evaluate("element => element.scrollWidth <= element.clientWidth"), tab
