"""Fees in a third currency: as much of it as the fee is worth at the fill, and in the quote when it is not there."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from exchange.market.money import decimals_of
from exchange.spot.ledger import no_rate, worth_units
from exchange.spot.terms import SpotTerms
from exchange.spot_venues.venue import SpotVenue
from exchange.testing.spot_venues import DEPOSITS, SYMBOLS, file_of, spot_venues
from exchange.testing.venue import NOW_NS, Client
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

MS = 1_000_000
TOKEN = {"fee_currency": "BNB", "maker_fee_ppm": 750, "taker_fee_ppm": 1_000, "symbols": {"BTCUSD": SYMBOLS["BTCUSD"]}}


def venue_with(**deposits: str) -> SpotVenue:
    made = {"deposits": {**DEPOSITS, **deposits}, "makers": {"noise_bps": 0, "sticky_bps": 0}}
    venue = spot_venues(file_of(BINANCE={**TOKEN, **made})).by_name["BINANCE"]
    venue.start(NOW_NS)
    return venue


def bought(venue: SpotVenue) -> tuple[dict[str, Any], Client]:
    client = Client(venue, "mm1")
    answer = client.spot("bid", "70000.0", "0.01", time_in_force="ioc")
    assert answer["order"]["status"] == "filled"
    (fill,) = client.rest("GET", "/fills")["fills"]
    return fill, client


def test_a_fee_is_taken_in_the_third_currency_at_the_rate_of_the_fill() -> None:
    venue = venue_with()
    fill, client = bought(venue)
    worth = Fraction(fill["price"]) * Fraction(fill["size"]) / 1_000
    bnb = Fraction(venue.world.price("BNB", "USD", NOW_NS))
    assert fill["fee_currency"] == "BNB"
    assert Fraction(fill["fee"]) == pytest.approx(float(worth / bnb), abs=2e-8)
    rows = {row["currency"]: Decimal(row["total"]) for row in client.rest("GET", "/balances")["balances"]}
    assert rows["BNB"] == 1 - Decimal(fill["fee"])
    assert rows["USD"] == 100_000 - Decimal(fill["price"]) * Decimal(fill["size"])
    (deposit, fee) = client.rest("GET", "/statement?currency=BNB")["entries"]
    assert (deposit["type"], fee["type"], fee["amount"], fee["trade_id"]) == (
        "deposit",
        "fee",
        f"-{fill['fee']}",
        fill["trade_id"],
    )
    kept = venue.ledger.account("venue")
    assert kept.total("BNB") == int(Decimal(fill["fee"]) * 10**8)


def test_an_account_without_enough_of_it_pays_in_the_quote_currency() -> None:
    venue = venue_with(BNB="0.0001")
    fill, client = bought(venue)
    assert (fill["fee_currency"], Decimal(fill["fee"])) == (
        "USD",
        (Decimal(fill["price"]) * Decimal(fill["size"]) / 1_000).quantize(Decimal("0.000001")),
    )
    assert client.rest("GET", "/statement?currency=BNB")["entries"][-1]["type"] == "deposit"


def test_the_terms_name_it_and_symbols_of_that_currency_pay_in_their_quote() -> None:
    file = file_of(BINANCE={**TOKEN, "symbols": {**SYMBOLS, "BNBUSD": {**SYMBOLS["BTCUSD"], "base": "BNB"}}})
    settings = file.venues["BINANCE"]
    terms = settings.terms("BTCUSD")
    assert terms.as_json()["fee_currency"] == "BNB"
    assert SpotTerms.from_json(terms.as_json()) == terms
    assert "fee_currency" not in settings.terms("BNBUSD").as_json()


def test_a_rebate_in_a_third_currency_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"BINANCE\n.*fee_currency: a rebate is paid in USD"):
        file_of(BINANCE={**TOKEN, "maker_fee_ppm": -10})


@given(
    units=st.integers(0, 10**18),
    rate=st.floats(1e-9, 1e9),
    currency=st.sampled_from(["USD", "JPY"]),
    other=st.sampled_from(["USD", "BNB"]),
)
def test_what_an_amount_is_worth_is_rounded_up_to_a_unit(units: int, rate: float, currency: str, other: str) -> None:
    exact = Fraction(units, 10 ** decimals_of(currency)) * Fraction(rate) * 10 ** decimals_of(other)
    assert worth_units(units, currency, other, rate) == math.ceil(exact)


def test_three_dollars_at_six_hundred_are_a_two_hundredth() -> None:
    assert worth_units(3_000_000, "USD", "BNB", 1 / 512) == 585_938
    with pytest.raises(ValueError, match="nobody knows"):
        no_rate("USD", "BNB", 0)
