"""Hedges: what a scope wants traded to bring its exposure back, and what has become of it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import msgspec

from common.events.base import Event, demand_finite, joined_id, register
from common.instruments import Side


class ExecutionStyle(StrEnum):
    """At which price a hedge is worked; `max_offset` bounds how far from there."""

    LEAN = "LEAN"
    """At the best price of the other side."""
    PASSIVE = "PASSIVE"
    """On its own side, a tick better where that does not cross; never crosses."""
    CROSS_MARKET = "CROSS_MARKET"
    """Through the other side of the book, up to the offset."""


class Distance(msgspec.Struct, frozen=True):
    """How far one price is from another: in basis points of the other, or in units of the price."""

    amount: Decimal
    in_bps: bool

    def __post_init__(self) -> None:
        demand_finite(amount=self.amount)


class HedgeVenue(msgspec.Struct, frozen=True):
    """Where a hedge may be traded: an account, its venue, and what the instrument is called there."""

    account: str
    venue: str
    symbol: str


@register
class OrderCommand(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A hedge parent: what a scope wants traded, worked by children that its holder sends.

    Its holder is whoever holds `account`, and chooses among the venues for each child. Of a parent the newest revision
    alone is worked; a scope has one open parent with each holder.
    """

    subject: ClassVar[str] = "order.command.{scope}.{account}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    scope: str
    """Whose exposure it reduces: 'bot-3', or 'risk-currency-7' for the currency document 7."""
    account: str
    ledger_sequence: int
    """Last FILL stream sequence in the position it was decided from."""
    attempt: int = 1
    """Counts the parents that were decided from the same ledger: one that expired is followed by the next."""
    revision: int
    """Counts what was said of this parent, from 1."""
    venues: list[HedgeVenue]
    """Eligible; the first is in `account`."""
    instrument: str
    """As the configuration names it."""
    side: Side
    quantity: Decimal
    """To be traded in all by this parent, what is done included, in units of the instrument's base currency."""
    style: ExecutionStyle
    max_offset: Distance
    """From the first price, the farthest that a limit may go."""
    max_bid: Decimal | None = None
    """No child buys higher; None is no such bound."""
    min_ask: Decimal | None = None
    """No child sells lower."""
    max_order_size: Decimal | None = None
    """Of one child, in units of the base currency; None is all of it at once."""
    resend_ms: int
    """Between two children."""
    custom_order_parameters: dict[str, str] = msgspec.field(default_factory=dict)
    """Handed to the venue with every child."""
    cancelled: bool = False
    """True in the last revision of a parent that is not wanted any more: its children are cancelled."""
    config_revision: int
    """Of the configuration it was decided by."""
    term_currency: str = ""
    """Of a hedge for a bot: the currency in which the bot's figures are kept, which its fills carry."""
    term_rate: Decimal | None = None
    """`term_currency` per unit of what the hedge is paid in, when it was decided; None where it was not known."""
    spared_halts: list[str] = msgspec.field(default_factory=list)
    """Reasons of halts of its bot that do not stop it: of the day's loss, where what is held may still be reduced."""
    expires_at_ns: int
    """No child is sent from then on, and what is open is cancelled."""
    reason: str = ""
    """Why, for people: the position and its band."""
    ts_ns: int

    @property
    def parent_id(self) -> str:
        """Return the id that all revisions share, and that children and fills carry."""
        return parent_id_of(self.scope, self.account, self.ledger_sequence, self.attempt)

    @property
    def algo_id(self) -> str:
        """Return under whom its orders and fills appear: the bot's id, or the currency scope's own name."""
        return self.scope.removeprefix(BOT_SCOPE)

    def message_id(self) -> str:
        return joined_id("command", self.parent_id, self.revision)


BOT_SCOPE = "bot-"
CURRENCY_SCOPE = "risk-currency-"


def parent_id_of(scope: str, account: str, ledger_sequence: int, attempt: int) -> str:
    """Return the id of a hedge parent: 'bot-3:mm1:10452:1'; a decision made again after a restart has the same."""
    return joined_id(scope, account, ledger_sequence, attempt)


class HedgeState(StrEnum):
    """Where a hedge parent stands with its holder."""

    ACCEPTED = "accepted"
    """Taken up, nothing sent yet."""
    WORKING = "working"
    """Children were sent, and more of it is to be done."""
    DONE = "done"
    """All of its quantity but what is less than the smallest order."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUSED = "refused"

    @property
    def ended(self) -> bool:
        """Say whether no child of it is open, nor can be."""
        return self not in (HedgeState.ACCEPTED, HedgeState.WORKING)


@register
class HedgeUpdate(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A hedge parent as its holder has it; until it has ended, risk counts what is not done of it as open."""

    subject: ClassVar[str] = "order.hedge.{scope}.{account}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    scope: str
    account: str
    parent_id: str
    revision: int
    """Of the command that is worked."""
    update_sequence: int
    """Counts these of one account within an epoch, from 1."""
    state: HedgeState
    quantity: Decimal
    """Wanted in all."""
    done: Decimal
    """Executed by all its children."""
    open: Decimal
    """Of children that may still be executed: open, in flight and unknown ones."""
    reason: str = ""
    """Why it was refused or waits, for people."""
    children: int = 0
    """Sent so far."""
    last_child_done: Decimal = Decimal(0)
    """Of `done`, what the last of them has executed: who takes the parent over counts on from there."""
    first_price: Decimal | None = None
    """From which `max_offset` counts; None before the first child."""
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("hedge", self.account, self.epoch, self.update_sequence)
