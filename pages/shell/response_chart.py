"""The chart of a response: a cursor through all its panels, zoom by dragging."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from core.figures.response import Response

HINT = "Drag across to zoom, double-click to go back; arrow keys move the cursor."
_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "crossfab_response",
    js=(_HERE / "response_chart.js").read_text(encoding="utf-8"),
    css=(_HERE / "response_chart.css").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def response_chart(response: Response, key: str) -> None:
    """Draw a response as wide as its place."""
    _mount(key=key, data=asdict(response))
