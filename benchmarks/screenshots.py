"""Take the screenshots of the README: every page in the light and the dark theme.

Run with ``python -m benchmarks.screenshots``; it writes ``docs/screenshots/PAGE-THEME.png`` and
exits with 1 where a page shows an exception or asks another host for anything.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

from benchmarks.browser import (
    PAGES,
    ROOT,
    chromium,
    full_height,
    new_context,
    serve,
    settled,
    temporary_workspace,
    visit,
)

FOLDER = ROOT / "docs" / "screenshots"
TALLEST = 1760
LARGEST = 400_000  # bytes


def main() -> None:
    """Take all screenshots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pages", default=",".join(PAGES), help="pages by commas")
    parser.add_argument("--themes", default="light,dark", help="themes by commas")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder to write")
    parser.add_argument("--workspace", type=Path, help="workspace; default: an empty one")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    with temporary_workspace() as folder:
        workspace = arguments.workspace or folder
        with serve(workspace, folder / "server.log") as base, chromium() as browser:
            faults = []
            for theme in arguments.themes.split(","):
                page = new_context(browser, theme).new_page()
                requests: list[str] = []
                page.on("request", lambda request, seen=requests: seen.append(request.url))
                visit(page, base, "overview")
                for name in arguments.pages.split(","):
                    faults += take(page, base, name, arguments.out / f"{name}-{theme}.png")
                faults += [url for url in requests if not url.startswith((base, "data:", "blob:"))]
                page.context.close()
    for fault in faults:
        print(f"error: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


def take(page: Page, base: str, name: str, path: Path) -> list[str]:
    """Take one screenshot; return what is wrong with the page."""
    page.set_viewport_size({"width": 1280, "height": 900})
    visit(page, base, name)
    if name == "design" and page.get_by_role("button", name="Verify in SPICE").is_enabled():
        page.get_by_role("button", name="Verify in SPICE").click()
        settled(page)
    if name == "ensemble":
        page.get_by_role("tab", name="Parity").click()
        settled(page)
    page.mouse.move(0, 0)  # no toolbar of a hovered table
    page.set_viewport_size({"width": 1280, "height": full_height(page, TALLEST)})
    settled(page)
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo(0, 0)")  # a click scrolls
    page.evaluate("() => new Promise(done => setTimeout(done, 800))")  # charts move in
    page.screenshot(path=str(path))
    shrink(path)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    return [f"{name}: {text}" for text in page.get_by_test_id("stException").all_inner_texts()]


def shrink(path: Path) -> None:
    """Store a picture with fewer colours where it is too large for the repository."""
    if path.stat().st_size > LARGEST:
        Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)


if __name__ == "__main__":
    main()
