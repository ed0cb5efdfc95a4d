"""The first visit after a server start, where it goes to a page other than the front page.

Streamlit takes the files in ``pages/`` for its older kind of multi-page app until ``app.py`` has
run once, and looks for ``pages/design.py`` when somebody opens ``/design``. The files of that name
stand there to run ``app.py``, which knows the real page; without them it says "Page not found".
"""

from __future__ import annotations

import runpy
from pathlib import Path

ROUTER = Path(__file__).parents[2] / "app.py"


def run_router() -> None:
    """Run ``app.py``, which goes on to the page that the address names."""
    runpy.run_path(str(ROUTER), run_name="__main__")
