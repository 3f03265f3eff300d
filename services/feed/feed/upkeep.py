"""What a venue's REST interface is for: snapshots for books out of sync, second opinions, the time, the market list."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from common.clock import NS_PER_MS
from common.core import Answer, Effect, Send
from common.errors import ContractError

from feed.asks import About, Asked, Asks
from feed.connection import Connection
from feed.crosscheck import DISPROVED_AT, CrossCheck
from feed.followed import Followed
from feed.messages import Listing, Snapshot
from feed.offset import ClockOffset
from feed.venues.adapter import Adapter

SNAPSHOT_RETRY_MS = 500
SNAPSHOT_RETRY_MAX_MS = 30_000
ATTEMPTS_MAX = 4
"""Snapshots wanted in vain before the connection is doubted, when none of its other books is in sync either."""
RESUBSCRIBE_EVERY_MS = 1_000
TIME_EVERY_MS = 15_000
TIME_FIRST_EVERY_MS = 2_000
TIME_FIRST_COUNT = 3
MARKETS_EVERY_MS = 5_000

UNREADABLE = (ContractError, msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
"""What parsing a venue's bytes may raise."""


class Doubt(NamedTuple):
    """A connection that should be given up, and why."""

    connection: Connection
    reason: str


class Upkeep:
    """Keep the books of one venue believable."""

    def __init__(self, venue: str, adapter: Adapter) -> None:
        self._adapter = adapter
        self.asks = Asks(venue)
        self.checks = CrossCheck()
        self.offset = ClockOffset()
        self.note = ""
        """What went wrong last."""
        self.changed = False
        """True when what is stale may have changed; the reader takes it back."""
        self._resubscribed_ns = 0
        self._time_due_ns = self._time_answers = 0
        self._markets_due_ns = 0

    def follow(self, symbol: str, now_ns: int) -> None:
        """Take a symbol into care."""
        self.checks.follow(symbol, now_ns)

    def unfollow(self, symbol: str) -> None:
        """Ask about a symbol no more."""
        self.checks.forget(symbol)
        self.asks.forget(About.SNAPSHOT, symbol)
        self.asks.forget(About.CHECK, symbol)

    def restart(self, symbol: str, now_ns: int) -> None:
        """What was asked about a symbol belongs to a connection that has ended."""
        self.asks.forget(About.SNAPSHOT, symbol)
        self.asks.forget(About.CHECK, symbol)
        self.checks.restart(symbol, now_ns)

    def list_markets(self, now_ns: int) -> None:
        """Ask for the market list now."""
        self._markets_due_ns = now_ns

    def tend(
        self, followed: Followed, connection: Connection, alone: bool, now_ns: int, effects: list[Effect]
    ) -> Doubt | None:
        """Do what is due for one symbol of an open connection; `alone` says that none of its books is in sync."""
        if followed.sync.synced:
            return self._check(followed, connection, now_ns)
        if now_ns < followed.retry_ns or self.asks.pending(About.SNAPSHOT, followed.symbol):
            return None
        if followed.attempts >= ATTEMPTS_MAX and alone:
            return Doubt(connection, f"{followed.symbol}: no snapshot")
        if self._adapter.snapshot_over_rest:
            self.asks.want(About.SNAPSHOT, followed.symbol, self._adapter.snapshot_url(followed.symbol))
        elif now_ns - self._resubscribed_ns < RESUBSCRIBE_EVERY_MS * NS_PER_MS:
            return None
        else:
            self._resubscribed_ns = now_ns
            effects += [Send(connection.serving, frame) for frame in self._adapter.resubscribe(followed.symbol)]
        followed.attempts += 1
        retry_ms = min(SNAPSHOT_RETRY_MAX_MS, SNAPSHOT_RETRY_MS * 2 ** min(followed.attempts, 10))
        followed.retry_ns = now_ns + retry_ms * NS_PER_MS
        return None

    def ask(self, now_ns: int) -> list[Effect]:
        """Return the questions that are due, the time and the market list among them."""
        adapter = self._adapter
        if adapter.time_url() and now_ns >= self._time_due_ns:
            first = self._time_answers < TIME_FIRST_COUNT
            self._time_due_ns = now_ns + (TIME_FIRST_EVERY_MS if first else TIME_EVERY_MS) * NS_PER_MS
            self.asks.want(About.TIME, "", adapter.time_url())
        if adapter.discovers and now_ns >= self._markets_due_ns:
            self._markets_due_ns = now_ns + MARKETS_EVERY_MS * NS_PER_MS
            self.asks.want(About.MARKETS, "", adapter.markets_url(now_ns + self.offset.estimate(now_ns)[0]))
        return list(self.asks.due(now_ns))

    def on_answer(self, answer: Answer, now_ns: int) -> tuple[Snapshot, ...] | tuple[Listing, ...]:
        """Use an answer; what it says about books and markets is returned. An unreadable answer counts as none."""
        asked = self.asks.on_answer(answer, now_ns)
        if asked is None:
            return ()
        try:
            if answer.status != 200:
                raise ContractError(asked.question.about.value, f"HTTP status {answer.status or 'none, no answer'}")
            return self._use(asked, answer.body, now_ns)
        except UNREADABLE as error:
            self.note = f"{asked.question.about.value} {asked.question.symbol}: {error}"
            if asked.question.about is About.CHECK:
                self.checks.on_answer(asked.question.symbol, None, now_ns)
            return ()

    def _use(self, asked: Asked, body: bytes, now_ns: int) -> tuple[Snapshot, ...] | tuple[Listing, ...]:
        symbol = asked.question.symbol
        match asked.question.about:
            case About.SNAPSHOT:
                return (self._adapter.parse_snapshot(symbol, body),)
            case About.MARKETS:
                return tuple(self._adapter.parse_markets(body))
            case About.CHECK:
                self.checks.on_answer(symbol, self._adapter.parse_check(body), now_ns)
            case About.TIME:
                self._time_answers += 1
                self.offset.on_answer(self._adapter.parse_time(body), asked.asked_ns, now_ns)
                self.changed = True
        return ()

    def _check(self, followed: Followed, connection: Connection, now_ns: int) -> Doubt | None:
        symbol, checks = followed.symbol, self.checks
        url = self._adapter.check_url(symbol)
        if not url:
            return None
        if checks.due(symbol, now_ns):
            self.asks.want(About.CHECK, symbol, url)
        bid, ask, _, _ = followed.best
        checks.sample(symbol, bid, ask)
        agrees = checks.judge(symbol, followed.sequence, now_ns)
        if agrees is None:
            return None
        self.changed = True
        if agrees:
            return None
        self.note = f"{symbol}: REST disagrees with the stream"
        if checks.failures(symbol) > DISPROVED_AT:
            return Doubt(connection, self.note)
        if checks.failures(symbol) == DISPROVED_AT:
            followed.unsync(now_ns)
        return None
