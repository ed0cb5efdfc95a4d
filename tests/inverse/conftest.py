"""A workbench on the textbook predictor: made once, since nothing in it changes."""

from __future__ import annotations

import pytest

from core.inverse import Workbench, prepare
from tests.inverse.textbook import TextbookPredictor


@pytest.fixture(scope="session")
def bench() -> Workbench:
    return prepare(TextbookPredictor(), size=4096)
