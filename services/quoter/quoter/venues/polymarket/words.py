"""The words of Polymarket's order book API: its documents and user-channel frames, row by row.

A document is read for what is needed and no more. A text may come as a number, empty or as null: whether that can be
worked with is for those to say who need it, so that a member nobody reads costs nothing.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

import msgspec
from common.errors import ContractError
from common.instruments import Outcome

from quoter.venues.polymarket.numbers import Text, lots_in, stamp_s, tick_units_of
from quoter.venues.rows import BadRow, Rows

PLACES_MAX = 15
"""Orders one request may place."""
CANCELS_MAX = 1_000
NAME_CHARS_MAX = 128
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
FIRST_PAGE = "MA=="
LAST_PAGE = "LTE="
PING = b"PING"
PONG = b"PONG"


class MakerOrder(msgspec.Struct):
    """A resting order's part in a trade."""

    order_id: Text = ""
    matched_amount: Text = ""
    price: Text = ""
    asset_id: Text = ""
    owner: Text = ""
    side: Text = ""


class WireTrade(msgspec.Struct):
    """A trade of the account, as the user channel and `GET /data/trades` show it; `maker_orders` may be of others."""

    id: str
    market: Text = ""
    asset_id: Text = ""
    side: Text = ""
    size: Text = ""
    price: Text = ""
    status: Text = ""
    taker_order_id: Text = ""
    match_time: Text = ""
    matchtime: Text = ""
    last_update: Text = ""
    owner: Text = ""
    trader_side: Text = ""
    maker_orders: list[MakerOrder] | None = None

    @property
    def matched_s(self) -> int:
        """When it was matched, in seconds; 0 when it does not say."""
        return stamp_s(self.match_time) or stamp_s(self.matchtime) or stamp_s(self.last_update)


class WireOrder(msgspec.Struct):
    """An order of the account, as the user channel and `GET /data/order` show it."""

    id: str
    asset_id: Text = ""
    side: Text = ""
    price: Text = ""
    original_size: Text = ""
    size_matched: Text = ""
    status: Text = ""
    type: Text = ""
    """PLACEMENT, UPDATE or CANCELLATION on the user channel."""


class Placed(msgspec.Struct, rename="camel"):
    """What became of one order of a request, in the request's order."""

    success: bool | None = False
    error_msg: Text = None
    order_id: Text = msgspec.field(name="orderID", default=None)
    status: Text = None


class Cancelled(msgspec.Struct):
    """The answer to every kind of cancel."""

    canceled: list[Any] | None = None
    not_canceled: dict[str, Any] | None = None


class Page(msgspec.Struct):
    """Some rows of a list, each to be read on its own, and where the next ones are."""

    data: list[msgspec.Raw]
    next_cursor: str


class WirePosition(msgspec.Struct, rename="camel"):
    """Shares of one outcome that the account's wallet holds."""

    asset: str
    condition_id: str
    size: Text
    outcome: str
    redeemable: bool | None = False
    """The market is decided: the shares can be turned into what they won."""
    cur_price: Text = None
    end_date: Text = ""


class Beat(msgspec.Struct):
    """The answer to a heartbeat, also to one whose id was not the expected one."""

    heartbeat_id: str = ""


class BalanceDocument(msgspec.Struct):
    balance: Text


class VersionDocument(msgspec.Struct):
    version: int = 2


class TokenOf(msgspec.Struct, rename={"token_id": "t", "outcome": "o"}):
    """One outcome of a market."""

    token_id: str
    outcome: str


class FeeSchedule(msgspec.Struct, rename={"rate": "r", "exponent": "e"}):
    """Taker fee per share: rate x (p (1 - p)) ^ exponent."""

    rate: float = 0.0
    exponent: float = 1.0


class MarketDocument(
    msgspec.Struct,
    rename={"tokens": "t", "tick_size": "mts", "min_size": "mos", "neg_risk": "nr", "fees": "fd"},
):
    """What `GET /clob-markets/{condition}` says of a market; its tokens come in any order, each with its outcome."""

    tokens: list[TokenOf]
    tick_size: Decimal
    min_size: Decimal = Decimal(5)
    neg_risk: bool = False
    fees: FeeSchedule | None = None


class ErrorDocument(msgspec.Struct):
    error: Text = ""
    errorMsg: Text = ""  # noqa: N815  the venue's own name


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
    event_type: Text = ""


class _Stamps(msgspec.Struct):
    match_time: Any = ""
    matchtime: Any = ""
    last_update: Any = ""


_ORDER = msgspec.json.Decoder(WireOrder)
_TRADE = msgspec.json.Decoder(WireTrade)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_KIND = msgspec.json.Decoder(_Kind)


def stamp_in(raw: bytes) -> int:
    """Return the second a trade that cannot be read was matched in; 0 when not even that can be read."""
    try:
        stamps = parse(_Stamps, raw)
    except ContractError:
        return 0
    return next((found for each in msgspec.structs.astuple(stamps) if (found := stamp_s(each))), 0)


def parse_frame(data: bytes) -> Rows[WireOrder | WireTrade]:
    """Return the news in a user-channel frame, one event or several; kinds that are not of orders are left out."""
    news: Rows[WireOrder | WireTrade] = Rows([], [])
    if data.strip() in (PONG, PING, b"", b"{}", b"[]"):
        return news
    try:
        raws = _RAWS.decode(data) if data.lstrip()[:1] == b"[" else [msgspec.Raw(data)]
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise ContractError("polymarket frame", str(error)) from None
    for raw in raws:
        try:
            kind = _KIND.decode(raw).event_type
            if kind == "order":
                news.rows.append(_ORDER.decode(raw))
            elif kind == "trade":
                news.rows.append(_TRADE.decode(raw))
            elif not kind:
                news.bad.append(BadRow(bytes(raw), "it does not say what it tells of"))
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            news.bad.append(BadRow(bytes(raw), str(error)))
    return news


OUTCOMES = {"yes": Outcome.YES, "up": Outcome.YES, "no": Outcome.NO, "down": Outcome.NO}
"""What the venue calls the two outcomes; others have no YES and are not traded."""


def outcome_named(name: str) -> Outcome:
    """Return the outcome of a label; ContractError for one we do not know."""
    outcome = OUTCOMES.get(name.strip().lower())
    if outcome is None:
        raise ContractError("polymarket outcome", f"{name[:40]!r} is neither of {', '.join(OUTCOMES)}")
    return outcome


def details_of(symbol: str, document: MarketDocument) -> Details:
    """Return a market's details; ContractError when they cannot be traded by.

    Which token is that of YES is said by its label alone: the venue lists them in either order.
    """
    tokens = {outcome_named(each.outcome): each.token_id for each in document.tokens}
    if len(document.tokens) != 2 or len(tokens) != 2 or tokens[Outcome.YES] == tokens[Outcome.NO]:
        raise ContractError("polymarket market", f"{symbol}: a token for YES and another for NO needed")
    if not all(is_name(token) for token in tokens.values()):
        raise ContractError("polymarket market", f"{symbol}: a token's id is not usable")
    fees = document.fees or FeeSchedule()
    return Details(
        symbol,
        (tokens[Outcome.YES], tokens[Outcome.NO]),
        tick_units_of(document.tick_size),
        lots_in(document.min_size, "min_size"),
        document.neg_risk,
        fees.rate,
        fees.exponent,
    )


def is_name(text: str) -> bool:
    """Say whether a text can be an id of the venue's: it counts once by it, and it may stand in a request's path."""
    return len(text) <= NAME_CHARS_MAX and NAME.fullmatch(text) is not None
