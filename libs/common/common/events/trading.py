"""Commitments at venues: order updates, fills, postings, transfers, and what an account looks like over there."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import msgspec

from common.events.base import Event, demand_finite, joined_id, register
from common.events.instruments import InstrumentKey, InstrumentTerms
from common.instruments import Outcome, Side
from common.orders import OrderState


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
    parent_id: str = ""
    """The hedge parent it is a child of; '' for a quote or an order that takes out."""
    executed_lots: int = 0
    """Of a hedge's child, for who takes the hedge over; 0 for others, whose fills say it."""
    immediate: bool = False
    """It never rests: what cannot trade at once is gone."""


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
    instrument: InstrumentTerms
    order_id: int
    order_sequence: int
    venue_order_id: str
    venue_trade_id: str
    side: Side
    price_ticks: int
    quantity_lots: int
    leaves_lots: int
    liquidity: Liquidity
    rate: Decimal | None = None
    """Account currency per unit of the instrument's currency when it happened; None where it was not known."""
    fee: Decimal = Decimal(0)
    """In `fee_currency`; negative is a rebate."""
    fee_currency: str
    fee_rate: Decimal | None = None
    """Account currency per unit of `fee_currency`; likewise."""
    parent_id: str = ""
    """The hedge parent whose child was executed: it counts for the hedger's side; '' for the quoter's."""
    term_currency: str = ""
    """Of a hedge for a bot: the currency that the bot's instrument is priced in, in which its figures are kept."""
    term_rate: Decimal | None = None
    """`term_currency` per unit of the instrument's currency when it happened; None where it was not known."""
    match_type: str = ""
    account_sequence: int = 0
    """The venue's count of private messages of this account; recovery asks for everything after the last one."""
    ts_event_ns: int
    ts_received_ns: int

    @property
    def price(self) -> Decimal:
        """Return the exact price."""
        return self.price_ticks * self.instrument.tick_size

    @property
    def venue(self) -> str:
        return self.instrument.venue

    @property
    def symbol(self) -> str:
        return self.instrument.symbol

    @property
    def outcome(self) -> Outcome:
        return self.instrument.outcome

    @property
    def currency(self) -> str:
        """Return what was paid in, fee apart."""
        return self.instrument.currency

    def message_id(self) -> str:
        return joined_id(self.account, self.symbol, self.venue_trade_id, self.order_id)


TRANSFER_ENTRY = "transfer:"
"""How the entry of money sent between two accounts begins; the id of the transfer, the same at both, follows."""


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


class Opening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """For the cutoff of a spot bot: how what it holds is taken into the period that begins.

    What is opened is the position as the ledger has it when it books this, and not said here: fills come between.
    """

    base: str
    """Of the instrument that its quotes trade."""
    currency: str
    """Its term currency."""
    price: Decimal | None = None
    """At which the position is opened: the mark of then; None carries on what was paid for it."""
    factor: Decimal
    """`hedge_qty_factor` from here on; the position until here is made by the one before."""
    start_ns: int
    """When the cutoff was due; the figures begin then."""
    whole: bool = False
    """Whether what quotes hold of other base currencies leaves the figures too."""

    def __post_init__(self) -> None:
        demand_finite(factor=self.factor)
        if self.price is not None:
            demand_finite(price=self.price)


class InstrumentMove(msgspec.Struct, frozen=True, omit_defaults=True):
    """Lots of one instrument that come in, or leave below 0; 0 only names whose cash moves."""

    instrument: InstrumentKey
    lots: int
    lot_size: Decimal | None = None
    """Units of one lot; None where what is held already says so, or it is 1."""
    multiplier: Decimal | None = None
    """Likewise money per unit and price of 1."""
    opening: Opening | None = None
    """In a cutoff of a spot bot, which moves 0 lots: its figures begin anew. A cutoff without is of the UTC day."""
    parent_id: str = ""
    """In a reversal: the hedge parent whose fill is taken back; '' of any other fill."""

    def __post_init__(self) -> None:
        if self.lot_size is not None:
            demand_finite(lot_size=self.lot_size)
        if self.multiplier is not None:
            demand_finite(multiplier=self.multiplier)


class Payout(msgspec.Struct, frozen=True):
    """What each unit of an instrument pays at its end; the ledger multiplies by what it holds."""

    instrument: InstrumentKey
    per_unit: Decimal

    def __post_init__(self) -> None:
        demand_finite(per_unit=self.per_unit)


@register
class Posting(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A change of the ledger that is not an execution; lots and cash move by the stated amounts."""

    subject: ClassVar[str] = "fill.posting.{account}.{algo_id}"
    acked: ClassVar[bool] = True
    spooled: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    account: str
    algo_id: str
    entry_id: str
    kind: PostingKind
    venue: str
    moves: list[InstrumentMove] = msgspec.field(default_factory=list)
    """Of instruments of one market."""
    cash: dict[str, Decimal]
    """Change of cash by currency, one at least; 0 where it is only said which, as in a settlement and a cutoff."""
    payouts: list[Payout] = msgspec.field(default_factory=list)
    """For a settlement: of every instrument of the market; it closes their positions."""
    result: str = ""
    """For a settlement: 'yes', 'no' or 'void'."""
    equity: Decimal = Decimal(0)
    """For a cutoff: what the bot had earned, marked to fair value, when the day began; daily P&L counts from it."""
    reason: str = ""
    ts_event_ns: int = 0
    ts_received_ns: int
    account_sequence: int = 0
    """Where the venue's own entry stands in its private stream; 0 for what only the ledger knows of."""

    @property
    def symbol(self) -> str:
        """Return the market whose instruments it moves or settles, '' for cash alone."""
        named = [each.instrument for each in self.moves] or [each.instrument for each in self.payouts]
        return named[0].symbol if named else ""

    @property
    def currency(self) -> str:
        """Return the first currency of its cash, '' when it names none."""
        return next(iter(self.cash), "")

    @property
    def moves_lots(self) -> bool:
        return any(move.lots for move in self.moves)

    @property
    def opening(self) -> Opening | None:
        """Return how a spot bot's position is opened anew, None in what is no cutoff of one."""
        return next((move.opening for move in self.moves if move.opening is not None), None)

    def lots_of(self, *outcomes: Outcome) -> int:
        """Return how the lots of some outcomes change."""
        return sum(move.lots for move in self.moves if move.instrument.outcome in outcomes)

    def payout_of(self, outcome: Outcome) -> Decimal:
        """Return what a unit of an outcome pays, 0 where it is not named."""
        return next((each.per_unit for each in self.payouts if each.instrument.outcome is outcome), Decimal(0))

    @property
    def transfer_id(self) -> str:
        """Return the transfer that it is one side of, '' where it is none."""
        return self.entry_id.removeprefix(TRANSFER_ENTRY) if self.kind is PostingKind.TRANSFER else ""

    def message_id(self) -> str:
        return joined_id("posting", self.account, self.entry_id)


class OpenOrder(msgspec.Struct, frozen=True):
    """An order as the venue shows it."""

    order_id: int
    venue_order_id: str
    symbol: str
    outcome: Outcome
    side: Side
    price_ticks: int
    leaves_lots: int


class Balance(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Cash of one currency as the venue shows it."""

    currency: str
    total: Decimal
    """With what resting bids hold."""
    available: Decimal
    """Without it."""
    borrowed: Decimal = Decimal(0)
    """What of `total` is the venue's, where it lends."""
    redeemable: Decimal = Decimal(0)
    """What decided shares have won and the venue pays when they are redeemed; pending, not in `total`."""
    rounding: Decimal = Decimal(0)
    """How far `total` may lie from what fills and settlements say where the venue counts finer than lots and cents.

    Grows with each of them from 0, counted within an epoch; 0 where the venue counts as we do.
    """

    def __post_init__(self) -> None:
        demand_finite(total=self.total, available=self.available, borrowed=self.borrowed)
        demand_finite(redeemable=self.redeemable, rounding=self.rounding)

    @property
    def unit(self) -> Decimal:
        """Return the smallest part of the currency that the venue counts: the last place of the total that it shows."""
        exponent = self.total.as_tuple().exponent
        assert isinstance(exponent, int), "a balance is finite"
        return Decimal(1).scaleb(min(0, exponent))

    @property
    def owned(self) -> Decimal:
        """What is the account's own: the other side of the ledger's cash."""
        return self.total - self.borrowed

    @property
    def reserved(self) -> Decimal:
        """What resting bids hold of `total`."""
        return self.total - self.available


class Holding(msgspec.Struct, frozen=True):
    """Lots of one instrument as the venue shows them."""

    instrument: InstrumentKey
    lots: int


class Redeemable(msgspec.Struct, frozen=True):
    """Shares of a decided market that the venue has not turned into cash yet."""

    symbol: str
    holdings: list[Holding]
    currency: str
    cash: Decimal
    """What they pay when they are redeemed."""
    since_ns: int
    """When the market ended by the venue's word; 0 when it does not say."""

    def __post_init__(self) -> None:
        demand_finite(cash=self.cash)


@register
class AccountState(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What the venue says an account holds: the other side of every reconciliation."""

    subject: ClassVar[str] = "account.{account}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    account: str
    venue: str
    main: Balance
    """Cash in what the account counts in."""
    others: list[Balance] = msgspec.field(default_factory=list)
    """Cash in other currencies."""
    holdings: list[Holding]
    """By instrument; of a market with outcomes both, so that none of one is told too."""
    open_orders: list[OpenOrder]
    account_sequence: int
    """Newest private message of the account that is contained in this snapshot."""
    reason: str
    """start, timer, unknown_outcome, request."""
    ts_event_ns: int
    ts_received_ns: int
    redeemable: list[Redeemable] = msgspec.field(default_factory=list)
    """Decided shares by market, the newest first, bounded; they are not among the holdings."""

    @property
    def balances(self) -> tuple[Balance, ...]:
        """Return the cash of all currencies."""
        return self.main, *self.others

    def message_id(self) -> str:
        return joined_id(self.account, self.epoch, self.ts_received_ns)


REBALANCER = "rebalancer"
"""Whose transfers risk decides; no user has this name with the colon that follows it."""


@register
class TransferCommand(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be sent, once: whoever holds `account` asks the venue for it under `number`.

    It is published as the first of its subject, so that the same number sends nothing more.
    """

    subject: ClassVar[str] = "transfer.command.{account}.{number}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    account: str
    """That pays."""
    number: int
    """The client's: the venue takes one number of an account once."""
    venue: str
    """Where `account` is."""
    to_account: str
    to_venue: str
    currency: str
    amount: Decimal
    """Positive, in units of the currency."""
    actor: str
    """The user, or 'rebalancer:' and the id of the document."""
    reason: str
    expires_at_ns: int
    """What the venue has not been asked for by then never is."""
    ts_ns: int

    @property
    def automatic(self) -> bool:
        """Say whether risk has decided it, not a person."""
        return self.actor.startswith(f"{REBALANCER}:")

    def said(self) -> str:
        """Return it in words."""
        return f"{self.amount:f} {self.currency} from {self.account} to {self.to_account}"

    def message_id(self) -> str:
        return joined_id("transfer", self.account, self.number)


class TransferState(StrEnum):
    """Where a transfer stands with the holder of the account that pays; before its first word it is asked for."""

    SENDING = "sending"
    """The venue is asked for it, or may have been."""
    UNDER_WAY = "under_way"
    """It has left the account."""
    DONE = "done"
    """It has arrived."""
    REFUSED = "refused"
    """Nothing was sent, and nothing will be."""

    @property
    def ended(self) -> bool:
        return self in (TransferState.DONE, TransferState.REFUSED)


@register
class TransferUpdate(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A transfer as the holder of the account that pays has it; the first is stored before the venue is asked."""

    subject: ClassVar[str] = "transfer.update.{account}.{number}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    account: str
    number: int
    update_sequence: int
    """Counts these of one account within an epoch, from 1."""
    state: TransferState
    transfer_id: str = ""
    """The venue's name of it, which both postings bear; '' before it is known."""
    account_sequence: int = 0
    """Where it stands in the private stream of the account that pays."""
    due_ns: int = 0
    """When the venue says that it arrives."""
    reason: str = ""
    """Why it was refused, for people."""
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("transfer", self.account, self.epoch, self.update_sequence)
