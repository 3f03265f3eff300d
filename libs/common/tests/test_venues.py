"""Where bots quote, and which venue is which exchange."""

from __future__ import annotations

from typing import Any

import pytest
from common.venues import Exchanges, is_quoted


@pytest.mark.parametrize(
    ("venue", "quoted"),
    [
        ({"adapter": "degen"}, True),
        ({"adapter": "binance"}, False),
        ({"adapter": "polymarket", "quoted": True}, True),
        ({"adapter": "degen", "quoted": False}, False),
    ],
    ids=["an older file", "an older file, elsewhere", "said so", "said not so"],
)
def test_a_venue_says_whether_we_quote_there_and_older_files_need_not(venue: dict[str, Any], quoted: bool) -> None:
    assert is_quoted("x", venue) is quoted


def test_a_venue_without_an_adapter_is_refused() -> None:
    with pytest.raises(ValueError, match=r"venues\.x\.adapter: is missing"):
        is_quoted("x", {})


def test_a_word_that_is_neither_yes_nor_no_is_refused_with_its_place() -> None:
    with pytest.raises(ValueError, match=r"venues\.x\.quoted: must be true or false, is 'yes'"):
        is_quoted("x", {"adapter": "degen", "quoted": "yes"})


VENUES = {
    "kraken": {"adapter": "kraken"},
    "kraken_spot": {"adapter": "degen", "exchange": "KRAKEN"},
    "coinbase": {"adapter": "coinbase"},
}


def test_an_exchange_is_the_venue_that_says_so_or_the_one_of_its_name() -> None:
    exchanges = Exchanges.of(VENUES)
    assert exchanges.venue("KRAKEN") == "kraken_spot", "what is said comes before a name"
    assert exchanges.venue("COINBASE") == "coinbase"
    assert [exchanges.exchange(venue) for venue in VENUES] == ["KRAKEN", "KRAKEN", "COINBASE"]


def test_an_exchange_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="must be one of COINBASE, KRAKEN, is 'MTGOX'"):
        Exchanges.of(VENUES).venue("MTGOX")
    with pytest.raises(ValueError, match="must be one of none, is 'KRAKEN'"):
        Exchanges().venue("KRAKEN")


def test_bots_trade_at_exchanges_that_are_quoted_at() -> None:
    exchanges = Exchanges.of(VENUES)
    assert exchanges.trading_venue("KRAKEN") == "kraken_spot"
    with pytest.raises(ValueError, match="must be an exchange where bots trade, one of KRAKEN, is 'COINBASE'"):
        exchanges.trading_venue("COINBASE")
    assert Exchanges({"COINBASE": "coinbase"}).trading_venue("COINBASE") == "coinbase", "all, where nothing is said"


@pytest.mark.parametrize("exchange", ["kraken", "", 5, None, "X" * 33, "KRA-KEN"])
def test_a_name_of_an_exchange_that_cannot_be_is_refused_with_its_place(exchange: object) -> None:
    with pytest.raises(ValueError, match=r"venues\.kraken\.exchange: must be 1 to 32 of A-Z, 0-9 and _"):
        Exchanges.of({"kraken": {"exchange": exchange}})


def test_two_venues_are_not_one_exchange() -> None:
    with pytest.raises(ValueError, match=r"venues\.b\.exchange: KRAKEN is the venue a already"):
        Exchanges.of({"a": {"exchange": "KRAKEN"}, "b": {"exchange": "KRAKEN"}})
