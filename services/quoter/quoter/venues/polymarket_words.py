"""The words of Polymarket's order book API: its documents and user-channel frames, and exact numbers out of its texts.

Prices are counted in ten-thousandths of a dollar, of which every tick size is a multiple, and shares in millionths, as
the venue's contracts count them. A lot of ours is a hundredth of a share: what an order may be sized in.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec
from common.errors import ContractError
from common.instruments import Outcome

LOT_SIZE = Decimal("0.01")
MICROS = 1_000_000
MICROS_MAX = 10**18
MICROS_PER_LOT = 10_000
PRICE_UNITS = 10_000
"""Price units of a dollar."""
MICROS_PER_PRICE_UNIT = MICROS // PRICE_UNITS
FINEST_TICK = Decimal("0.0001")
PLACES_MAX = 15
"""Orders one request may place."""
CANCELS_MAX = 1_000
FIRST_PAGE = "MA=="
LAST_PAGE = "LTE="
PING = b"PING"
PONG = b"PONG"


class MakerOrder(msgspec.Struct):
    """A resting order's part in a trade."""

    order_id: str
    matched_amount: str
    price: str
    asset_id: str
    owner: str = ""
    side: str = ""


class WireTrade(msgspec.Struct):
    """A trade of the account, as the user channel and `GET /data/trades` show it; `maker_orders` may be of others."""

    id: str
    market: str
    asset_id: str
    side: str
    size: str
    price: str
    status: str
    taker_order_id: str = ""
    match_time: str | int = ""
    matchtime: str | int = ""
    last_update: str | int = ""
    owner: str = ""
    trade_owner: str = ""
    trader_side: str = ""
    maker_orders: list[MakerOrder] = []
    event_type: str = ""

    @property
    def matched_s(self) -> int:
        """When it was matched, in seconds; 0 when it does not say."""
        return stamp_s(self.match_time or self.matchtime or self.last_update)


class WireOrder(msgspec.Struct):
    """An order of the account, as the user channel and `GET /data/order` show it."""

    id: str
    market: str
    asset_id: str
    side: str
    price: str
    original_size: str
    size_matched: str
    status: str = ""
    type: str = ""
    """PLACEMENT, UPDATE or CANCELLATION on the user channel."""
    owner: str = ""
    order_type: str | None = ""
    timestamp: str | int | None = ""
    event_type: str = ""


class Placed(msgspec.Struct, rename="camel"):
    """What became of one order of a request, in the request's order."""

    success: bool = False
    error_msg: str | None = None
    order_id: str | None = msgspec.field(name="orderID", default=None)
    status: str | None = None


class Cancelled(msgspec.Struct):
    """The answer to every kind of cancel."""

    canceled: list[str] = []
    not_canceled: dict[str, str | None] = {}


class OrderPage(msgspec.Struct):
    data: list[WireOrder]
    next_cursor: str = LAST_PAGE


class TradePage(msgspec.Struct):
    data: list[WireTrade]
    next_cursor: str = LAST_PAGE


class Beat(msgspec.Struct):
    """The answer to a heartbeat, also to one whose id was not the expected one."""

    heartbeat_id: str = ""


class BalanceDocument(msgspec.Struct):
    balance: str


class VersionDocument(msgspec.Struct):
    version: int = 2


class TokenOf(msgspec.Struct, rename={"token_id": "t", "outcome": "o"}):
    """One outcome of a market."""

    token_id: str
    outcome: str = ""


class FeeSchedule(msgspec.Struct, rename={"rate": "r", "exponent": "e"}):
    """Taker fee per share: rate x (p (1 - p)) ^ exponent."""

    rate: float = 0.0
    exponent: float = 1.0


class MarketDocument(
    msgspec.Struct,
    rename={"tokens": "t", "tick_size": "mts", "min_size": "mos", "neg_risk": "nr", "fees": "fd"},
):
    """What `GET /clob-markets/{condition}` says of a market; the first token is that of YES (or Up)."""

    tokens: list[TokenOf]
    tick_size: Decimal
    min_size: Decimal = Decimal(5)
    neg_risk: bool = False
    fees: FeeSchedule | None = None


class ErrorDocument(msgspec.Struct):
    error: str = ""
    errorMsg: str = ""  # noqa: N815  the venue's own name


class Details(NamedTuple):
    """What has to be known of a market before an order can be written for it."""

    symbol: str
    tokens: tuple[str, str]
    """YES, NO."""
    tick_units: int
    """Price units of a tick."""
    min_lots: int
    neg_risk: bool
    fee_rate: float
    fee_exponent: float

    def token(self, outcome: Outcome) -> str:
        return self.tokens[1] if outcome is Outcome.NO else self.tokens[0]

    def outcome(self, token_id: str) -> Outcome:
        """Return whose token it is; ContractError when it is none of this market."""
        if token_id not in self.tokens:
            raise ContractError("polymarket token", f"{token_id[:12]}... is not of market {self.symbol}")
        return Outcome.NO if token_id == self.tokens[1] else Outcome.YES


T = TypeVar("T")


def parse(cls: type[T], body: bytes) -> T:
    """Return a document; ContractError names the member that is wrong."""
    try:
        return msgspec.json.decode(body, type=cls)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError("polymarket document", f"{getattr(cls, '__name__', cls)}: {error}") from None


class _Kind(msgspec.Struct):
    event_type: str = ""


_ORDER = msgspec.json.Decoder(WireOrder)
_TRADE = msgspec.json.Decoder(WireTrade)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_KIND = msgspec.json.Decoder(_Kind)


def parse_frame(data: bytes) -> list[WireOrder | WireTrade]:
    """Return the news in a user-channel frame, one event or several; other kinds are left out."""
    if data.strip() in (PONG, PING, b"", b"{}", b"[]"):
        return []
    try:
        raws = _RAWS.decode(data) if data.lstrip()[:1] == b"[" else [msgspec.Raw(data)]
        news: list[WireOrder | WireTrade] = []
        for raw in raws:
            kind = _KIND.decode(raw).event_type
            if kind == "order":
                news.append(_ORDER.decode(raw))
            elif kind == "trade":
                news.append(_TRADE.decode(raw))
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError("polymarket frame", str(error)) from None
    return news


def details_of(symbol: str, document: MarketDocument) -> Details:
    """Return a market's details; ContractError when they cannot be traded by."""
    if len(document.tokens) != 2 or document.tokens[0].token_id == document.tokens[1].token_id:
        raise ContractError("polymarket market", f"{symbol}: two different tokens needed")
    fees = document.fees or FeeSchedule()
    return Details(
        symbol,
        (document.tokens[0].token_id, document.tokens[1].token_id),
        tick_units_of(document.tick_size),
        int(document.min_size / LOT_SIZE),
        document.neg_risk,
        fees.rate,
        fees.exponent,
    )


def tick_units_of(tick_size: Decimal) -> int:
    """Return the price units of a tick; ContractError for a grid on which a dollar is no tick."""
    units = tick_size * PRICE_UNITS
    if not units.is_finite() or units < 1 or units != units.to_integral_value() or PRICE_UNITS % int(units):
        raise ContractError("polymarket tick", f"tick size {tick_size} is not known")
    return int(units)


def micros(text: str, what: str) -> int:
    """Return a decimal text in millionths; ContractError for what is no number of at most six decimals, or below 0."""
    try:
        scaled = Decimal(text) * MICROS
        whole = int(scaled)
    except (ArithmeticError, ValueError):
        raise ContractError("polymarket number", f"{what}: {text[:40]!r} is not a decimal") from None
    if whole != scaled or not 0 <= whole < MICROS_MAX:
        raise ContractError("polymarket number", f"{what}: {text[:40]!r} is not in millionths from 0")
    return whole


def price_units(text: str) -> int:
    """Return a price text in price units; ContractError when it is not inside (0, 1) or finer than any tick."""
    count, rest = divmod(micros(text, "price"), MICROS_PER_PRICE_UNIT)
    if rest or not 0 < count < PRICE_UNITS:
        raise ContractError("polymarket number", f"price {text[:40]!r} is on no grid")
    return count


def stamp_s(value: str | int | None) -> int:
    """Return seconds since the epoch from a stamp in seconds or milliseconds; 0 for anything else."""
    try:
        stamp = int(value or 0)
    except ValueError:
        return 0
    return stamp // 1_000 if stamp > 100_000_000_000 else max(0, stamp)


def plain_status(text: str | None) -> str:
    """Return a status without the prefix that some answers give it: ORDER_STATUS_LIVE is LIVE."""
    word = (text or "").upper()
    for prefix in ("ORDER_STATUS_", "TRADE_STATUS_"):
        word = word.removeprefix(prefix)
    return word
