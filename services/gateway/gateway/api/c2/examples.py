"""Examples of what C2's REST paths answer: the API's own, with the bot of the documents."""

from __future__ import annotations

from typing import Any

from c2wire.schemas import reference

REFUSAL = "C2Refusal"
"""The schema of what a refusal says."""

_IDS = {"algo_id": 3, "algo_key": "MM"}
INSTRUMENT = {
    "instrument": "ADAETH",
    "exchange": "BITTREX",
    "underlyings": "ADABTC",
    "running": False,
    **_IDS,
    "source_exchange": "BINANCE",
    "fx_leg": "ETHBTC",
    "fx_exchange": "KRAKEN",
    "comments": None,
}
PRICER = {
    "running": False,
    **_IDS,
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
}
HEDGER = {
    "running": False,
    **_IDS,
    "position_max_norm_size": "2000 0",
    "hedge_strategy": "LIMIT",
    "execution_style": "CROSS_MARKET",
    "venues_list": "BINANCE",
    "max_order_size": "10000",
    "resend_time": 500,
    "hedge_instrument": "ADABTC",
    "max_offset": "20 bps",
    "hedge_qty_factor": "1",
    "max_bid": None,
    "min_ask": None,
    "custom_order_parameters": None,
}
RISK_LIMITS = {
    **_IDS,
    "max_long_exposure": 11000,
    "max_short_exposure": 11000,
    "max_quoter_position_size": "100",
    "max_hedger_position_size": "100",
    "min_buy_quote_active_time": "300",
    "min_sell_quote_active_time": "300",
    "max_day_loss": 0,
}
BOT = {
    "instrument_config": INSTRUMENT,
    "pricer_config": PRICER,
    "hedger_config": HEDGER,
    "risk_limits_config": RISK_LIMITS,
}
ALGORITHMS = [{"key": "MM", "name": "Market Maker"}]
ALGORITHM = {"algorithm": ALGORITHMS[0], "configurations": [BOT]}
RISK = {"algo_key": "MM", "account_currency": "USD", "cutoff_time": 57_600_000, "last_reset_time": 0}
CURRENCY = {"currency": "ADA", "currency_id": 3, "algo_key": "MM", "exchange_algo_id": "3"}
LIMITS = {"currency_id": 3, "algo_key": "MM", "max_long_exposure": 11000, "max_short_exposure": 11000}
CURRENCY_HEDGER = {
    "running": False,
    "currency_id": 3,
    **{name: value for name, value in HEDGER.items() if name not in ("running", "algo_id", "hedge_qty_factor")},
    "position_max_norm_size": "100 0",
}
CURRENCY_HEDGER.pop("custom_order_parameters")
RISKS = {
    "risk": RISK,
    "configurations": [
        {"currency_config": CURRENCY, "limits_config": LIMITS, "strategy_config": CURRENCY_HEDGER},
    ],
}
TRADING = {
    "algo_key": "MM",
    "algo_id": 3,
    "start_time": 1_795_190_400_000,
    "open_buy_qty": "10000",
    "open_sell_qty": "10000",
    "quoter_bot_qty": 51000,
    "hedger_bot_qty": 0,
    "quoter_sld_qty": 48000,
    "hedger_sld_qty": 2000,
    "quoter_net_qty": "3000",
    "hedger_net_qty": "-2000",
    "current_position_size": "1000",
    "position_cost": 0.21,
    "position_market_price": 0.00021,
    "pnl": 0.35,
    "account_pnl": 903.5,
    "net_pnl": 0.31,
    "fees": 0.04,
}
EXPOSURE = {
    "algo_key": "MM",
    "currency_id": 3,
    "open_buy_qty": 10000,
    "open_sell_qty": 10000,
    "current_position_size": 1000,
}
ALERT = {
    "symbol": "ADAETH",
    "exchange": "BITTREX",
    "level": "WARNING",
    "timestamp": 1_795_222_805_000,
    "description": "Self Prevention: ADAETH SELL 1.5 @ 0.00021",
    "action": "Ignore Order",
    "algo_id": 3,
    "correlation_order_id": "8215401472000001",
    "duration": None,
    "color": None,
    "sequence": 46258,
}
ORDER = {
    "algo_id": 3,
    "timestamp": 1_795_222_805_000,
    "source": "BITTREX",
    "side": "BUY",
    "exchange": "BITTREX",
    "initiator": "QUOTER",
    "size": "10000",
    "executed_size": "0",
    "price": "0.00021",
    "correlation_id": "8215401472000001",
    "symbol": "ADAETH",
    "order_type": "LIMIT",
    "time_in_force": "GOOD_TILL_CANCEL",
    "order_status": "NEW",
    "text": "",
}
TRADE = {
    "algo_id": 3,
    "timestamp": 1_795_222_805_000,
    "order_source": "BITTREX",
    "side": "BUY",
    "exchange": "BITTREX",
    "execution_id": "1234",
    "order_correlation_id": "8215401472000001",
    "symbol": "ADAETH",
    "execution_size": "500",
    "execution_price": "0.00021",
}
BALANCE = {"ccy": "ETH", "src": "BITTREX", "ts": 1_795_222_805_000, "am": 10, "av": 8, "fr": 2, "mr": 0, "mra": 0}
CONFIG_UPDATE = {"action_type": "UPDATED", "config_type": "INSTRUMENT", "config": INSTRUMENT}
PACKAGE = {
    "timestamp": 1_795_222_805_000,
    "security_id": "ADABTC",
    "type": "snapshot_full_refresh",
    "entries": [
        {
            "exchange_id": "BINANCE",
            "price": price,
            "quantity": "1500",
            "side": side,
            "action": "insert",
            "level": 0,
            "number_of_orders": 0,
        }
        for side, price in (("buy", "0.00000912"), ("sell", "0.00000913"))
    ],
    "sequence_number": 7,
}
_REFUSAL = {"name": "invalid", "message": "sections.pricer.min_spread: must be …", "field": "min_spread"}


def answers(shown: Any, *names: str) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route: what it answers, one of the schemas of these names, and a refusal.

    Where the example is an array, the answer is an array of what the name says.
    """
    schema: dict[str, Any] = reference(names[0]) if len(names) == 1 else {"anyOf": [reference(each) for each in names]}
    if isinstance(shown, list):
        schema = {"type": "array", "items": schema}
    return {
        200: {"description": "Done", "content": {"application/json": {"schema": schema, "example": shown}}},
        **{
            status: {
                "description": described,
                "content": {"application/json": {"schema": reference(REFUSAL), "example": _REFUSAL}},
            }
            for status, described in (("4XX", "Refused"), ("5XX", "Cannot be done now"))
        },
    }
