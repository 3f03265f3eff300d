"""From a fair value and a holding to the orders that should rest: the whole opinion of a quote, as one function."""

from __future__ import annotations

from collections.abc import Sequence

from common.bots import BinaryBot
from common.events import BotLimits, QuoteLevel

from quoter.bot import Plan, Terms
from quoter.holdings import Held
from quoter.inventory import Phase, Room, lean, phase_of, room
from quoter.ladder import levels, prices
from quoter.working import as_buys

NOTHING = Room(0, 0)


def plan(fair: float, held: Held, venue_now_ns: int, terms: Terms, config: BinaryBot, limits: BotLimits) -> Plan:
    """Return the ladder for a fair value of YES, leaned against the holding, within limits and phase."""
    inventory, quoting = config.inventory, config.quoting
    elapsed = terms.elapsed(venue_now_ns)
    phase = phase_of(elapsed, terms.seconds_left(venue_now_ns), inventory)
    max_position = min(inventory.max_position, limits.max_position_lots)
    free = room(held, phase, max_position, limits.max_net_lots)
    if phase is Phase.CLOSED:
        return pulled("close to expiry")
    leaning = lean(held.yes_lots, held.no_lots, elapsed, phase, inventory)
    rungs = prices(
        fair,
        leaning.skew,
        quoting,
        limits.min_spread,
        terms.grid,
        through_fair=phase is Phase.REDUCE_ONLY,
    )
    size = min(quoting.size, limits.max_order_lots)
    reducing = phase is Phase.REDUCE_ONLY
    bid_size = size if reducing else int(size * leaning.bid_share)
    ask_size = size if reducing else int(size * leaning.ask_share)
    bids = levels(rungs.bids, bid_size, free.yes_lots, terms.min_lots)
    asks = levels(rungs.asks, ask_size, free.no_lots, terms.min_lots)
    wanted = as_buys(bids, asks, terms.grid.ticks_per_unit)
    state = "reduce_only" if reducing else "quoting"
    return Plan(bids, asks, wanted, free, leaning.skew, state, _missing(bids, asks, rungs.bids, rungs.asks))


def pulled(reason: str, state: str = "pulled") -> Plan:
    """Return the plan in which nothing rests."""
    return Plan([], [], [], NOTHING, 0.0, state, reason)


def _missing(
    bids: Sequence[QuoteLevel], asks: Sequence[QuoteLevel], bid_ticks: Sequence[int], ask_ticks: Sequence[int]
) -> str:
    """Say why a side is missing, for people."""
    reasons = []
    if not bids:
        reasons.append("no bids: " + ("no room" if bid_ticks else "worth less than a tick"))
    if not asks:
        reasons.append("no asks: " + ("no room" if ask_ticks else "worth less than a tick"))
    return ", ".join(reasons)
