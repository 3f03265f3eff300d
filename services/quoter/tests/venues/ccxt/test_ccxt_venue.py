"""The venues behind ccxt: keys, symbols, the sandbox, and what is said where the package is not installed."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
from common.errors import ConfigError
from pydantic import ValidationError
from quoter.orders.own_orders import Orders
from quoter.testing.venue import GivenKeys
from quoter.venues import VenueSettings
from quoter.venues.ccxt.venue import BinanceVenue, KrakenVenue, key_of

VARIABLES = {"BINANCE_API_KEY": "key-id", "BINANCE_API_SECRET": "very-secret"}
KRAKEN = {"KRAKEN_API_KEY": "key-id", "KRAKEN_API_SECRET": "dmVyeS1zZWNyZXQ="}


def binance(**settings: Any) -> Any:
    keys = GivenKeys("mm1", VARIABLES)
    return BinanceVenue().session(keys, "", VenueSettings(binance_symbols=("BTCUSDT",), **settings), Orders(), 0)


def test_b30_keys_come_from_the_environment_or_the_accounts_file() -> None:
    assert key_of(GivenKeys("mm1", VARIABLES), "binance") == ("key-id", "very-secret")
    files = {"mm1.kraken.json": json.dumps({"api_key": "a", "api_secret": "b"}).encode()}
    assert key_of(GivenKeys("mm1", files=files), "kraken") == ("a", "b")
    with pytest.raises(ConfigError, match="BINANCE_API_KEY: is not set") as refused:
        key_of(GivenKeys("mm1", {"BINANCE_API_SECRET": "very-secret"}), "binance")
    assert "very-secret" not in str(refused.value)


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"api_secret": "very-secret"}', b'{"api_key": 1}'])
def test_b30_a_key_file_of_another_shape_is_refused_without_showing_it(content: bytes) -> None:
    with pytest.raises(ConfigError, match="must hold api_key and api_secret") as refused:
        key_of(GivenKeys("mm1", files={"mm1.binance.json": content}), "binance")
    assert "very-secret" not in str(refused.value)


def test_orders_go_to_the_testnet_unless_the_venue_is_live() -> None:
    paper, live = binance().dialect, binance(binance_live=True).dialect
    assert paper.exchange.urls["api"]["private"] == "https://testnet.binance.vision/api/v3"
    assert paper.stream_url == "wss://ws-api.testnet.binance.vision/ws-api/v3"
    assert live.exchange.urls["api"]["private"] == "https://api.binance.com/api/v3"
    assert live.stream_url == "wss://ws-api.binance.com:443/ws-api/v3"


def test_a_venue_without_a_sandbox_is_for_real_money_or_not_at_all() -> None:
    keys, paper = GivenKeys("mm1", KRAKEN), VenueSettings(kraken_symbols=("BTC/USD",))
    with pytest.raises(ConfigError, match="MM_KRAKEN_LIVE: kraken has no sandbox"):
        KrakenVenue().session(keys, "", paper, Orders(), 0)
    live = VenueSettings(kraken_symbols=("BTC/USD",), kraken_live=True)
    session = KrakenVenue().session(keys, "", live, Orders(), 0)
    assert session.dialect.stream_url == "wss://ws-auth.kraken.com/v2"


def test_nothing_rests_where_nobody_would_cancel_unless_a_person_says_so() -> None:
    assert not binance().accepts_resting_orders
    assert binance(binance_resting_orders=True).accepts_resting_orders


def test_an_account_says_which_symbols_it_trades() -> None:
    given = VenueSettings.model_validate({"binance_symbols": "BTCUSDT, ETHUSDT"})
    assert given.binance_symbols == ("BTCUSDT", "ETHUSDT")
    with pytest.raises(ConfigError, match="MM_BINANCE_SYMBOLS: say which"):
        BinanceVenue().session(GivenKeys("mm1", VARIABLES), "", VenueSettings(), Orders(), 0)
    with pytest.raises(ConfigError, match="MM_KRAKEN_SYMBOLS: say which"):
        KrakenVenue().session(GivenKeys("mm1", KRAKEN), "", VenueSettings(), Orders(), 0)
    with pytest.raises(ValidationError, match="10 symbols or fewer"):
        VenueSettings(kraken_symbols=tuple(f"A{number}/USD" for number in range(11)))


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(ConfigError, match=r"needs the package ccxt, install it with quoter\[ccxt\]"):
        binance()


@pytest.mark.parametrize("venue", [BinanceVenue(), KrakenVenue()])
def test_a_watchdog_is_refused_with_the_reason(venue: BinanceVenue | KrakenVenue) -> None:
    with pytest.raises(ConfigError, match=r"MM_VENUE: .* no watchdog"):
        venue.cancel_session(GivenKeys(), 0)
