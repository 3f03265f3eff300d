"""Which source is believed: freshness, staleness, and the slow way back."""

import pytest
from common.clock import NS_PER_MS, NS_PER_S
from common.events import FeedStatus, TopOfBook
from hypothesis import given
from hypothesis import strategies as st
from pricer.sources.aggregation import QUIET_MAX_S, Source, SourceChoice, VenueFeed, micro_price, mid_price, two_sided

NOW_NS = 1_795_222_805 * NS_PER_S
MAX_AGE_NS = 5 * NS_PER_S


def top(bid: float = 99.0, ask: float = 101.0, bid_size: float = 1.0, ask_size: float = 1.0) -> TopOfBook:
    return TopOfBook(
        venue="binance",
        symbol="BTCUSDT",
        bid=bid,
        ask=ask,
        bid_size=bid_size,
        ask_size=ask_size,
        ts_received_ns=NOW_NS,
    )


def status(
    silent_ms: int = 0, *, connected: bool = True, stale: tuple[str, ...] = (), reconnects: int = 0
) -> FeedStatus:
    return FeedStatus(
        venue="binance",
        connected=connected,
        silent_ns=silent_ms * NS_PER_MS,
        clock_offset_ns=0,
        clock_known=True,
        stale_symbols=list(stale),
        reconnects=reconnects,
    )


def live_source(symbol: str = "BTCUSDT") -> Source:
    feed = VenueFeed("binance")
    source = feed.sources[symbol] = Source(symbol, feed)
    feed.update(status(), NOW_NS)
    return source


def after(seconds: float) -> int:
    return NOW_NS + int(seconds * NS_PER_S)


def keep_live(source: Source, seconds: float, *, with_prices: bool = True) -> None:
    """Let the feed say that all is well at a moment, and the venue state its price."""
    source.feed.update(status(), after(seconds))
    if with_prices:
        source.update(top(), after(seconds), 0)


def test_the_micro_price_leans_towards_the_thin_side() -> None:
    assert micro_price(top(99, 101, bid_size=3, ask_size=1)) == 100.5
    assert micro_price(top(99, 101, bid_size=0, ask_size=0)) == mid_price(top(99, 101)) == 100.0


@given(
    st.floats(0.01, 1e6),
    st.floats(0, 1e3),
    st.floats(0, 1e9, allow_subnormal=False),
    st.floats(0, 1e9, allow_subnormal=False),
)
def test_the_micro_price_lies_within_the_spread(bid: float, spread: float, bid_size: float, ask_size: float) -> None:
    price = micro_price(top(bid, bid + spread, bid_size, ask_size))
    assert bid * (1 - 1e-12) <= price <= (bid + spread) * (1 + 1e-12)


@pytest.mark.parametrize(
    "unusable",
    [
        top(bid=0.0),
        top(ask=0.0),
        top(bid=102.0),
        top(ask=float("inf")),
        top(bid=float("nan")),
        top(ask=float("nan")),
        top(bid_size=-1.0),
        top(ask_size=float("nan")),
    ],
)
def test_a_top_without_two_sane_sides_leaves_the_source_without_a_price(unusable: TopOfBook) -> None:
    source = live_source()
    source.update(top(), NOW_NS, 0)
    assert source.age_ns(NOW_NS) == 0
    assert not two_sided(unusable)
    source.update(unusable, NOW_NS, 0)
    assert source.age_ns(NOW_NS) is None


def test_a_price_ages_until_its_connection_delivers_again() -> None:
    source = live_source()
    source.update(top(), NOW_NS, 0)
    assert source.age_ns(after(0.9)) == 900 * NS_PER_MS
    source.feed.update(status(silent_ms=200), after(0.9))
    assert source.age_ns(after(0.9)) == 200 * NS_PER_MS


def test_a_silent_connection_vouches_for_nothing() -> None:
    source = live_source()
    source.update(top(), NOW_NS, 0)
    source.feed.update(status(silent_ms=6_000), after(6))
    assert source.age_ns(after(6)) == 6 * NS_PER_S


def test_a_live_connection_carries_a_quiet_price_only_so_long() -> None:
    source = live_source()
    source.update(top(), NOW_NS, 0)
    source.feed.update(status(), after(QUIET_MAX_S))
    assert source.age_ns(after(QUIET_MAX_S)) == 0
    source.feed.update(status(), after(QUIET_MAX_S + 1))
    assert source.age_ns(after(QUIET_MAX_S + 1)) == (QUIET_MAX_S + 1) * NS_PER_S


def test_a_price_read_back_after_a_start_is_as_old_as_it_was_and_not_vouched_for() -> None:
    source = live_source()
    source.update(top(), NOW_NS, 2 * NS_PER_S)
    source.feed.update(status(), after(1))
    assert source.age_ns(after(1)) == 3 * NS_PER_S


@pytest.mark.parametrize("trouble", [status(connected=False), status(stale=("BTCUSDT",)), status(reconnects=1)])
def test_after_trouble_only_a_new_price_counts(trouble: FeedStatus) -> None:
    source = live_source()
    source.update(top(), NOW_NS, 0)
    source.feed.update(trouble, NOW_NS)
    source.feed.update(status(reconnects=1), NOW_NS)
    source.feed.update(status(reconnects=1), NOW_NS)
    assert source.age_ns(NOW_NS) is None
    source.update(top(), NOW_NS, 0)
    assert source.age_ns(NOW_NS) == 0


def test_b18_a_stale_symbol_does_not_silence_its_neighbours() -> None:
    bitcoin = live_source()
    ether = bitcoin.feed.sources["ETHUSDT"] = Source("ETHUSDT", bitcoin.feed)
    bitcoin.update(top(), NOW_NS, 0)
    ether.update(top(), NOW_NS, 0)
    bitcoin.feed.update(status(stale=("ETHUSDT",)), NOW_NS)
    assert bitcoin.age_ns(NOW_NS) == 0
    assert ether.age_ns(NOW_NS) is None


def test_prices_of_a_stale_symbol_are_not_believed_until_the_feed_says_so() -> None:
    source = live_source()
    source.feed.update(status(stale=("BTCUSDT",)), NOW_NS)
    source.update(top(), NOW_NS, 0)
    assert source.age_ns(NOW_NS) is None


def test_nothing_is_priced_while_the_feed_itself_is_silent() -> None:
    source = live_source()
    source.update(top(), after(5.5), 0)
    assert source.age_ns(after(5.5)) is None
    assert source.feed.venue_time_ns(after(5.5)) is None


def test_venue_time_is_ours_plus_the_offset_when_the_clock_is_known() -> None:
    feed = VenueFeed("degen")
    assert feed.venue_time_ns(NOW_NS) is None
    known = FeedStatus(venue="degen", connected=True, silent_ns=0, clock_offset_ns=-1_270_000_000, clock_known=True)
    feed.update(known, NOW_NS)
    assert feed.venue_time_ns(after(1)) == after(1) - 1_270_000_000
    feed.update(FeedStatus(venue="degen", connected=True, silent_ns=0, clock_offset_ns=0, clock_known=False), NOW_NS)
    assert feed.venue_time_ns(NOW_NS) is None


def test_a_later_feed_ends_what_the_one_before_vouched_for() -> None:
    source = live_source()
    source.update(top(), NOW_NS, 0)
    source.feed.begin(2)
    assert source.age_ns(NOW_NS) is None
    source.feed.begin(2)
    source.feed.update(status(), NOW_NS)
    assert source.age_ns(NOW_NS) is None
    source.update(top(), NOW_NS, 0)
    assert source.age_ns(NOW_NS) == 0


def test_the_first_fresh_source_is_picked_at_once() -> None:
    best, second = live_source(), live_source()
    second.update(top(), NOW_NS, 0)
    choice = SourceChoice([best, second], MAX_AGE_NS)
    assert choice.pick(NOW_NS) == 1
    assert choice.steady


def test_a_failing_source_is_left_at_once_and_returned_to_slowly() -> None:
    best, second = live_source(), live_source()
    choice = SourceChoice([best, second], MAX_AGE_NS)
    for source in (best, second):
        source.update(top(), NOW_NS, 0)
    assert choice.pick(NOW_NS) == 0
    best.feed.update(status(connected=False), after(0.1))
    assert choice.pick(after(0.1)) == 1
    keep_live(best, 0.2)
    assert choice.pick(after(0.2)) == 1
    keep_live(best, 1.1)
    keep_live(second, 1.1)
    assert choice.pick(after(1.1)) == 1
    assert choice.pick(after(1.2)) == 0


def test_a_source_that_flaps_is_not_returned_to() -> None:
    best, second = live_source(), live_source()
    choice = SourceChoice([best, second], MAX_AGE_NS)
    second.update(top(), NOW_NS, 0)
    picked = set()
    for number in range(1, 41):
        at_s = number * 0.5
        keep_live(second, at_s)
        if number % 2:
            best.feed.update(status(connected=False), after(at_s))
        else:
            keep_live(best, at_s)
        picked.add(choice.pick(after(at_s)))
    assert picked == {1}


def test_after_an_outage_of_all_sources_the_price_must_settle_first() -> None:
    source = live_source()
    choice = SourceChoice([source], MAX_AGE_NS)
    source.update(top(), NOW_NS, 0)
    seen = [(choice.pick(NOW_NS), choice.steady)]
    source.feed.update(status(connected=False), after(1))
    seen.append((choice.pick(after(1)), choice.steady))
    keep_live(source, 2)
    seen += [(choice.pick(at_ns), choice.steady) for at_ns in (after(2), after(3))]
    assert seen == [(0, True), (None, False), (0, False), (0, True)]


def test_a_price_older_than_the_bot_allows_is_not_picked() -> None:
    source = live_source()
    source.update(top(), NOW_NS, 0)
    choice = SourceChoice([source], MAX_AGE_NS)
    source.feed.update(status(silent_ms=5_000), after(5))
    assert choice.pick(after(5)) == 0
    assert choice.pick(after(5) + 1) is None
