"""The words of the Degen Terminal API: what its frames and documents hold, and what they are in neutral words."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from common.errors import ContractError
from common.events import Holding, Liquidity
from common.instruments import Outcome, Side
from common.orders import ORDER_ID_MAX, OrderState

from quoter.venues.base import (
    CashBalance,
    Conversion,
    Execution,
    OrderReport,
    Output,
    OwnOrders,
    Transferred,
    pair_holdings,
)
from quoter.venues.degen.spot import Symbols, lots_of, ticks_of

VENUE = "degen"
CURRENCY = "USD"
TICK_SIZE = Decimal("0.01")
TICKS_PER_UNIT = 100

PRICES = [f"0.{ticks:02d}" for ticks in range(TICKS_PER_UNIT)]
_TICKS = {price: ticks for ticks, price in enumerate(PRICES) if ticks}
_STATES = {"open": OrderState.LIVE, "filled": OrderState.FILLED, "cancelled": OrderState.CANCELLED}
_SIDES = {"bid": Side.BUY, "ask": Side.SELL}
_OUTCOMES = {"yes": Outcome.YES, "no": Outcome.NO}


PRIVATE_TYPES = frozenset({"order", "fill", "account", "balance"})
"""Of the frames that the account's private stream counts; `balance` is `account` for other currencies."""
Place: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""In the account's private stream."""
Lots: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
Changes: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
"""How often one order has changed: the highest is the truth, so that an absurd one must not be taken in."""
Id: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,32}$")]
"""Of a trade: what it counts once by."""
Stamp: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
ID_DIGITS_MAX = len(str(ORDER_ID_MAX))
CASH_MAX = Decimal(10) ** 15
"""Where the ledger's own arithmetic ends."""


class WireOrder(msgspec.Struct):
    """The order object, everywhere the same: of shares of a market, or of a symbol."""

    order_id: str
    client_order_id: str
    side: str
    price: str
    size: Size | str
    """Whole shares, or of a symbol a decimal string."""
    filled: Lots | str
    leaves: Lots | str
    status: str
    order_sequence: Changes
    ts_ns: Stamp
    market: str = ""
    outcome: str = ""
    symbol: str = ""
    reason: str | None = None
    account_sequence: Place = 0


class WireFill(msgspec.Struct):
    """An execution: of shares of a market, or of a symbol."""

    trade_id: Id
    order_id: str
    client_order_id: str
    side: str
    price: str
    size: Size | str
    leaves: Lots | str
    liquidity: str
    fee: str
    order_sequence: Changes
    account_sequence: Place
    ts_ns: Stamp
    market: str = ""
    outcome: str = ""
    symbol: str = ""
    fee_currency: str = ""
    match_type: str = ""


class WireEntry(msgspec.Struct):
    """A movement of money and shares, as in the statement."""

    entry_id: str = ""
    account_sequence: Place = 0
    type: str = ""
    amount: str = "0"
    market: str | None = None
    yes_change: int = 0
    no_change: int = 0
    trade_id: str | None = None
    transfer_id: str | None = None
    currency: str | None = None
    ts_ns: Stamp = 0


class Balance(msgspec.Struct):
    cash: Decimal
    available: Decimal


class FrameBalance(msgspec.Struct):
    """What an account has after a movement: `cash` of dollars, or the `total` of another currency."""

    cash: Decimal | None = None
    currency: str = ""
    total: Decimal | None = None


class CurrencyBalance(msgspec.Struct):
    """What an account has of one currency."""

    currency: str
    total: Decimal
    available: Decimal


class WireError(msgspec.Struct):
    """Why something was not done."""

    code: str
    message: str = ""
    field: str | None = None
    oldest_after: Place = 0


class Item(msgspec.Struct):
    """The answer to one item of a batch."""

    op: str = ""
    client_order_id: str = ""
    order: WireOrder | None = None
    error: WireError | None = None


ItemResult: TypeAlias = OrderReport | WireError | None
"""The order as it is by now, why nothing was done, or None when nobody knows."""


class Result(msgspec.Struct):
    """What a reply holds, depending on the op."""

    order: WireOrder | None = None
    results: msgspec.Raw = msgspec.Raw(b"[]")
    """A list of `Item`, read by `read_items`."""
    cancelled: list[msgspec.Raw] = []
    """Of `WireOrder`."""
    account_sequence: Place | None = None
    deadman_ms: int | None = None
    cancel_on_disconnect: bool = False


class Frame(msgspec.Struct):
    """A websocket frame of the venue, whatever its type."""

    type: str
    op: str | None = None
    id: int | str | None = None
    result: Result | None = None
    error: WireError | None = None
    order: WireOrder | None = None
    fill: WireFill | None = None
    account_sequence: Place | None = None
    entry: WireEntry | None = None
    balance: FrameBalance | None = None


class Token(msgspec.Struct):
    """The answer to a login."""

    token: str
    account: str


class OrderPage(msgspec.Struct):
    """A page's rows stay as they came: each is read on its own."""

    orders: list[msgspec.Raw]
    next_after: Place
    has_more: bool


class FillPage(msgspec.Struct):
    fills: list[msgspec.Raw]
    next_after: Place
    has_more: bool


class OneOrder(msgspec.Struct):
    order: WireOrder


class StatementPage(msgspec.Struct):
    entries: list[msgspec.Raw]
    next_after: Place
    has_more: bool


class Merged(msgspec.Struct):
    """The answer to a merge."""

    account_sequence: Place


class Cancelled(msgspec.Struct):
    cancelled: list[msgspec.Raw]
    open_orders_left: int


class BalanceDocument(msgspec.Struct):
    balance: Balance
    account_sequence: Place
    ts_ns: Stamp


class BalancesDocument(msgspec.Struct):
    balances: list[CurrencyBalance]
    account_sequence: Place
    ts_ns: Stamp


class WirePosition(msgspec.Struct):
    market: str
    yes: Lots
    no: Lots


class PositionsDocument(msgspec.Struct):
    positions: list[msgspec.Raw]
    account_sequence: Place
    ts_ns: Stamp


class ErrorDocument(msgspec.Struct):
    error: WireError


T = TypeVar("T")
_FRAMES = msgspec.json.Decoder(Frame)
_ITEM = msgspec.json.Decoder(Item)
_ITEMS = msgspec.json.Decoder(list[Item])
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])


def parse_frame(data: bytes) -> Frame:
    """Return a frame; ContractError names the member that is wrong."""
    try:
        return _FRAMES.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError("degen frame", str(error)) from None


def parse_document(cls: type[T], body: bytes) -> T:
    """Return a REST document; ContractError names the member that is wrong."""
    try:
        return msgspec.json.decode(body, type=cls)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError("degen document", f"{cls.__name__}: {error}") from None


def read_order(raw: bytes, symbols: Symbols) -> OrderReport:
    """Return the order of a list's row in neutral words."""
    return order_report(parse_document(WireOrder, raw), symbols)


def read_fill(raw: bytes, symbols: Symbols) -> Execution:
    """Return the execution of a list's row in neutral words."""
    return execution(parse_document(WireFill, raw), symbols, recovered=True)


def read_entry(raw: bytes) -> Conversion | Transferred | None:
    """Return the conversion or transfer in a row of the statement, None for other movements."""
    entry = parse_document(WireEntry, raw)
    return conversion(entry, recovered=True) or transferred(entry, recovered=True)


def read_holdings(raw: bytes) -> list[Holding]:
    """Return the shares of a row of the positions, by outcome."""
    row = parse_document(WirePosition, raw)
    return pair_holdings(VENUE, row.market, row.yes, row.no)


def read_items(raw: msgspec.Raw, symbols: Symbols) -> list[ItemResult]:
    """Return what became of each item of a batch; of one that cannot be read nobody knows.

    ContractError when it is no list.
    """
    try:
        return [_result(item, symbols) for item in _ITEMS.decode(raw)]
    except (msgspec.DecodeError, ValueError, RecursionError):
        return [_read_item(row, symbols) for row in _rows(raw)]


def _rows(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _ROWS.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError("degen frame", f"results: {error}") from None


def _read_item(row: msgspec.Raw, symbols: Symbols) -> ItemResult:
    try:
        return _result(_ITEM.decode(row), symbols)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _result(item: Item, symbols: Symbols) -> ItemResult:
    if item.order is None:
        return item.error
    try:
        return order_report(item.order, symbols)
    except ContractError:
        return None


def read_balance(body: bytes) -> BalancesDocument:
    """Return the balance of a venue without symbols: of dollars alone; ContractError for one that is no number."""
    found = parse_document(BalanceDocument, body)
    dollars = CurrencyBalance(CURRENCY, found.balance.cash, found.balance.available)
    return BalancesDocument([_countable(dollars)], found.account_sequence, found.ts_ns)


def read_balances(body: bytes) -> BalancesDocument:
    """Return the balances of all currencies, dollars first; ContractError without dollars, or for one that is none."""
    found = parse_document(BalancesDocument, body)
    rows = {each.currency: _countable(each) for each in found.balances}
    if CURRENCY not in rows or len(rows) < len(found.balances):
        raise ContractError("degen balances", f"one row each and one of {CURRENCY}, are {', '.join(rows)[:200]}")
    dollars = rows.pop(CURRENCY)
    return BalancesDocument([dollars, *rows.values()], found.account_sequence, found.ts_ns)


def _countable(row: CurrencyBalance) -> CurrencyBalance:
    if not all(each.is_finite() and abs(each) <= CASH_MAX for each in (row.total, row.available)):
        raise ContractError("degen balance", f"{row.currency[:40]}: total {row.total}, available {row.available}")
    return row


def _own_id(text: str) -> int:
    """Return a client order id; ValueError for what is none."""
    order_id = int(text)
    if not 0 < order_id <= ORDER_ID_MAX:
        raise ValueError(f"client order id {text[:30]!r}")
    return order_id


def order_report(order: WireOrder, symbols: Symbols) -> OrderReport:
    """Return the venue's snapshot of an order in neutral words."""
    try:
        size, filled = order.size, order.filled
        if order.symbol:
            coin = symbols.of(order.symbol)
            symbol, outcome, ticks = coin.symbol, coin.outcome, ticks_of(coin, order.price)
            size, filled = lots_of(coin, size), lots_of(coin, filled, 0)
        elif type(size) is int and type(filled) is int:
            symbol, outcome, ticks = order.market, _OUTCOMES[order.outcome], _TICKS[order.price]
        else:
            raise ValueError(f"size: must be a number of shares, is {size!r}, {filled!r} of it filled")
        return OrderReport(
            _own_id(order.client_order_id),
            order.order_id,
            symbol,
            outcome,
            _SIDES[order.side],
            ticks,
            size,
            filled,
            _STATES[order.status],
            order.reason or "",
            order.order_sequence,
            order.ts_ns,
        )
    except (KeyError, ValueError) as error:
        raise ContractError("degen order", f"{type(error).__name__}: {error}") from None


def execution(fill: WireFill, symbols: Symbols, *, recovered: bool) -> Execution:
    """Return an execution in neutral words."""
    try:
        size, leaves, coin = fill.size, fill.leaves, None
        if fill.symbol:
            coin = symbols.of(fill.symbol)
            symbol, outcome, ticks = coin.symbol, coin.outcome, ticks_of(coin, fill.price)
            size, leaves = lots_of(coin, size), lots_of(coin, leaves, 0)
            if not fill.fee_currency:
                raise ValueError("fee_currency: must say what the fee was taken in")
        elif type(size) is int and type(leaves) is int:
            symbol, outcome, ticks = fill.market, _OUTCOMES[fill.outcome], _TICKS[fill.price]
        else:
            raise ValueError(f"size: must be a number of shares, is {size!r}, {leaves!r} left")
        return Execution(
            _own_id(fill.client_order_id),
            fill.order_id,
            fill.trade_id,
            symbol,
            outcome,
            _SIDES[fill.side],
            ticks,
            size,
            leaves,
            Liquidity(fill.liquidity),
            Decimal(fill.fee),
            fill.match_type,
            fill.order_sequence,
            fill.account_sequence,
            fill.ts_ns,
            recovered,
            fee_currency=fill.fee_currency,
            instrument=coin,
        )
    except (KeyError, ValueError, ArithmeticError) as error:
        raise ContractError("degen fill", f"{type(error).__name__}: {error}") from None


def conversion(entry: WireEntry, *, recovered: bool) -> Conversion | None:
    """Return pairs that were made or merged on their own; None for every movement that a fill or the end explains."""
    if entry.type not in ("merge", "split") or entry.trade_id is not None:
        return None
    if not entry.entry_id or not entry.market or entry.yes_change != entry.no_change:
        raise ContractError("degen entry", f"a {entry.type} of {entry.yes_change} yes and {entry.no_change} no")
    try:
        cash = Decimal(entry.amount)
    except ArithmeticError as error:
        raise ContractError("degen entry", f"amount {entry.amount!r}: {type(error).__name__}") from None
    return Conversion(
        entry.entry_id, entry.market, entry.yes_change, cash, entry.account_sequence, entry.ts_ns, recovered
    )


def transferred(entry: WireEntry, *, recovered: bool) -> Transferred | None:
    """Return money that went to another account or came from one; None for every other movement."""
    if entry.type != "transfer":
        return None
    try:
        cash = Decimal(entry.amount)
    except ArithmeticError as error:
        raise ContractError("degen entry", f"amount {entry.amount!r}: {type(error).__name__}") from None
    if not entry.transfer_id or not cash.is_finite():
        raise ContractError("degen entry", f"a transfer of {entry.amount!r} without an id or an amount")
    currency = entry.currency or CURRENCY
    return Transferred(entry.transfer_id, currency, cash, entry.account_sequence, entry.ts_ns, recovered)


def account_news(frame: Frame) -> list[Conversion | Transferred | CashBalance]:
    """Return what an account frame says beyond the fills it belongs to."""
    news: list[Conversion | Transferred | CashBalance] = []
    entry = frame.entry
    if entry is not None:
        found = conversion(entry, recovered=False) or transferred(entry, recovered=False)
        news += [] if found is None else [found]
    balance, sequence = frame.balance, frame.account_sequence
    if balance is not None and sequence is not None:
        if balance.cash is not None:
            news.append(CashBalance(CURRENCY, balance.cash, sequence))
        elif balance.currency and balance.total is not None:
            news.append(CashBalance(balance.currency, balance.total, sequence))
    return news


def repeats(order: WireOrder, orders: OwnOrders) -> bool:
    """Say whether a snapshot of an order tells nothing new: the answer to our frame told the same change before.

    One of which something is filled is always taken in: its fills count up to the same change.
    """
    text = order.client_order_id
    own = orders.get(int(text)) if len(text) <= ID_DIGITS_MAX and text.isdecimal() else None
    return own is not None and own.venue_sequence >= order.order_sequence and order.filled == 0


def reports_of(frame: Frame, symbols: Symbols, orders: OwnOrders) -> list[Output]:
    """Return what a private frame says that is new; ContractError when it lacks what its type is about."""
    if frame.type == "fill":
        if frame.fill is None:
            raise ContractError("degen frame", "fill without fill")
        return [execution(frame.fill, symbols, recovered=False)]
    if frame.type == "order":
        if frame.order is None:
            raise ContractError("degen frame", "order without order")
        return [] if repeats(frame.order, orders) else [order_report(frame.order, symbols)]
    return [*account_news(frame)]
