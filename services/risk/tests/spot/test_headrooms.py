"""Limits of spot bots are made again only where something changed: they are those that making all of them gives."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from common.events import Balance
from hypothesis import given
from hypothesis import strategies as st
from risk.spot.headrooms import Headrooms
from risk.testing.events import a_snapshot
from risk.testing.harness import Harness
from risk.testing.spot import (
    BTCJPY_MARKET,
    BTCUSD_MARKET,
    DLTXMM,
    KRAKEN,
    SPOT_PLATFORM,
    USDJPY_MARKET,
    a_document,
    a_hedge,
    a_quote,
    a_spot_bot,
    a_top,
)

Change = Callable[[Harness, int, int], Any]
BOTS = ("3", "4")


def _fill(harness: Harness, number: int, size: int) -> None:
    harness.book(a_quote(number, size or 1, algo_id=BOTS[number % 2]))


def _hedge(harness: Harness, number: int, size: int) -> None:
    harness.book(a_hedge(number, size or 1, algo_id=BOTS[number % 2]))


def _price(harness: Harness, number: int, size: int) -> None:
    harness.tell(a_top(DLTXMM, "BTCJPY", 9_000_000 + 100 * size))


def _time(harness: Harness, number: int, size: int) -> None:
    harness.now_ns += abs(size) * 10**8


def _bot(harness: Harness, number: int, size: int) -> None:
    limits = {"max_long_exposure": abs(size) + 1, "max_short_exposure": 2}
    harness.tell(a_spot_bot(BOTS[number % 2], revision=number, risk_limits=limits))


def _currency(harness: Harness, number: int, size: int) -> None:
    scope = {"currency": ("BTC", "JPY")[number % 2]} | ({"exchange": "KRAKEN"} if size > 0 else {})
    harness.tell(a_document("risk_currency", str(size % 3), scope, revision=number))


def _currency_limits(harness: Harness, number: int, size: int) -> None:
    harness.tell(a_document("currency_risk_limits", str(size % 3), {"max_long_exposure": abs(size) + 1}, number))


def _market(harness: Harness, number: int, size: int) -> None:
    harness.tell((BTCJPY_MARKET, BTCUSD_MARKET, USDJPY_MARKET)[number % 3])


def _account(harness: Harness, number: int, size: int) -> None:
    coins = [Balance(currency="BTC", total=Decimal(1), available=Decimal(1))]
    harness.risk.spot.on_account(a_snapshot(number, "1", account="mm2", venue=(KRAKEN, DLTXMM)[size % 2], others=coins))


CHANGES: tuple[Change, ...] = (
    _fill,
    _hedge,
    _price,
    _time,
    _bot,
    _currency,
    _currency_limits,
    _market,
    _account,
)


@given(st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(-500, 500)), max_size=15))
def test_what_still_stands_is_what_making_it_again_gives(changes: list[tuple[Change, int]]) -> None:
    harness = Harness(a_spot_bot(), a_spot_bot("4"), BTCJPY_MARKET, platform=SPOT_PLATFORM)
    spot = harness.risk.spot
    for number, (change, size) in enumerate(changes, 2):
        change(harness, number, size)
        moment = harness.risk._moment(harness.now_ns)
        anew = Headrooms(spot.documents, spot.rates, harness.risk.markets, spot.venue_of)
        assert spot.headrooms.views(moment) == anew.views(moment)
