"""What public books may show of the account's own orders, told to those who price from these books.

A source price made from a book with our own orders in it follows ourselves. Only the quoter knows them, and a level is
in a book while its order is on the way out or its end is on the way back. So it is told before an order is sent and for
some time after the order has ended, plain, and all levels of a market at once: a later statement replaces an earlier
one, whoever starts has the last of them, and one that is overtaken has its levels in the one that overtakes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from common.clock import NS_PER_MS, NS_PER_S
from common.events import OwnDepth, QuoteLevel
from common.instruments import InstrumentKind

from quoter.orders.own_orders import Orders
from quoter.orders.terms import Terms

KEPT_NS = 250 * NS_PER_MS
"""A level is stated for as long at least, and for twice that at most, after the last of its orders."""
SHRINKS_NS = 250 * NS_PER_MS
"""A statement that takes less out than the one before waits this long after it."""
RENEWED_NS = 500 * NS_PER_MS
"""A plain message may be lost: what rests is stated again this often, and what was new once more by the next timer."""
LOOKED_NS = NS_PER_S
"""How often markets are looked for of which nothing was stated in this life."""
LEVELS_MAX = 200
"""Prices a side that are stated; who moves more quotes than that within `KEPT_NS` states that it does."""

Levels = Mapping[int, int]
"""Lots by price in ticks."""


class RecentLevels:
    """The most that rested at each price of a side, by two spans of time of which the older one is dropped whole."""

    __slots__ = ("_begun_ns", "_earlier", "_now")

    def __init__(self) -> None:
        self._earlier: dict[int, int] = {}
        self._now: dict[int, int] = {}
        self._begun_ns = 0

    def update(self, levels: Levels, now_ns: int) -> dict[int, int]:
        """Take in what rests now; return the most at each price."""
        if now_ns - self._begun_ns >= KEPT_NS:
            self._earlier, self._now, self._begun_ns = self._now, {}, now_ns
        now = self._now
        for ticks, lots in levels.items():
            if lots > now.get(ticks, 0):
                now[ticks] = lots
        if not self._earlier:
            return dict(now)
        most = dict(self._earlier)
        for ticks, lots in now.items():
            if lots > most.get(ticks, 0):
                most[ticks] = lots
        return most


class Statement:
    """What was stated of one market, and what is to be."""

    __slots__ = ("_asks", "_bids", "new", "said", "said_at_ns", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self._bids, self._asks = RecentLevels(), RecentLevels()
        self.said: tuple[Levels, Levels] | None = None
        self.said_at_ns = 0
        self.new = False
        """True while what is new in it was stated once only."""

    def renew(self, terms: Terms) -> None:
        """State the market by its new terms; what was stated is in them, at the nearest price."""
        before, self.terms = self.terms, terms
        if before.tick_size == terms.tick_size or self.said is None:
            return
        ratio = before.tick_size / terms.tick_size
        self._bids, self._asks = RecentLevels(), RecentLevels()
        for recent, levels in zip((self._bids, self._asks), self.said, strict=True):
            recent.update({round(ticks * ratio): lots for ticks, lots in levels.items()}, self.said_at_ns)
        self.said = None

    def update(self, levels: tuple[Levels, Levels], now_ns: int) -> tuple[Levels, Levels]:
        """Take in what rests now; return what a book may show."""
        return self._bids.update(levels[0], now_ns), self._asks.update(levels[1], now_ns)

    def covers(self, shown: tuple[Levels, Levels]) -> bool:
        """Say whether whoever has heard the last statement takes out that much."""
        return self.said is not None and all(
            lots <= said.get(ticks, 0)
            for said, levels in zip(self.said, shown, strict=True)
            for ticks, lots in levels.items()
        )


class OwnDepthOut:
    """States the depth of our own orders in the account's spot markets."""

    def __init__(self, account: str, venue: str, orders: Orders, markets: Mapping[str, Terms]) -> None:
        self._account, self._venue = account, venue
        self._orders, self._markets = orders, markets
        self._statements: dict[str, Statement] = {}
        self._looked_ns = 0
        self._told = 0

    def tell_sent(self, symbols: Iterable[str], epoch: int, now_ns: int) -> Iterator[OwnDepth]:
        """Yield what has to be known before the orders that are already in our own books go to these spot markets."""
        for symbol in symbols:
            statement = self._statement(symbol)
            if statement is None:
                continue
            shown = statement.update(self._orders.levels(statement.terms), now_ns)
            if not statement.covers(shown):
                yield self._state(statement, shown, epoch, now_ns)
                statement.new = True

    def tell_due(self, epoch: int, now_ns: int) -> Iterator[OwnDepth]:
        """Yield what has changed otherwise: orders that are gone, or were there before us; and what is to be renewed.

        Called by the timer, so that the levels of orders that merely rest stay recent.
        """
        if now_ns - self._looked_ns >= LOOKED_NS:
            self._looked_ns = now_ns
            for symbol, terms in self._markets.items():
                if terms.instrument.kind is InstrumentKind.SPOT:
                    self._statement(symbol)
        for statement in self._statements.values():
            shown = statement.update(self._orders.levels(statement.terms), now_ns)
            waited_ns = now_ns - statement.said_at_ns
            shrunk = shown != statement.said and waited_ns >= SHRINKS_NS
            again = statement.new or (waited_ns >= RENEWED_NS and any(shown))
            if shrunk or again or not statement.covers(shown):
                yield self._state(statement, shown, epoch, now_ns)

    def _statement(self, symbol: str) -> Statement | None:
        terms = self._markets.get(symbol)
        found = self._statements.get(symbol)
        if terms is None or terms.instrument.kind is not InstrumentKind.SPOT:
            return found
        if found is None:
            found = self._statements[symbol] = Statement(terms)
        elif found.terms is not terms:
            found.renew(terms)
        return found

    def _state(self, statement: Statement, shown: tuple[Levels, Levels], epoch: int, now_ns: int) -> OwnDepth:
        statement.said, statement.said_at_ns, statement.new = shown, now_ns, False
        bids, asks = [[QuoteLevel(ticks, lots) for ticks, lots in levels.items()] for levels in shown]
        too_many = max(len(bids), len(asks)) > LEVELS_MAX
        instrument = statement.terms.instrument
        self._told += 1
        return OwnDepth(
            account=self._account,
            venue=self._venue,
            symbol=statement.terms.symbol,
            bids=bids[:LEVELS_MAX],
            asks=asks[:LEVELS_MAX],
            tick_size=instrument.tick_size,
            lot_size=instrument.lot_size,
            number=self._told,
            too_many=too_many,
            epoch=epoch,
        )
