"""The front page is out before anything slow is loaded; what others need comes right after it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pages.shell.places import PROJECT

SLOW = ("torch", "scipy.stats", "sklearn")
VISIT = """
import json, os, sys
from streamlit.testing.v1 import AppTest
from pages.shell import warm_up

warm_up.AFTER = float(sys.argv[1])
visit = AppTest.from_file(os.path.abspath("app.py"), default_timeout=120).run()
assert not visit.exception and visit.title[0].value == "Overview"
if warm_up.AFTER == 0.0:
    warm_up.begin().join()
print(json.dumps(sorted(sys.modules)), flush=True)
os._exit(0)  # Nobody waits for a warm-up that is an hour away.
"""


def modules_after_a_visit(seconds: float) -> set[str]:
    """Names of all modules loaded by the front page; the warm-up begins after some seconds."""
    done = subprocess.run(
        [sys.executable, "-c", VISIT, str(seconds)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("library", SLOW)
def test_the_front_page_does_without(library, front_page_modules):
    assert library not in front_page_modules


@pytest.fixture(scope="module")
def front_page_modules():
    """What is loaded when the front page is out."""
    return modules_after_a_visit(3600.0)


def test_after_the_front_page_the_libraries_of_the_other_pages_are_loaded():
    assert modules_after_a_visit(0.0) >= {"torch", "scipy.stats", "core.inverse", "altair"}
