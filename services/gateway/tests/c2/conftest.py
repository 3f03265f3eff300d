"""A platform of spot bots behind the hub."""

from __future__ import annotations

import pytest
from common.clock import ManualClock
from common.testing.spot import EXCHANGES
from gateway.c2.hub import Hub
from gateway.state.view import View
from gateway.testing.platform import START_NS, URLS
from gateway.testing.spot import SpotStory


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_NS)


@pytest.fixture
def story(clock: ManualClock) -> SpotStory:
    told = SpotStory(View(admin_urls=URLS, quoted_venues=["dltxmm_spot"], exchanges=EXCHANGES), clock)
    told.spot_day()
    return told


@pytest.fixture
def hub(story: SpotStory) -> Hub:
    return Hub(story.view)
