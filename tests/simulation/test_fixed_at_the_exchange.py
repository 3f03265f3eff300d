"""A fixed bot at the real matching engine: from its configuration to resting orders, fills and what is held."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import AccountState, BotConfig, BotLimits, Fill, Market, MarketStatus, Position, SourcePrice
from common.instruments import InstrumentKind, Outcome, Side
from common.testing.limits import binary_limits, spot_limits
from exchange.testing.venue import MARKET
from quoter.testing.script import MS, Script, position_line

from tests.simulation.exchange_venue import ExchangeVenue, scripted

COIN = "BTCUSD"
LIMITS = BotLimits(binary_limits().common, [*binary_limits().kinds, *spot_limits().kinds])


def coin() -> Market:
    return Market(
        venue="degen",
        symbol=COIN,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base="BTC",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.0001"),
        min_notional=Decimal(1),
        ts_received_ns=0,
    )


@pytest.fixture
def stage() -> tuple[Script, ExchangeVenue]:
    """A quoter with one fixed bot on shares and on a coin, and another maker around whom it quotes."""
    script, venue = scripted("BTC")
    sections: dict[str, Any] = {
        "instrument": {"series": ["BTC-5M"], "symbols": [COIN]},
        "binary": {"half_spread": 0.02, "size": 50},
        "spot": {"half_spread_bps": 3.0, "size": "0.01", "max_position": "0.03"},
        "risk_limits": {},
    }
    bot = BotConfig(algo_id="1", kind="fixed", revision=1, running=True, sections=sections, actor="x", ts_ns=0)
    script.start(bot)
    script.carry(script.core.on_market(coin(), script.receipt(2)))
    venue.spot(venue.maker, "bid", "59970.00", "1", post_only=True)
    venue.spot(venue.maker, "ask", "60030.00", "1", post_only=True)
    venue.other.order("bid", "yes", "0.45", 100, post_only=True)
    venue.other.order("bid", "no", "0.45", 100, post_only=True)
    return script, venue


def go_on(script: Script, venue: ExchangeVenue, symbol: str, ms: int = 600) -> None:
    """Let time pass while the feed tells what the venue shows."""
    for _ in range(ms // 50):
        script.now_ns += 50 * MS
        script.feed_inputs(limits=LIMITS)
        book = venue.book(symbol)
        script.carry(script.core.on_book(book, script.receipt()))
        bid, ask = book.bids[0].price, book.asks[0].price
        price = SourcePrice(algo_id="1", venue="degen", symbol=symbol, bid=bid, ask=ask, age_ns=0)
        script.carry(script.core.on_source(price, script.receipt()))
        script.carry(script.core.on_timer(script.receipt()))


def hold(script: Script, lots: int) -> None:
    """Let risk say what is held of the coin, as of everything booked so far."""
    held = Position(
        algo_id="1",
        lines=[position_line(lots, Outcome.NONE, COIN)],
        realized=Decimal(0),
        fees=Decimal(0),
        fill_sequence=script.fill_sequence,
        ts_ns=0,
    )
    script.carry(script.core.on_position(held, script.receipt()))


def test_it_quotes_a_share_around_the_others_middle(stage: tuple[Script, ExchangeVenue]) -> None:
    script, venue = stage
    go_on(script, venue, MARKET)
    assert venue.resting(MARKET) == [("no", "0.48", "50"), ("yes", "0.48", "50")]
    venue.trade("bid", "yes", "0.52", 20, time_in_force="ioc")
    (fill,) = script.of(Fill)
    assert (fill.side, fill.outcome, fill.quantity_lots) == (Side.BUY, Outcome.NO, 20)


def test_it_buys_a_coin_and_sells_no_more_than_it_has_bought(stage: tuple[Script, ExchangeVenue]) -> None:
    script, venue = stage
    go_on(script, venue, COIN)
    assert venue.resting(COIN) == [("bid", "59982.00", "0.0100")], "nothing is held, so nothing is offered"
    venue.spot(venue.other, "ask", "59982.00", "0.0040", time_in_force="ioc")
    hold(script, 40)
    go_on(script, venue, COIN, 3_000)
    sides = {side: size for side, _, size in venue.resting(COIN)}
    assert sides == {"bid": "0.0100", "ask": "0.0040"}
    venue.spot(venue.other, "bid", "60025.00", "0.0040", time_in_force="ioc")
    bought, sold = script.of(Fill)
    assert (bought.side, sold.side, sold.quantity_lots) == (Side.BUY, Side.SELL, 40)
    assert (sold.fee_currency, sold.instrument.base) == ("USD", "BTC")
    assert sold.price > bought.price
    hold(script, 0)
    go_on(script, venue, COIN, 3_000)
    assert [side for side, _, _ in venue.resting(COIN)] == ["bid"]


def test_it_holds_no_more_than_its_most(stage: tuple[Script, ExchangeVenue]) -> None:
    script, venue = stage
    for lots in (100, 200, 300):
        go_on(script, venue, COIN, 3_000)
        (price,) = [price for side, price, _ in venue.resting(COIN) if side == "bid"]
        venue.spot(venue.other, "ask", price, "0.0100", time_in_force="ioc")
        hold(script, lots)
    go_on(script, venue, COIN, 3_000)
    assert [side for side, _, _ in venue.resting(COIN)] == ["ask"]
    account = venue.exchange.ledger.account("mm1")
    assert account.total("BTC") == 3_000_000


def test_what_it_has_of_every_currency_is_what_the_venues_statement_adds_up_to(
    stage: tuple[Script, ExchangeVenue],
) -> None:
    script, venue = stage
    go_on(script, venue, COIN)
    venue.spot(venue.other, "ask", "59982.00", "0.0040", time_in_force="ioc")
    hold(script, 40)
    go_on(script, venue, COIN, 3_000)
    venue.spot(venue.other, "bid", "60025.00", "0.0015", time_in_force="ioc")
    account = venue.exchange.ledger.account("mm1")
    cash = Decimal(account.total("USD")) / 10**6
    fills = script.of(Fill)
    paid = sum((fill.side.sign * fill.price * fill.quantity_lots * Decimal("0.0001") for fill in fills), Decimal(0))
    assert len(fills) == 2
    assert cash == 100_000 - paid - sum((fill.fee for fill in fills), Decimal(0))
    assert script.core.trader.collateral.cash("USD") == cash
    go_on(script, venue, COIN, 65_000)
    snapshot = script.of(AccountState)[-1]
    assert {balance.currency: balance.total for balance in snapshot.balances} == {
        currency: sum((Decimal(row["amount"]) for _, row in account.statement(currency).rows), Decimal(0))
        for currency in ("USD", "BTC")
    }
    assert account.total("BTC") == 250_000
