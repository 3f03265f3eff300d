"""One YES/NO market's book: YES and NO orders in one ladder of YES cents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from exchange.market.book import OrderBook
from exchange.market.money import DOLLAR, MICROS_PER_TICK, PRICE_TEXT, TICKS_PER_DOLLAR
from exchange.market.orders import AnyOrder, Hold, Outcome

MatchType = Literal["transfer", "mint", "merge"]


@dataclass(slots=True, eq=False, kw_only=True)
class Order(AnyOrder):
    """One order in a YES/NO market; its price is in its own outcome."""

    outcome: Outcome

    @property
    def buys_yes(self) -> bool:
        """True when a fill makes the account gain from YES: a YES bid or a NO ask."""
        return (self.side == "bid") == (self.outcome == "yes")

    @property
    def yes_ticks(self) -> int:
        """The price in YES terms: a NO price q is a YES price 1 - q."""
        return self.price_ticks if self.outcome == "yes" else TICKS_PER_DOLLAR - self.price_ticks

    axis_bid = buys_yes
    axis_ticks = yes_ticks

    def hold(self, size: int) -> Hold:
        """Price × size of a bid, the shares of an ask."""
        if self.side == "bid":
            return Hold(self.price_ticks * MICROS_PER_TICK * size, DOLLAR)
        return Hold(size, outcome=self.outcome)

    def as_json(self) -> dict[str, Any]:
        return {
            "order_id": str(self.order_id),
            "client_order_id": str(self.client_order_id),
            "market": self.market,
            "side": self.side,
            "outcome": self.outcome,
            "price": PRICE_TEXT[self.price_ticks],
            "size": self.size,
            "time_in_force": self.time_in_force,
            "post_only": self.post_only,
            "filled": self.filled,
            "leaves": self.leaves,
            "status": self.status,
            "reason": self.reason,
            "order_sequence": self.order_sequence,
            "account_sequence": self.account_sequence,
            "created_ns": self.created_ns,
            "ts_ns": self.ts_ns,
        }


class CentLadder:
    """One side of the book: a queue per cent, and a bit per cent that holds orders, so the best is one instruction."""

    def __init__(self, *, highest_first: bool) -> None:
        self._highest_first = highest_first
        self.queues: list[dict[int, Order]] = [{} for _ in range(TICKS_PER_DOLLAR)]
        self.shares: list[int] = [0] * TICKS_PER_DOLLAR
        self.occupied = 0

    def best(self) -> int | None:
        return self._best_of(self.occupied) if self.occupied else None

    def _best_of(self, occupied: int) -> int:
        return (occupied if self._highest_first else occupied & -occupied).bit_length() - 1

    def first(self, ticks: int) -> Order:
        return next(iter(self.queues[ticks].values()))

    def add(self, order: Order) -> None:
        ticks = order.yes_ticks
        self.queues[ticks][order.order_id] = order
        self.shares[ticks] += order.leaves
        self.occupied |= 1 << ticks

    def reduce(self, order: Order, size: int) -> None:
        ticks = order.yes_ticks
        self.shares[ticks] -= size
        if order.leaves == size:
            del self.queues[ticks][order.order_id]
            if not self.queues[ticks]:
                self.occupied &= ~(1 << ticks)

    def orders(self) -> Iterator[Order]:
        """Every order of the side, from the lowest price up."""
        for queue in self.queues:
            yield from queue.values()

    def levels(self, depth: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        occupied = self.occupied
        while occupied and len(found) < depth:
            ticks = self._best_of(occupied)
            found.append((ticks, self.shares[ticks]))
            occupied ^= 1 << ticks
        return found


class Book(OrderBook[Order]):
    """The resting orders of a YES/NO market: YES bids and NO asks buy, YES asks and NO bids sell."""

    buying: CentLadder
    selling: CentLadder

    def __init__(self) -> None:
        super().__init__(CentLadder(highest_first=True), CentLadder(highest_first=False))

    def levels(self, depth: int) -> tuple[list[list[Any]], list[list[Any]]]:
        """Best `depth` levels of both sides in YES terms as `[price text, shares]`."""
        bids, asks = self.buying.levels(depth), self.selling.levels(depth)
        return [[PRICE_TEXT[t], size] for t, size in bids], [[PRICE_TEXT[t], size] for t, size in asks]


def match_type(taker: Order, maker: Order) -> MatchType:
    """Same outcome: shares change hands. Two bids make a pair, two asks destroy one."""
    if taker.outcome == maker.outcome:
        return "transfer"
    return "mint" if taker.side == "bid" else "merge"
