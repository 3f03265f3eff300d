"""What differs between the venues behind ccxt: requests, names of orders, the private stream, the dead-man switch.

A dialect is as pure as its session: requests are scripts, frames are bytes, and what is remembered is the markets.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from common.errors import ContractError
from common.events import FeeTerms

from quoter.venues.base import Placement
from quoter.venues.ccxt.driving import Refused, Unclear, driven
from quoter.venues.ccxt.words import (
    Market,
    Money,
    WireOrder,
    WireTrade,
    currency_of,
    number_of,
    read_market,
    read_order,
    read_trade,
)
from quoter.venues.conversation import Script
from quoter.venues.rows import BadRow, Rows

SWITCH_S = 20
"""Seconds after the last heartbeat in which a venue with a dead-man switch cancels everything."""
MarketReader: TypeAlias = Callable[[Any], list[dict[str, Any]]]
"""From a venue's list of markets, as it came, to ccxt's form of each."""
T = TypeVar("T")


class Heard(NamedTuple):
    """What a frame of the private stream said, in the order of its lists."""

    orders: Sequence[WireOrder] = ()
    trades: Sequence[WireTrade] = ()
    money: Sequence[Money] = ()
    ts_ms: int = 0
    """When the venue said so; 0 where it does not say."""
    accepted: bool = False
    """The venue has taken a subscription."""
    refused: str = ""
    """Why it did not."""
    ended: str = ""
    """Why it will send nothing more on this connection."""
    lost: str = ""
    """Why something may be missing: a number left out, a row that cannot be read."""


class Dialect(Protocol):
    """One venue as a session speaks with it. Requests raise Refused and Unclear, unless they say otherwise."""

    name: str
    currency: str
    """What an account there counts in."""
    exchange: Any
    """ccxt's object for it."""
    markets: dict[str, Market]
    """By our symbols: those that orders may be for."""
    stream_url: str
    has_switch: bool
    """The venue cancels our orders when it does not hear from us."""
    amends: bool
    """A resting order can be given another price and size under its own name."""
    check_ms: int
    """How often trades are asked for: nothing else shows that the stream has lost one."""
    subscriptions: int
    """How many of them have to be taken before the session counts on the stream."""

    def client_id(self, order_id: int) -> str:
        """Return what an order of ours is called there."""
        ...

    def order_id(self, client_id: str) -> int:
        """Return the id of an order of ours by what it is called there; 0 for what can be none of ours."""
        ...

    def list_market(self, symbol: str) -> Script[Market]:
        """Return the terms of a symbol; ContractError when they cannot be used."""
        ...

    def prepare(self) -> Script[None]:
        """Ask for what a connection to the private stream needs."""
        ...

    def greeting(self) -> Iterable[bytes]:
        """Return the frames that subscribe to the private stream."""
        ...

    def ping(self) -> bytes:
        """Return a frame that is answered."""
        ...

    def read_frame(self, data: bytes) -> Heard:
        """Return what a frame says; ContractError when nothing of it can be read."""
        ...

    def place(self, place: Placement, market: Market) -> Script[WireOrder]:
        """Send an order, once; the venue's first word of it."""
        ...

    def amend(self, client_id: str, price: Decimal, size: Decimal) -> Script[None]:
        """Give a resting order another price and whole size, once; only where `amends`."""
        ...

    def cancel(self, symbol: str, client_id: str) -> Script[WireOrder | None]:
        """Cancel an order; the venue's word of it where it gives one."""
        ...

    def cancel_all(self) -> Script[None]:
        """Cancel whatever rests of the account."""
        ...

    def disown(self, order: WireOrder) -> Script[None]:
        """Cancel an order that is not ours."""
        ...

    def open_orders(self) -> Script[Rows[WireOrder]]:
        """Return whatever rests of the account."""
        ...

    def order(self, symbol: str, client_id: str, venue_order_id: str) -> Script[WireOrder | None]:
        """Return an order, by its own id at the venue where that is known; None when the venue knows none."""
        ...

    def trades(self, after_ms: int, now_ms: int) -> Script[Rows[WireTrade]]:
        """Return the account's trades since a time of the venue."""
        ...

    def balances(self) -> Script[Rows[Money]]:
        """Return what the account has of each currency."""
        ...

    def fees(self, symbol: str) -> Script[FeeTerms]:
        """Return what the venue takes of the account's fills in a symbol; ContractError for what is no rate."""
        ...

    def beat(self) -> Script[None]:
        """Tell the venue to cancel everything some time after this; nothing where it cannot."""
        ...


class Spoken:
    """What the dialects share: calls of ccxt's object, its markets, and its dictionaries read one by one."""

    order_ids: re.Pattern[str]
    """What the venue calls orders."""
    trade_ids: re.Pattern[str]
    parameters: frozenset[str]
    """What a configuration may hand to the venue with an order, by the venue's own names."""

    def __init__(self, name: str, exchange: Any, read_markets: MarketReader) -> None:
        self.name, self.exchange = name, exchange
        self.markets: dict[str, Market] = {}
        self._listed: dict[str, Any] = {}
        self._read_markets = read_markets

    def known(self, place: Placement) -> dict[str, str]:
        """Return what of an order's parameters the venue knows."""
        return {name: value for name, value in place.parameters.items() if name in self.parameters}

    def call(self, method: str, *args: Any, **named: Any) -> Script[Any]:
        """Return what a call of ccxt's comes to."""
        return driven(self.exchange, lambda: getattr(self.exchange, method)(*args, **named))

    def learn(self, symbol: str, document: Any, market_id: str) -> Market:
        """Take in the terms of a symbol, which never becomes another market; ContractError when they cannot be used."""
        found = self._read_markets(document)
        if len(found) != 1:
            raise Unclear("not one market in the answer")
        (listed,) = found
        if market_id not in (listed["id"], listed["symbol"]):
            raise ContractError("ccxt market", f"{symbol[:40]!r} was asked for, {str(listed['id'])[:40]!r} came")
        market = read_market(self.name, symbol, listed, self.tick_of(listed["info"]))
        before = self.markets.get(symbol)
        if before is not None and before.unified != market.unified:
            raise ContractError("ccxt market", f"{symbol[:40]!r} is another market than before")
        all_of_them = {**self._listed, symbol: listed}
        _parsed(lambda: self.exchange.set_markets(list(all_of_them.values())))
        self._listed, self.markets[symbol] = all_of_them, market
        return market

    def tick_of(self, info: Any) -> Decimal | None:
        """Return the step of prices where the venue says more of it than its number of decimals."""
        return None

    def order_of(self, raw: Any, reason: str = "") -> WireOrder:
        """Return an order of a row as the venue sent it."""
        return self._named(read_order(_parsed(lambda: self.exchange.parse_order(_row(raw))), reason))

    def trade_of(self, raw: Any) -> WireTrade:
        """Return a trade of a row as the venue sent it."""
        return self._proven(read_trade(_parsed(lambda: self.exchange.parse_trade(_row(raw)))))

    def heard_order(self, raw: Any, reason: str = "") -> WireOrder:
        """Return an order of a row of the private stream."""
        return self._named(read_order(_parsed(lambda: self.exchange.parse_ws_order(_row(raw))), reason))

    def heard_trade(self, raw: Any, client_id: str) -> WireTrade:
        """Return a trade of a row of the private stream."""
        return self._proven(read_trade(_parsed(lambda: self.exchange.parse_ws_trade(_row(raw))), client_id))

    def _named(self, order: WireOrder) -> WireOrder:
        if order.venue_order_id and not self.order_ids.fullmatch(order.venue_order_id):
            raise ContractError(f"{self.name} order", f"id: {order.venue_order_id[:40]!r} names none")
        return order

    def _proven(self, trade: WireTrade) -> WireTrade:
        """Return a trade whose ids can be told again: one by another name would be counted as another trade."""
        if not self.trade_ids.fullmatch(trade.trade_id) or not self.order_ids.fullmatch(trade.venue_order_id):
            raise ContractError(f"{self.name} trade", f"id: {trade.trade_id[:40]!r}, {trade.venue_order_id[:40]!r}")
        return trade

    def money_of(self, currency_id: object, total: Decimal, free: Decimal) -> Money:
        """Return a balance of what the venue calls a currency."""
        name = currency_of(currency_id)
        return Money(currency_of(_parsed(lambda: self.exchange.safe_currency_code(name))), total, free)

    def amount(self, raw: Any, name: str) -> Decimal:
        """Return a number of a row as the venue sent it; ContractError for what is none."""
        return number_of(self.exchange.safe_string(_row(raw), name), name)


def rows_of(read: Callable[[Any], T], raws: object) -> Rows[T]:
    """Read each row of a list on its own; Unclear where there is no list."""
    if not isinstance(raws, list):
        raise Unclear("no list where one belongs")
    found: Rows[T] = Rows([], [])
    for raw in raws:
        try:
            found.rows.append(read(raw))
        except ContractError as error:
            found.bad.append(BadRow(json.dumps(raw, sort_keys=True).encode(), str(error)))
    return found


def whole(answer: Callable[[], WireOrder]) -> WireOrder:
    """Return the order of an answer to a request; Unclear when it cannot be read."""
    try:
        return answer()
    except ContractError as error:
        raise Unclear(str(error)) from None


def known_or_none(script: Script[T]) -> Script[T | None]:
    """Return what a script finds; None where the venue says that it knows no such order."""
    try:
        return (yield from script)
    except Refused as error:
        if error.code != "unknown_order":
            raise
        return None


def _row(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise ContractError("ccxt row", f"must be an object, is {str(raw)[:40]!r}")
    return raw


def _parsed(parse: Callable[[], Any]) -> Any:
    """Return what ccxt makes of a row; ContractError for a row that it does not take."""
    try:
        return parse()
    except ContractError:
        raise
    except Exception as error:
        raise ContractError("ccxt row", f"{type(error).__name__} while it was read") from None
