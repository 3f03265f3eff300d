"""A real book shown as it is: what we trade of it is gone until it changes, and it comes and goes with the source."""

from __future__ import annotations

from typing import Any

from exchange.config import Source
from exchange.prices.binance import Message, PublicStreams
from exchange.spot_venues.mirror import real_lots
from exchange.spot_venues.venue import SpotVenue
from exchange.spot_venues.venues import SpotVenues
from exchange.testing.spot_venues import SYMBOLS, file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000
UNITS = 10**8
BIDS = [[f"{60_000 - level}.00", "0.50000"] for level in range(40)]
ASKS = [[f"{60_001 + level}.00", "0.40000"] for level in range(40)]


class Real:
    """A venue whose BTCUSD mirrors a book that the test moves."""

    def __init__(self, word: str = "live") -> None:
        self.streams = PublicStreams(("BTCUSDT",))
        symbols = {**SYMBOLS, "BTCUSD": {**SYMBOLS["BTCUSD"], "mirror": "BTCUSDT"}}
        self.venues: SpotVenues = spot_venues(
            file_of(KRAKEN={"symbols": symbols}), driven=("BTC",), streams=self.streams
        )
        self.venue: SpotVenue = self.venues.by_name["KRAKEN"]
        self.venue.start(NOW_NS)
        self.venues.on_source(Source(word, {"BTC": word}))
        self.client = Client(self.venue, "mm1")
        self.ids = 1
        self.publish("", {"lastUpdateId": 1, "bids": BIDS, "asks": ASKS})

    def publish(self, stream: str, data: dict[str, Any]) -> None:
        self.streams.publish(Message(self.venue.now_ns, "BTCUSDT", stream, data, for_book_only=True))

    def change(self, bids: list[list[str]], asks: list[list[str]]) -> None:
        self.ids += 1
        self.publish("btcusdt@depth@100ms", {"E": 0, "U": self.ids, "u": self.ids, "b": bids, "a": asks})

    def look(self) -> tuple[list[list[str]], list[list[str]]]:
        """Let the next look pass; returns both sides."""
        self.venues.on_price("BTC", 60_000 * UNITS, 60_001 * UNITS, self.venue.now_ns)
        self.venue.on_timer(self.venue.now_ns + 150 * MS)
        return self.venue.trading.symbols["BTCUSD"].levels(100)

    def customer(self) -> Client:
        self.client.now_ns = self.venue.now_ns
        return self.client


def test_the_real_book_is_shown_level_by_level() -> None:
    bids, asks = Real().look()
    assert bids == [[f"{60_000 - level}.0", "0.5000"] for level in range(20)]
    assert asks == [[f"{60_001 + level}.0", "0.4000"] for level in range(20)]


def test_what_we_took_is_gone_until_the_real_level_changes() -> None:
    real = Real()
    real.look()
    assert real.customer().spot("bid", "60001.0", "0.1", time_in_force="ioc")["order"]["status"] == "filled"
    assert real.look()[1][0] == ["60001.0", "0.3000"]
    real.change([["59999.00", "7.00000"]], [])
    assert real.look()[1][0] == ["60001.0", "0.3000"]
    assert real.customer().spot("bid", "60001.0", "0.3", time_in_force="ioc")["order"]["status"] == "filled"
    assert real.look()[1][0] == ["60002.0", "0.4000"]
    real.change([], [["60001.00", "0.25000"]])
    assert real.look()[1][0] == ["60001.0", "0.2500"]


def test_a_real_level_that_went_and_came_back_is_whole() -> None:
    real = Real()
    real.look()
    real.customer().spot("bid", "60001.0", "0.1", time_in_force="ioc")
    real.look()
    real.change([], [["60001.00", "0.00000"]])
    assert real.look()[1][0] == ["60002.0", "0.4000"]
    real.change([], [["60001.00", "0.40000"]])
    assert real.look()[1][0] == ["60001.0", "0.4000"]


def test_a_real_price_that_moves_past_our_order_fills_it() -> None:
    real = Real()
    real.look()
    client = real.customer()
    client.spot("ask", "60000.5", "0.2", post_only=True)
    real.change([["60003.00", "1.00000"]], [["60001.00", "0"], ["60002.00", "0"], ["60003.00", "0"]])
    bids, asks = real.look()
    (fill,) = client.rest("GET", "/fills")["fills"]
    assert (fill["price"], fill["size"], fill["liquidity"]) == ("60000.5", "0.2000", "maker")
    assert (bids[0], asks[0]) == (["60000.0", "0.5000"], ["60004.0", "0.4000"])
    assert real.look()[0][0] == ["60003.0", "1.0000"]


def test_a_torn_real_book_is_not_shown() -> None:
    real = Real()
    real.look()
    real.change([["60005.00", "1.00000"]], [])
    assert real.look() == ([], [])
    real.change([["60005.00", "0"]], [])
    assert real.look()[0][0] == ["60000.0", "0.5000"]


def test_makers_keep_the_book_where_prices_are_the_models() -> None:
    real = Real("model")
    bids, _ = real.look()
    assert bids[0] != ["60000.0", "0.5000"]
    real.venues.on_source(Source("replay", {"BTC": "replay"}))
    assert real.look()[0][0] == ["60000.0", "0.5000"]
    real.venues.on_source(Source("model", {"BTC": "model"}, "no live price"))
    assert real.look()[0][0] != ["60000.0", "0.5000"]
    assert real.venue.source == Source("model", {"BTC": "model", "ETH": "model", "USD": "model"}, "no live price")


TERMS = file_of().venues["KRAKEN"].terms("BTCUSD")


def test_prices_are_rounded_outwards_and_sizes_of_one_tick_are_added() -> None:
    rows = [("60000.07", "0.5"), ("60000.02", "0.25"), ("59999.99", "0.00009"), ("59999.90", "1")]
    assert real_lots(rows, TERMS, "bids", 20) == {600_000: 7_500, 599_999: 10_000}
    asks = [("60000.01", "0.5"), ("60000.10", "0.25"), ("60000.11", "0.1")]
    assert real_lots(asks, TERMS, "asks", 20) == {600_001: 7_500, 600_002: 1_000}
    assert list(real_lots(asks, TERMS, "asks", 1)) == [600_001]


@given(
    prices=st.lists(st.integers(5_000_000, 5_001_000), min_size=1, max_size=60, unique=True),
    name=st.sampled_from(["bids", "asks"]),
    levels=st.integers(1, 30),
)
def test_mirrored_levels_are_best_first_and_never_better_than_the_real_ones(
    prices: list[int], name: str, levels: int
) -> None:
    ordered = sorted(prices, reverse=name == "bids")
    rows = [(f"{price / 100:.2f}", "0.5") for price in ordered]
    shown = list(real_lots(rows, TERMS, name, levels))
    assert shown == sorted(shown, reverse=name == "bids")
    assert len(shown) <= levels
    best = ordered[0] / 10
    assert shown[0] <= best + 1e-6 if name == "bids" else shown[0] >= best - 1e-6
