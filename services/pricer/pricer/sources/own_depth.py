"""A book without our own orders: what the quoters state of theirs is taken out of it, level by level.

A statement holds from when it is heard until the next one. A book that arrives later may still show orders that were in
an earlier one, by as much as it is older than the statement; so all statements of the last `HELD_NS` before a book
arrived, and all since, are taken out of it, at each price the most of them. Too much is taken out rather than too
little: with an own order taken for somebody else's, our price follows itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from common.clock import NS_PER_S
from common.events import Level, OwnDepth, QuoteLevel

HELD_NS = 2 * NS_PER_S
"""A book may be so old, from the venue to us, that it shows orders which ended in the meantime."""
STATED_MAX_NS = 60 * NS_PER_S
"""A statement that has not been renewed for so long is a dead quoter's: the venue or the watchdog cancelled its orders
long ago. Whoever starts now does not find it either."""
LEVELS_MAX = 5_000
"""Prices of one account that are held against one book; beyond it nothing is known of the book until the next one."""
NOTHING_LEFT = 1e-9
"""Share of a level that is no more than the last bits of its size."""

Sizes: TypeAlias = Mapping[float, float]
"""Quantity by price."""


class Stated(NamedTuple):
    """What of a book is our own."""

    bids: Sizes
    asks: Sizes
    too_many: bool
    """There is more than was stated."""


NOTHING = Stated({}, {}, False)


class OwnOrders:
    """What one account has stated of a book."""

    __slots__ = ("_begun_ns", "_earlier", "_last", "_most", "_said", "_stated", "heard_at_ns")

    def __init__(self) -> None:
        self._stated = Stated({}, {}, False)
        self._most = Stated({}, {}, False)
        """Since `_begun_ns`, what was in force then included."""
        self._earlier = Stated({}, {}, False)
        self._begun_ns = 0
        self._last = (0, 0)
        """Epoch and number of the newest statement."""
        self._said: tuple[object, ...] = ()
        """All that it said of our orders."""
        self.heard_at_ns = 0

    def on_statement(self, statement: OwnDepth, heard_at_ns: int) -> bool:
        """Take out what is stated, beside what was, and say whether it is something else.

        A statement that was overtaken replaces nothing, and one that repeats the last keeps it recent.
        """
        number = statement.epoch, statement.number
        if number <= self._last:
            return False
        self._last, self.heard_at_ns = number, heard_at_ns
        said = statement.bids, statement.asks, statement.too_many, statement.tick_size, statement.lot_size
        if said == self._said:
            return False
        self._said = said
        bids, asks = (_sizes(levels, statement) for levels in (statement.bids, statement.asks))
        self._stated = Stated(bids, asks, statement.too_many)
        self._most = _most(self._most, self._stated)
        if len(self._most.bids) + len(self._most.asks) > LEVELS_MAX:
            self._most = Stated(bids, asks, True)
        return True

    def on_book(self, now_ns: int) -> None:
        """Leave what was stated long before a book that has just arrived."""
        if now_ns - self._begun_ns >= HELD_NS:
            self._earlier, self._most, self._begun_ns = self._most, self._stated, now_ns

    def stated(self) -> Stated:
        """Return the most that the book may show at each price."""
        earlier = self._earlier
        return _most(earlier, self._most) if earlier.bids or earlier.asks or earlier.too_many else self._most


class OwnInBook:
    """What all our accounts have stated of one book."""

    __slots__ = ("_accounts",)

    def __init__(self) -> None:
        self._accounts: dict[str, OwnOrders] = {}

    def on_statement(self, statement: OwnDepth, heard_at_ns: int) -> bool:
        """Take in what an account states, and say whether it is something else than before."""
        account = self._accounts.get(statement.account)
        if account is None:
            account = self._accounts[statement.account] = OwnOrders()
        return account.on_statement(statement, heard_at_ns)

    def on_book(self, now_ns: int) -> None:
        """Leave what no book of now can show any more."""
        for account in list(self._accounts):
            own = self._accounts[account]
            own.on_book(now_ns)
            if now_ns - own.heard_at_ns > STATED_MAX_NS:
                del self._accounts[account]

    def stated(self) -> Stated:
        """Return the most that the book may show of ours at each price."""
        found = NOTHING
        for account in self._accounts.values():
            each = account.stated()
            found = each if found is NOTHING else _sum(found, each)
        return found


def others(levels: Sequence[Level], own: Sizes) -> tuple[Sequence[Level], float]:
    """Return a side of a book without our own orders, and how much was taken out of it.

    Example: 3 at 100 and 2 at 99 with own 1 at 100 and 5 at 99: 2 at 100, and 3 were taken out.
    """
    if not own:
        return levels, 0.0
    found: list[Level] = []
    taken = 0.0
    for level in levels:
        ours = own.get(level.price)
        if ours is None:
            found.append(level)
            continue
        left = level.size - ours
        if left > NOTHING_LEFT * level.size:
            taken += ours
            found.append(Level(level.price, left))
        else:
            taken += level.size
    return found, taken


def _sizes(levels: Sequence[QuoteLevel], statement: OwnDepth) -> Sizes:
    # Exact up to the float that the venue's own decimal becomes: a book's prices are compared for equality.
    tick, lot = statement.tick_size, float(statement.lot_size)
    return {float(level.price_ticks * tick): level.quantity_lots * lot for level in levels}


def _most(some: Stated, others: Stated) -> Stated:
    return Stated(_merged(some.bids, others.bids), _merged(some.asks, others.asks), some.too_many or others.too_many)


def _merged(sizes: Sizes, others: Sizes) -> Sizes:
    if not others:
        return sizes
    found = dict(sizes)
    for price, size in others.items():
        if size > found.get(price, 0.0):
            found[price] = size
    return found


def _sum(some: Stated, others: Stated) -> Stated:
    bids, asks = dict(some.bids), dict(some.asks)
    for sizes, more in ((bids, others.bids), (asks, others.asks)):
        for price, size in more.items():
            sizes[price] = sizes.get(price, 0.0) + size
    return Stated(bids, asks, some.too_many or others.too_many)
