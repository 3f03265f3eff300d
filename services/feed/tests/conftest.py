"""Frames as the venues document them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parent / "fixtures"


@pytest.fixture
def frame() -> Callable[[str], bytes]:
    """Return the bytes of a fixture, e.g. 'binance/trade'."""
    return lambda name: (FIXTURES / f"{name}.json").read_bytes().strip()
