"""The last passes over every market, kept as references for a while: for people who ask why.

A pass that did something leaves a record; words are made of it only when somebody asks (`views/explain.py`). Of passes
that end in the same way one after the other only the first is kept.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from common.clock import NS_PER_S
from common.events import Book
from common.pretrade import NewOrder, Rejection, RejectReason

from quoter.orders.terms import Terms
from quoter.trading.bot import QuotedMarket
from quoter.trading.strategy import Particulars, Plan, Price

RECORDS_MAX = 200
"""Of one bot in one market."""
ALL_RECORDS_MAX = 6_000
"""Of all bots in all markets, some 3 KiB each: reached within minutes, so that memory does not grow for hours."""
KEPT_NS = 900 * NS_PER_S


class Touch(NamedTuple):
    """The best prices of a book; a record that held the whole book would hold its hundred levels."""

    bid: float | None
    ask: float | None
    ts_received_ns: int


class Record(NamedTuple):
    """One pass over one market: what was known, what was wanted, and what came of it."""

    now_ns: int
    venue_now_ns: int
    terms: Terms
    price: Price | None
    fresh_at_ns: int
    heard_at_ns: int
    limits_age_ns: int
    limits_revision: int
    feed_age_ns: int
    venue_age_ns: int
    free_cash: float | None
    """None while the balance was not known."""
    book: Touch | None
    particulars: Particulars
    """What the bot's strategy knew beside."""
    plan: Plan
    waiting: str
    """What kept new orders in although they were wanted."""
    cancelled: Sequence[int]
    placed: Sequence[NewOrder]
    refused: Sequence[tuple[NewOrder, Rejection]]
    taking: bool
    """The orders take at once and never rest."""
    not_taking: str
    """Why nothing was taken from the book although something was to be given up."""

    @property
    def outcome(self) -> tuple[str, str, str, str, tuple[RejectReason, ...]]:
        """What tells one pass without orders from another; figures within a reason do not."""
        reason = self.plan.reason.partition(" 0.")[0]
        refused = tuple(rejection.reason for _, rejection in self.refused)
        return self.plan.state, reason, self.waiting, self.not_taking, refused


class Sent(NamedTuple):
    """What a pass put into the batch, and what the pre-trade check kept back."""

    cancelled: Sequence[int]
    placed: Sequence[NewOrder]
    refused: Sequence[tuple[NewOrder, Rejection]]


NOTHING_SENT = Sent((), (), ())


def record_of(
    quoted: QuotedMarket,
    waiting: str,
    cancelled: Sequence[int],
    placed: Sequence[NewOrder],
    refused: Sequence[tuple[NewOrder, Rejection]],
    *,
    taking: bool = False,
) -> Record:
    """Return the record of the pass that has just looked at a market."""
    context, plan = quoted.context, quoted.plan
    assert plan is not None, "a pass leaves a plan"
    return Record(
        context.now_ns,
        context.venue_now_ns,
        quoted.terms,
        quoted.price,
        quoted.fresh_at_ns,
        quoted.heard_at_ns,
        context.limits_age_ns,
        context.limits_revision,
        context.feed_age_ns,
        context.venue_age_ns,
        context.free_cash,
        _touch(quoted.book),
        quoted.strategy.particulars(),
        plan,
        waiting,
        cancelled,
        placed,
        refused,
        taking,
        quoted.not_taking,
    )


def _touch(book: Book | None) -> Touch | None:
    if book is None:
        return None
    bid = book.bids[0].price if book.bids else None
    return Touch(bid, book.asks[0].price if book.asks else None, book.ts_received_ns)


class Memory:
    """The last records of every market that a bot works on, bounded in number and age."""

    def __init__(self) -> None:
        self._lines: OrderedDict[tuple[str, str], deque[Record]] = OrderedDict()
        self._noted: deque[tuple[tuple[str, str], Record]] = deque()
        """Every record in the order of its coming, those that have left their market's queue included."""

    def note(self, algo_id: str, record: Record) -> None:
        """Keep a record, unless nothing was sent and it says the same as the one before."""
        key = (algo_id, record.terms.symbol)
        found = self._lines.get(key)
        if found is None:
            found = self._lines[key] = deque(maxlen=RECORDS_MAX)
        elif found and not record.cancelled and not record.placed and found[-1].outcome == record.outcome:
            return
        self._lines.move_to_end(key)
        found.append(record)
        self._noted.append((key, record))
        while len(self._noted) > ALL_RECORDS_MAX or self._noted[0][1].now_ns < record.now_ns - KEPT_NS:
            self._forget(*self._noted.popleft())

    def _forget(self, key: tuple[str, str], record: Record) -> None:
        found = self._lines.get(key)
        if found and found[0] is record:
            found.popleft()
            if not found:
                del self._lines[key]

    def of(self, symbol: str) -> Iterator[tuple[str, list[Record]]]:
        """Yield each bot in a market with its records, newest first."""
        for (algo_id, market), records in self._lines.items():
            if market == symbol:
                yield algo_id, list(reversed(records))

    def newest(self) -> Iterator[tuple[str, Record]]:
        """Yield each bot's last record of each market, the one heard of last first."""
        for (algo_id, _), records in reversed(self._lines.items()):
            yield algo_id, records[-1]

    def of_order(self, order_id: int) -> tuple[str, list[Record]]:
        """Return whose order it is and the records that speak of it, oldest first."""
        for (algo_id, _), records in self._lines.items():
            found = [record for record in records if _speaks_of(record, order_id)]
            if found:
                return algo_id, found
        return "", []

    def __len__(self) -> int:
        return sum(len(records) for records in self._lines.values())


def _speaks_of(record: Record, order_id: int) -> bool:
    return (
        order_id in record.cancelled
        or any(order.order_id == order_id for order in record.placed)
        or any(order.order_id == order_id for order, _ in record.refused)
    )
