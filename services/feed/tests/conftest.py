"""Frames as the venues document them; property tests search for wrong answers, not for slow ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

FIXTURES = Path(__file__).parent / "fixtures"

# In CI every run tries the same documents, so that a commit fails for what it changed and for nothing else.
settings.register_profile(
    "feed", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize="CI" in os.environ
)
settings.load_profile("feed")


@pytest.fixture
def frame() -> Callable[[str], bytes]:
    """Return the bytes of a fixture, e.g. 'binance/trade'."""
    return lambda name: (FIXTURES / f"{name}.json").read_bytes().strip()
