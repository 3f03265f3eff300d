"""What every venue's private session has in common: the neutral words it reports in, and what the quoter asks of it.

A session is pure: it is told what arrived and what time it is, and answers with effects for the shell and reports for
the quoter, in order. It owns login, framing, sequence checks, recovery questions and the dead-man switch; it knows
nothing of bots and limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

from common.core import Effect, Effects, HttpResponse, Sample
from common.events import AlertLevel, Balance, FeeTerms, Holding, InstrumentKey, Liquidity, OpenOrder, Redeemable
from common.instruments import Instrument, Outcome, Side
from common.orders import OrderState

NO_PARAMETERS: Mapping[str, str] = MappingProxyType({})


class Placement(NamedTuple):
    """An order to send."""

    order_id: int
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    quantity_lots: int
    post_only: bool
    immediate: bool = False
    """Immediate or cancel: what cannot trade at once is gone, nothing of it ever rests."""
    tick_size: Decimal = Decimal(0)
    """What a tick of the price is worth; 0 where it cannot change."""
    lot_size: Decimal = Decimal(1)
    """Units of one lot."""
    parameters: Mapping[str, str] = NO_PARAMETERS
    """What a configuration hands to the venue with the order; a session that knows none of them sends none."""


class Amendment(NamedTuple):
    """Another price and whole size, with what is filled, for an order that rests."""

    order_id: int
    price_ticks: int
    quantity_lots: int
    tick_size: Decimal
    lot_size: Decimal


# --- reports: what a session tells the quoter -------------------------------------------------------------------


class OrderReport(NamedTuple):
    """The venue's snapshot of one order; the higher `venue_sequence` is the truth."""

    order_id: int
    venue_order_id: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    quantity_lots: int
    executed_lots: int
    state: OrderState
    """LIVE, FILLED or CANCELLED."""
    reason: str
    venue_sequence: int
    ts_event_ns: int


class Execution(NamedTuple):
    """An execution of an own order; repeats are told again and recognised by trade and order id."""

    order_id: int
    venue_order_id: str
    trade_id: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    quantity_lots: int
    leaves_lots: int
    liquidity: Liquidity
    fee: Decimal
    """In `fee_currency`; below 0 is a rebate."""
    match_type: str
    venue_sequence: int
    account_sequence: int
    ts_event_ns: int
    recovered: bool
    """Fetched afterwards, not told when it happened."""
    tick_size: Decimal | None = None
    """What a tick of its price is worth, where that may differ from what the market says by now."""
    fee_currency: str = ""
    """What the fee was taken in; empty where the venue takes fees in the currency of the price alone."""
    instrument: Instrument | None = None
    """What was traded, where the session knows it from the venue's own list."""


class Reversal(NamedTuple):
    """An execution did not come to be after all: what was reported of it is taken back, by an entry of its own."""

    execution: Execution
    why: str


class OrderRejected(NamedTuple):
    """The venue said no to a new order: it does not rest and never will."""

    order_id: int
    code: str
    message: str


class CancelRejected(NamedTuple):
    """The venue did not carry out a cancel; the order stands as it stood."""

    order_id: int
    code: str
    message: str


class AmendRejected(NamedTuple):
    """The venue did not carry out an amendment; the order stands as it stood, or has ended."""

    order_id: int
    code: str
    message: str


class Unknown(NamedTuple):
    """Nobody knows what became of a request about this order; the session is asking."""

    order_id: int
    why: str


class NotFound(NamedTuple):
    """The venue does not know this order and can no longer receive it: it never got there."""

    order_id: int


class AccountSnapshot(NamedTuple):
    """What the venue says the account holds, as of one place in its private stream."""

    main: Balance
    """Cash in what the account counts in."""
    holdings: list[Holding]
    open_orders: list[OpenOrder]
    account_sequence: int
    reason: str
    ts_event_ns: int
    redeemable: Sequence[Redeemable] = ()
    """Shares of decided markets, by market; they are not among the holdings."""
    others: Sequence[Balance] = ()
    """Cash in other currencies."""


def pair_holdings(venue: str, symbol: str, yes_lots: int, no_lots: int) -> list[Holding]:
    """Return what is held of both outcomes of a market, none of one of them included."""
    lots = ((Outcome.YES, yes_lots), (Outcome.NO, no_lots))
    return [Holding(InstrumentKey(venue, symbol, outcome), held) for outcome, held in lots]


class AccountFees(NamedTuple):
    """What the venue takes of this account's fills in a symbol, by its own word to the account."""

    symbol: str
    fees: FeeTerms


class Conversion(NamedTuple):
    """Pairs of YES and NO made of cash, or turned back into it; told again and recognised by entry id."""

    entry_id: str
    symbol: str
    pairs: int
    """Below 0 when they were merged into cash, above when split from it."""
    cash: Decimal
    account_sequence: int
    ts_event_ns: int
    recovered: bool


class Transferred(NamedTuple):
    """Money that went to another account of ours, or came from one; told again and recognised by transfer id."""

    transfer_id: str
    """The same at both accounts."""
    currency: str
    cash: Decimal
    """Below 0 when it went."""
    account_sequence: int
    ts_event_ns: int
    recovered: bool


class CashBalance(NamedTuple):
    """The account's cash of one currency, with what its bids lock, as of one place in its private stream."""

    currency: str
    cash_total: Decimal
    account_sequence: int


class ConversionEnded(NamedTuple):
    """What became of a request to convert pairs; the conversion itself has been told before."""

    symbol: str
    pairs: int
    """Below 0 to be merged into cash, above to be split from it."""
    refused: str
    """Why nothing was converted as far as the venue's own statement says; empty when it was."""
    doubtful: bool = False
    """True when it may still be carried out."""


class Ready(NamedTuple):
    """The session is up, nothing of older connections rests, and all fills so far have been told."""

    account_sequence: int


class SessionLost(NamedTuple):
    """The session is gone; every order that has not ended is of unknown outcome."""

    reason: str


class SessionAlert(NamedTuple):
    """Something people should know."""

    level: AlertLevel
    kind: str
    text: str


class HistoryLost(NamedTuple):
    """The venue no longer has all fills since the last one we know: some may never be seen."""

    text: str


class Resting(NamedTuple):
    """What the venue says rests, of our orders and of strangers in the account."""

    order_ids: frozenset[int]
    """An order whose id is not ours has one below 0."""
    gone: frozenset[int]
    """What was cancelled just before, when that was asked for."""
    asked_at_ns: int
    """When the question left, by our clock."""


class Since(NamedTuple):
    """What the venue's lists have of the account after a place in its stream: not told as having happened."""

    after: int
    fills: tuple[Execution, ...]
    conversions: tuple[Conversion, ...]
    unread: int
    """Rows that cannot be read."""
    cash_total: Decimal | None
    """None while it cannot be read."""
    asked_at_ns: int
    """When the question left, by our clock."""


Report: TypeAlias = (
    OrderReport
    | Execution
    | Reversal
    | OrderRejected
    | CancelRejected
    | AmendRejected
    | Unknown
    | NotFound
    | AccountSnapshot
    | Conversion
    | Transferred
    | CashBalance
    | AccountFees
    | ConversionEnded
    | Ready
    | SessionLost
    | SessionAlert
    | HistoryLost
    | Resting
    | Since
)
REPORTS = (
    OrderReport,
    Execution,
    Reversal,
    OrderRejected,
    CancelRejected,
    AmendRejected,
    Unknown,
    NotFound,
    AccountSnapshot,
    Conversion,
    Transferred,
    CashBalance,
    AccountFees,
    ConversionEnded,
    Ready,
    SessionLost,
    SessionAlert,
    HistoryLost,
    Resting,
)
Output: TypeAlias = Effect | Report
Outputs: TypeAlias = Iterable[Output]


class OwnOrder(Protocol):
    """An order of the quoter's as it was sent."""

    order_id: int
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    quantity_lots: int
    venue_order_id: str
    """Empty until the venue has named it."""
    venue_sequence: int
    """The newest change that the venue has told of it; 0 before the first."""


class OwnOrders(Protocol):
    """What a session needs to know of the quoter's orders while it recovers."""

    def get(self, order_id: int) -> OwnOrder | None:
        """Return a known order."""
        ...

    def unresolved(self) -> list[int]:
        """Return the ids of orders whose end has not been seen."""
        ...

    def __contains__(self, order_id: object) -> bool:
        """Say whether an id belongs to a known order."""
        ...


class Session(Protocol):
    """A venue's private session as the quoter uses it: one websocket and one HTTP source, both called `name`."""

    name: str
    currency: str
    tick_size: Decimal
    """Of markets we were not told about."""
    lot_size: Decimal
    """Likewise."""
    counts_places: bool
    """The account's private stream counts from 1, so that 0 asks for all that ever happened."""

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        """Begin for a lease epoch, having everything up to a place in the account's private stream."""
        ...

    def on_open(self, now_ns: int) -> Outputs: ...

    def on_frame(self, data: bytes, now_ns: int) -> Outputs: ...

    def on_close(self, reason: str, now_ns: int) -> Outputs: ...

    def on_answer(self, answer: HttpResponse, now_ns: int) -> Outputs: ...

    def on_timer(self, now_ns: int) -> Outputs: ...

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Effects:
        """Cancel, then place, in this order and in as few frames as the venue takes."""
        ...

    def cancel_all_and_confirm(self, now_ns: int) -> Outputs:
        """Cancel everything of this and older epochs, and ask until no orders remain open: then `nothing_rests`."""
        ...

    def ask_resting(self, now_ns: int, *, sweep: bool) -> Outputs:
        """Ask the venue what rests, with `sweep` having cancelled everything of the account; ends in a Resting.

        It needs no connection and no start; while it is being asked, asking again does nothing.
        """
        ...

    def request_snapshot(self, reason: str, now_ns: int) -> Outputs:
        """Ask for an AccountSnapshot."""
        ...

    @property
    def connected(self) -> bool:
        """True while frames can be sent."""
        ...

    @property
    def accepts_resting_orders(self) -> bool:
        """True while orders that rest are taken; without it only such as take at once or never."""
        ...

    @property
    def reconciled(self) -> bool:
        """True while what we know of the account is what the venue knows."""
        ...

    @property
    def nothing_rests(self) -> bool:
        """True when the venue has said, after the last `cancel_all_and_confirm`, that no orders remain open."""
        ...

    def armed(self, now_ns: int) -> bool:
        """Say whether the venue confirmed lately that it cancels our orders if we fall silent; True where none can."""
        ...

    def describe(self, now_ns: int) -> dict[str, Any]:
        """Return a JSON-able snapshot for people; no secrets."""
        ...

    def samples(self) -> Iterable[Sample]:
        """Return figures for /metrics."""
        ...


@runtime_checkable
class Telling(Protocol):
    """A session that can be asked what happened at the account before it has begun."""

    def ask_since(self, after: int, now_ns: int) -> Outputs:
        """Ask the venue's lists for everything after a place; ends in a Since.

        It needs no connection and no start; while it is being asked, asking again does nothing.
        """
        ...


@runtime_checkable
class Amending(Protocol):
    """A session of a venue where a resting order of a coin can be amended; others are never asked to."""

    def send_amended(
        self, cancels: Sequence[int], amendments: Sequence[Amendment], places: Sequence[Placement], now_ns: int
    ) -> Effects:
        """Cancel, then amend, then place, in this order; an amendment ends in an OrderReport or an AmendRejected."""
        ...


@runtime_checkable
class Converting(Protocol):
    """A session of a venue where pairs can be made of cash and turned back into it; others are never asked to."""

    def convert(self, symbol: str, pairs: int, now_ns: int) -> Outputs:
        """Merge pairs (below 0) or split them from cash (above), once.

        Ends in exactly one ConversionEnded, after the Conversion that it caused, if any.
        """
        ...
