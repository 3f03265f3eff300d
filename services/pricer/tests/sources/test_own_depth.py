"""Books without our own orders: what is taken out, for how long, and that none of ours is ever left."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import count

from common.clock import NS_PER_MS, NS_PER_S
from common.events import Book, FeedStatus, Level, OwnDepth, QuoteLevel
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pricer.sources.aggregation import BookSource, VenueFeed
from pricer.sources.own_depth import HELD_NS, LEVELS_MAX, STATED_MAX_NS, others

T0_NS = 1_795_222_800 * NS_PER_S
NUMBERS = count(1)
BIDS = [Level(100.02, 3.0), Level(100.01, 2.0), Level(99.0, 1.0)]


def book(bids: list[Level] | None = None, asks: list[Level] | None = None) -> Book:
    return Book(venue="kraken", symbol="BTCUSD", bids=BIDS if bids is None else bids, asks=asks or [], ts_received_ns=0)


def own(
    bids: Mapping[int, int], asks: Mapping[int, int] | None = None, *, account: str = "mm1", too_many: bool = False
) -> OwnDepth:
    """Return own lots of a tenth by price in ticks of a cent."""
    return OwnDepth(
        account=account,
        venue="kraken",
        symbol="BTCUSD",
        bids=[QuoteLevel(ticks, lots) for ticks, lots in bids.items()],
        asks=[QuoteLevel(ticks, lots) for ticks, lots in (asks or {}).items()],
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.1"),
        number=next(NUMBERS),
        too_many=too_many,
    )


def followed() -> BookSource:
    feed = VenueFeed("kraken")
    source = feed.books["BTCUSD"] = BookSource("BTCUSD", feed)
    feed.update(status(), T0_NS)
    return source


def status(**changes: object) -> FeedStatus:
    fields: dict[str, object] = {"connected": True, "silent_ns": 0, "clock_offset_ns": 0, "clock_known": True}
    return FeedStatus(venue="kraken", **(fields | changes))  # type: ignore[arg-type]


def sizes(source: BookSource) -> dict[float, float]:
    return {level.price: round(level.size, 9) for level in source.bids}


def test_the_worked_example_of_the_docstring() -> None:
    levels = [Level(100.0, 3.0), Level(99.0, 2.0)]
    assert others(levels, {100.0: 1.0, 99.0: 5.0}) == ([Level(100.0, 2.0)], 3.0)
    assert others(levels, {}) == (levels, 0.0)


def test_a_level_that_is_all_ours_is_gone_whatever_the_last_bits_say() -> None:
    assert others([Level(100.0, 0.1 + 0.2)], {100.0: 0.3})[0] == []


def test_our_orders_are_taken_out_of_a_book_before_and_after_it_arrives() -> None:
    source = followed()
    source.feed.on_own_depth(own({10_002: 10}), T0_NS)
    source.update(book(), T0_NS, 0)
    assert sizes(source) == {100.02: 2.0, 100.01: 2.0, 99.0: 1.0}
    assert (source.own_bids, source.own_asks) == (1.0, 0.0)
    source.feed.on_own_depth(own({10_001: 20}), T0_NS)
    assert sizes(source) == {100.02: 2.0, 99.0: 1.0}, "the book in hand may still show the first"


def test_what_has_ended_is_left_in_the_books_that_can_no_longer_show_it() -> None:
    source = followed()
    source.feed.on_own_depth(own({10_002: 10}), T0_NS)
    source.update(book(), T0_NS, 0)
    source.feed.on_own_depth(own({}), T0_NS)
    for later_ns in range(0, HELD_NS, 500 * NS_PER_MS):
        source.update(book(), T0_NS + later_ns, 0)
        assert sizes(source)[100.02] == 2.0
    for later_ns in (HELD_NS, 2 * HELD_NS):
        source.update(book(), T0_NS + later_ns, 0)
    assert sizes(source)[100.02] == 3.0


def test_a_statement_that_was_overtaken_replaces_nothing() -> None:
    source = followed()
    earlier, later = own({}), own({10_002: 10})
    source.feed.on_own_depth(later, T0_NS)
    source.feed.on_own_depth(earlier, T0_NS)
    for later_ns in (0, HELD_NS, 2 * HELD_NS):
        source.update(book(), T0_NS + later_ns, 0)
    assert sizes(source)[100.02] == 2.0
    source.feed.on_own_depth(replace(earlier, epoch=4), T0_NS + 2 * HELD_NS)
    for times in (3, 4):
        source.update(book(), T0_NS + times * HELD_NS, 0)
    assert sizes(source)[100.02] == 3.0, "a successor counts from 1"


def test_a_book_that_nothing_replaces_keeps_out_what_it_may_show() -> None:
    source = followed()
    source.feed.on_own_depth(own({10_002: 10}), T0_NS)
    source.update(book(), T0_NS, 0)
    for minute in range(1, 10):
        source.feed.on_own_depth(own({}), T0_NS + minute * 60 * NS_PER_S)
    assert sizes(source)[100.02] == 2.0


def test_orders_of_several_accounts_add_up() -> None:
    source = followed()
    source.feed.on_own_depth(own({10_002: 10}), T0_NS)
    source.feed.on_own_depth(own({10_002: 15, 10_001: 1}, account="mm2"), T0_NS)
    source.update(book(), T0_NS, 0)
    assert sizes(source) == {100.02: 0.5, 100.01: 1.9, 99.0: 1.0}


def test_a_dead_quoters_orders_are_left_in_after_a_minute() -> None:
    source = followed()
    source.feed.on_own_depth(own({10_002: 10}), T0_NS)
    source.update(book(), T0_NS + STATED_MAX_NS, 0)
    assert sizes(source)[100.02] == 2.0
    source.update(book(), T0_NS + STATED_MAX_NS + 1, 0)
    assert sizes(source)[100.02] == 3.0


def test_where_not_all_of_ours_is_stated_nothing_is_known() -> None:
    source = followed()
    source.feed.on_own_depth(own({}, too_many=True), T0_NS)
    source.update(book(), T0_NS, 0)
    assert source.own_unknown
    source.feed.on_own_depth(own({}), T0_NS)
    assert source.own_unknown, "the book in hand was made before"
    source.update(book(), T0_NS + HELD_NS, 0)
    source.update(book(), T0_NS + 2 * HELD_NS, 0)
    assert not source.own_unknown


def test_prices_that_are_held_against_a_book_are_bounded() -> None:
    source = followed()
    source.update(book(), T0_NS, 0)
    for ticks in range(LEVELS_MAX + 1):
        source.own.on_statement(own({10_000 + ticks: 1}), T0_NS)
    assert source.own.stated().too_many


def test_a_lost_connection_leaves_no_book_and_a_stale_symbol_none_either() -> None:
    source = followed()
    source.update(book(), T0_NS, 0)
    version = source.version
    source.feed.update(status(connected=False), T0_NS)
    assert (source.book, list(source.bids), source.age_ns(T0_NS)) == (None, [], None)
    assert source.version > version
    source.feed.update(status(stale_symbols=["BTCUSD"]), T0_NS)
    source.update(book(), T0_NS, 0)
    assert source.book is None


STEPS = st.lists(
    st.tuples(
        st.integers(1, 900),  # ms that pass
        st.dictionaries(st.integers(1, 4), st.integers(1, 5), max_size=4),  # own lots that then rest
        st.integers(0, HELD_NS // NS_PER_MS // 2),  # ms by which a book that comes then is late
    ),
    min_size=1,
    max_size=25,
)


@given(STEPS)
def test_no_order_of_ours_is_ever_left_in_a_book_that_is_late(steps: list[tuple[int, dict[int, int], int]]) -> None:
    source, now_ns = followed(), T0_NS
    rested: list[tuple[int, dict[int, int]]] = [(0, {})]
    for ms, lots, late_ms in steps:
        now_ns += ms * NS_PER_MS
        rested.append((now_ns, lots))
        source.feed.on_own_depth(own(lots), now_ns)
        made_ns = now_ns - late_ms * NS_PER_MS
        shown = next(each for since_ns, each in reversed(rested) if since_ns <= made_ns)
        levels = [Level(ticks / 100, 7.0 + amount / 10) for ticks, amount in sorted(shown.items(), reverse=True)]
        source.update(book(levels), now_ns, 0)
        assert all(level.size <= 7.0 + 1e-9 for level in source.bids)
        assert all(level.size > 0.0 for level in source.bids)
