"""How fast the dashboard answers, in headless Chromium.

Run with ``python -m benchmarks.dashboard``; it prints a table of figures beside their aims:
cold start to the first page, warm first view of every page, slider to redrawn candidates, lag of
the live curves, and many sessions at once with the server's memory.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Locator, Page

from benchmarks.browser import (
    PAGES,
    address_of,
    chromium,
    new_context,
    serve,
    settled,
    temporary_workspace,
    visit,
)
from benchmarks.machine import describe
from core.training import jobs

STARTS = 3
VIEWS = 9
SLIDES = 30
# Note when the run that the next key causes has ended, to the millisecond.
WATCH = """() => {
    const app = document.querySelector("[data-testid='stApp']");
    const state = () => app.getAttribute("data-test-script-state");
    const begun = performance.now();
    const ended = new Promise(done => {
        let ran = false;
        const observer = new MutationObserver(() => {
            if (state() === "running") ran = true;
            if (ran && state() === "notRunning") { observer.disconnect(); done(performance.now()); }
        });
        observer.observe(app, {attributes: true});
        setTimeout(() => { observer.disconnect(); done(NaN); }, 20000);
    });
    window.pressed = ended.then(end => end - begun);
}"""
# Whether a page stands: its title is there, its script has ended, nothing is a placeholder any
# more and every chart holds a picture.
STANDS = """name => {
    const app = document.querySelector("[data-testid='stApp']");
    const title = document.querySelector("h1");
    const charts = ["stVegaLiteChart", "stPlotlyChart", "stBidiComponentRegular"]
        .map(kind => `[data-testid='${kind}']`).join();
    return app && app.getAttribute("data-test-connection-state") === "CONNECTED"
        && app.getAttribute("data-test-script-state") === "notRunning"
        && title && title.innerText.trim().toLowerCase() === name
        && !document.querySelector("[data-testid='stSkeleton']")
        && [...document.querySelectorAll(charts)].every(c => c.querySelector("svg path, canvas"));
}"""


@dataclass(frozen=True)
class Figure:
    """One measured figure and its aim, s or MB."""

    name: str
    value: float
    aim: float
    unit: str = "s"

    def __str__(self) -> str:
        word = "reached" if self.value <= self.aim else "MISSED"
        return f"{self.name:<46} {self.value:>8.2f} {self.unit:<3} aim {self.aim:g}  {word}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20, help="visitors at once")
    parser.add_argument("--skip-training", action="store_true", help="no live curves")
    arguments = parser.parse_args()
    print(describe())
    with chromium() as browser, temporary_workspace() as workspace:
        cold = statistics.median(cold_start(browser, workspace) for _ in range(STARTS))
        print(Figure("cold server to first page, median", cold, 6.0), flush=True)
        with serve(workspace, workspace / "server.log") as base:
            for figure in figures(base, browser, workspace, arguments):
                print(figure, flush=True)


def cold_start(browser: Browser, workspace: Path) -> float:
    """Return the time from the command that serves to the first page in an empty browser."""
    began = time.perf_counter()
    with serve(workspace, workspace / "cold.log") as base:
        page = new_context(browser).new_page()
        visit(page, base, "overview")
        seconds = time.perf_counter() - began
        page.context.close()
    return seconds


def figures(
    base: str, browser: Browser, workspace: Path, arguments: argparse.Namespace
) -> Iterator[Figure]:
    """Yield all figures of a running server, in the order of a visit."""
    page = new_context(browser).new_page()
    for name in PAGES:
        visit(page, base, name)
    for name in PAGES:
        views = [first_view(page, base, name) for _ in range(VIEWS)]
        yield Figure(f"first view, warm, median: {name}", statistics.median(views), 1.5)
    visit(page, base, "design")
    seconds = [slide(page, "ArrowRight" if number % 2 else "ArrowLeft") for number in range(SLIDES)]
    yield Figure("slider to candidates, median", statistics.median(seconds), 0.5)
    yield Figure("slider to candidates, 95th percentile", sorted(seconds)[int(0.95 * SLIDES)], 1.0)
    if not arguments.skip_training:
        yield Figure("live curves behind the run, largest", lag(page, base, workspace), 2.0)
    page.context.close()
    errors, megabytes = crowd(browser, base, arguments.sessions)
    yield Figure(f"{arguments.sessions} sessions: errors", errors, 0, "")
    yield Figure(f"{arguments.sessions} sessions: memory of the server", megabytes, 1536, "MB")


def first_view(known: Page, base: str, name: str) -> float:
    """Return the time from the address to a page that stands.

    A new session on the server, in a browser that has been here before: its cache holds the
    program of the page, as the server's caches hold models and data.
    """
    page = known.context.new_page()
    began = time.perf_counter()
    page.goto(address_of(base, name))
    page.wait_for_function(STANDS, arg=name)  # Looked at before each frame, so to a few ms.
    seconds = time.perf_counter() - began
    page.close()
    return seconds


def thumb(page: Page, metric: str) -> Locator:
    """Return the thumb of a metric's spec slider."""
    return page.locator(f".st-key-design_5t_opamp_{metric}_slider_1").get_by_role("slider")


def slide(page: Page, key: str) -> float:
    """Move the slider of the DC gain by one stop; return the time to the end of the run."""
    thumb(page, "dc_gain").focus()
    page.evaluate(WATCH)
    page.keyboard.press(key)
    return float(page.evaluate("window.pressed")) / 1000.0


def lag(page: Page, base: str, workspace: Path) -> float:
    """Train, and return the most that the page was ever behind the run.

    Whenever the page is looked at, it is behind by the age of the oldest epoch in the journal that
    is newer than the one on display.
    """
    run = jobs.launch(
        workspace / "runs", "watched", jobs.TrainingRequest("5t_opamp", preset="quick")
    )
    visit(page, base, "training")
    worst, since = 0.0, time.perf_counter()
    while not run.status().state.is_finished() and time.perf_counter() - since < 120:
        text, now = page.get_by_test_id("stMain").inner_text(), time.time()
        epochs = [event for event in run.events() if event["kind"] == "epoch"]
        shown = [n for n, event in enumerate(epochs) if _on_display(event, text)][-1:]
        newer = epochs[shown[0] + 1 :] if shown else []
        worst = max(worst, now - newer[0]["time"]) if newer else worst
    jobs.cancel(run)
    return worst


def _on_display(event: dict[str, Any], text: str) -> bool:
    return re.search(rf"\b{event['epoch']}/{event['epochs']}\b", text) is not None


def crowd(browser: Browser, base: str, count: int) -> tuple[int, float]:
    """Let visitors browse and design at once; return errors and the server's memory in MB."""
    contexts = [new_context(browser) for _ in range(count)]
    pages = [context.new_page() for context in contexts]
    for number, page in enumerate(pages):
        visit(page, base, "design" if number % 2 else PAGES[number % len(PAGES)])
    for _ in range(3):
        for page in pages[1::2]:
            thumb(page, "ugf").press("ArrowRight")
    for page in pages:
        settled(page)
    errors = sum(page.get_by_test_id("stException").count() for page in pages)
    megabytes = max(child.memory_info().rss for child in psutil.Process().children()) / 1e6
    for context in contexts:
        context.close()
    return errors, megabytes


if __name__ == "__main__":
    main()
