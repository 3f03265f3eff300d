"""One price of all of a bot's books, whatever they are aggregated by, and what of it there is not.

What cannot be used is left out and said: a book that is stale, crossed in itself or not told apart from own orders. The
price as a whole is unusable where no book is left, where one side is empty in all of them, where the best bid of one is
above the best ask of another, and where there is no rate. A size that the books do not fill has no price; the others
stand.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from common.bots.spot import QuoteSizes, SourceAggregation, SpotPricer

from pricer.sources.aggregation import BookSource
from pricer.sources.spot import name_of
from pricer.spot.aggregation import (
    Bases,
    Side,
    Sliced,
    best_aggregated,
    best_single,
    down_to,
    merged,
    replicated,
    worst_single,
)
from pricer.spot.fx import Rate

LEVELS_MAX = 20
"""Levels of a book that are copied where a configuration does not say how many."""

NOT_SEEN, STALE, OWN, EMPTY, CROSSED = "not seen", "stale", "not told apart from own orders", "empty", "crossed"


class Sized(NamedTuple):
    """Sizes of one side as numbers."""

    amounts: tuple[float, ...]
    least: int
    """Levels to copy, for replication."""
    most: int

    @classmethod
    def of(cls, sizes: QuoteSizes) -> Sized:
        least, most = sizes.levels or (1, LEVELS_MAX)
        return cls(tuple(float(amount) for amount in sizes.amounts), least, most)


class Recipe(NamedTuple):
    """What is made of the books."""

    how: SourceAggregation
    buys: Sized
    sells: Sized

    @classmethod
    def of(cls, pricer: SpotPricer) -> Recipe:
        return cls(pricer.source_aggregation, Sized.of(pricer.buy_quote_sizes), Sized.of(pricer.sell_quote_sizes))


class Quotes(NamedTuple):
    """What the sizes of one side cost."""

    prices: Bases
    amounts: Sequence[float]


NONE = Quotes([], ())


class Priced(NamedTuple):
    """A source price without its ages."""

    reasons: list[str]
    """Why a book was not used, '' where it was; those of the FX pair last."""
    unusable: str
    """Why there is no price, '' where there is one."""
    bid: float = 0.0
    ask: float = 0.0
    bids: Quotes = NONE
    asks: Quotes = NONE
    rate: Rate | None = None


class Top(NamedTuple):
    """The best prices of some books."""

    used: list[BookSource]
    fault: str
    """Why there are none; '' where there are."""
    bid: float = 0.0
    ask: float = 0.0


class Aggregate(Protocol):
    """Makes one price a size of one side of several books."""

    def __call__(self, sides: Sequence[Side], sizes: Sequence[float], *, bids: bool) -> Sliced: ...


BY_SIZE: dict[SourceAggregation, Aggregate] = {
    SourceAggregation.BEST_AGGREGATED: best_aggregated,
    SourceAggregation.BEST_SINGLE: best_single,
    SourceAggregation.WORST_SINGLE: worst_single,
}


class SidePricing:
    """One side of all books, and what its sizes cost: computed when something changes that they reach down to."""

    __slots__ = ("_amounts", "_bids", "_how", "_last", "_least", "_most", "_quotes", "_reached")

    def __init__(self, how: SourceAggregation, sizes: Sized, *, bids: bool) -> None:
        self._how, self._bids = how, bids
        self._amounts, self._least, self._most = sizes
        self._quotes = NONE
        self._last: float | None = None
        """The last price that the sizes reached; None where they reached the end of a side."""
        self._reached: list[Side] = []
        """Of each side what was reached."""

    def quotes(self, top: Top) -> Quotes:
        """Return what the sizes cost."""
        amounts, how, bids = self._amounts, self._how, self._bids
        if how is SourceAggregation.BBO:
            return Quotes([top.bid if bids else top.ask] * len(amounts), amounts)
        if how is SourceAggregation.MID_PT:
            return Quotes([0.5 * (top.bid + top.ask)] * len(amounts), amounts)
        if not amounts:
            return NONE
        sides = [book.bids for book in top.used] if bids else [book.asks for book in top.used]
        if not self._stands(sides):
            self._quotes, self._last = self._computed(sides)
            self._reached = [side[: down_to(side, self._last, bids=bids)] for side in sides]
        return self._quotes

    def _stands(self, sides: list[Side]) -> bool:
        """Say whether all that was reached is as it was, and nothing has come in between."""
        if len(sides) != len(self._reached):
            return False
        last, bids = self._last, self._bids
        for side, reached in zip(sides, self._reached, strict=True):
            count = len(reached)
            if side[:count] != reached:
                return False
            if len(side) > count:
                if last is None:
                    return False
                price = side[count].price
                if price >= last if bids else price <= last:
                    return False
        return True

    def _computed(self, sides: list[Side]) -> tuple[Quotes, float | None]:
        amounts, bids = self._amounts, self._bids
        by_size = BY_SIZE.get(self._how)
        if by_size is not None:
            bases, last = by_size(sides, amounts, bids=bids)
            return Quotes(bases, amounts), last
        levels = replicated(merged(sides, bids=bids), sum(amounts), self._least, self._most)
        if not levels:
            return Quotes([None], amounts), None
        last = levels[-1].price if len(levels) == self._most else None
        return Quotes([level.price for level in levels], [level.size for level in levels]), last


class Pricing:
    """Makes prices of one bot's books by its recipe."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._bids = SidePricing(recipe.how, recipe.buys, bids=True)
        self._asks = SidePricing(recipe.how, recipe.sells, bids=False)

    def price(self, books: Sequence[BookSource], fx_books: Sequence[BookSource], inverse: bool, now_ns: int) -> Priced:
        """Return what the books say now; `inverse` is how the FX pair is to be used, where there is one."""
        reasons: list[str] = []
        top = _top(books, now_ns, reasons)
        fault, rate = top.fault, None
        if fx_books:
            fx_top = _top(fx_books, now_ns, reasons)
            fault = fault or fx_top.fault
            rate = Rate(fx_top.bid, fx_top.ask, inverse)
        if fault:
            return Priced(reasons, fault)
        bids, asks = self._bids.quotes(top), self._asks.quotes(top)
        if rate is None:
            return Priced(reasons, "", top.bid, top.ask, bids, asks)
        return Priced(
            reasons,
            "",
            rate.of_bid(top.bid),
            rate.of_ask(top.ask),
            Quotes([None if each is None else rate.of_bid(each) for each in bids.prices], bids.amounts),
            Quotes([None if each is None else rate.of_ask(each) for each in asks.prices], asks.amounts),
            rate,
        )


def _top(books: Sequence[BookSource], now_ns: int, reasons: list[str]) -> Top:
    """Return the best prices of those books that can be used; why others cannot is added to the reasons."""
    used: list[BookSource] = []
    bid = ask = 0.0
    bid_at = ask_at = None
    for book in books:
        reason = reason_against(book, now_ns)
        reasons.append(reason)
        if reason:
            continue
        used.append(book)
        if book.bids and book.bids[0].price > bid:
            bid, bid_at = book.bids[0].price, book
        if book.asks and (not ask or book.asks[0].price < ask):
            ask, ask_at = book.asks[0].price, book
    if not used:
        whys = zip(books, reasons[-len(books) :], strict=True) if books else ()
        return Top(used, "no book to price from: " + ", ".join(f"{name_of(book)} is {why}" for book, why in whys))
    if bid_at is None or ask_at is None:
        side = "bid" if bid_at is None else "offered"
        return Top(used, f"nothing is {side} at {', '.join(name_of(book) for book in used)}")
    if bid > ask:
        return Top(used, f"crossed: {name_of(bid_at)} bids more than {name_of(ask_at)} asks")
    return Top(used, "", bid, ask)


def reason_against(book: BookSource, now_ns: int) -> str:
    """Return why a book cannot be priced from, '' where it can."""
    if book.book is None:
        return STALE if book.breaks else NOT_SEEN
    age_ns = book.age_ns(now_ns)
    if age_ns is None or age_ns > book.feed.live_within_ns:
        return STALE
    if book.own_unknown:
        return OWN
    bids, asks = book.bids, book.asks
    if bids and asks:
        return CROSSED if bids[0].price >= asks[0].price else ""
    return "" if bids or asks else EMPTY
