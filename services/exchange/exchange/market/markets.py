"""A YES/NO market on an underlying, from its listing to its payout, and the calendar a series follows."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal, Protocol

from exchange.market.matching import Book
from exchange.market.money import PRICE_TEXT, TICKS_PER_DOLLAR, underlying_of, underlying_text

Status = Literal["LISTED", "OPEN", "CLOSED", "RESOLVED", "VOIDED"]
Tie = Literal["strictly_above", "at_or_above"]
Result = Literal["yes", "no", "void"]

STATUSES: Final = ("LISTED", "OPEN", "CLOSED", "RESOLVED", "VOIDED")
LIVE: Final = ("LISTED", "OPEN", "CLOSED")
TRADES_KEPT: Final = 1_000
NS_PER_S: Final = 1_000_000_000
FIRST_WINDOW_LIFE_MIN_SHARE: Final = 5  # a first market lives at least a fifth of the usual length


@dataclass(slots=True, eq=False)
class Market:
    """One question: will the asset be above its strike at expiry?"""

    id: str
    asset: str
    series: str
    tie: Tie
    open_ns: int
    expiry_ns: int
    status: Status = "LISTED"
    strike_units: int | None = None
    opened_ns: int | None = None
    last_ticks: int | None = None
    settlement_units: int | None = None
    result: Result | None = None
    resolved_ns: int | None = None
    closing_units: int | None = None  # last mid at or before expiry; None when it was too old
    book: Book = field(default_factory=Book)
    trades: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=TRADES_KEPT))

    @property
    def title(self) -> str:
        expiry = datetime.fromtimestamp(self.expiry_ns // NS_PER_S, UTC)
        strike = "its open" if self.strike_units is None else underlying_text(self.strike_units)[:-6]
        return f"{self.asset} above {strike} at {expiry:%Y-%m-%d %H:%M:%S} UTC?"

    def winner(self, settlement_units: int) -> Result:
        """The outcome that is paid 1 when the underlying settles at this price."""
        assert self.strike_units is not None
        above = settlement_units > self.strike_units
        if self.tie == "at_or_above":
            above = settlement_units >= self.strike_units
        return "yes" if above else "no"

    def as_json(self) -> dict[str, Any]:
        bid, ask = self.book.best_bid_ticks(), self.book.best_ask_ticks()
        return {
            "id": self.id,
            "asset": self.asset,
            "series": self.series,
            "title": self.title,
            "status": self.status,
            "strike": None if self.strike_units is None else underlying_text(self.strike_units),
            "open_ns": self.open_ns,
            "expiry_ns": self.expiry_ns,
            "opened_ns": self.opened_ns,
            "tick": "0.01",
            "min_size": 1,
            "tie": self.tie,
            "settlement": "last_mid",
            "yes_price": None if ask is None else PRICE_TEXT[ask],
            "no_price": None if bid is None else PRICE_TEXT[TICKS_PER_DOLLAR - bid],
            "last_price": None if self.last_ticks is None else PRICE_TEXT[self.last_ticks],
            "settlement_price": None if self.settlement_units is None else underlying_text(self.settlement_units),
            "result": self.result,
            "resolved_ns": self.resolved_ns,
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> Market:
        """A market as the journal kept it, with an empty book."""
        last = body["last_price"]
        return cls(
            id=body["id"],
            asset=body["asset"],
            series=body["series"],
            tie=body["tie"],
            open_ns=body["open_ns"],
            expiry_ns=body["expiry_ns"],
            status=body["status"],
            strike_units=underlying_of(body["strike"]),
            opened_ns=body["opened_ns"],
            last_ticks=None if last is None else PRICE_TEXT.index(last),
            settlement_units=underlying_of(body["settlement_price"]),
            result=body["result"],
            resolved_ns=body["resolved_ns"],
        )


@dataclass(frozen=True, slots=True)
class Window:
    """From when to when a market trades."""

    open_ns: int
    expiry_ns: int


class Calendar(Protocol):
    """When the markets of a series open and expire."""

    def first_window(self, now_ns: int) -> Window:
        """The window of the first market after a start."""
        ...

    def next_window(self, after_ns: int) -> Window:
        """The first window that opens at or after a time."""
        ...


@dataclass(frozen=True, slots=True)
class RollingCalendar:
    """Back to back on round boundaries; the first market opens at once so that there is something to trade."""

    length_ns: int

    def first_window(self, now_ns: int) -> Window:
        shortest_ns = self.length_ns // FIRST_WINDOW_LIFE_MIN_SHARE
        return Window(now_ns, _round_up(now_ns + shortest_ns, self.length_ns))

    def next_window(self, after_ns: int) -> Window:
        open_ns = _round_up(after_ns, self.length_ns)
        return Window(open_ns, open_ns + self.length_ns)


@dataclass(frozen=True, slots=True)
class LoopCalendar:
    """The windows of a recording that is played over and over, on the venue's clock."""

    origin_ns: int
    loop_ns: int
    windows: Sequence[Window]  # offsets from the start of the loop

    def first_window(self, now_ns: int) -> Window:
        return self.next_window(now_ns)

    def next_window(self, after_ns: int) -> Window:
        loop = max(0, (after_ns - self.origin_ns) // self.loop_ns)
        while True:
            start_ns = self.origin_ns + loop * self.loop_ns
            for window in self.windows:
                if start_ns + window.open_ns >= after_ns:
                    return Window(start_ns + window.open_ns, start_ns + window.expiry_ns)
            loop += 1


def _round_up(value: int, step: int) -> int:
    return -(-value // step) * step
