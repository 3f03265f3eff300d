"""From base prices to quotes: each formula by hand, and against exact fractions."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from common.bots.spot import SpotBot
from common.instruments import Instrument, InstrumentKind
from common.testing.spot import BTCUSD, changed
from hypothesis import example, given
from hypothesis import strategies as st
from quoter.spot.ladder import NO_PRICE, Bases, apart, given_way, prices, step
from quoter.spot.rules import LeastSpread, Rules, rules_of

TICKS = ("0.01", "0.5", "0.00000001", "0.001", "5")


def instrument(tick: str = "0.01") -> Instrument:
    return Instrument(
        "degen", "BTCUSD", InstrumentKind.SPOT, "USD", Decimal(tick), base="BTC", lot_size=Decimal("0.0001")
    )


def rules(tick: str = "0.01", **pricer: Any) -> Rules:
    """Return the rules of two sizes a side, without margins or spread unless told otherwise."""
    sent: dict[str, Any] = {
        "buy_quote_sizes": "0.1 0.2",
        "sell_quote_sizes": "0.1 0.2",
        "buy_margins": None,
        "sell_margins": None,
        "min_spread": None,
    }
    sections = changed(BTCUSD, **{f"pricer__{name}": value for name, value in (sent | pricer).items()})
    return rules_of(SpotBot.parse(sections), instrument(tick))


def bases(*pairs: tuple[float | None, float | None]) -> Bases:
    bids, asks = [bid for bid, _ in pairs], [ask for _, ask in pairs]
    return Bases(bids, asks, bids[0] or 100.0, asks[0] or 100.0)


def test_the_worked_example() -> None:
    of = rules(min_spread="6 bps [30]", buy_margins="5", sell_margins="5")
    found = prices(bases((59_998.0, 60_002.0)), of, 0.01, 1)
    assert (found.down, found.up) == pytest.approx((9.6, 22.4))
    assert (found.bids, found.asks) == ([5_995_840], [6_005_442])
    # 59,988.4 x 0.9995 = 59,958.4058 and 60,024.4 x 1.0005 = 60,054.4122.
    assert step(59_998.0, -found.down, of.buys, 0, 5_995_840, 0.01) == pytest.approx(
        (59_998.0, -9.6, 0.0, -29.9942, -0.0058, 59_958.40)
    )
    assert step(60_002.0, found.up, of.sells, 0, 6_005_442, 0.01) == pytest.approx(
        (60_002.0, 22.4, 0.0, 30.0122, 0.0078, 60_054.42)
    )


@pytest.mark.parametrize(
    ("pricer", "bid", "ask"),
    [
        # BidQuotePrice = RoundTickDown(100 x 0.99 x (1 - 25 / 10,000)) = 98.7525, down to 98.75.
        ({"bid_price_factor": "0.99", "buy_margins": "25"}, 9_875, 10_100),
        # AskQuotePrice = RoundTickUp(101 x 1.02 x (1 + 12.5 / 10,000)) = 103.148775, up to 103.15.
        ({"ask_price_factor": "1.02", "sell_margins": "12.5"}, 10_000, 10_315),
        # Exactly on a tick: 100 x (1 - 5 / 10,000) = 99.95 and 101 x (1 + 100 / 10,000) = 102.01.
        ({"buy_margins": "5", "sell_margins": "100"}, 9_995, 10_201),
        # A margin below 0 improves on the base: 100.1 and 100.899.
        ({"buy_margins": "-10", "sell_margins": "-10"}, 10_010, 10_090),
        # In units of the price: 3 are wanted and 2 missing, a half each.
        ({"min_spread": "3"}, 9_900, 10_200),
        ({"min_spread": "3 [0]"}, 10_000, 10_300),
        ({"min_spread": "3 [100]"}, 9_800, 10_100),
    ],
)
def test_each_formula_by_hand(pricer: dict[str, Any], bid: int, ask: int) -> None:
    found = prices(bases((100.0, 101.0)), rules(**pricer), 0.01, 1)
    assert (found.bids, found.asks) == ([bid], [ask])


def test_one_price_for_both_sides_gives_the_whole_spread() -> None:
    assert given_way(60_000.0, 60_000.0, LeastSpread(6e-4, bid_share=0.3)) == pytest.approx((10.8, 25.2))


def test_a_spread_that_is_wide_enough_moves_nothing() -> None:
    assert given_way(59_900.0, 60_100.0, LeastSpread(6e-4)) == (0.0, 0.0)


def test_margins_go_with_their_sizes() -> None:
    of = rules(buy_margins="10 20", sell_margins="30 40")
    found = prices(bases((100.0, 101.0), (99.0, 102.0)), of, 0.01, 1)
    # 99.9 and 98.802; 101.303 and 102.408.
    assert (found.bids, found.asks) == ([9_990, 9_880], [10_131, 10_241])


def test_all_sizes_of_a_side_give_way_alike() -> None:
    found = prices(bases((100.0, 101.0), (99.0, 103.0)), rules(min_spread="2"), 0.01, 1)
    assert (found.bids, found.asks) == ([9_950, 9_850], [10_150, 10_350])


def test_a_size_without_a_price_has_no_quote_and_the_best_of_the_books_stands_for_its_side() -> None:
    found = prices(Bases([None, None], [101.0, 102.0], 100.0, 100.5), rules(min_spread="2"), 0.01, 1)
    assert (found.bids, found.asks) == ([NO_PRICE, NO_PRICE], [10_150, 10_250])


@pytest.mark.parametrize(
    ("bid", "ask", "least", "least_ticks", "moved"),
    [
        (100, 101, LeastSpread(), 4, (99, 103)),
        (100, 104, LeastSpread(), 4, (100, 104)),
        # Crossed by 2: 4 + 2 are missing, the bid gives all of it.
        (102, 100, LeastSpread(bid_share=1.0), 4, (96, 100)),
        # A tenth of the middle: 100 and 101 want 10.05, and 104.5 wants 10.45, so that 11 it is.
        (100, 101, LeastSpread(0.1, bid_share=0.0), 1, (100, 111)),
    ],
)
def test_quotes_that_are_too_near_are_moved_apart(
    bid: int, ask: int, least: LeastSpread, least_ticks: int, moved: tuple[int, int]
) -> None:
    assert apart(bid, ask, least, 1.0, least_ticks) == moved


def test_margins_below_0_leave_the_least_spread_and_what_stood_nearer_joins_the_best() -> None:
    of = rules(min_spread="100 bps", buy_margins="-100 -90", sell_margins="-100 -90")
    found = prices(bases((100.0, 101.0), (100.0, 101.0)), of, 0.01, 1)
    (bid, second), (ask, other) = found.bids, found.asks
    assert (bid, ask) == (second, other)
    assert ask - bid >= 0.01 * 0.5 * (ask + bid) > ask - bid - 2


places = st.integers(1, 10**6)
margins = st.integers(-5_000, 5_000).map(lambda tenth: Decimal(tenth) / 10)
factors = st.sampled_from(("1", "0.99", "1.01", "0.5", "3", "0.00000997"))


@given(
    base=places,
    decimals=st.integers(0, 9),
    tick=st.sampled_from(TICKS),
    margin=margins,
    factor=factors,
    bids=st.booleans(),
)
@example(base=57, decimals=2, tick="0.01", margin=Decimal(0), factor="1", bids=True)
@example(base=100_000, decimals=2, tick="0.01", margin=Decimal(5), factor="1", bids=True)
def test_rounding_is_that_of_exact_fractions(
    base: int, decimals: int, tick: str, margin: Decimal, factor: str, bids: bool
) -> None:
    name, sign = ("buy", -1) if bids else ("sell", 1)
    of = rules(tick, **{f"{name}_margins": str(margin), f"{'bid' if bids else 'ask'}_price_factor": factor})
    exact_base = Fraction(base, 10**decimals)
    exact = exact_base * Fraction(factor) * (1 + sign * Fraction(margin) / 10_000) / Fraction(tick)
    price = float(exact_base)
    one = prices(Bases([price], [], price, price), of, float(tick), 1).bids
    other = prices(Bases([], [price], price, price), of, float(tick), 1).asks
    ticks = (one if bids else other)[0]
    near = Fraction(1, 10**8) + exact / 10**14
    if bids:
        assert ticks == math.floor(exact) or 0 < ticks - exact < near
    else:
        assert ticks == math.ceil(exact) or 0 < exact - ticks < near
    if exact.denominator == 1:
        assert ticks == exact


sizes = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=5)


@given(
    middle=st.floats(1, 1e5),
    tops=st.tuples(st.floats(0, 0.01), st.floats(0, 0.01)),
    steps=sizes,
    spread=st.sampled_from((None, "6 bps [30]", "100 bps", "0.5 [0]", "2 [100]", "3000 bps [70]")),
    margin=margins,
    factor=st.sampled_from(("1", "0.999", "1.001")),
    least_ticks=st.integers(1, 500),
)
def test_best_quotes_keep_their_distance_and_no_size_costs_less_than_the_one_before(
    middle: float,
    tops: tuple[float, float],
    steps: list[tuple[float, float]],
    spread: str | None,
    margin: Decimal,
    factor: str,
    least_ticks: int,
) -> None:
    of = rules(
        min_spread=spread,
        buy_margins=str(margin),
        sell_margins=str(margin),
        bid_price_factor=factor,
        ask_price_factor=factor,
    )
    of = of._replace(
        buys=of.buys._replace(per_tick=of.buys.per_tick[:1]), sells=of.sells._replace(per_tick=of.sells.per_tick[:1])
    )
    bid, ask = middle * (1 - tops[0]), middle * (1 + tops[1])
    bids, asks = [bid], [ask]
    for lower, higher in steps:
        bids.append(max(0.0, bids[-1] - lower))
        asks.append(asks[-1] + higher)
    found = prices(Bases(bids, asks, bid, ask), of, 0.01, least_ticks)
    assert found.bids == sorted(found.bids, reverse=True)
    assert found.asks == sorted(found.asks)
    best_bid, best_ask = found.bids[0], found.asks[0]
    if best_bid:
        wanted = of.least.at(0.5 * (best_bid + best_ask) * 0.01) / 0.01
        assert best_ask - best_bid >= least_ticks
        assert best_ask - best_bid >= wanted - 1e-6 * max(1.0, wanted)


@given(st.floats(1, 1e6), st.floats(0, 100), margins, factors, st.booleans())
def test_the_parts_of_a_price_add_up_to_it(base: float, moved: float, margin: Decimal, factor: str, bids: bool) -> None:
    of = rules(buy_margins=str(margin), sell_margins=str(margin), bid_price_factor=factor, ask_price_factor=factor)
    side = of.buys if bids else of.sells
    found = step(base, -moved if bids else moved, side, 0, 12_345, 0.01)
    assert sum(found[:-1]) == pytest.approx(found.price, abs=1e-6 * base)
