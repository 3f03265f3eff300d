"""The truth about money and the power to stop: positions, limits, halts, alerts."""

from __future__ import annotations

import zlib
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from common.events.base import Event, joined_id, register
from common.events.instruments import InstrumentKey
from common.events.limits import BotLimits


class PositionLine(msgspec.Struct, frozen=True):
    """A bot's holding of one instrument and what it cost."""

    account: str
    instrument: InstrumentKey
    lots: int
    cost: Decimal
    """Cash paid for what is held, fees excluded, in the instrument's currency."""
    fees: Decimal
    """Likewise; those that were taken in another currency are in the fees of the Position."""
    fills: int
    """Executions booked on this line."""


@register
class Position(Event, frozen=True, kw_only=True, omit_defaults=True):
    """All instruments of a bot whose market is not settled, after applying the FILL stream up to `fill_sequence`."""

    subject: ClassVar[str] = "position.{algo_id}"
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    algo_id: str
    lines: list[PositionLine]
    realized: Decimal
    """Profit of everything settled or closed, fees included, since the ledger began."""
    fees: Decimal
    fill_sequence: int
    """Last FILL stream sequence applied; own fills after it are still to be added."""
    unrated: list[str] = msgspec.field(default_factory=list)
    """Currencies whose rate to the account's no fill has brought: `realized` and `fees` are without what is in them."""
    ts_ns: int


@register
class Statistics(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Figures people watch, per scope (a bot, an account, the platform)."""

    subject: ClassVar[str] = "stats.{scope}"

    scope: str
    figures: dict[str, float]
    ts_ns: int


@register
class RiskState(Event, frozen=True, kw_only=True, omit_defaults=True):
    """All that the pre-trade check needs from risk, every 250 ms; its age is that of limits and positions."""

    subject: ClassVar[str] = "risk.state.{shard}"
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    shard: str
    ledger_sequence: int
    """Last FILL stream sequence folded into the ledger."""
    limits: dict[str, Any]
    """By algo_id, in the form of before limits had kinds: read to say whose they are, never to trade by.

    From our risk always empty. It has no default, so that it stays on the wire: a quoter of then obeys the halts and
    finds no limits to trade by, instead of a message that it cannot read.
    """
    bot_limits: dict[str, BotLimits] = msgspec.field(default_factory=dict)
    """By algo_id; a bot that is not listed has no limits and may not trade."""
    config_revisions: dict[str, int]
    """Revision of each bot's configuration the limits were made from."""
    halts: list[str]
    """Active halts as 'scope:reason'."""
    daily_pnl: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """By algo_id, marked to fair value, since 00:00 UTC; of a spot bot in its term currency since its cutoff."""
    max_clock_offset_ms: int = 2_000
    """While a venue's clock is further from ours, no order goes there."""
    ts_ns: int


@register
class Halt(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What rests in a scope is cancelled, and new and amended orders are refused until this reason is lifted.

    Scopes: `global`, `venue-X`, `account-X`, `bot-N`, `currency-C`. Cancels always pass.
    """

    subject: ClassVar[str] = "risk.halt.{scope}.{reason}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    in_turn: ClassVar[bool] = True

    scope: str
    reason: str
    lifted: bool = False
    """True in the Lift of this reason: one subject holds the latest word on each (scope, reason)."""
    actor: str
    detail: str = ""
    halt_id: str
    cancels: bool = False
    """True in every halt since halts cancel; one stored before keeps what it kept."""
    keep_resting: bool = False
    """A person wants what rests to stay: new orders alone are refused."""
    ts_ns: int

    @property
    def empties(self) -> bool:
        """Say whether nothing may rest in the scope."""
        return self.cancels and not self.keep_resting and not self.lifted

    def message_id(self) -> str:
        return joined_id("halt", self.scope, self.reason, self.lifted, self.halt_id)


class AdjustmentState(StrEnum):
    """Where a proposed correction of the books is in its life."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    """By another person than the one who proposed it: risk books it."""
    REJECTED = "rejected"


@register
class Adjustment(Event, frozen=True, kw_only=True, omit_defaults=True):
    """One person proposes a correction of the ledger, another approves or rejects it; risk books what is approved.

    One subject holds the latest word on each; the next one is published under compare-and-set.
    """

    subject: ClassVar[str] = "risk.adjustment.{account}.{adjustment_id}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    account: str
    adjustment_id: str
    algo_id: str
    """Whose books: a bot, or 'unassigned' for the account itself."""
    venue: str
    currency: str
    cash: Decimal
    """Change of cash, in `currency`."""
    symbol: str = ""
    yes_lots: int = 0
    """Change of the YES shares of `symbol`."""
    no_lots: int = 0
    lots: int = 0
    """Change of the position in `symbol` where that has no outcomes."""
    reason: str
    state: AdjustmentState
    proposed_by: str
    proposed_ns: int
    decided_by: str = ""
    decided_ns: int = 0

    def message_id(self) -> str:
        # Two people may decide in the same instant: the loser must not look like the winner's repeat.
        said = (self.state, self.decided_by, self.decided_ns)
        return joined_id("adjustment", self.account, self.adjustment_id, *said)


class AlertLevel(StrEnum):
    """How loudly to tell people."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@register
class Alert(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Something a person should know; its sequence is the stream's."""

    subject: ClassVar[str] = "alert.{level}.{algo_id}"
    acked: ClassVar[bool] = True
    signed: ClassVar[bool] = True

    level: AlertLevel
    algo_id: str
    """The bot it is about, or 'platform'."""
    source: str
    """Service that raised it."""
    kind: str
    """Short machine-readable name, e.g. 'daily_loss_warning'."""
    text: str
    ts_ns: int
    venue: str = ""
    """Where it happened; '' where that is nowhere in particular."""
    symbol: str = ""
    action: str = ""
    """What was done about it, e.g. 'Ignore Order'."""
    order_id: int = 0
    """The order it is about; 0 for none."""
    duration_ms: int = 0
    """How long it has lasted or will last; 0 where that says nothing."""

    def message_id(self) -> str:
        # One turn of a core can alert twice about one bot: the same kind and instant, another order.
        return joined_id("alert", self.source, self.kind, self.algo_id, self.ts_ns, zlib.crc32(self.text.encode()))
