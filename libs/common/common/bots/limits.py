"""Limits that a bot states for itself; whatever is 0, null or not stated is the platform-wide limit of that name."""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field

from common.bots.section import Section, Text


class PositionRiskLimits(Section):
    """How much of one currency a bot may hold and order, in units of it."""

    max_position: Decimal | None = Field(default=None, ge=0)
    """Long or short, in one market; the platform's bounds it all the same."""
    max_order: Decimal | None = Field(default=None, ge=0)


class NotionalRiskLimits(Section):
    """How much money of one currency a bot may commit."""

    max_order_notional: float | None = Field(default=None, ge=0, le=1e9)
    """Notional of one order."""
    max_notional: float | None = Field(default=None, ge=0, le=1e9)
    """Money in all open bids and in what is held."""


class SpotRiskLimits(Section):
    """Limits in spot markets; distances are in basis points of a price."""

    min_spread_bps: float | None = Field(default=None, ge=0, lt=10_000)
    price_collar_bps: float | None = Field(default=None, ge=0, lt=10_000)
    book_collar_bps: float | None = Field(default=None, ge=0, lt=10_000)
    """How far a price may reach into the other side of the public book."""
    reference_bounds_bps: float | None = Field(default=None, ge=0, lt=10_000)
    """No bid stands further above the market's reference price, and no ask further below it."""
    positions: dict[Text, PositionRiskLimits] = Field(default_factory=dict, max_length=100)
    """By base currency."""
    currencies: dict[Text, NotionalRiskLimits] = Field(default_factory=dict, max_length=100)
    """By the currency that is paid."""


class RiskLimits(Section):
    """Limits of a bot; a 0 or null falls back to the platform-wide limit, never to 'no limit'.

    Forms and programs send 0 where nobody has stated a limit; who wants none of something stops the bot.
    Lots, prices between 0 and 1 and what is unpaired are of YES/NO markets.
    """

    max_markets: int = Field(default=10, ge=1, le=1_000)
    max_daily_loss: Decimal | None = Field(default=None, ge=0)
    min_spread: float | None = Field(default=None, ge=0, lt=1)
    max_net: int | None = Field(default=None, ge=0)
    max_order: int | None = Field(default=None, ge=0)
    max_open_orders: int | None = Field(default=None, ge=0)
    max_messages_per_s: int | None = Field(default=None, ge=0)
    price_collar: float | None = Field(default=None, ge=0, lt=1)
    book_collar: float | None = Field(default=None, ge=0, lt=1)
    """How far a price may reach into the other side of the public book."""
    max_order_notional: float | None = Field(default=None, ge=0, le=1e9)
    """Notional of one order."""
    max_notional: float | None = Field(default=None, ge=0, le=1e9)
    """Money in all open bids and in what is held unpaired."""
    max_drawdown: Decimal | None = Field(default=None, ge=0)
    """From the day's highest profit."""
    max_bid: float | None = Field(default=None, ge=0, lt=1)
    """No bid for YES stands higher."""
    min_ask: float | None = Field(default=None, ge=0, lt=1)
    """YES is not offered lower."""
    max_side_orders: int | None = Field(default=None, ge=0)
    """Open orders on one side of one market."""
    min_quote_life_ms: int | None = Field(default=None, ge=0, le=60_000)
    """A quote that is cancelled younger than this is not replaced before."""
    max_cancels_per_s: int | None = Field(default=None, ge=0)
    """With more of them new orders wait; cancels never do."""
    max_orders_per_fill: int | None = Field(default=None, ge=0)
    """Over an hour."""
    spot: SpotRiskLimits | None = None
    """What the fields above do not say of spot markets; of a bot that trades there."""
