"""The dashboard in a real Chromium: start the server, open pages, wait for a run to end."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("overview", "data", "training", "ensemble", "design", "simulator")
START_SECONDS = 90
STOP_SECONDS = 15
RUN_MS = 180_000
# Headless machines have no graphics card: WebGL is rendered in software.
FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader"]


def chromium_path() -> str | None:
    """Path of Chromium; None where it is not installed."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextmanager
def serve(workspace: Path, log: Path) -> Iterator[str]:
    """Serve the dashboard on a free port with its own workspace; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port)]
    environment = {**os.environ, "CROSSFAB_WORKSPACE": str(workspace), "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for_health(f"{address}/_stcore/health", server)
        yield address
    finally:
        server.terminate()
        try:
            server.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:  # An open connection may hold it back.
            server.kill()
            server.wait()


def _wait_for_health(url: str, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("The dashboard did not start; its log says why.")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start headless Chromium."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def new_context(browser: Browser, theme: str = "light", height: int = 900) -> BrowserContext:
    """Return a visitor with a 1280 px wide window in the light or the dark theme."""
    return browser.new_context(
        viewport={"width": 1280, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        accept_downloads=True,
    )


def address_of(base: str, page: str, query: str = "") -> str:
    """Return the address of a page; the overview has the bare one."""
    path = "" if page == "overview" else page
    return f"{base}/{path}{'?' + query if query else ''}"


def settled(page: Page) -> None:
    """Wait until the page is connected, its script has ended and its charts are drawn."""
    app = page.locator("[data-testid='stApp']")
    expect(app).to_have_attribute("data-test-connection-state", "CONNECTED", timeout=RUN_MS)
    # A click is sent after a short pause: the run that it causes has to begin first.
    page.evaluate("() => new Promise(done => setTimeout(done, 200))")
    expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=RUN_MS)
    expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=RUN_MS)


def visit(page: Page, base: str, name: str, query: str = "") -> None:
    """Open a page and wait until it stands."""
    page.goto(address_of(base, name, query))
    settled(page)
    title = re.compile(f"^{name}$", re.IGNORECASE)
    expect(page.get_by_role("heading", level=1)).to_have_text(title, timeout=RUN_MS)


def full_height(page: Page, most: int) -> int:
    """Return the height of the page's content in px, at most ``most``."""
    height = page.evaluate(
        "document.querySelector('[data-testid=stMainBlockContainer]').scrollHeight"
    )
    return min(int(height) + 60, most)


@contextmanager
def temporary_workspace() -> Iterator[Path]:
    """An empty workspace that is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="crossfab-") as folder:
        yield Path(folder)
