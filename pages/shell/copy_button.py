"""A button that puts a text into the visitor's clipboard."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "crossfab_copy_button",
    js=(_HERE / "copy_button.js").read_text(encoding="utf-8"),
    css=(_HERE / "copy_button.css").read_text(encoding="utf-8"),
)


def copy_button(label: str, text: str, key: str, *, hint: str = "") -> None:
    """Draw the button; ``hint`` is what its tooltip says."""
    _mount(key=key, data={"label": label, "text": text, "hint": hint}, width="content")
