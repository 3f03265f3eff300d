"""A fixed bot at the real matching engine: from its configuration to resting orders, fills and what is held."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import Book, BotConfig, BotLimits, Fill, Level, Market, MarketStatus, Position, SourcePrice
from common.instruments import InstrumentKind, Outcome, Side
from common.testing.limits import binary_limits, spot_limits
from exchange.testing.venue import MARKET, Client, config, opened
from quoter.testing.script import MS, Script, position_line

from tests.simulation.exchange_venue import ExchangeVenue, scripted

COIN = "BTCUSD"
LIMITS = BotLimits(binary_limits().common, [*binary_limits().kinds, *spot_limits().kinds])


class SpotVenue(ExchangeVenue):
    """The exchange with a spot symbol, and two users who own coins."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = opened(config(spot=("BTC",)))
        self.other = Client(self.exchange, "taker1", connection=8)
        self.maker = Client(self.exchange, "taker2", connection=9)
        admin = Client(self.exchange, "admin", "admin", connection=10)
        for account in ("taker1", "taker2"):
            coins = {"amount": "10.00000000", "currency": "BTC"}
            assert "balance" in admin.rest("POST", f"/admin/accounts/{account}/deposit", coins)

    def spot(self, client: Client, side: str, price: str, size: str, **more: Any) -> None:
        """Let somebody place a spot order; what it causes reaches the quoter."""
        client.now_ns = self.now_ns
        before = len(client.outputs)
        answer = client.spot(side, price, size, **more)
        assert "order" in answer, answer
        self._keep(client.outputs[before:])
        assert self.script is not None, "it was given its script"
        self.script.deliver()

    def book_of(self, symbol: str) -> Book:
        """Return a market's book as the feed would tell it."""
        path = f"/symbols/{COIN}/orderbook" if symbol == COIN else f"/markets/{symbol}/orderbook"
        shown = self.other.rest("GET", path)
        bids, asks = ([Level(float(price), float(size)) for price, size in shown[side]] for side in ("bids", "asks"))
        return Book(venue="degen", symbol=symbol, bids=bids, asks=asks, ts_received_ns=self.now_ns)

    def resting(self, symbol: str) -> list[tuple[str, str, str]]:
        orders = Client(self.exchange, "mm1", connection=11).rest("GET", "/orders?status=open")["orders"]
        found = [order for order in orders if symbol in (order.get("symbol"), order.get("market"))]
        return sorted((order.get("outcome", order["side"]), order["price"], str(order["size"])) for order in found)


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
def stage() -> tuple[Script, SpotVenue]:
    """A quoter with one fixed bot on shares and on a coin, and another maker around whom it quotes."""
    script, _ = scripted()
    script.venue = venue = SpotVenue()
    venue.script = script
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


def go_on(script: Script, venue: SpotVenue, symbol: str, ms: int = 600) -> None:
    """Let time pass while the feed tells what the venue shows."""
    for _ in range(ms // 50):
        script.now_ns += 50 * MS
        script.feed_inputs(limits=LIMITS)
        venue.other.now_ns = script.now_ns
        book = venue.book_of(symbol)
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


def test_it_quotes_a_share_around_the_others_middle(stage: tuple[Script, SpotVenue]) -> None:
    script, venue = stage
    go_on(script, venue, MARKET)
    assert venue.resting(MARKET) == [("no", "0.48", "50"), ("yes", "0.48", "50")]
    venue.trade("bid", "yes", "0.52", 20, time_in_force="ioc")
    (fill,) = script.of(Fill)
    assert (fill.side, fill.outcome, fill.quantity_lots) == (Side.BUY, Outcome.NO, 20)


def test_it_buys_a_coin_and_sells_no_more_than_it_has_bought(stage: tuple[Script, SpotVenue]) -> None:
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


def test_it_holds_no_more_than_its_most(stage: tuple[Script, SpotVenue]) -> None:
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
