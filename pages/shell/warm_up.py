"""What the front page does without and the other pages need, loaded once the front page is out."""

from __future__ import annotations

import threading
from importlib import import_module

import streamlit as st

AFTER = 2.0  # s: by then the browser has drawn the first page
# torch comes with the models and scipy.stats with the drift; Streamlit itself asks for altair late.
LIBRARIES = (
    "plotly.graph_objects",
    "scipy.interpolate",
    "scipy.optimize",
    "core.inverse",
    "core.ensemble.importance",
    "core.data.drift",
    "altair",
)


@st.cache_resource(show_spinner=False)
def begin() -> threading.Timer:
    """Load the libraries in the background, once in the life of a server."""
    timer = threading.Timer(AFTER, _load)
    timer.start()
    return timer


def _load() -> None:
    for name in LIBRARIES:
        import_module(name)
