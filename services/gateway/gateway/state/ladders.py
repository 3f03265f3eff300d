"""Our resting orders as a trader sees them: lots by price on their market's axis, where a bid for NO asks for YES."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from common.events import Market, OrderUpdate
from common.instruments import Outcome, Side, bids_on_axis, opposite_ticks
from common.orders import OrderState

RESTING_STATES = (OrderState.LIVE, OrderState.CANCELLING, OrderState.UNKNOWN)
"""An order on its way to the venue does not rest yet; one being cancelled, or unknown, still may."""

MarketOf = Callable[[str, str], Market | None]


@dataclass(slots=True)
class Ladder:
    """Resting lots by price in ticks of the market's axis."""

    tick_size: Decimal
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    orders: int = 0
    unknown: int = 0
    """Orders of which nobody knows whether they rest."""
    updated_ns: int = 0

    def levels(self, side: Side) -> list[tuple[float, int]]:
        """Return (price, lots) of one side, best first."""
        book = self.bids if side is Side.BUY else self.asks
        ticks = sorted(book, reverse=side is Side.BUY)
        return [(float(tick * self.tick_size), book[tick]) for tick in ticks]

    def best(self, side: Side) -> float | None:
        """Return the best price of one side, or None when nothing rests there."""
        book = self.bids if side is Side.BUY else self.asks
        if not book:
            return None
        return float((max(book) if side is Side.BUY else min(book)) * self.tick_size)


def ticks_per_unit(market: Market) -> int:
    """Return the ticks between a price of 0 and 1: NO at 48 is YES at `ticks_per_unit - 48`."""
    return int(1 / market.tick_size)


def ladders(
    orders: Iterable[OrderUpdate], market_of: MarketOf, algo_of: Callable[[OrderUpdate], str]
) -> dict[tuple[str, str, str], Ladder]:
    """Return what rests by (algo_id, venue, symbol); orders of markets never heard of are left out."""
    found: dict[tuple[str, str, str], Ladder] = {}
    for order in orders:
        market = market_of(order.venue, order.symbol)
        if market is None or order.state not in RESTING_STATES:
            continue
        key = (algo_of(order), order.venue, order.symbol)
        ladder = found.get(key)
        if ladder is None:
            ladder = found[key] = Ladder(market.tick_size)
        ticks = order.price_ticks
        if order.outcome is Outcome.NO:
            ticks = opposite_ticks(ticks, ticks_per_unit(market))
        book = ladder.bids if bids_on_axis(order.outcome, order.side) else ladder.asks
        book[ticks] = book.get(ticks, 0) + order.leaves_lots
        ladder.orders += 1
        ladder.unknown += order.state is OrderState.UNKNOWN
        ladder.updated_ns = max(ladder.updated_ns, order.ts_received_ns)
    return found
