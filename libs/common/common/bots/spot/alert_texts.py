"""Texts of alerts in the form that programs written against the source look for."""

from __future__ import annotations

from decimal import Decimal

from common.instruments import Side

IGNORE_ORDER = "Ignore Order"
"""What is done about an order that would trade with one of our own."""


def execution_text(symbol: str, side: Side, quantity: Decimal, price: Decimal) -> str:
    """Return what a fill is told as: 'Execution: BTCJPY SELL 1.5 @ 441284.435'."""
    return f"Execution: {_order(symbol, side, quantity, price)}"


def self_trade_text(symbol: str, side: Side, quantity: Decimal, price: Decimal) -> str:
    """Return what an order is refused with that would trade with our own: 'Self Prevention: BTCJPY SELL 1.5 @ 1.2'."""
    return f"Self Prevention: {_order(symbol, side, quantity, price)}"


def _order(symbol: str, side: Side, quantity: Decimal, price: Decimal) -> str:
    return f"{symbol} {side.upper()} {_plain(quantity)} @ {_plain(price)}"


def _plain(number: Decimal) -> str:
    """Return a number in full, without zeros at its end: 0.00000012, 1500."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
