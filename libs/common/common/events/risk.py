"""The truth about money and the power to stop: positions, limits, halts, alerts."""

from __future__ import annotations

import zlib
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import msgspec

from common.events.base import Event, joined_id, register


class PositionLine(msgspec.Struct, frozen=True):
    """A bot's holding of one market and what it cost."""

    account: str
    venue: str
    symbol: str
    yes_lots: int
    """YES shares held, or the signed position of a spot instrument."""
    no_lots: int
    cost: Decimal
    """Cash paid for what is held, fees excluded."""
    fees: Decimal
    fills: int
    """Executions booked on this line."""


@register
class Position(Event, frozen=True, kw_only=True, omit_defaults=True):
    """All live symbols of a bot after applying the FILL stream up to `fill_sequence`."""

    subject: ClassVar[str] = "position.{algo_id}"

    algo_id: str
    lines: list[PositionLine]
    realized: Decimal
    """Profit of everything settled or closed, fees included, since the ledger began."""
    fees: Decimal
    fill_sequence: int
    """Last FILL stream sequence applied; own fills after it are still to be added."""
    ts_ns: int


@register
class Statistics(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Figures people watch, per scope (a bot, an account, the platform)."""

    subject: ClassVar[str] = "stats.{scope}"

    scope: str
    figures: dict[str, float]
    ts_ns: int


class BotLimits(msgspec.Struct, frozen=True):
    """Limits in force for one bot; the quoter refuses orders beyond them."""

    max_position_lots: int
    """Worst-case shares of one outcome of one market, held + open + new."""
    max_net_lots: int
    """Worst-case |YES - NO| of one market."""
    max_order_lots: int
    max_open_orders: int
    min_spread: float
    """Smallest distance between own bid and own ask of a market, in price."""
    price_collar: float
    """Largest distance of an order's price from fair value, in price."""
    max_messages_per_s: int
    max_daily_loss: Decimal
    """In account currency; 0 is not 'no limit' but 'use the platform-wide one'."""


@register
class RiskState(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Everything the last door needs from risk, every 250 ms: its age is the freshness of limits and positions."""

    subject: ClassVar[str] = "risk.state.{shard}"

    shard: str
    ledger_sequence: int
    """Last FILL stream sequence folded into the ledger."""
    limits: dict[str, BotLimits]
    """By algo_id; a bot that is not listed has no limits and may not trade."""
    config_revisions: dict[str, int]
    """Revision of each bot's configuration the limits were made from."""
    halts: list[str]
    """Active halts as 'scope:reason'."""
    daily_pnl: dict[str, Decimal] = msgspec.field(default_factory=dict)
    """By algo_id, marked to fair value, since 00:00 UTC."""
    ts_ns: int


@register
class Halt(Event, frozen=True, kw_only=True, omit_defaults=True):
    """New and amended orders in a scope are refused until this reason is lifted; cancels always pass.

    Scopes: `global`, `venue-X`, `account-X`, `bot-N`, `currency-C`.
    """

    subject: ClassVar[str] = "risk.halt.{scope}.{reason}"
    acked: ClassVar[bool] = True

    scope: str
    reason: str
    lifted: bool = False
    """True in the Lift of this reason: one subject holds the latest word on each (scope, reason)."""
    actor: str
    detail: str = ""
    halt_id: str
    ts_ns: int

    def message_id(self) -> str:
        return joined_id("halt", self.scope, self.reason, self.lifted, self.halt_id)


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

    level: AlertLevel
    algo_id: str
    """The bot it is about, or 'platform'."""
    source: str
    """Service that raised it."""
    kind: str
    """Short machine-readable name, e.g. 'daily_loss_warning'."""
    text: str
    ts_ns: int

    def message_id(self) -> str:
        # One turn of a core can alert twice about one bot: the same kind and instant, another order.
        return joined_id("alert", self.source, self.kind, self.algo_id, self.ts_ns, zlib.crc32(self.text.encode()))
