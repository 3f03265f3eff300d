"""Why a quote or an order is there, or is not: what was known when it was decided, kept for a while.

A pass that did something leaves a record of references; words are made of it only when somebody asks. Of passes that
end in the same way one after the other only the first is kept.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from common.bots import BinaryBot
from common.clock import NS_PER_MS, NS_PER_S
from common.events import Book, FairValue
from common.pretrade import NewOrder, Rejection, RejectReason

from quoter.binary.skew import phase_of
from quoter.orders.holdings import Held
from quoter.orders.own_orders import Order
from quoter.signals.signals import Signals
from quoter.trading.bot import Line, Plan, Terms

if TYPE_CHECKING:
    from quoter.service import Quoter

RECORDS_MAX = 200
"""Of one bot in one market."""
ALL_RECORDS_MAX = 6_000
"""Of all bots in all markets, some 3 KiB each: reached within minutes, so that memory does not grow for hours."""
KEPT_NS = 900 * NS_PER_S
SHOWN_MAX = 20
PASSED = [reason.value for reason in RejectReason]
"""An order that was placed has been held against every one of them."""
ID_DIGITS_MAX = 19


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
    config: BinaryBot
    fair: FairValue | None
    fresh_at_ns: int
    heard_at_ns: int
    held: Held
    limits_age_ns: int
    limits_revision: int
    feed_age_ns: int
    venue_age_ns: int
    free_cash: float
    signals: Signals
    book: Touch | None
    plan: Plan
    waiting: str
    """What kept new orders in although they were wanted."""
    cancelled: Sequence[int]
    placed: Sequence[NewOrder]
    refused: Sequence[tuple[NewOrder, Rejection]]
    taking: bool
    """The orders take at once and never rest."""
    crossing: str
    """Why nothing was taken from the book although something was to be given up."""

    @property
    def outcome(self) -> tuple[str, str, str, str, tuple[RejectReason, ...]]:
        """What tells one pass without orders from another; figures within a reason do not."""
        reason = self.plan.reason.partition(" 0.")[0]
        refused = tuple(rejection.reason for _, rejection in self.refused)
        return self.plan.state, reason, self.waiting, self.crossing, refused


class Sent(NamedTuple):
    """What a pass put into the batch, and what the last door kept back."""

    cancelled: Sequence[int]
    placed: Sequence[NewOrder]
    refused: Sequence[tuple[NewOrder, Rejection]]


NOTHING_SENT = Sent((), (), ())


def record_of(
    line: Line,
    waiting: str,
    cancelled: Sequence[int],
    placed: Sequence[NewOrder],
    refused: Sequence[tuple[NewOrder, Rejection]],
    *,
    taking: bool = False,
) -> Record:
    """Return the record of the pass that has just looked at a market."""
    view, plan = line.view, line.plan
    assert plan is not None, "a pass leaves a plan"
    return Record(
        view.now_ns,
        view.venue_now_ns,
        line.terms,
        line.config,
        line.fair,
        line.fresh_at_ns,
        line.heard_at_ns,
        Held(view.held_yes_lots, view.held_no_lots, view.doubt_yes_lots, view.doubt_no_lots),
        view.limits_age_ns,
        view.limits_revision,
        view.feed_age_ns,
        view.venue_age_ns,
        view.free_cash,
        line.signals,
        _touch(line.crossing.book),
        plan,
        waiting,
        cancelled,
        placed,
        refused,
        taking,
        line.crossing.why,
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


# --- for people -------------------------------------------------------------------------------------------------


def told(record: Record, now_ns: int) -> dict[str, Any]:
    """Return a JSON-able account of one pass."""
    terms, plan, tick = record.terms, record.plan, record.terms.grid.tick_size
    seconds_left = terms.seconds_left(record.venue_now_ns)
    elapsed = terms.elapsed(record.venue_now_ns)
    return {
        "ago_ms": (now_ns - record.now_ns) // NS_PER_MS,
        "at_ns": record.now_ns,
        "state": plan.state,
        "reason": plan.reason,
        "waiting_for": record.waiting,
        "not_taking": record.crossing,
        "phase": phase_of(elapsed, seconds_left, record.config.inventory).value,
        "elapsed": round(elapsed, 4),
        "seconds_left": round(seconds_left, 3),
        "inputs": _inputs(record),
        "parts": {name: round(value, 6) for name, value in plan.parts.items()},
        "skew": round(plan.skew, 6),
        "signals": _signals(record.signals),
        "bids": [[round(level.price_ticks * tick, 6), level.quantity_lots] for level in plan.bids],
        "asks": [[round(level.price_ticks * tick, 6), level.quantity_lots] for level in plan.asks],
        "room": plan.room._asdict(),
        "cancelled": [str(order_id) for order_id in record.cancelled],
        "placed": [_order(order, tick, taking=record.taking) | {"passed": PASSED} for order in record.placed],
        "refused": [
            _order(order, tick, taking=record.taking) | {"check": rejection.reason.value, "detail": rejection.detail}
            for order, rejection in record.refused
        ],
    }


def _signals(signals: Signals) -> dict[str, Any]:
    """Return the signals by name; a reach without a bound is none."""
    reach = {name: None if math.isinf(value) else value for name, value in signals.reach._asdict().items()}
    return signals._asdict() | {"reach": reach}


def _inputs(record: Record) -> dict[str, Any]:
    """Return what was known, each with its age at that moment."""
    fair, book, now_ns, held = record.fair, record.book, record.now_ns, record.held
    return {
        "fair_value": None
        if fair is None
        else {
            "fair": fair.fair,
            "volatility": fair.volatility,
            "uncertainty": fair.uncertainty,
            "spot": fair.spot,
            "delta": fair.delta,
            "ready": fair.ready,
            "age_ms": (now_ns - record.fresh_at_ns) // NS_PER_MS,
            "heard_ms_ago": (now_ns - record.heard_at_ns) // NS_PER_MS,
        },
        "book": None
        if book is None
        else {
            "bid": book.bid,
            "ask": book.ask,
            "age_ms": max(0, now_ns - book.ts_received_ns) // NS_PER_MS,
        },
        "limits": {"age_ms": record.limits_age_ns // NS_PER_MS, "revision": record.limits_revision},
        "feed": {"age_ms": record.feed_age_ns // NS_PER_MS},
        "venue_heard": {"age_ms": record.venue_age_ns // NS_PER_MS},
        "position": {
            "yes": held.yes_lots,
            "no": held.no_lots,
            "net": held.yes_lots - held.no_lots,
            "doubt_yes": held.doubt_yes_lots,
            "doubt_no": held.doubt_no_lots,
        },
        "free_cash": None if record.free_cash == float("inf") else round(record.free_cash, 2),
    }


def _order(order: NewOrder, tick: float, *, taking: bool) -> dict[str, Any]:
    return {
        "order_id": str(order.order_id),
        "side": order.side.value,
        "outcome": order.outcome.value,
        "price": round(order.price_ticks * tick, 6),
        "size": order.quantity_lots,
        "takes": taking,
    }


def explanation(quoter: Quoter, query: Mapping[str, str], now_ns: int) -> dict[str, Any] | None:
    """Answer `order=`, `market=` or nothing at all (what there is); None for what is not known (any more)."""
    unknown = sorted(query.keys() - {"order", "market"})
    if unknown:
        raise ValueError(f"{unknown[0]}: unknown parameter; known are market, order")
    if query.get("order"):
        return _explained_order(quoter, query["order"], now_ns)
    memory = quoter.desk.memory
    if not query.get("market"):
        rows = [
            {
                "algo_id": algo_id,
                "market": record.terms.symbol,
                "state": record.plan.state,
                "reason": record.waiting or record.plan.reason,
                "ago_ms": (now_ns - record.now_ns) // NS_PER_MS,
            }
            for algo_id, record in memory.newest()
        ]
        return {"account": quoter.account, "markets": rows}
    symbol = query["market"]
    bots = [
        {"algo_id": algo_id, "now": _now(quoter, algo_id, symbol, now_ns), "passes": _told(records, now_ns)}
        for algo_id, records in memory.of(symbol)
    ]
    return {"account": quoter.account, "market": symbol, "bots": bots} if bots else None


def _told(records: Sequence[Record], now_ns: int) -> list[dict[str, Any]]:
    return [told(record, now_ns) for record in records[:SHOWN_MAX]]


def _now(quoter: Quoter, algo_id: str, symbol: str, now_ns: int) -> dict[str, Any] | None:
    """Return how a market stands: the last look at it, and what rests there."""
    bot = quoter.bots.get(algo_id)
    line = bot.lines.get(symbol) if bot else None
    if line is None or line.plan is None:
        return None
    waiting = line.told[3] if line.told and line.told[2] == "waiting" else ""
    orders = quoter.desk.orders.of(algo_id, symbol)
    tick = line.terms.grid.tick_size
    return told(record_of(line, waiting, *NOTHING_SENT), now_ns) | {
        "orders": [_working(order, tick, now_ns) for order in orders]
    }


def _working(order: Order, tick: float, now_ns: int) -> dict[str, Any]:
    return {
        "order_id": str(order.order_id),
        "side": order.side.value,
        "outcome": order.outcome.value,
        "price": round(order.price_ticks * tick, 6),
        "size": order.quantity_lots,
        "filled": order.filled_lots,
        "state": order.state.value,
        "reason": order.reason,
        "age_ms": (now_ns - order.sent_ns) // NS_PER_MS if order.sent_ns else None,
    }


def _explained_order(quoter: Quoter, text: str, now_ns: int) -> dict[str, Any] | None:
    if not text.isdecimal() or len(text) > ID_DIGITS_MAX:
        raise ValueError(f"order: must be an order id of up to {ID_DIGITS_MAX} digits")
    order_id = int(text)
    order = quoter.desk.orders.get(order_id)
    algo_id, records = quoter.desk.memory.of_order(order_id)
    if order is None and not records:
        return None
    found: dict[str, Any] = {"account": quoter.account, "order_id": text, "algo_id": algo_id}
    if order is not None:
        terms = quoter.markets.get(order.symbol)
        tick = terms.grid.tick_size if terms else float(quoter.session.tick_size)
        found |= {"algo_id": order.algo_id, "market": order.symbol, "order": _working(order, tick, now_ns)}
    return found | {"passes": _told(records, now_ns)}
