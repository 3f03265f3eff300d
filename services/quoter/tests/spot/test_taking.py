"""What is taken from others: the rule by hand, what is shown less our own, and never beyond the price or the size."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import Distance, Level
from common.instruments import Instrument, InstrumentKind
from hypothesis import given
from hypothesis import strategies as st
from quoter.spot.rules import Away, TakeRule
from quoter.spot.taking import highest_to_buy, lowest_to_sell, within

COIN = Instrument(
    "degen", "BTCUSD", InstrumentKind.SPOT, "USD", Decimal("0.01"), base="BTC", lot_size=Decimal("0.0001")
)
WIDE = 1 << 62


@pytest.mark.parametrize(
    ("distance", "buys", "sells"),
    [
        # 60,000 x (1 - 8 / 10,000) = 59,952 and 60,010 x (1 + 8 / 10,000) = 60,058.008.
        (Distance(Decimal(8), in_bps=True), 5_995_200, 6_005_801),
        (Distance(Decimal(50), in_bps=False), 5_995_000, 6_006_000),
    ],
)
def test_the_rule_by_hand(distance: Distance, buys: int, sells: int) -> None:
    rule = TakeRule(Away.of(distance), WIDE)
    assert highest_to_buy(60_000.0, rule, 0.01, WIDE) == buys
    assert lowest_to_sell(60_010.0, rule, 0.01, 0) == sells
    assert highest_to_buy(60_000.0, rule, 0.01, 5_000_000) == 5_000_000, "max_bid"
    assert lowest_to_sell(60_010.0, rule, 0.01, 7_000_000) == 7_000_000, "min_ask"


def book(*levels: tuple[int, int]) -> list[Level]:
    return [Level(ticks * 0.01, lots * 0.0001) for ticks, lots in levels]


def test_it_takes_down_to_its_bound_at_the_worst_price_of_what_it_takes() -> None:
    asks = book((100, 5), (101, 3), (103, 9))
    assert within(asks, {}, COIN, 101, WIDE, buys=True) == (101, 8)
    assert within(asks, {}, COIN, 102, 5, buys=True) == (100, 5)
    assert within(asks, {}, COIN, 103, 6, buys=True) == (101, 6)
    assert within(asks, {}, COIN, 99, WIDE, buys=True) is None
    assert within(book((103, 2), (100, 5)), {}, COIN, 100, WIDE, buys=False) == (100, 7)


def test_our_own_orders_are_not_there() -> None:
    asks = book((100, 5), (101, 3))
    assert within(asks, {100: 5}, COIN, 101, WIDE, buys=True) == (101, 3)
    assert within(asks, {100: 2, 101: 9}, COIN, 101, WIDE, buys=True) == (100, 3)


levels = st.lists(st.tuples(st.integers(1, 60), st.integers(1, 20)), max_size=8, unique_by=lambda level: level[0])


@given(levels, st.dictionaries(st.integers(1, 60), st.integers(1, 20)), st.integers(1, 60), st.integers(1, 40))
def test_never_more_than_others_show_nor_beyond_the_bound(
    shown: list[tuple[int, int]], own: dict[int, int], bound: int, most: int
) -> None:
    asks = sorted(shown)
    found = within(book(*asks), own, COIN, bound, most, buys=True)
    theirs = {ticks: lots - own.get(ticks, 0) for ticks, lots in asks if ticks <= bound and lots > own.get(ticks, 0)}
    if not theirs:
        assert found is None
    else:
        assert found is not None
        assert found.price_ticks in theirs
        assert found.quantity_lots == min(most, sum(theirs.values()))
        assert found.quantity_lots <= sum(lots for ticks, lots in theirs.items() if ticks <= found.price_ticks)
