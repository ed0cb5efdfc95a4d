"""A chart of panels: a cursor through all of them, zoom by dragging."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import streamlit as st

from core.figures.panels import PanelChart

HINT = "Drag across to zoom, double-click to go back; arrow keys move the cursor."
_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "crossfab_panel_chart",
    js=(_HERE / "panel_chart.js").read_text(encoding="utf-8"),
    css=(_HERE / "panel_chart.css").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def panel_chart(chart: PanelChart, key: str, *, alt: str = "") -> None:
    """Draw a chart as wide as its place; ``alt`` says what it shows, if its titles do not."""
    _mount(key=key, data={**asdict(chart), "alt": alt})
