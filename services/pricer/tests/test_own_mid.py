"""The seam of the pricer: a kind that is priced from the venue's own book, beside the binary one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from common.bots import Bot
from common.bots.bot import InstrumentSection
from common.clock import NS_PER_MS, NS_PER_S
from common.core import Newest
from common.events import FairValue, Market, MarketStatus, SourcePrice, TopOfBook
from common.instruments import InstrumentKind
from pricer.binary.kind import Binary
from pricer.kind import Follow, Kind
from pricer.own_mid import OwnMid
from pricer.service import Pricer
from pricer.sources.aggregation import VenueFeed
from pricer.testing.harness import Harness

COIN = "BTCUSD"


class ToyInstrument(InstrumentSection):
    symbols: list[str]


class ToyBot(Bot):
    kind: ClassVar[str] = "toy"
    instrument: ToyInstrument


class Toy(Kind[ToyBot, str, OwnMid]):
    model = ToyBot
    instruments = frozenset({InstrumentKind.BINARY, InstrumentKind.SPOT})
    own_books = True

    def contract_of(self, market: Market, feed: VenueFeed) -> str:
        return market.symbol

    def outputs(self, algo_id: str, config: ToyBot, follow: Follow, before: Mapping[str, OwnMid]) -> list[OwnMid]:
        return [OwnMid(algo_id, "own books", NS_PER_S, 100 * NS_PER_MS)]

    def hand_out(self, config: ToyBot, outputs: Sequence[OwnMid], follow: Follow) -> None:
        venue = config.instrument.venue
        wanted = [symbol for symbol in config.instrument.symbols if (venue, symbol) in self.contracts]
        outputs[0].hold([follow.source(venue, symbol) for symbol in wanted])


def toys(*symbols: str) -> Harness:
    harness = Harness()
    harness.pricer = Pricer(["binance"], quoted_venues=["degen"], kinds=(Binary, Toy))
    harness.pricer.epoch = 3
    harness.statuses()
    harness.bot("9", kind="toy", instrument={"venue": "degen", "symbols": list(symbols)})
    harness.market("BTC-5M-1")
    coin(harness)
    return harness


def coin(harness: Harness, status: MarketStatus = MarketStatus.OPEN) -> None:
    market = Market(
        venue="degen",
        symbol=COIN,
        kind=InstrumentKind.SPOT,
        status=status,
        tick_size=Decimal("0.01"),
        ts_received_ns=harness.now_ns,
    )
    list(harness.pricer.on_market(market, harness.receipt()))


def seen(harness: Harness, price: float = 60_000.0, symbol: str = COIN) -> list[SourcePrice]:
    found = harness.top(price, symbol, venue="degen", half_spread=0.01)
    return [each for each in found if isinstance(each, SourcePrice)]


def test_the_middle_of_its_own_book_is_stated_as_it_moves() -> None:
    harness = toys(COIN)
    (price,) = seen(harness)
    assert (price.algo_id, price.venue, price.symbol, price.bid, price.ask) == (
        "9",
        "degen",
        COIN,
        59_999.99,
        60_000.01,
    )
    assert (price.age_ns, price.epoch) == (0, 3)
    assert seen(harness, symbol="BTC-5M-1") == [], "the bot does not quote it"
    assert harness.pricer.state(harness.now_ns)["bots"]["9"]["underlyings"]["own books"]["silent"] == ""


def test_it_is_renewed_while_it_is_fresh_and_silent_when_the_feed_is() -> None:
    harness = toys(COIN)
    seen(harness)
    harness.wait(0.1)
    harness.statuses()
    assert [type(each) for each in harness.timer()] == [SourcePrice]
    harness.wait(3.0)
    assert harness.timer() == []
    picture = harness.pricer.state(harness.now_ns)["bots"]["9"]["underlyings"]["own books"]
    assert (picture["silent"], picture["markets"]) == ("no fresh book", {})


def test_one_sided_books_have_no_middle() -> None:
    harness = toys(COIN)
    seen(harness)
    top = TopOfBook(
        venue="degen", symbol=COIN, bid=0.0, ask=60_000.0, bid_size=0.0, ask_size=1.0, ts_event_ns=0, ts_received_ns=0
    )
    assert list(harness.pricer.on_top(top, harness.receipt())) == []


def test_a_market_that_closes_is_priced_no_longer() -> None:
    harness = toys(COIN)
    assert len(seen(harness)) == 1
    coin(harness, MarketStatus.CLOSED)
    assert seen(harness, 60_001.0) == []
    assert harness.pricer._roster.feeds["degen"].sources == {}


def test_both_kinds_are_priced_beside_each_other() -> None:
    harness = toys("BTC-5M-1")
    harness.bot()
    assert [type(each) for each in harness.top()] == [FairValue]
    assert [each.symbol for each in seen(harness, 0.5, "BTC-5M-1")] == ["BTC-5M-1"]


def test_own_books_are_listened_to_where_a_kind_is_priced_from_them_alone() -> None:
    def venues(*kinds: type[Kind[Any, Any, Any]]) -> list[str]:
        inputs = Pricer(["binance"], quoted_venues=["degen"], kinds=kinds).inputs()
        return [each.tokens["venue"] for each in inputs if isinstance(each, Newest) and each.event is TopOfBook]

    assert venues(Binary) == ["binance"]
    assert venues(Binary, Toy) == ["binance", "degen"]
