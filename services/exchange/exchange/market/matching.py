"""One market's book: YES and NO orders in one ladder of YES cents, best price first, then first come first served."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from exchange.market.money import PRICE_TEXT, TICKS_PER_DOLLAR

Side = Literal["bid", "ask"]
Outcome = Literal["yes", "no"]
MatchType = Literal["transfer", "mint", "merge"]

OPEN: Final = "open"
FILLED: Final = "filled"
CANCELLED: Final = "cancelled"


@dataclass(slots=True, eq=False)
class Order:
    """One order of one account, from its acceptance to its end."""

    order_id: int
    account: str
    client_order_id: int
    market: str
    side: Side
    outcome: Outcome
    price_ticks: int  # in the order's own outcome
    size: int
    leaves: int
    time_in_force: Literal["gtc", "ioc"]
    post_only: bool
    created_ns: int
    ts_ns: int
    connection: int | None = None  # the websocket session whose end cancels it
    filled: int = 0
    status: str = OPEN
    reason: str | None = None
    order_sequence: int = 1
    account_sequence: int = 0

    @property
    def buys_yes(self) -> bool:
        """True when a fill makes the account gain from YES: a YES bid or a NO ask."""
        return (self.side == "bid") == (self.outcome == "yes")

    @property
    def yes_ticks(self) -> int:
        """The price in YES terms: a NO price q is a YES price 1 - q."""
        return self.price_ticks if self.outcome == "yes" else TICKS_PER_DOLLAR - self.price_ticks

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


@dataclass(frozen=True, slots=True)
class Match:
    """A resting order met an incoming one: `size` shares at the resting order's price in YES terms."""

    maker: Order
    size: int
    yes_ticks: int
    match_type: MatchType


class Ladder:
    """One side of the book: a queue per cent, and a bit per cent that holds orders, so the best is one instruction."""

    def __init__(self) -> None:
        self.queues: list[dict[int, Order]] = [{} for _ in range(TICKS_PER_DOLLAR)]
        self.shares: list[int] = [0] * TICKS_PER_DOLLAR
        self.occupied = 0

    def add(self, order: Order) -> None:
        ticks = order.yes_ticks
        self.queues[ticks][order.order_id] = order
        self.shares[ticks] += order.leaves
        self.occupied |= 1 << ticks

    def reduce(self, order: Order, size: int) -> None:
        """Take `size` shares off a resting order; one with nothing left leaves the queue."""
        ticks = order.yes_ticks
        self.shares[ticks] -= size
        if order.leaves == size:
            del self.queues[ticks][order.order_id]
            if not self.queues[ticks]:
                self.occupied &= ~(1 << ticks)

    def first(self, ticks: int) -> Order:
        return next(iter(self.queues[ticks].values()))


class Book:
    """The resting orders of one market and the rule by which an incoming order meets them."""

    def __init__(self) -> None:
        self.buying = Ladder()  # YES bids and NO asks
        self.selling = Ladder()  # YES asks and NO bids
        self.sequence = 0  # grows with each published change

    def best_bid_ticks(self) -> int | None:
        return self.buying.occupied.bit_length() - 1 if self.buying.occupied else None

    def best_ask_ticks(self) -> int | None:
        occupied = self.selling.occupied
        return (occupied & -occupied).bit_length() - 1 if occupied else None

    def opposite(self, order: Order) -> tuple[Ladder, int | None]:
        """The ladder an incoming order trades with, and its best price."""
        if order.buys_yes:
            return self.selling, self.best_ask_ticks()
        return self.buying, self.best_bid_ticks()

    def crosses(self, order: Order) -> bool:
        """True when the order would trade at once."""
        _, best = self.opposite(order)
        if best is None:
            return False
        return order.yes_ticks >= best if order.buys_yes else order.yes_ticks <= best

    def take(self, order: Order) -> Iterator[Match]:
        """Match an incoming order until it is done, nothing crosses, or an order of its own account is next.

        The caller books each match (which lowers `leaves` of both) before it asks for the next one.
        """
        while order.leaves and self.crosses(order):
            ladder, best = self.opposite(order)
            assert best is not None
            maker = ladder.first(best)
            if maker.account == order.account:
                return
            size = min(order.leaves, maker.leaves)
            ladder.reduce(maker, size)
            yield Match(maker, size, best, match_type(order, maker))

    def rest(self, order: Order) -> None:
        assert not self.crosses(order), "a crossing order must not rest"
        (self.buying if order.buys_yes else self.selling).add(order)

    def remove(self, order: Order) -> None:
        (self.buying if order.buys_yes else self.selling).reduce(order, order.leaves)

    def orders(self) -> Iterator[Order]:
        """Every resting order, buying side first, in the order of the ladder."""
        for ladder in (self.buying, self.selling):
            for queue in ladder.queues:
                yield from queue.values()

    def levels(self, depth: int) -> tuple[list[list[Any]], list[list[Any]]]:
        """Best `depth` levels of both sides in YES terms as `[price text, shares]`."""
        bids: list[list[Any]] = []
        occupied = self.buying.occupied
        while occupied and len(bids) < depth:
            ticks = occupied.bit_length() - 1
            bids.append([PRICE_TEXT[ticks], self.buying.shares[ticks]])
            occupied ^= 1 << ticks
        asks: list[list[Any]] = []
        occupied = self.selling.occupied
        while occupied and len(asks) < depth:
            lowest = occupied & -occupied
            ticks = lowest.bit_length() - 1
            asks.append([PRICE_TEXT[ticks], self.selling.shares[ticks]])
            occupied ^= lowest
        return bids, asks


def match_type(taker: Order, maker: Order) -> MatchType:
    """Same outcome: shares change hands. Two bids make a pair, two asks destroy one."""
    if taker.outcome == maker.outcome:
        return "transfer"
    return "mint" if taker.side == "bid" else "merge"
