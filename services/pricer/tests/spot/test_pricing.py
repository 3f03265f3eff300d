"""Prices that are kept from one computation to the next stand only while nothing that they reach has moved."""

from __future__ import annotations

from collections.abc import Sequence

from common.bots.spot import SourceAggregation
from common.clock import NS_PER_S
from common.events import Book, FeedStatus, Level
from hypothesis import given
from hypothesis import strategies as st
from pricer.sources.aggregation import BookSource, VenueFeed
from pricer.spot.pricing import Pricing, Recipe, Sized

NOW_NS = 1_795_222_800 * NS_PER_S
LEVELS = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 3)), max_size=6, unique_by=lambda level: level[0])
SIZES = st.lists(st.integers(1, 3), max_size=3)
UPDATES = st.lists(st.tuples(st.integers(0, 1), LEVELS, LEVELS), min_size=1, max_size=12)


def followed(venue: str) -> BookSource:
    feed = VenueFeed(venue)
    feed.update(FeedStatus(venue=venue, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True), NOW_NS)
    return BookSource("BTCUSD", feed)


def book(bids: Sequence[tuple[int, int]], asks: Sequence[tuple[int, int]]) -> Book:
    return Book(
        venue="any",
        symbol="BTCUSD",
        bids=[Level(100.0 - ticks, float(lots)) for ticks, lots in sorted(bids)],
        asks=[Level(100.0 + ticks, float(lots)) for ticks, lots in sorted(asks)],
        ts_received_ns=0,
    )


@given(st.sampled_from(list(SourceAggregation)), SIZES, SIZES, st.integers(1, 3), st.integers(0, 3), UPDATES)
def test_prices_that_are_kept_are_those_that_would_be_computed(
    how: SourceAggregation,
    buys: list[int],
    sells: list[int],
    least: int,
    more: int,
    updates: list[tuple[int, list[tuple[int, int]], list[tuple[int, int]]]],
) -> None:
    recipe = Recipe(
        how,
        Sized(tuple(map(float, buys)), least, least + more),
        Sized(tuple(map(float, sells)), least, least + more),
    )
    keeping, books = Pricing(recipe), [followed("kraken"), followed("binance")]
    for place, bids, asks in updates:
        books[place].update(book(bids, asks), NOW_NS, 0)
        found = keeping.price(books, [], False, NOW_NS)
        assert found == Pricing(recipe).price(books, [], False, NOW_NS)
