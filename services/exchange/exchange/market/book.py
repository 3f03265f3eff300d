"""The resting orders of one market on one price axis, and the rule by which an incoming order meets them.

Best price first, then first come, first served; a trade happens at the resting order's price. How the prices of one
side are kept is the ladder's business: a bit per cent for a YES/NO market (`matching.py`), a sorted list for prices
without an upper end (`PriceLadder`).
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Resting(Protocol):
    """What the book must know of an order."""

    order_id: int
    account: str
    leaves: int

    @property
    def axis_bid(self) -> bool:
        """Whether it buys what the price axis prices."""
        ...

    @property
    def axis_ticks(self) -> int:
        """Its price on that axis."""
        ...


OrderT = TypeVar("OrderT", bound=Resting)


class Ladder(Protocol[OrderT]):
    """One side of the book: a queue of orders per price."""

    def best(self) -> int | None:
        """The best price in ticks, None when the side is empty."""
        ...

    def first(self, ticks: int) -> OrderT:
        """The oldest order at a price that holds some."""
        ...

    def add(self, order: OrderT) -> None:
        """Put an order at the end of its price's queue."""
        ...

    def reduce(self, order: OrderT, size: int) -> None:
        """Take `size` off a resting order, before its `leaves` say so; one with nothing left leaves the queue."""
        ...

    def orders(self) -> Iterator[OrderT]:
        """Every order of the side."""
        ...

    def levels(self, depth: int) -> list[tuple[int, int]]:
        """The best `depth` prices with the size that rests there."""
        ...


@dataclass(frozen=True, slots=True)
class Match(Generic[OrderT]):
    """A resting order met an incoming one: `size` at the resting order's price on the axis."""

    maker: OrderT
    size: int
    ticks: int


class OrderBook(Generic[OrderT]):
    """Two ladders and the rule by which an incoming order meets a resting one."""

    def __init__(self, buying: Ladder[OrderT], selling: Ladder[OrderT]) -> None:
        self.buying, self.selling = buying, selling
        self.sequence = 0  # grows with each published change

    def best_bid_ticks(self) -> int | None:
        return self.buying.best()

    def best_ask_ticks(self) -> int | None:
        return self.selling.best()

    def side_of(self, order: OrderT) -> Ladder[OrderT]:
        """The ladder an order rests in."""
        return self.buying if order.axis_bid else self.selling

    def opposite(self, order: OrderT) -> Ladder[OrderT]:
        """The ladder an incoming order trades with."""
        return self.selling if order.axis_bid else self.buying

    def crosses(self, order: OrderT) -> bool:
        """True when the order would trade at once."""
        best = self.opposite(order).best()
        if best is None:
            return False
        return order.axis_ticks >= best if order.axis_bid else order.axis_ticks <= best

    def take(self, order: OrderT) -> Iterator[Match[OrderT]]:
        """Match an incoming order until it is done, nothing crosses, or an order of its own account is next.

        The caller books each match (which lowers `leaves` of both) before it asks for the next one.
        """
        ladder = self.opposite(order)
        while order.leaves and self.crosses(order):
            best = ladder.best()
            assert best is not None
            maker = ladder.first(best)
            if maker.account == order.account:
                return
            size = min(order.leaves, maker.leaves)
            ladder.reduce(maker, size)
            yield Match(maker, size, best)

    def rest(self, order: OrderT) -> None:
        assert not self.crosses(order), "a crossing order must not rest"
        self.side_of(order).add(order)

    def remove(self, order: OrderT) -> None:
        self.reduce(order, order.leaves)

    def reduce(self, order: OrderT, size: int) -> None:
        """Make a resting order smaller where it stands; the caller lowers its `leaves`."""
        self.side_of(order).reduce(order, size)

    def orders(self) -> Iterator[OrderT]:
        """Every resting order, buying side first."""
        yield from self.buying.orders()
        yield from self.selling.orders()


class PriceLadder(Generic[OrderT]):
    """One side of a book whose prices have no upper end: the prices in use, sorted, the best one last.

    A price is found by bisection; only a price that comes into use or falls out of it moves entries of the list.
    """

    def __init__(self, *, highest_first: bool) -> None:
        self._sign = 1 if highest_first else -1
        self._ranks: list[int] = []  # sign × ticks, so that the last one is the best on either side
        self.queues: dict[int, dict[int, OrderT]] = {}
        self.sizes: dict[int, int] = {}

    def best(self) -> int | None:
        return self._sign * self._ranks[-1] if self._ranks else None

    def first(self, ticks: int) -> OrderT:
        return next(iter(self.queues[ticks].values()))

    def add(self, order: OrderT) -> None:
        ticks = order.axis_ticks
        if ticks not in self.queues:
            insort(self._ranks, self._sign * ticks)
            self.queues[ticks], self.sizes[ticks] = {}, 0
        self.queues[ticks][order.order_id] = order
        self.sizes[ticks] += order.leaves

    def reduce(self, order: OrderT, size: int) -> None:
        ticks = order.axis_ticks
        self.sizes[ticks] -= size
        if order.leaves == size:
            del self.queues[ticks][order.order_id]
            if not self.queues[ticks]:
                del self.queues[ticks], self.sizes[ticks]
                del self._ranks[bisect_left(self._ranks, self._sign * ticks)]

    def orders(self) -> Iterator[OrderT]:
        for rank in reversed(self._ranks):
            yield from self.queues[self._sign * rank].values()

    def levels(self, depth: int) -> list[tuple[int, int]]:
        best_first = (self._sign * rank for rank in reversed(self._ranks[-depth:]))
        return [(ticks, self.sizes[ticks]) for ticks in best_first]
