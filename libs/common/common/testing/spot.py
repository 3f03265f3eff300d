"""Configurations of spot bots for tests: each way of finding a price and of hedging, and what watches currencies."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from common.bots import Known
from common.instruments import CurrencyPairs
from common.venues import Exchanges

EXCHANGES = Exchanges(
    {
        "BINANCE": "binance_spot",
        "BITTREX": "bittrex_spot",
        "COINBASE": "coinbase_spot",
        "DLTXMM": "dltxmm_spot",
        "KRAKEN": "kraken_spot",
    }
)
CURRENCIES = ("ADA", "BTC", "ETH", "JPY", "USD")
KNOWN = Known(EXCHANGES, CurrencyPairs(currencies=CURRENCIES), ("3", "4", "5", "6"))

BTCJPY: Mapping[str, Any] = {
    "instrument": {
        "account": "mm1",
        "instrument": "BTCJPY",
        "exchange": "DLTXMM",
        "source_exchange": "KRAKEN",
        "underlyings": "BTCUSD",
        "fx_leg": "USDJPY",
        "comments": "direct FX: dollars into yen",
    },
    "pricer": {
        "running": True,
        "buy_quote_sizes": "0.1 0.2 0.5",
        "sell_quote_sizes": "0.1 0.2 0.5",
        "buy_margins": "5 8 12",
        "sell_margins": "5 8 12",
        "source_aggregation": "BEST_AGGREGATED",
        "fx_aggregation": "BBO",
        "min_price_change": "1",
        "min_size_change": "100",
        "min_spread": "6 bps [30]",
        "take_out": "8 bps [0.2]",
    },
    "hedger": {
        "running": True,
        "position_max_norm_size": "1 0",
        "hedge_strategy": "LIMIT",
        "execution_style": "LEAN",
        "venues_list": "KRAKEN",
        "max_order_size": "0.5",
        "resend_time": 500,
        "hedge_instrument": "BTCUSD",
        "max_offset": "20 bps",
        "hedge_qty_factor": "1",
    },
    "risk_limits": {
        "max_long_exposure": 3.0,
        "max_short_exposure": 3.0,
        "max_quoter_position_size": "10",
        "max_hedger_position_size": "10",
        "min_buy_quote_active_time": "300",
        "min_sell_quote_active_time": "300",
        "max_day_loss": 100000.0,
    },
}
"""By a direct FX pair, at the average price of each size, hedged at the best price of the other side."""

ADAETH: Mapping[str, Any] = {
    "instrument": {
        "account": "mm1",
        "instrument": "ADAETH",
        "exchange": "BITTREX",
        "source_exchange": "BINANCE",
        "underlyings": "ADABTC",
        "fx_leg": "ETHBTC",
        "fx_exchange": "KRAKEN",
        "comments": None,
    },
    "pricer": {
        "running": True,
        "buy_quote_sizes": "10000",
        "sell_quote_sizes": "10000",
        "buy_margins": "100",
        "sell_margins": "100",
        "source_aggregation": "BBO",
        "fx_aggregation": "BBO",
        "min_price_change": "5.0",
        "min_size_change": None,
        "min_spread": "1 bps",
        "take_out": None,
        "bid_price_factor": "1",
        "ask_price_factor": "1",
        "max_bid": "10",
        "min_ask": "0.00001",
        "aggressive_mode": False,
    },
    "hedger": {
        "running": True,
        "position_max_norm_size": "2000 0",
        "hedge_strategy": "LIMIT",
        "execution_style": "PASSIVE",
        "venues_list": "BINANCE",
        "max_order_size": "10000",
        "resend_time": 500,
        "hedge_instrument": "ADABTC",
        "max_offset": "20 bps",
        "hedge_qty_factor": "1",
        "max_bid": None,
        "min_ask": None,
        "custom_order_parameters": None,
    },
    "risk_limits": {
        "max_long_exposure": 11000.0,
        "max_short_exposure": 11000.0,
        "max_quoter_position_size": "100000",
        "max_hedger_position_size": "100000",
        "min_buy_quote_active_time": "300",
        "min_sell_quote_active_time": "300",
        "max_day_loss": 0.0,
    },
}
"""By an inverse FX pair, at the best prices, hedged passively."""

BTCUSD: Mapping[str, Any] = {
    "instrument": {
        "account": "mm1",
        "instrument": "BTCUSD",
        "exchange": "DLTXMM",
        "source_exchange": "BINANCE, KRAKEN, COINBASE",
    },
    "pricer": {
        "running": True,
        "buy_quote_sizes": "0.1 0.2 0.3 0.5 1",
        "sell_quote_sizes": "0.1 0.2 0.3 0.5 1",
        "buy_margins": "3",
        "sell_margins": "3",
        "source_aggregation": "BEST_AGGREGATED",
        "min_spread": "4 bps",
    },
    "hedger": {
        "running": True,
        "position_max_norm_size": "2 0.5",
        "hedge_strategy": "LIMIT",
        "execution_style": "CROSS_MARKET",
        "venues_list": "BINANCE KRAKEN COINBASE",
        "max_order_size": "1",
        "resend_time": 500,
        "hedge_instrument": "BTCUSD",
        "max_offset": "10 bps",
    },
    "risk_limits": {"max_long_exposure": 5, "max_short_exposure": 5, "max_day_loss": 2000},
}
"""Of three exchanges' books without FX, hedged through the book."""

ETHUSD: Mapping[str, Any] = {
    "instrument": {
        "account": "mm1",
        "instrument": "ETHUSD",
        "exchange": "DLTXMM",
        "source_exchange": "KRAKEN",
    },
    "pricer": {
        "running": True,
        "buy_quote_sizes": "20 [3 8]",
        "sell_quote_sizes": "20 [3 8]",
        "buy_margins": "10",
        "sell_margins": "10",
        "source_aggregation": "REPLICATION",
    },
    "hedger": {
        "running": False,
        "position_max_norm_size": "40 0",
        "execution_style": "LEAN",
        "venues_list": "KRAKEN",
        "hedge_instrument": "ETHUSD",
    },
    "risk_limits": {"max_long_exposure": 100, "max_short_exposure": 100, "max_day_loss": 2000},
}
"""Copies the levels of one book."""

SPOT_BOTS: Mapping[str, Mapping[str, Any]] = {"3": BTCJPY, "4": ADAETH, "5": BTCUSD, "6": ETHUSD}
"""By algo_id."""

ACCOUNT_RISK: Mapping[str, Any] = {"account_currency": "USD", "cutoff_time": 57_600_000, "last_reset_time": 0}
CURRENCY: Mapping[str, Any] = {"currency": "ADA", "exchange_algo_id": "4"}
CURRENCY_LIMITS: Mapping[str, Any] = {"max_long_exposure": 11000.0, "max_short_exposure": 11000.0}
CURRENCY_HEDGER: Mapping[str, Any] = {
    "running": False,
    "position_max_norm_size": "100 0",
    "hedge_strategy": "LIMIT",
    "execution_style": "CROSS_MARKET",
    "venues_list": "BINANCE",
    "max_order_size": "10000",
    "resend_time": 500,
    "hedge_instrument": "ADABTC",
    "max_offset": "30 bps",
    "max_bid": "300",
    "min_ask": "300",
}
REBALANCER: Mapping[str, Any] = {
    "currency": "BTC",
    "accounts": [
        {"account": "mm1-kraken", "target": "60 %", "band": "10 %"},
        {"account": "mm1-dltxmm", "target": "40 %", "band": "10 %"},
    ],
    "smallest": "0.1",
    "largest": 1,
    "daily_limit": "3",
}
PLATFORM_DOCUMENTS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    ("risk", "MM"): ACCOUNT_RISK,
    ("risk_currency", "3"): CURRENCY,
    ("currency_risk_limits", "3"): CURRENCY_LIMITS,
    ("risk_hedger", "3"): CURRENCY_HEDGER,
    ("rebalancer", "1"): REBALANCER,
}
"""By type and id."""


def changed(sections: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """Return sections with some fields sent otherwise: `changed(BTCUSD, pricer__min_spread="8 bps")`."""
    found: dict[str, Any] = deepcopy(dict(sections))
    for path, sent in fields.items():
        section, _, field = path.partition("__")
        found[section] = {**found.get(section, {}), field: sent}
    return found
