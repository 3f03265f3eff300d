"""The book without our own orders."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import Level
from common.instruments import Instrument, InstrumentKind
from hypothesis import given
from hypothesis import strategies as st
from quoter.signals.others import OWN_NS, Own, OwnLevels, best_of_others
from quoter.testing.script import S

COIN = Instrument(
    "degen", "BTCUSD", InstrumentKind.SPOT, "USD", Decimal("0.01"), base="BTC", lot_size=Decimal("0.0001")
)
BIDS = [Level(60_000.01, 0.01), Level(60_000.00, 0.02), Level(59_999.99, 0.03)]


@pytest.mark.parametrize(
    ("own", "ticks"),
    [
        ({}, 6_000_001),
        ({6_000_000: 100}, 6_000_001),
        ({6_000_001: 100}, 6_000_000),
        ({6_000_001: 99}, 6_000_001),
        ({6_000_001: 100, 6_000_000: 200}, 5_999_999),
        ({6_000_001: 100, 6_000_000: 200, 5_999_999: 300}, 0),
    ],
)
def test_the_best_of_others_is_the_first_price_with_more_than_ours(own: dict[int, int], ticks: int) -> None:
    assert best_of_others(60_000.01, BIDS, own, COIN) == ticks


def test_a_newer_best_price_than_the_books_is_theirs_where_nothing_of_ours_stood() -> None:
    assert best_of_others(60_000.05, BIDS, {6_000_001: 100}, COIN) == 6_000_005


def test_an_order_that_has_just_gone_is_still_taken_off() -> None:
    own = OwnLevels()
    own.note(({10: 5}, {12: 7}), 0)
    assert own.update(({9: 3}, {}), 1) == ({10: 5, 9: 3}, {12: 7})
    assert own.update(({9: 3}, {}), OWN_NS + 2) == ({9: 3}, {})


def test_r66_own_orders_that_a_book_still_shows_are_no_way_out() -> None:
    own = Own()
    assert own.update({48: 15, 47: 20}, 10 * S) == {48: 15, 47: 20}
    assert own.update({48: 5}, 11 * S) == {48: 15, 47: 20}, "they are gone, but not from what the feed has brought"
    assert own.update({49: 7}, 10 * S + OWN_NS + 1) == {48: 15, 49: 7}
    assert own.update({}, 20 * S) == {}


@given(st.lists(st.tuples(st.integers(0, 3), st.dictionaries(st.integers(1, 3), st.integers(1, 50))), max_size=8))
def test_r66_what_is_noted_between_two_looks_counts_as_if_looked_at(steps: list[tuple[int, dict[int, int]]]) -> None:
    noted, looked, now_ns = Own(), Own(), 10 * S
    for passed_s, levels in steps:
        now_ns += passed_s * S
        noted.note(levels, now_ns)
        looked.update(levels, now_ns)
    assert noted.update({}, now_ns) == looked.update({}, now_ns)
