"""What ccxt's dictionaries mean in our words: markets as instruments, orders, trades and balances. Pure functions.

A dictionary of ccxt's has every member it names, None where the venue did not say, and beside them under `info` what
the venue sent. Numbers come as their digits (`library.exchange_of`); whatever is none of those is a ContractError.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from common.errors import ContractError
from common.events import FeeCurrency, FeeTerms, Liquidity
from common.instruments import Instrument, InstrumentKind, Side

NAME_CHARS_MAX = 64
REASON_CHARS_MAX = 100
AMOUNT_MAX = Decimal(10) ** 18
"""Of a price, a size, a fee and a balance."""
LOTS_MAX = 10**15
TICKS_MAX = 10**15
MS_MAX = 10**14
DIGITS = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,24})?(E-[0-9]{1,2})?")
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
OVER = frozenset(("closed", "canceled", "expired", "rejected"))
GOES_ON = frozenset(("open", "canceling"))
LIQUIDITY = {"maker": Liquidity.MAKER, "taker": Liquidity.TAKER}


class Market(NamedTuple):
    """A symbol that can be traded."""

    instrument: Instrument
    unified: str
    """What ccxt calls it."""


class WireOrder(NamedTuple):
    """The venue's snapshot of an order."""

    venue_order_id: str
    client_id: str
    """Empty where the venue does not say."""
    unified: str
    """ccxt's name of the symbol, empty where the venue does not say."""
    executed: Decimal
    """In units of the base currency."""
    over: bool
    reason: str
    """The venue's word of why it is over."""
    price: Decimal = Decimal(0)
    """Where it stands; 0 where the venue does not say."""
    size: Decimal = Decimal(0)
    """The whole of it, with what was executed."""


class WireTrade(NamedTuple):
    """An execution of one of the account's orders."""

    trade_id: str
    venue_order_id: str
    client_id: str
    """Empty where the venue does not say."""
    unified: str
    side: Side
    price: Decimal
    amount: Decimal
    liquidity: Liquidity
    fee: Decimal
    fee_currency: str
    ts_ms: int


class Money(NamedTuple):
    """What the account has of a currency."""

    currency: str
    total: Decimal
    free: Decimal


def read_market(venue: str, symbol: str, found: Mapping[str, Any], tick_size: Decimal | None = None) -> Market:
    """Return a symbol with its terms; the venue's own tick comes before the one that its number of decimals makes.

    Amounts that must not fall short, such as the smallest order, are rounded up to whole lots.
    """
    precision, limits = _mapping(found, "precision"), _mapping(found, "limits")
    lot = _short(_above_0(precision, "amount"))
    smallest = _number(_mapping(limits, "amount"), "min", Decimal(0))
    lots = int(smallest / lot)
    try:
        instrument = Instrument(
            venue,
            symbol,
            InstrumentKind.SPOT,
            _name(found, "quote"),
            _short(tick_size or _above_0(precision, "price")),
            base=_name(found, "base"),
            lot_size=lot,
            min_lots=max(1, lots if lots * lot >= smallest else lots + 1),
            min_notional=_short(_number(_mapping(limits, "cost"), "min", Decimal(0))),
        )
    except (ValueError, ArithmeticError) as error:
        raise ContractError("ccxt market", f"{symbol[:NAME_CHARS_MAX]}: {error}") from None
    if found.get("active") is not True or found.get("spot") is not True:
        raise ContractError("ccxt market", f"{symbol[:NAME_CHARS_MAX]}: cannot be traded now")
    return Market(instrument, _name(found, "symbol"))


def read_order(found: Mapping[str, Any], reason: str = "") -> WireOrder:
    """Return an order; ContractError when it says neither which it is nor whether it may go on."""
    status = found.get("status")
    if not isinstance(status, str) or status not in OVER | GOES_ON:
        raise ContractError("ccxt order", f"status: {str(status)[:NAME_CHARS_MAX]!r}")
    venue_order_id, client_id = _name(found, "id", ""), _name(found, "clientOrderId", "")
    if not venue_order_id and not client_id:
        raise ContractError("ccxt order", "neither id names it")
    over = status in OVER
    return WireOrder(
        venue_order_id,
        client_id,
        _name(found, "symbol", ""),
        _number(found, "filled", Decimal(0)),
        over,
        (reason or str(status))[:REASON_CHARS_MAX] if over else "",
    )


def read_trade(found: Mapping[str, Any], client_id: str = "") -> WireTrade:
    """Return an execution; ContractError when a member of it is missing."""
    fee = found.get("fee")
    if fee is None and not found.get("fees"):
        raise ContractError("ccxt trade", "fee: is missing")
    fee = fee if isinstance(fee, Mapping) else {}
    cost = _number(fee, "cost", None, least=-AMOUNT_MAX)
    currency = _name(fee, "currency", "")
    if cost and not currency:
        raise ContractError("ccxt trade", "fee currency: is missing")
    side = SIDES.get(str(found.get("side")))
    liquidity = LIQUIDITY.get(str(found.get("takerOrMaker")))
    if side is None or liquidity is None:
        raise ContractError("ccxt trade", f"side {found.get('side')!r}, liquidity {found.get('takerOrMaker')!r}"[:100])
    ts_ms = found.get("timestamp")
    if not isinstance(ts_ms, int) or isinstance(ts_ms, bool) or not 0 < ts_ms < MS_MAX:
        raise ContractError("ccxt trade", "timestamp: must be milliseconds")
    return WireTrade(
        _name(found, "id"),
        _name(found, "order"),
        client_id,
        _name(found, "symbol"),
        side,
        _above_0(found, "price"),
        _above_0(found, "amount"),
        liquidity,
        cost,
        currency,
        ts_ms,
    )


def fee_terms(maker: Decimal, taker: Decimal, currency: FeeCurrency) -> FeeTerms:
    """Return rates of price x size; ContractError for what is none."""
    if not (-1 < maker < 1 and -1 < taker < 1):
        raise ContractError("ccxt fees", f"maker {maker}, taker {taker}: must be rates between -1 and 1")
    return FeeTerms(maker_rate=maker, taker_rate=taker, currency=currency)


def ticks_of(instrument: Instrument, price: Decimal) -> int:
    """Return the ticks of a price; ContractError for one off the grid."""
    try:
        ticks = instrument.ticks(price)
    except ValueError as error:
        raise ContractError("ccxt price", str(error)[:REASON_CHARS_MAX]) from None
    if not 0 < ticks <= TICKS_MAX:
        raise ContractError("ccxt price", f"{price} is no price")
    return ticks


def lots_of(instrument: Instrument, amount: Decimal) -> int:
    """Return the lots of a size; ContractError when it is no whole number of them."""
    try:
        lots = instrument.lots(amount)
    except ValueError as error:
        raise ContractError("ccxt amount", str(error)[:REASON_CHARS_MAX]) from None
    if not 0 <= lots <= LOTS_MAX:
        raise ContractError("ccxt amount", f"{amount} is no size")
    return lots


def _mapping(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = found.get(name)
    if not isinstance(inner, Mapping):
        raise ContractError("ccxt", f"{name}: must be an object")
    return inner


def _name(found: Mapping[str, Any], name: str, default: str | None = None) -> str:
    text = found.get(name)
    return default if text is None and default is not None else name_of(text, name)


def name_of(text: object, name: str) -> str:
    """Return what names something; ContractError for what cannot."""
    if not isinstance(text, str) or not 0 < len(text) <= NAME_CHARS_MAX or not text.isascii() or not text.isprintable():
        raise ContractError("ccxt", f"{name}: must be a name, is {str(text)[:20]!r}")
    return text


def currency_of(text: object) -> str:
    """Return the name of a currency, some of which are written in other letters; ContractError for what is none."""
    if not isinstance(text, str) or not 0 < len(text) <= NAME_CHARS_MAX or not text.isprintable():
        raise ContractError("ccxt", f"currency: must be a name, is {str(text)[:20]!r}")
    return text


def _number(found: Mapping[str, Any], name: str, default: Decimal | None, least: Decimal = Decimal(0)) -> Decimal:
    text = found.get(name)
    if text is None and default is not None:
        return default
    return number_of(text, name, least)


def number_of(text: object, name: str, least: Decimal = Decimal(0)) -> Decimal:
    """Return the number of some digits; ContractError for what is none, or no amount of anything."""
    if not isinstance(text, str) or not DIGITS.fullmatch(text):
        raise ContractError("ccxt", f"{name}: must be a number, is {str(text)[:20]!r}")
    number = Decimal(text)
    if not least <= number <= AMOUNT_MAX:
        raise ContractError("ccxt", f"{name}: must be from {least} to {AMOUNT_MAX}, is {text[:20]}")
    return number


def _above_0(found: Mapping[str, Any], name: str) -> Decimal:
    number = _number(found, name, None)
    if not number:
        raise ContractError("ccxt", f"{name}: must be above 0")
    return number


def _short(number: Decimal) -> Decimal:
    """Return a number without needless zeros and without an exponent."""
    return Decimal(f"{number.normalize():f}")
