"""Commitments at venues: order commands and updates, fills, postings, and what an account looks like over there."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import msgspec

from common.events.base import Event, joined_id, register
from common.instruments import Outcome, Side
from common.orders import OrderState


@register
class OrderCommand(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An order somebody other than the quoting logic wants: a hedge parent or a person's order."""

    subject: ClassVar[str] = "order.command.{account}.{algo_id}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    account: str
    algo_id: str
    command_id: str
    venue: str
    symbol: str
    outcome: Outcome = Outcome.NONE
    side: Side
    quantity_lots: int
    limit_ticks: int
    expires_at_ns: int
    actor: str

    def message_id(self) -> str:
        return joined_id("command", self.account, self.command_id)


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order as it is after a change; `order_sequence` counts the changes of one order from 1."""

    account: str
    algo_id: str
    venue: str
    symbol: str
    order_id: int
    order_sequence: int
    venue_order_id: str = ""
    outcome: Outcome = Outcome.NONE
    side: Side
    price_ticks: int
    quantity_lots: int
    leaves_lots: int
    state: OrderState
    reason: str = ""
    ts_event_ns: int = 0
    ts_received_ns: int


@register
class OrderUpdates(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Orders of one bot that changed since the last of these; of one that changed twice only the newest state.

    An order is in one of these in the turn in which it is sent; what becomes of it follows within a timer's period.
    """

    subject: ClassVar[str] = "order.update.{account}.{algo_id}"
    acked: ClassVar[bool] = True

    account: str
    algo_id: str
    update_sequence: int
    """Counts these of one account within an epoch, from 1."""
    orders: list[OrderUpdate]

    def message_id(self) -> str:
        return joined_id("update", self.account, self.epoch, self.update_sequence)


class Liquidity(StrEnum):
    """Whether our order rested (maker) or took (taker)."""

    MAKER = "maker"
    TAKER = "taker"


@register
class Fill(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An execution of our order, with all the ledger needs to book it."""

    subject: ClassVar[str] = "fill.trade.{account}.{algo_id}"
    acked: ClassVar[bool] = True
    spooled: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    account: str
    algo_id: str
    venue: str
    symbol: str
    order_id: int
    order_sequence: int
    venue_order_id: str
    venue_trade_id: str
    outcome: Outcome = Outcome.NONE
    side: Side
    price_ticks: int
    quantity_lots: int
    leaves_lots: int
    liquidity: Liquidity
    fee: Decimal = Decimal(0)
    """In `currency`; negative is a rebate."""
    currency: str
    tick_size: Decimal
    lot_size: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)
    fx_rate: Decimal = Decimal(1)
    """Account currency per unit of `currency` when it happened."""
    match_type: str = ""
    account_sequence: int = 0
    """The venue's count of private messages of this account; recovery asks for everything after the last one."""
    ts_event_ns: int
    ts_received_ns: int

    def message_id(self) -> str:
        return joined_id(self.account, self.symbol, self.venue_trade_id, self.order_id)


class PostingKind(StrEnum):
    """What changed the ledger other than an execution."""

    DEPOSIT = "deposit"
    FEE = "fee"
    SETTLEMENT = "settlement"
    REVERSAL = "reversal"
    MERGE = "merge"
    SPLIT = "split"
    TRANSFER = "transfer"
    CUTOFF = "cutoff"
    ADJUSTMENT = "adjustment"


@register
class Posting(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A change of the ledger that is not an execution; shares and cash move by the stated amounts."""

    subject: ClassVar[str] = "fill.posting.{account}.{algo_id}"
    acked: ClassVar[bool] = True
    spooled: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    account: str
    algo_id: str
    posting_id: str
    kind: PostingKind
    venue: str
    symbol: str = ""
    yes_lots: int = 0
    """Change of the YES (or spot) position."""
    no_lots: int = 0
    cash: Decimal = Decimal(0)
    """Change of cash in `currency`."""
    currency: str = "USD"
    result: str = ""
    """For a settlement: 'yes', 'no' or 'void'; closes the position of `symbol`."""
    payout_yes: Decimal = Decimal(0)
    """For a settlement: paid per YES share; the ledger multiplies by what it holds."""
    payout_no: Decimal = Decimal(0)
    equity: Decimal = Decimal(0)
    """For a cutoff: what the bot had earned, marked to fair value, when the day began; daily P&L counts from it."""
    reason: str = ""
    ts_event_ns: int = 0
    ts_received_ns: int
    account_sequence: int = 0
    """Where the venue's own entry stands in its private stream; 0 for what only the ledger knows of."""

    def message_id(self) -> str:
        return joined_id("posting", self.account, self.posting_id)


class OpenOrder(msgspec.Struct, frozen=True):
    """An order as the venue shows it."""

    order_id: int
    venue_order_id: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    leaves_lots: int


class Holding(msgspec.Struct, frozen=True):
    """Shares of one market as the venue shows them."""

    symbol: str
    yes_lots: int
    no_lots: int


class Redeemable(msgspec.Struct, frozen=True):
    """Shares of a decided market that the venue has not turned into cash yet."""

    symbol: str
    yes_lots: int
    no_lots: int
    cash: Decimal
    """What they pay when they are redeemed."""
    since_ns: int
    """When the market ended by the venue's word; 0 when it does not say."""


@register
class AccountState(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What the venue says an account holds: the other side of every reconciliation."""

    subject: ClassVar[str] = "account.{account}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    account: str
    venue: str
    currency: str
    cash_total: Decimal
    cash_available: Decimal
    holdings: list[Holding]
    open_orders: list[OpenOrder]
    account_sequence: int
    """Newest private message of the account that is contained in this snapshot."""
    reason: str
    """start, timer, unknown_outcome, request."""
    ts_event_ns: int
    ts_received_ns: int
    redeemable_cash: Decimal = Decimal(0)
    """What decided shares have won and the venue pays when they are redeemed; pending, not in `cash_total`."""
    redeemable: list[Redeemable] = msgspec.field(default_factory=list)
    """Those shares by market, the newest first, bounded; they are not among the holdings."""
    rounding_cash: Decimal = Decimal(0)
    """How far cash may lie from what fills and settlements say where the venue counts finer than lots and cents.

    Grows with each of them from 0, counted within an epoch; 0 where the venue counts as we do.
    """

    @property
    def reserved_cash(self) -> Decimal:
        """What resting bids hold of `cash_total`."""
        return self.cash_total - self.cash_available

    def message_id(self) -> str:
        return joined_id(self.account, self.epoch, self.ts_received_ns)
