"""The venues behind ccxt: their settings, the keys of an account, and the session made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec
from common.errors import ConfigError
from pydantic import AfterValidator, BeforeValidator
from pydantic_settings import NoDecode

from quoter.venues.base import OwnOrders
from quoter.venues.ccxt.binance import Binance
from quoter.venues.ccxt.dialect import SWITCH_S, Dialect
from quoter.venues.ccxt.kraken import Kraken
from quoter.venues.ccxt.library import exchange_of, market_reader
from quoter.venues.ccxt.session import CcxtAmendingSession, CcxtSession
from quoter.venues.venue import CancelSession, KeySource, OwnSettings

SYMBOLS_MAX = 10
"""Of an account: some requests are made for each, and Binance counts 20 of 6,000 a minute for one symbol's trades."""
SECRETS = ("api_key", "api_secret")


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def _few(symbols: tuple[str, ...]) -> tuple[str, ...]:
    if len(symbols) > SYMBOLS_MAX:
        raise ValueError(f"must be {SYMBOLS_MAX} symbols or fewer, are {len(symbols)}")
    return symbols


Symbols = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split), AfterValidator(_few)]


class BinanceSettings(OwnSettings):
    """What can be set at Binance alone."""

    binance_live: bool = False
    """For real money; otherwise at the venue's testnet."""
    binance_symbols: Symbols = ()
    """What the account trades, such as BTCUSDT."""
    binance_resting_orders: bool = False
    """Let orders rest although the venue has no dead-man switch: somebody has to be able to cancel them by hand."""


class KrakenSettings(OwnSettings):
    """What can be set at Kraken alone."""

    kraken_live: bool = False
    """For real money; it has no sandbox."""
    kraken_symbols: Symbols = ()
    """What the account trades, such as BTC/USD."""


class BinanceVenue:
    """Binance's spot market."""

    def session(
        self, keys: KeySource, name: str, url: str, settings: BinanceSettings, orders: OwnOrders, seed: int
    ) -> CcxtSession:
        symbols = some(settings.binance_symbols, "MM_BINANCE_SYMBOLS", "BTCUSDT")
        make = speaking(keys, "binance", Binance, name, live=settings.binance_live)
        return CcxtSession(make, symbols, orders, seed, unguarded=settings.binance_resting_orders)

    def cancel_session(self, keys: KeySource, name: str, seed: int) -> CancelSession:
        raise ConfigError(["MM_VENUE: binance has no key that can only cancel, so there is no watchdog for it"])


class KrakenVenue:
    """Kraken's spot market."""

    def session(
        self, keys: KeySource, name: str, url: str, settings: KrakenSettings, orders: OwnOrders, seed: int
    ) -> CcxtSession:
        symbols = some(settings.kraken_symbols, "MM_KRAKEN_SYMBOLS", "BTC/USD")
        make = speaking(keys, "kraken", Kraken, name, live=settings.kraken_live)
        return CcxtAmendingSession(make, symbols, orders, seed)

    def cancel_session(self, keys: KeySource, name: str, seed: int) -> CancelSession:
        raise ConfigError(
            [
                "MM_VENUE: there is no watchdog for kraken: the venue cancels by itself "
                f"{SWITCH_S} s after the quoter's last heartbeat"
            ]
        )


def some(symbols: tuple[str, ...], setting: str, example: str) -> tuple[str, ...]:
    """Return the symbols of an account; ConfigError when there are none."""
    if not symbols:
        raise ConfigError([f"{setting}: say which symbols the account trades, such as {example}"])
    return symbols


def speaking(
    keys: KeySource, contract: str, dialect: Callable[..., Dialect], name: str = "", *, live: bool
) -> Callable[[Callable[[], int]], Dialect]:
    """Return what makes a dialect of an account's keys for a venue of a name; ConfigError when it cannot be made."""
    key, secret = key_of(keys, contract)

    def make(now_ns: Callable[[], int]) -> Dialect:
        exchange = exchange_of(contract, {"apiKey": key, "secret": secret}, now_ns, live=live)
        return dialect(exchange, market_reader(contract), name or contract)

    return make


def key_of(keys: KeySource, name: str) -> tuple[str, str]:
    """Return an account's key and its secret: BINANCE_API_KEY and BINANCE_API_SECRET, else {account}.binance.json."""
    variables = [f"{name.upper()}_{part.upper()}" for part in SECRETS]
    given = [keys.variable(variable) for variable in variables]
    if all(given):
        return given[0], given[1]
    if any(given):
        missing = [variable for variable, value in zip(variables, given, strict=True) if not value]
        raise ConfigError([f"{variable}: is not set, and both are needed" for variable in missing])
    path, data = keys.read(f"{keys.account}.{name}.json")
    try:
        found = msgspec.json.decode(data, type=_Key)
    except (msgspec.DecodeError, ValueError):
        raise ConfigError([f"MM_VENUE_KEYS_DIR: {path} must hold {' and '.join(SECRETS)}"]) from None
    return found.api_key, found.api_secret


class _Key(msgspec.Struct, forbid_unknown_fields=True):
    """An account's key, as its file holds it."""

    api_key: str
    api_secret: str
