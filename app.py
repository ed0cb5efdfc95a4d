"""The router: page settings, navigation and the selection that all pages share."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.shell import selection, tour, warm_up
from pages.shell.widgets import theme

FOLDER = Path(__file__).parent
PAGES = (
    ("Overview", "pages/start/overview.py", ":material/dashboard:"),
    ("Data", "pages/learn/data.py", ":material/database:"),
    ("Training", "pages/learn/training.py", ":material/model_training:"),
    ("Ensemble", "pages/learn/ensemble.py", ":material/insights:"),
    ("Design", "pages/use/design.py", ":material/tune:"),
    ("Simulator", "pages/use/simulator.py", ":material/show_chart:"),
)

# White on the dark theme's teal has a contrast of 2.5 to 1, this has 7.
DARK = """<style>
[data-testid="stBaseButton-primary"], [data-testid="stMultiSelect"] span[data-tag] {
  color: #06201C !important;
}
</style>"""

st.set_page_config(
    page_title="Crossfab",
    page_icon=str(FOLDER / ".streamlit" / "favicon.png"),
    layout="wide",
    initial_sidebar_state="collapsed",
)
page = st.navigation(
    [
        st.Page(path, title=title, icon=icon, default=title == "Overview")
        for title, path, icon in PAGES
    ],
    position="top",
)
selection.spell_out(page)
tour.follow()
if theme() == "dark":
    st.html(DARK)
with st.container(horizontal=True, vertical_alignment="center", gap="small"):
    st.title(page.title, anchor=False, width="stretch")
    selection.choose()
selection.show_unknown()
tour.bar()
warm_up.begin()
page.run()
