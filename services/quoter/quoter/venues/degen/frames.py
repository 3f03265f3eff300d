"""The words of the Degen Terminal API: what its frames and documents hold, and how ours are written."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from common.errors import ContractError
from common.events import Holding, Liquidity
from common.instruments import Outcome, Side
from common.orders import ORDER_ID_MAX, OrderState

from quoter.venues.base import CashBalance, Conversion, Execution, OrderReport, Placement, pair_holdings

VENUE = "degen"
CURRENCY = "USD"
TICK_SIZE = Decimal("0.01")
TICKS_PER_UNIT = 100
BATCH_ITEMS_MAX = 50
PRIVATE_CHANNELS = b'["orders","fills","account"]'

_IMMEDIATE = ',"time_in_force":"ioc"'
_PRICES = [f"0.{ticks:02d}" for ticks in range(TICKS_PER_UNIT)]
_TICKS = {price: ticks for ticks, price in enumerate(_PRICES) if ticks}
_STATES = {"open": OrderState.LIVE, "filled": OrderState.FILLED, "cancelled": OrderState.CANCELLED}
_SIDES = {"bid": Side.BUY, "ask": Side.SELL}
_OUTCOME_WORDS = {Outcome.YES: "yes", Outcome.NO: "no"}
_OUTCOMES = {"yes": Outcome.YES, "no": Outcome.NO}


Place: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""In the account's private stream."""
Lots: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Size: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=10**12)]
Changes: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=10**9)]
"""How often one order has changed: the highest is the truth, so that an absurd one must not be taken in."""
Id: TypeAlias = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,32}$")]
"""Of a trade: what it counts once by."""
Stamp: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
CASH_MAX = Decimal(10) ** 15
"""Where the ledger's own arithmetic ends."""


class WireOrder(msgspec.Struct):
    """The order object, everywhere the same."""

    order_id: str
    client_order_id: str
    market: str
    side: str
    outcome: str
    price: str
    size: Size
    filled: Lots
    leaves: Lots
    status: str
    order_sequence: Changes
    ts_ns: Stamp
    reason: str | None = None
    account_sequence: Place = 0


class WireFill(msgspec.Struct):
    """An execution."""

    trade_id: Id
    order_id: str
    client_order_id: str
    market: str
    outcome: str
    side: str
    price: str
    size: Size
    leaves: Lots
    liquidity: str
    fee: str
    order_sequence: Changes
    account_sequence: Place
    ts_ns: Stamp
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
    ts_ns: Stamp = 0


class Balance(msgspec.Struct):
    cash: Decimal
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
    balance: Balance | None = None


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


def read_order(raw: bytes) -> OrderReport:
    """Return the order of a list's row in neutral words."""
    return order_report(parse_document(WireOrder, raw))


def read_fill(raw: bytes) -> Execution:
    """Return the execution of a list's row in neutral words."""
    return execution(parse_document(WireFill, raw), recovered=True)


def read_entry(raw: bytes) -> Conversion | None:
    """Return the conversion in a row of the statement, None for other movements."""
    return conversion(parse_document(WireEntry, raw), recovered=True)


def read_holdings(raw: bytes) -> list[Holding]:
    """Return the shares of a row of the positions, by outcome."""
    row = parse_document(WirePosition, raw)
    return pair_holdings(VENUE, row.market, row.yes, row.no)


def read_items(raw: msgspec.Raw) -> list[ItemResult]:
    """Return what became of each item of a batch; of one that cannot be read nobody knows.

    ContractError when it is no list.
    """
    try:
        return [_result(item) for item in _ITEMS.decode(raw)]
    except (msgspec.DecodeError, ValueError, RecursionError):
        return [_read_item(row) for row in _rows(raw)]


def _rows(raw: msgspec.Raw) -> list[msgspec.Raw]:
    try:
        return _ROWS.decode(raw)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError("degen frame", f"results: {error}") from None


def _read_item(row: msgspec.Raw) -> ItemResult:
    try:
        return _result(_ITEM.decode(row))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None


def _result(item: Item) -> ItemResult:
    if item.order is None:
        return item.error
    try:
        return order_report(item.order)
    except ContractError:
        return None


def money_of(balance: BalanceDocument) -> BalanceDocument:
    """Return a balance that can be reckoned with; ContractError for one that is no number."""
    both = balance.balance.cash, balance.balance.available
    if not all(each.is_finite() and abs(each) <= CASH_MAX for each in both):
        raise ContractError("degen balance", f"cash {balance.balance.cash}, available {balance.balance.available}")
    return balance


def _own_id(text: str) -> int:
    """Return a client order id; ValueError for what is none."""
    order_id = int(text)
    if not 0 < order_id <= ORDER_ID_MAX:
        raise ValueError(f"client order id {text[:30]!r}")
    return order_id


def order_report(order: WireOrder) -> OrderReport:
    """Return the venue's snapshot of an order in neutral words."""
    try:
        return OrderReport(
            _own_id(order.client_order_id),
            order.order_id,
            order.market,
            _OUTCOMES[order.outcome],
            _SIDES[order.side],
            _TICKS[order.price],
            order.size,
            order.filled,
            _STATES[order.status],
            order.reason or "",
            order.order_sequence,
            order.ts_ns,
        )
    except (KeyError, ValueError) as error:
        raise ContractError("degen order", f"{type(error).__name__}: {error}") from None


def execution(fill: WireFill, *, recovered: bool) -> Execution:
    """Return an execution in neutral words."""
    try:
        return Execution(
            _own_id(fill.client_order_id),
            fill.order_id,
            fill.trade_id,
            fill.market,
            _OUTCOMES[fill.outcome],
            _SIDES[fill.side],
            _TICKS[fill.price],
            fill.size,
            fill.leaves,
            Liquidity(fill.liquidity),
            Decimal(fill.fee),
            fill.match_type,
            fill.order_sequence,
            fill.account_sequence,
            fill.ts_ns,
            recovered,
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


def account_news(frame: Frame) -> list[Conversion | CashBalance]:
    """Return what an account frame says beyond the fills it belongs to."""
    news: list[Conversion | CashBalance] = []
    if frame.entry is not None and (found := conversion(frame.entry, recovered=False)) is not None:
        news.append(found)
    if frame.balance is not None and frame.account_sequence is not None:
        news.append(CashBalance(frame.balance.cash, frame.account_sequence))
    return news


# --- what we send -----------------------------------------------------------------------------------------------


def login_frame(frame_id: int, token: str, deadman_ms: int) -> bytes:
    document = {"op": "login", "id": frame_id, "token": token, "cancel_on_disconnect": True, "deadman_ms": deadman_ms}
    return msgspec.json.encode(document)


def heartbeat_frame(frame_id: int) -> bytes:
    return b'{"op":"heartbeat","id":%d}' % frame_id


def subscribe_frame(frame_id: int) -> bytes:
    """Subscribe to the private channels; repeated, it asks where the account stands."""
    return b'{"op":"subscribe","id":%d,"channels":%s}' % (frame_id, PRIVATE_CHANNELS)


def cancel_all_frame(frame_id: int, below: int) -> bytes:
    return b'{"op":"cancel_all","id":%d,"client_order_id_below":"%d"}' % (frame_id, below)


def batch_frame(frame_id: int, cancels: Sequence[int], places: Sequence[Placement]) -> bytes:
    """Write a batch: cancels first, then places, at most `BATCH_ITEMS_MAX` in all."""
    items = [f'{{"op":"cancel","client_order_id":"{order_id}"}}' for order_id in cancels]
    items += [
        f'{{"op":"place","client_order_id":"{place.order_id}","market":"{place.symbol}",'
        f'"side":"{"bid" if place.side is Side.BUY else "ask"}","outcome":"{_OUTCOME_WORDS[place.outcome]}",'
        f'"price":"{_PRICES[place.price_ticks]}","size":{place.quantity_lots},'
        f'"post_only":{"true" if place.post_only else "false"}{_IMMEDIATE if place.immediate else ""}}}'
        for place in places
    ]
    return f'{{"op":"batch","id":{frame_id},"items":[{",".join(items)}]}}'.encode()


def place_document(place: Placement) -> dict[str, object]:
    """Return a placement as REST takes it."""
    document: dict[str, object] = {
        "client_order_id": str(place.order_id),
        "market": place.symbol,
        "side": "bid" if place.side is Side.BUY else "ask",
        "outcome": _OUTCOME_WORDS[place.outcome],
        "price": _PRICES[place.price_ticks],
        "size": place.quantity_lots,
        "post_only": place.post_only,
    }
    return document | {"time_in_force": "ioc"} if place.immediate else document
