"""The resting interest at one venue in one symbol, kept level by level from what the venue publishes."""

from __future__ import annotations

from bisect import bisect_left, insort

from common.events import Level

from feed.messages import Levels

LEVELS_MAX = 5_000
"""Levels kept per side; farther ones are forgotten. Venues send between 10 and 5,000 in a snapshot."""


class BookSide:
    """One side of a book: sizes by price, and the prices in order. `depth` 0 keeps up to LEVELS_MAX."""

    __slots__ = ("_bids", "_depth", "prices", "sizes")

    def __init__(self, bids: bool, depth: int = 0) -> None:
        self._bids = bids
        self._depth = depth or LEVELS_MAX
        self.sizes: dict[float, float] = {}
        self.prices: list[float] = []
        """Ascending, so the best bid is the last and the best ask the first."""

    def load(self, levels: Levels) -> None:
        """Replace everything."""
        self.sizes = {price: size for price, size in levels if size > 0.0}
        self.prices = sorted(self.sizes)
        self.truncate()

    def apply(self, levels: Levels) -> None:
        """Set the absolute sizes of some levels; size 0 removes one, also one that is not there."""
        sizes, prices = self.sizes, self.prices
        for price, size in levels:
            if size > 0.0:
                if price not in sizes:
                    insort(prices, price)
                sizes[price] = size
            elif sizes.pop(price, None) is not None:
                del prices[bisect_left(prices, price)]
        if len(prices) > self._depth:
            self.truncate()

    def truncate(self) -> None:
        """Forget the levels farthest from the market beyond the depth."""
        surplus = len(self.prices) - self._depth
        if surplus <= 0:
            return
        far = self.prices[:surplus] if self._bids else self.prices[-surplus:]
        for price in far:
            del self.sizes[price]
        self.prices = self.prices[surplus:] if self._bids else self.prices[:-surplus]

    def best(self) -> tuple[float, float]:
        """Return price and size of the best level, (0, 0) when the side is empty."""
        if not self.prices:
            return 0.0, 0.0
        price = self.prices[-1] if self._bids else self.prices[0]
        return price, self.sizes[price]

    def top(self, count: int) -> list[tuple[float, float]]:
        """Return the best levels, best first."""
        prices = self.prices[: -count - 1 : -1] if self._bids else self.prices[:count]
        sizes = self.sizes
        return [(price, sizes[price]) for price in prices]

    def levels(self, count: int) -> list[Level]:
        """Return the best levels as the bus carries them, best first."""
        return [Level(price, size) for price, size in self.top(count)]


class LocalBook:
    """Both sides of one symbol."""

    __slots__ = ("asks", "bids")

    def __init__(self, depth: int = 0) -> None:
        self.bids = BookSide(bids=True, depth=depth)
        self.asks = BookSide(bids=False, depth=depth)

    def load(self, bids: Levels, asks: Levels) -> None:
        """Replace both sides."""
        self.bids.load(bids)
        self.asks.load(asks)

    def apply(self, bids: Levels, asks: Levels) -> None:
        """Set the absolute sizes of some levels of both sides."""
        self.bids.apply(bids)
        self.asks.apply(asks)

    def crossed(self) -> bool:
        """Say whether the best bid reaches the best ask, which a matching venue never shows."""
        bids, asks = self.bids.prices, self.asks.prices
        return bool(bids and asks and bids[-1] >= asks[0])

    def best(self) -> tuple[float, float, float, float]:
        """Return bid, ask, bid size, ask size; zeros for an empty side."""
        bid, bid_size = self.bids.best()
        ask, ask_size = self.asks.best()
        return bid, ask, bid_size, ask_size
