"""Rows of hedges, figures and exposures: exact, in full, and null where nobody knows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.events import (
    Distance,
    ExecutionStyle,
    FxRate,
    HedgeState,
    HedgeUpdate,
    HedgeVenue,
    OrderCommand,
    RiskStatistics,
    SizedPrices,
    SourcePrice,
    TradingStatistics,
)
from common.instruments import Side
from gateway.kinds.hedges import exposure_row, figures_row, hedge_row, plain, source_row
from gateway.state.picture import picture
from gateway.state.rows import row_state
from gateway.testing.platform import Story

D = Decimal
COMMAND = OrderCommand(
    scope="bot-3",
    account="mm1-kraken",
    ledger_sequence=41,
    revision=1,
    venues=[HedgeVenue("mm1-kraken", "kraken_spot", "BTCUSD"), HedgeVenue("mm1-binance", "binance_spot", "BTCUSD")],
    instrument="BTCUSD",
    side=Side.SELL,
    quantity=D("0.0270"),
    style=ExecutionStyle.LEAN,
    max_offset=Distance(D(20), in_bps=True),
    resend_ms=1_000,
    config_revision=1,
    expires_at_ns=5,
    reason="0.032 BTC, from beyond 0.03 to 0.005",
    ts_ns=1,
)
UPDATE = HedgeUpdate(
    scope="bot-3",
    account="mm1-kraken",
    parent_id=COMMAND.parent_id,
    revision=1,
    update_sequence=2,
    state=HedgeState.WORKING,
    quantity=D("0.027"),
    done=D("0.010"),
    open=D("0.01"),
    reason="beyond its bound: 60,250",
    children=2,
    ts_ns=2,
)


def test_a_hedge_says_what_is_wanted_what_is_done_and_what_it_waits_for() -> None:
    row = hedge_row(COMMAND, UPDATE)
    assert row == {
        "scope": "bot-3",
        "account": "mm1-kraken",
        "instrument": "BTCUSD",
        "side": "sell",
        "quantity": "0.027",
        "style": "LEAN",
        "venues": ["kraken_spot", "binance_spot"],
        "why": "0.032 BTC, from beyond 0.03 to 0.005",
        "state": "working",
        "done": "0.01",
        "open": "0.01",
        "children": 2,
        "waits_for": "beyond its bound: 60,250",
        "ended": False,
    }


@pytest.mark.parametrize(
    ("command", "update", "state", "ended"),
    [
        ({}, None, "sent", False),
        ({"ledger_sequence": 42}, {}, "sent", False),
        ({}, {"state": HedgeState.DONE}, "done", True),
        ({"cancelled": True}, None, "sent", True),
    ],
)
def test_what_became_of_an_older_hedge_says_nothing_of_the_next(
    command: dict[str, Any], update: dict[str, Any] | None, state: str, ended: bool
) -> None:
    told = None if update is None else msgspec.structs.replace(UPDATE, **update)
    row = hedge_row(msgspec.structs.replace(COMMAND, **command), told)
    assert (row["state"], row["ended"]) == (state, ended)


def test_figures_that_nobody_knows_are_null_and_small_ones_are_written_in_full() -> None:
    zero = D(0)
    figures = TradingStatistics(
        algo_id="4",
        start_ns=7,
        open_buy_qty=D("1500"),
        open_sell_qty=zero,
        quoter_bot_qty=zero,
        quoter_sld_qty=D(941),
        hedger_bot_qty=zero,
        hedger_sld_qty=zero,
        quoter_net_qty=D(-941),
        hedger_net_qty=zero,
        current_position_size=D("-941.0"),
        position_cost=zero,
        position_market_price=None,
        pnl=D("0.00000012"),
        account_pnl=None,
        net_pnl=None,
        fees=D("0.00043380"),
        term_currency="ETH",
        account_currency="USD",
        unrated=["BNB"],
        ledger_sequence=9,
        ts_ns=8,
    )
    row = figures_row(figures)
    assert (row["position"], row["open_buy"], row["pnl"], row["fees"]) == ("-941", "1500", "0.00000012", "0.0004338")
    assert (row["net_pnl"], row["account_pnl"], row["unrated"], row["currency"]) == (None, None, ["BNB"], "ETH")
    exposure = RiskStatistics(
        currency_id="1",
        currency="BTC",
        open_buy_qty=D("0.02"),
        open_sell_qty=zero,
        current_position_size=D("-0.0007"),
        ledger_sequence=9,
        ts_ns=8,
    )
    assert exposure_row(exposure)["position"] == "-0.0007"
    assert plain(D("1E+3")) == "1000"


def test_a_source_price_says_by_which_rate_it_was_converted() -> None:
    price = SourcePrice(
        algo_id="4",
        venue="bittrex_spot",
        symbol="ADAETH",
        bid=0.000173,
        ask=0.000174,
        sizes=SizedPrices(config_revision=1, bids=[], asks=[]),
        fx=FxRate(symbol="ETHBTC", bid=0.0432, ask=0.0433, bid_venue="b", ask_venue="b", inverse=True, age_ns=0),
        age_ns=0,
    )
    assert source_row(price)["fx"] == {"symbol": "ETHBTC", "bid": 0.0432, "ask": 0.0433, "inverse": True}
    assert source_row(msgspec.structs.replace(price, fx=None, unusable="stale"))["unusable"] == "stale"


def test_the_picture_has_open_hedges_before_ended_ones_and_prices_beside_figures(story: Story) -> None:
    story.quoting()
    ended = msgspec.structs.replace(COMMAND, scope="bot-2")
    done = msgspec.structs.replace(UPDATE, scope="bot-2", parent_id=ended.parent_id, state=HedgeState.DONE)
    for command, update in ((ended, done), (COMMAND, UPDATE)):
        story.tell(story.view.on_hedge, command)
        story.tell(story.view.on_hedge_update, update)
    shown = picture(story.view, story.now_ns)
    assert [(row["scope"], row["state"]) for row in shown["hedges"]] == [("bot-3", "working"), ("bot-2", "done")]
    assert (shown["spot"], shown["exposures"]) == ([], [])


def test_where_only_hedges_of_a_bot_are_traded_the_row_says_so(story: Story) -> None:
    story.quoting()
    assert row_state(story.view, ("1", "elsewhere", "BTCUSD"), story.now_ns)[0] == "hedging"
    assert row_state(story.view, ("1", "degen", "BTCUSD"), story.now_ns) == ("waiting", "no target yet")
