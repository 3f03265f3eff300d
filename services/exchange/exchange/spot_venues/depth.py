"""A book in which makers keep whole levels beside other people's orders, one level a price and no order behind it.

Makers replace all their levels several times a second; as orders of their own each of these would be a fact in the
journal. A level becomes an order when somebody trades with it, and as large as that trade.

An order that comes to a price where makers stand is behind what they have there. What they add later is behind the
order; when they show less, they took away from the end of the queue first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from exchange.market.book import Match, PriceLadder
from exchange.market.orders import Hold, Side
from exchange.spot.orders import SpotOrder
from exchange.spot.symbols import SpotBook
from exchange.spot.terms import SpotTerms

MAKER_ACCOUNT: Final = "makers"
TAKER_ACCOUNT: Final = "takers"


class MakerOrder(SpotOrder):
    """A part of the makers' depth; nothing was held for it."""

    __slots__ = ()

    def hold(self, size: int) -> Hold:
        return Hold(0, self.terms.quote)


def maker_order(terms: SpotTerms, side: Side, price_ticks: int, lots: int, number: int, now_ns: int) -> MakerOrder:
    """Makers' lots at a price as the order that a trade with them needs."""
    return MakerOrder(
        order_id=number,
        account=MAKER_ACCOUNT,
        client_order_id=number,
        market=terms.symbol,
        side=side,
        price_ticks=price_ticks,
        size=lots,
        leaves=lots,
        time_in_force="gtc",
        post_only=True,
        created_ns=now_ns,
        ts_ns=now_ns,
        terms=terms,
    )


class DeepLadder(PriceLadder[SpotOrder]):
    """One side: the orders of others, and the makers' levels, best first."""

    def __init__(self, terms: SpotTerms, side: Side) -> None:
        super().__init__(highest_first=side == "bid")
        self.terms, self.side = terms, side
        self._ticks: Sequence[int] = ()
        self._lots: list[int] = []
        self._keys: Sequence[int] = ()
        self._front = 0
        """The first level that has something left."""
        self._ahead: dict[int, int] = {}
        """By order of others: the makers' lots at its price that come first."""
        self.taken: dict[int, int] = {}
        """By key of a level: what was traded of it since the makers last looked."""

    def show(self, ticks: Sequence[int], lots: Sequence[int], keys: Sequence[int]) -> None:
        """Replace the makers' levels: prices best first, each with lots above 0 and the makers' own name for it."""
        self._ticks, self._lots, self._keys, self._front = ticks, list(lots), keys, 0
        if self._ahead:
            shown = dict(zip(ticks, lots, strict=True))
            for queue_ticks, queue in self.queues.items():
                there = shown.get(queue_ticks, 0)
                for number in queue:
                    self._ahead[number] = min(self._ahead[number], there)

    def best_of_others(self) -> int | None:
        """The best price of the orders that are not the makers' levels."""
        return super().best()

    def best(self) -> int | None:
        others = super().best()
        if self._front == len(self._ticks):
            return others
        makers = self._ticks[self._front]
        if others is None or self._sign * makers > self._sign * others:
            return makers
        return others

    def first(self, ticks: int) -> SpotOrder:
        at_front = self._front < len(self._ticks) and self._ticks[self._front] == ticks
        lots = self._lots[self._front] if at_front else 0
        if ticks in self.queues:
            order = super().first(ticks)
            lots = min(lots, self._ahead[order.order_id])
            if not lots:
                return order
        return maker_order(self.terms, self.side, ticks, lots, 0, 0)

    def add(self, order: SpotOrder) -> None:
        super().add(order)
        self._ahead[order.order_id] = self._makers_at(order.axis_ticks)

    def reduce(self, order: SpotOrder, size: int) -> None:
        if not isinstance(order, MakerOrder):
            if order.leaves == size:
                del self._ahead[order.order_id]
            super().reduce(order, size)
            return
        key = self._keys[self._front]
        self.taken[key] = self.taken.get(key, 0) + size
        self._lots[self._front] -= size
        if not self._lots[self._front]:
            self._front += 1
        for number in self.queues.get(order.price_ticks, ()):
            self._ahead[number] = max(0, self._ahead[number] - size)

    def levels(self, depth: int) -> list[tuple[int, int]]:
        end = self._front + depth
        makers = list(zip(self._ticks[self._front : end], self._lots[self._front : end], strict=True))
        if not self.queues:
            return makers
        merged = dict(makers)
        for ticks, lots in super().levels(depth):
            merged[ticks] = merged.get(ticks, 0) + lots
        return sorted(merged.items(), reverse=self._sign > 0)[:depth]

    def _makers_at(self, ticks: int) -> int:
        for place in range(self._front, len(self._ticks)):
            if self._ticks[place] == ticks:
                return self._lots[place]
        return 0


class DeepBook(SpotBook):
    """Two such sides. `claim` makes the order of the makers that a trade with their depth is booked on."""

    buying: DeepLadder
    selling: DeepLadder

    def __init__(self, terms: SpotTerms, claim: Callable[[MakerOrder, int, int], MakerOrder]) -> None:
        super().__init__(DeepLadder(terms, "bid"), DeepLadder(terms, "ask"))
        self._claim = claim

    def take(self, order: SpotOrder) -> Iterator[Match[SpotOrder]]:
        for match in super().take(order):
            if isinstance(match.maker, MakerOrder):
                yield Match(self._claim(match.maker, match.size, order.ts_ns), match.size, match.ticks)
            else:
                yield match
