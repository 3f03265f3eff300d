"""Limits in force for a bot: its own where it states them, the platform's where it states none, never 'no limit'."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from common.bots import BinaryBot, faults_of
from common.errors import ConfigError
from common.events import BotLimits, Conduct, QuoteBounds
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PLATFORM_TYPE = "risk"
PLATFORM_ID = "limits"
"""Address of the platform-wide limits: config.platform.risk.limits."""
SERVED = (BinaryBot,)
"""The kinds of bot that are given limits; others are ignored."""


class PlatformLimits(BaseModel):
    """What holds where a bot states nothing; every figure must be given and positive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_position_lots: int = Field(gt=0, le=10_000_000)
    """Shares of one outcome of one market; also the most a bot may ask for itself."""
    max_net_lots: int = Field(gt=0, le=10_000_000)
    max_order_lots: int = Field(gt=0, le=1_000_000)
    max_open_orders: int = Field(gt=0, le=2_000)
    max_messages_per_s: int = Field(gt=0, le=100_000)
    min_spread: float = Field(gt=0, lt=1)
    price_collar: float = Field(gt=0, lt=1)
    max_daily_loss: Decimal = Field(gt=0, lt=Decimal(10) ** 12)
    """In account currency, per bot."""
    max_drawdown: Decimal = Field(gt=0, lt=Decimal(10) ** 12)
    """From the highest profit of the day, per bot."""
    max_order_notional: float = Field(gt=0, le=1e9)
    max_notional: float = Field(gt=0, le=1e9)
    """Per bot."""
    max_account_notional: float = Field(gt=0, le=1e9)
    """Per account, all its bots together."""
    book_collar: float = Field(gt=0, lt=1)
    max_bid: float = Field(gt=0, lt=1)
    min_ask: float = Field(gt=0, lt=1)
    max_side_orders: int = Field(gt=0, le=2_000)
    min_quote_life_ms: int = Field(ge=0, le=60_000)
    """The only one that may be 0: no venue of ours asks for it, and to wait with a new quote has a risk of its own."""
    max_cancels_per_s: int = Field(gt=0, le=100_000)
    max_orders_per_fill: int = Field(gt=0, le=1_000_000_000)
    max_clock_offset_ms: int = Field(gt=0, le=60_000)
    """A venue whose clock differs from ours by more is halted: expiry is judged by it."""


def parse_platform_limits(document: Mapping[str, Any]) -> PlatformLimits:
    """Return the validated platform-wide limits; ConfigError names each field and the rule it breaks."""
    try:
        return PlatformLimits.model_validate(dict(document))
    except ValidationError as error:
        raise ConfigError(faults_of(error)) from None


def limits_of(bot: BinaryBot, platform: PlatformLimits) -> BotLimits | None:
    """Return the limits a bot's sections and the platform make together; a 0 or null falls back to the platform's.

    None for a bot without risk_limits, which may not trade.
    """
    own = bot.risk_limits
    if own is None:
        return None
    return BotLimits(
        max_position_lots=min(bot.inventory.max_position, platform.max_position_lots),
        max_net_lots=own.max_net or platform.max_net_lots,
        max_order_lots=own.max_order or platform.max_order_lots,
        max_open_orders=own.max_open_orders or platform.max_open_orders,
        min_spread=own.min_spread or platform.min_spread,
        price_collar=own.price_collar or platform.price_collar,
        max_messages_per_s=own.max_messages_per_s or platform.max_messages_per_s,
        max_daily_loss=own.max_daily_loss or platform.max_daily_loss,
        max_drawdown=own.max_drawdown or platform.max_drawdown,
        max_order_notional=own.max_order_notional or platform.max_order_notional,
        max_notional=own.max_notional or platform.max_notional,
        max_account_notional=platform.max_account_notional,
        book_collar=own.book_collar or platform.book_collar,
        quotes=QuoteBounds(
            max_bid=own.max_bid or platform.max_bid,
            min_ask=own.min_ask or platform.min_ask,
            max_side_orders=own.max_side_orders or platform.max_side_orders,
            min_life_ms=own.min_quote_life_ms or platform.min_quote_life_ms,
        ),
        conduct=Conduct(
            max_cancels_per_s=own.max_cancels_per_s or platform.max_cancels_per_s,
            max_orders_per_fill=own.max_orders_per_fill or platform.max_orders_per_fill,
        ),
    )
