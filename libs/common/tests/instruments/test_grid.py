"""Rounding to the safe side and the token escape, checked against exact decimals and any text at all."""

from __future__ import annotations

import math
import re
from decimal import Decimal

import pytest
from common.instruments import (
    NAME_CHARS_MAX,
    TOKEN_CHARS_MAX,
    Outcome,
    Side,
    ceil_ticks,
    escape_token,
    exact_ticks,
    floor_ticks,
    opposite_ticks,
    price_of,
    unescape_token,
)
from hypothesis import example, given
from hypothesis import strategies as st

TICKS = [Decimal(text) for text in ("1", "0.5", "0.25", "0.1", "0.05", "0.01", "0.001", "0.0001", "0.00001", "1E-8")]
tick_sizes = st.sampled_from(TICKS)
TOKEN = re.compile(r"[A-Za-z0-9_-]+")


@given(tick_sizes, st.integers(0, 10**9))
@example(Decimal("0.01"), 57)
@example(Decimal("0.01"), 29)
@example(Decimal("0.01"), 12_345_679)
@example(Decimal("1E-8"), 999_999_999)
def test_a_price_on_the_grid_is_its_own_floor_and_ceiling(tick: Decimal, ticks: int) -> None:
    price = float(ticks * tick)
    assert floor_ticks(price, float(tick)) == ticks
    assert ceil_ticks(price, float(tick)) == ticks


def test_every_cent_of_a_binary_market_is_its_own_floor_and_ceiling() -> None:
    for tick in (Decimal("0.01"), Decimal("0.001"), Decimal("0.0001")):
        for ticks in range(int(1 / tick) + 1):
            assert floor_ticks(float(ticks * tick), float(tick)) == ticks
            assert ceil_ticks(float(ticks * tick), float(tick)) == ticks


@given(tick_sizes, st.floats(0, 1_000_000, allow_nan=False))
def test_a_bid_is_never_rounded_above_the_price_and_an_ask_never_below(tick: Decimal, price: float) -> None:
    # A float price is itself known to some 16 digits only.
    exact, dust = Decimal(price), tick * Decimal("1E-6") + Decimal(price) * Decimal("1E-14")
    low, high = floor_ticks(price, float(tick)), ceil_ticks(price, float(tick))
    assert low * tick <= exact + dust
    assert high * tick >= exact - dust
    assert 0 <= high - low <= 1
    assert exact - low * tick < tick + dust
    assert high * tick - exact < tick + dust


@pytest.mark.parametrize("price", [math.nan, math.inf, -math.inf])
def test_a_price_that_is_no_number_is_refused(price: float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        floor_ticks(price, 0.01)
    with pytest.raises((ValueError, OverflowError)):
        ceil_ticks(price, 0.01)


@given(tick_sizes, st.integers(-(10**12), 10**12))
def test_ticks_to_price_and_back_is_exact(tick: Decimal, ticks: int) -> None:
    assert exact_ticks(price_of(ticks, tick), tick) == ticks
    assert exact_ticks(str(price_of(ticks, tick)), tick) == ticks


@given(tick_sizes, st.integers(0, 10**9), st.integers(1, 40))
def test_a_price_off_the_grid_is_refused_however_little_it_is_off(tick: Decimal, ticks: int, digits: int) -> None:
    price = f"{ticks * tick:f}"
    price += ("" if "." in price else ".") + "0" * digits + "1"
    with pytest.raises(ValueError, match="not a multiple of the tick"):
        exact_ticks(price, tick)


@pytest.mark.parametrize("text", ["", "abc", "NaN", "sNaN", "Infinity", "-Infinity", "0.1.2", "1,5"])
def test_a_venue_price_that_is_no_number_is_a_value_error_that_shows_it(text: str) -> None:
    with pytest.raises(ValueError, match="price"):
        exact_ticks(text, Decimal("0.01"))


@given(st.text(min_size=1, max_size=10))
@example("BTC/USD")
@example("a.b*c> d")
@example("_")
@example("ß🙂")
def test_any_text_becomes_one_token_and_comes_back(text: str) -> None:
    token = escape_token(text)
    assert TOKEN.fullmatch(token)
    assert unescape_token(token) == text


@given(st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=10))
def test_two_texts_never_share_a_token(one: str, other: str) -> None:
    assert (escape_token(one) == escape_token(other)) == (one == other)


def test_the_escape_reads_as_documented() -> None:
    assert escape_token("BTC/USD") == "BTC_2FUSD"
    assert escape_token("mm-1") == "mm-1"


def test_text_that_cannot_be_a_token_is_refused_with_the_rule() -> None:
    with pytest.raises(ValueError, match="token: must not be empty"):
        escape_token("")
    with pytest.raises(ValueError, match=f"token: longer than {TOKEN_CHARS_MAX}"):
        escape_token("x" * (TOKEN_CHARS_MAX + 1))
    with pytest.raises(ValueError, match="token"):
        escape_token("\ud800")


@pytest.mark.parametrize("token", ["", "a.b", "a b", "_", "_2", "_2f", "_41", "a_", "_FF", "*", ">", "ß"])
def test_only_results_of_the_escape_are_unescaped(token: str) -> None:
    with pytest.raises(ValueError, match="token"):
        unescape_token(token)


@given(st.text(max_size=12))
def test_unescaping_gives_back_a_text_whose_escape_it_is_or_refuses(token: str) -> None:
    try:
        text = unescape_token(token)
    except ValueError:
        return
    assert escape_token(text) == token


def test_selling_yes_at_52_is_buying_no_at_48() -> None:
    assert opposite_ticks(52, 100) == 48
    assert opposite_ticks(opposite_ticks(52, 100), 100) == 52
    assert Outcome.YES.opposite is Outcome.NO
    assert Outcome.NO.opposite is Outcome.YES
    assert Outcome.NONE.opposite is Outcome.NONE
    assert Side.BUY.opposite is Side.SELL
    assert Side.BUY.sign == 1
    assert Side.SELL.sign == -1


def test_r83_a_market_named_by_64_underscores_has_an_address_and_a_longer_name_is_refused_by_its_rule() -> None:
    name = "_" * NAME_CHARS_MAX
    assert unescape_token(escape_token(name)) == name
    with pytest.raises(ValueError, match="token: longer than 192 characters once escaped"):
        escape_token(name + "_")
