"""What the pre-trade check looks at beside the order: what is known of its market and its account at that moment."""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, field
from typing import NamedTuple

from common.events import BotLimits
from common.instruments import BUY, Instrument, Outcome, Side
from common.pretrade.cover import BidFees
from common.pretrade.inventory import Inventory
from common.pretrade.limits import MarketLimits, limits_in
from common.pretrade.orders import Approved

NO_LIMITS = "risk publishes no limits for this bot"
"""Why a bot has none, as long as nobody says more."""


class Closing(NamedTuple):
    """When a market that expires lets less in, in venue time."""

    reduce_only_from_ns: int
    """From here only orders pass that bring the position towards flat."""
    close_from_ns: int
    """From here no order passes."""


@dataclass(slots=True)
class CheckContext:
    """What is known about one bot's business in one market at the moment of an order.

    Exposure is the position in risk's ledger, plus own fills it does not contain yet, plus everything that rests, is
    in flight or of unknown outcome. `admit` counts an order that passed, so that one context serves a whole ladder.
    """

    now_ns: int
    venue_now_ns: int
    instrument: Instrument
    """Whose price is the market's price axis: YES of a binary market."""
    inventory: Inventory
    closing: Closing | None
    """None where nothing expires."""

    halt: str = ""
    """First active halt of a scope that contains this business, as 'scope:reason'; empty without one."""
    bus_up: bool = False
    reconciled: bool = False
    """The venue's session is up and what it told has been compared with what we know."""
    deadman_armed: bool = False

    limits: MarketLimits | None = None
    """The bot's in this market; None where it has none, and `no_limits` says why."""
    no_limits: str = NO_LIMITS
    given: BotLimits | None = None
    """What `limits` were made from."""
    limits_age_ns: int = 0
    limits_revision: int = 0
    config_revision: int = 0

    clock_known: bool = False
    clock_offset_ns: int = 0
    """The venue's clock less ours."""
    clock_offset_max_ns: int = 2_000_000_000
    feed_age_ns: int = 0
    """Time since the feed last spoke of the venue, which it does every 200 ms."""
    venue_age_ns: int = 0
    """Time since the venue itself was last heard: the feed's age, and the silence it reported."""
    venue_age_max_ns: int = 1_000_000_000
    fair: float | None = None
    fair_age_ns: int = 0
    fair_age_max_ns: int = 0
    reference: float | None = None
    """The middle of the public book on the axis, which bounds may be relative to; None without both sides of it."""
    book_stale: bool = False

    position_known: bool = False
    best_bid_ticks: int = 0
    """Highest own buying interest of all bots of the account, on the axis; 0 when there is none."""
    best_ask_ticks: int = 0
    """Lowest own selling interest on the axis (a NO bid at q stands at 1 - q); 0 when there is none."""
    others_bid_ticks: int = 0
    """Highest buying interest of our other accounts at the venue, on the axis; 0 when there is none."""
    others_ask_ticks: int = 0
    open_orders: int = 0
    """Of the bot, in all its markets."""
    messages_left: float = 0.0
    known_ids: Container[int] = frozenset()
    free_cash: float | None = math.inf
    """What the account may still commit to bids, in the instrument's currency; None while nobody knows."""
    bid_fees: BidFees | None = None
    """What the venue takes of a bid's cash beside its money; None for nothing."""
    may_take: bool = False
    """Whether orders that reduce what is held may execute against the book."""
    takes_beside: bool = False
    """Whether they may beside own quotes, and add to what is held as well, within every limit."""
    book_bid_ticks: int = 0
    """Best public bid on the axis; 0 when there is none or it is not known."""
    book_ask_ticks: int = 0
    own_places: set[tuple[Outcome, Side, int]] = field(default_factory=set)
    """Where an own order of the bot rests or is on its way, and is not being cancelled."""
    open_bids: int = 0
    """Open orders of the bot in this market that buy on the axis: YES bought or NO sold."""
    open_asks: int = 0
    bot_notional: float = 0.0
    """Money that the bot's open bids and unpaired lots stand for, in all its markets of the instrument's currency."""
    account_notional: float = 0.0
    bid_free_from_ns: int = 0
    """Our time until which a bid that was cancelled young is not replaced."""
    ask_free_from_ns: int = 0
    cancels_left: float = math.inf
    """How many more cancels the bot may send before its new orders have to wait."""
    orders_per_fill: float = 0.0

    @property
    def reduce_only(self) -> bool:
        """Whether only orders pass that bring the position towards flat."""
        return self.closing is not None and self.venue_now_ns >= self.closing.reduce_only_from_ns

    def take_limits(self, given: BotLimits, account_currency: str) -> None:
        """Take over the limits that risk gives the bot, as they hold in this market."""
        found = limits_in(given, self.instrument, account_currency)
        self.given = given
        if isinstance(found, MarketLimits):
            self.limits = found
        else:
            self.limits, self.no_limits = None, found

    def lose_limits(self, why: str = NO_LIMITS) -> None:
        """Risk gives the bot no limits any more."""
        self.given, self.limits, self.no_limits = None, None, why

    def admit(self, approved: Approved) -> None:
        """Count an order that goes out."""
        order, notional, (bids, ticks) = approved.order, approved.notional, approved.on_axis
        outcome, side = order.instrument.outcome, order.side
        self.own_places.add((outcome, side, order.price_ticks))
        self.inventory.add_open(outcome, side, order.quantity_lots)
        if side is BUY:
            if self.free_cash is not None:
                self.free_cash -= approved.cover
            self.bot_notional += notional
            self.account_notional += notional
        if bids:
            self.open_bids += 1
            if ticks > self.best_bid_ticks:
                self.best_bid_ticks = ticks
        else:
            self.open_asks += 1
            if not self.best_ask_ticks or ticks < self.best_ask_ticks:
                self.best_ask_ticks = ticks
        self.open_orders += 1
        self.messages_left -= 1
