"""What a bot may hold, order and lose: limits common to all it does, and those of each kind of instrument it trades."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, TypeAlias

import msgspec

from common.instruments import InstrumentKind


class NotionalLimits(msgspec.Struct, frozen=True):
    """Money that orders and positions may stand for, all in one currency."""

    max_order_notional: float
    """Price times quantity of one order."""
    max_notional: float
    """Worst-case cost of a bot's open bids, and of what it holds that pairs off with nothing, at fair value."""
    max_account_notional: float
    """The same of all bots of an account."""


class CommonLimits(msgspec.Struct, frozen=True):
    """What holds for a bot whatever it trades."""

    max_open_orders: int
    """In all its markets."""
    max_side_orders: int
    """On one side of one market."""
    max_messages_per_s: int
    max_cancels_per_s: int
    """Beyond it no new order goes out; cancels always do."""
    max_orders_per_fill: int
    """Orders sent per execution, over an hour."""
    min_quote_life_ms: int
    """A quote cancelled younger than this is not replaced before; 0 is at once, since waiting has a risk of its own."""
    max_daily_loss: Decimal
    """In account currency; of a spot bot in the term currency of its instrument, since its cutoff."""
    max_drawdown: Decimal
    """In account currency, from the day's highest profit, which is at least 0."""
    notional: NotionalLimits
    """In account currency."""


class BinaryLimits(msgspec.Struct, frozen=True, tag="binary"):
    """What holds in YES/NO markets; prices are those of a share, between 0 and 1."""

    kind: ClassVar[InstrumentKind] = InstrumentKind.BINARY

    max_position_lots: int
    """Worst-case lots of one outcome of one market, held + open + new."""
    max_net_lots: int
    """Worst-case |YES - NO| of one market."""
    max_order_lots: int
    min_spread: float
    """Smallest distance between own bid and own ask of a market, in price."""
    price_collar: float
    """Largest distance of an order's price from fair value, in price."""
    book_collar: float
    """How far into the other side of the public book a price may reach, in price; an empty book says nothing."""
    max_bid: float
    """Highest price at which YES is bid for, by buying it or by selling NO."""
    min_ask: float
    """Lowest price at which YES is offered, by selling it or by buying NO."""


class PositionLimits(msgspec.Struct, frozen=True):
    """How much of one currency may be held and ordered, in units of it."""

    max_position: Decimal
    """Worst case in one market, long or short: held + open + new."""
    max_order: Decimal


class NetBounds(msgspec.Struct, frozen=True, omit_defaults=True):
    """The least and the most that a bot may hold in its market, all that is open executed, in units of the base.

    Made of what risk knows beside that market: hedges elsewhere, other bots. Fills of quotes leave them as they are,
    since what they add to the holding they add to every figure that is limited.
    """

    venue: str
    symbol: str
    least: Decimal
    most: Decimal
    why_least: str = ""
    """Which limit that is, for people."""
    why_most: str = ""


class SpotLimits(msgspec.Struct, frozen=True, tag="spot", omit_defaults=True):
    """What holds in spot markets; prices have no scale of their own, so that distances are in bps of a price."""

    kind: ClassVar[InstrumentKind] = InstrumentKind.SPOT

    positions: dict[str, PositionLimits]
    """By base currency; one that is not listed is not traded."""
    min_spread_bps: float
    price_collar_bps: float
    """Largest distance of an order's price from fair value."""
    book_collar_bps: float
    """How far into the other side of the public book a price may reach."""
    reference_bounds_bps: float | None = None
    """How far above the market's reference price a bid may stand, and below it an ask; None is no such bound."""
    currencies: dict[str, NotionalLimits] = {}
    """By the currency that is paid; where one is not listed, the account's has the common limits and others none."""
    net: NetBounds | None = None
    """Of the one market that a bot quotes whose position is not made there alone; None where `positions` says all."""
    min_buy_quote_ms: int = 0
    """Least time that a bid stays; what is not safe is cancelled all the same."""
    min_sell_quote_ms: int = 0


KindLimits: TypeAlias = BinaryLimits | SpotLimits
"""Limits of one kind of instrument."""


class BotLimits(msgspec.Struct, frozen=True):
    """Limits in force for one bot; the quoter refuses orders beyond them."""

    common: CommonLimits
    kinds: list[KindLimits]
    """One for each kind of instrument that the bot trades; a kind that is not listed is not traded."""
