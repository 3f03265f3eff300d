"""Every test gets a fresh venue."""

from __future__ import annotations

import pytest
from exchange.testing.venue import Client, opened
from exchange.venue import Exchange


@pytest.fixture
def venue() -> Exchange:
    return opened()


@pytest.fixture
def maker(venue: Exchange) -> Client:
    return Client(venue, "mm1", connection=1)


@pytest.fixture
def taker(venue: Exchange) -> Client:
    return Client(venue, "taker1", connection=2)
