"""Our resting orders as a trader sees them: shares per price of a YES share, best first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from common.events import Market, OrderUpdate
from common.instruments import Outcome, Side
from common.orders import OrderState

from gateway.state.resting import yes_terms

RESTING_STATES = (OrderState.LIVE, OrderState.CANCELLING, OrderState.UNKNOWN)
"""An order on its way to the venue does not rest yet; one being cancelled, or unknown, still may."""

MarketOf = Callable[[str, str], Market | None]


@dataclass(slots=True)
class Ladder:
    """Resting lots by price in ticks of a YES share."""

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
        side, ticks = order.side, order.price_ticks
        if order.outcome is not Outcome.NONE:
            side, ticks = yes_terms(order.outcome, order.side, order.price_ticks, ticks_per_unit(market))
        book = ladder.bids if side is Side.BUY else ladder.asks
        book[ticks] = book.get(ticks, 0) + order.leaves_lots
        ladder.orders += 1
        ladder.unknown += order.state is OrderState.UNKNOWN
        ladder.updated_ns = max(ladder.updated_ns, order.ts_received_ns)
    return found
