"""The picture of spot bots: what a day has earned in the account's currency, and alerts beside many executions."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.clock import ManualClock
from common.events import AlertLevel, Statistics
from common.testing.spot import EXCHANGES
from gateway.state.picture import ALERTS_SHOWN_MAX, picture
from gateway.state.view import View
from gateway.testing.platform import START_NS, URLS
from gateway.testing.spot import SpotStory


@pytest.fixture
def story() -> SpotStory:
    told = SpotStory(View(admin_urls=URLS, quoted_venues=["dltxmm_spot"], exchanges=EXCHANGES), ManualClock(START_NS))
    told.spot_day()
    return told


def daily(story: SpotStory) -> float | None:
    (bot,) = picture(story.view, story.now_ns)["bots"]
    found: float | None = bot["pnl"]["daily"]
    return found


def test_what_a_day_has_earned_is_its_figures_where_risk_knows_no_other_rate(story: SpotStory) -> None:
    unknown = Statistics(scope="bot-3", figures={"fills": 2.0}, ts_ns=story.now_ns)
    story.tell(story.view.on_statistics, unknown)
    story.figures(account_pnl=Decimal("-12.5"))
    assert daily(story) == -12.5
    story.figures(account_pnl=None)
    assert daily(story) is None
    story.figures(account_pnl=Decimal(3))
    story.tell(story.view.on_statistics, Statistics(scope="bot-3", figures={"daily_pnl": 7.0}, ts_ns=story.now_ns))
    assert daily(story) == 7.0, "risk's own word comes first"
    story.tell(story.view.on_statistics, unknown)
    story.later(6)
    story.tell(story.view.on_statistics, Statistics(scope="bot-3", figures={"fills": 2.0}, ts_ns=story.now_ns))
    assert daily(story) is None, "old figures say nothing"


def test_executions_push_no_warning_off_the_page(story: SpotStory) -> None:
    story.told("the price is stale")
    for number in range(200):
        story.told(f"Execution: BTCJPY BUY 0.1 @ {number}", AlertLevel.INFO)
    shown = picture(story.view, story.now_ns)["alerts"]
    assert len(shown) == ALERTS_SHOWN_MAX
    assert shown[0]["text"].endswith("@ 199") and shown[-1]["text"] == "the price is stale"
