"""The named spot venues of a run, our accounts there, and two spot bots: one with a direct FX pair, one inversely."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

ACCOUNTS = {"mm1-dltxmm": "DLTXMM", "mm1-bittrex": "BITTREX", "mm1-kraken": "KRAKEN", "mm1-binance": "BINANCE"}
"""Ours: the first two quote, the others hedge."""
CURRENCIES = {
    "BTC": {"value": 60_000, "volatility": 0.6, "market": 0.9},
    "ETH": {"value": 2_700, "volatility": 0.75, "market": 0.9},
    "ADA": {"value": 0.45, "volatility": 0.9, "market": 0.8},
    "BNB": {"value": 600, "volatility": 0.6, "market": 0.8},
    "JPY": {"value": 0.0067, "volatility": 0.1},
}
DEPOSITS = {"USD": "500000", "BTC": "10", "ETH": "200", "ADA": "500000", "JPY": "50000000", "BNB": "20"}
FAR = {"makers": {"half_spread_bps": 25, "step_bps": 6}, "takers": {"per_s": 2, "reach_bps": 12}}
"""Where bots quote: other makers stand behind them."""
NEAR = {"takers": {"per_s": 0.3}}
SYMBOLS: Mapping[str, Mapping[str, Any]] = {
    "BTCUSD": {"base": "BTC", "quote": "USD", "tick": "0.1", "lot": "0.0001", "min_notional": "5"},
    "USDJPY": {"base": "USD", "quote": "JPY", "tick": "0.001", "lot": "0.01", "min_notional": "500"},
    "BTCJPY": {"base": "BTC", "quote": "JPY", "tick": "1", "lot": "0.0001", "min_notional": "500"},
    "ETHBTC": {"base": "ETH", "quote": "BTC", "tick": "0.00001", "lot": "0.001", "min_notional": "0.0001"},
    "ADABTC": {"base": "ADA", "quote": "BTC", "tick": "0.00000001", "lot": "1", "min_notional": "0.0001"},
    # What fees in BNB are worth: without it the profit of who pays them is unknown, and a minute later the bot halts.
    "BNBETH": {"base": "BNB", "quote": "ETH", "tick": "0.00001", "lot": "0.001", "min_notional": "0.001"},
    "ADAETH": {"base": "ADA", "quote": "ETH", "tick": "0.00000001", "lot": "1", "min_notional": "0.001"},
}
VENUES: Mapping[str, Mapping[str, Any]] = {
    "BINANCE": {**NEAR, "symbols": ("ADABTC", "ETHBTC", "BNBETH"), "maker_fee_ppm": 750, "taker_fee_ppm": 750},
    "KRAKEN": {**NEAR, "symbols": ("BTCUSD", "USDJPY"), "maker_fee_ppm": 160, "taker_fee_ppm": 260},
    # Fees in a third currency, as some venues take them.
    "BITTREX": {**FAR, "symbols": ("ADAETH",), "maker_fee_ppm": 200, "taker_fee_ppm": 750, "fee_currency": "BNB"},
    "DLTXMM": {**FAR, "symbols": ("BTCJPY",), "maker_fee_ppm": 100, "taker_fee_ppm": 500},
}


class Quoting(NamedTuple):
    """A spot bot of a run, and by what its quotes are judged."""

    algo_id: str
    account: str
    symbol: str
    source: tuple[str, str]
    """Venue and symbol."""
    fx: tuple[str, str]
    inverse: bool
    margin_bps: Fraction
    most: Decimal
    """Units of the base currency that its quotes may come to, bought or sold."""
    highest_bid: Fraction | None
    lowest_ask: Fraction | None
    min_spread_bps: Fraction
    sections: dict[str, Any]


def _quoting(
    algo_id: str,
    account: str,
    pairs: tuple[str, str, str],
    source: str,
    *,
    inverse: bool,
    size: str,
    most: str,
    bounds: tuple[str, str] | None = None,
) -> Quoting:
    """`pairs` are what is quoted, what it is priced from, and the FX pair; `bounds` max_bid and min_ask."""
    margin, least, (symbol, underlying, fx) = "4", "2", pairs
    sections = {
        "instrument": {
            "account": account,
            "instrument": symbol,
            "exchange": ACCOUNTS[account],
            "source_exchange": source,
            "underlyings": underlying,
            "fx_leg": fx,
        },
        "pricer": {
            "running": True,
            "buy_quote_sizes": size,
            "sell_quote_sizes": size,
            "buy_margins": margin,
            "sell_margins": margin,
            "source_aggregation": "BBO",
            "min_spread": f"{least} bps",
            **(dict(zip(("max_bid", "min_ask"), bounds, strict=True)) if bounds else {}),
        },
        "hedger": {
            "running": True,
            "position_max_norm_size": f"{2 * Decimal(size)} 0",
            "execution_style": "CROSS_MARKET",
            "venues_list": source,
            # In slices, so that somebody may die in the midst of a hedge.
            "max_order_size": f"{Decimal(size) / 2}",
            "resend_time": 500,
            "hedge_instrument": underlying,
            "max_offset": "20 bps",
        },
        "risk_limits": {"max_quoter_position_size": most, "max_long_exposure": most, "max_short_exposure": most},
    }
    highest, lowest = (Fraction(each) for each in bounds) if bounds else (None, None)
    return Quoting(
        algo_id,
        account,
        symbol,
        (source, underlying),
        (source, fx),
        inverse,
        Fraction(margin),
        Decimal(most),
        highest,
        lowest,
        Fraction(least),
        sections,
    )


BOTS = (
    # Its bounds are as far from the first price as its margins: in about half of all runs one of them binds.
    _quoting(
        "7",
        "mm1-dltxmm",
        ("BTCJPY", "BTCUSD", "USDJPY"),
        "KRAKEN",
        inverse=False,
        size="0.004",
        most="0.1",
        bounds=("8952000", "8958500"),
    ),
    _quoting("8", "mm1-bittrex", ("ADAETH", "ADABTC", "ETHBTC"), "BINANCE", inverse=True, size="500", most="12000"),
)

CURRENCY_ID, CURRENCY = "5", "BTC"
CURRENCY_HEDGER = {
    "running": True,
    "position_max_norm_size": "0.02 0.005",
    "execution_style": "CROSS_MARKET",
    "venues_list": "KRAKEN",
    "hedge_instrument": "BTCUSD",
    "max_offset": "20 bps",
    "max_order_size": "0.01",
    "resend_time": 500,
}
"""Beside the hedgers of bots: what those leave, and what bots without one have."""


def currency_documents() -> list[tuple[str, str, dict[str, Any]]]:
    """Return type, id and content of the documents of the currency whose exposure is hedged as a whole."""
    return [("risk_currency", CURRENCY_ID, {"currency": CURRENCY}), ("risk_hedger", CURRENCY_ID, CURRENCY_HEDGER)]


def hosted(seed: int, keys: Mapping[str, Sequence[str]], secret_of: Any, driven: Sequence[str]) -> Any:
    """Return the venues, connected with each other and not yet started; `keys` are scopes by the name of each key."""
    settings = importlib.import_module("exchange.spot_venues.settings").ExchangeFile
    venue = importlib.import_module("exchange.spot_venues.venue")
    key = importlib.import_module("exchange.entry.keys").Key
    source = importlib.import_module("exchange.config").Source
    streams = importlib.import_module("exchange.prices.binance").PublicStreams(())
    tables = {
        name: {
            **table,
            "deposits": DEPOSITS,
            "transfer_delay_s": 5,
            "accounts": [account for account, where in ACCOUNTS.items() if where == name],
            "symbols": {symbol: SYMBOLS[symbol] for symbol in table["symbols"]},
        }
        for name, table in VENUES.items()
    }
    file = settings.model_validate({"world": {"currencies": CURRENCIES}, "venues": tables})
    world = importlib.import_module("exchange.world.world").World(file.world.list_currencies(), seed, driven=driven)
    made = []
    for name, own in file.venues.items():
        own_keys = tuple(
            key.of(account, each, f"{account}-{each}", secret_of(each), scopes)
            for account in own.accounts
            for each, scopes in keys.items()
        )
        config = venue.config_of_venue(name, own, own_keys, f"a secret of {name}".encode(), seed, source())
        made.append(venue.SpotVenue(config, own, world))
    return importlib.import_module("exchange.spot_venues.venues").SpotVenues(world, made, streams)
