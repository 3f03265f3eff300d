"""What a venue's REST interface is for: snapshots for books out of sync, second opinions, the time, the market list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from common.clock import NS_PER_MS
from common.core import Effect, HttpResponse, Send
from common.errors import ContractError

from feed.books.crosscheck import DISPROVED_AT, CrossCheck, Verdict
from feed.connections.connection import Connection
from feed.connections.offset import ClockOffset
from feed.connections.reading import FAULT_CHARS_MAX, UNREADABLE
from feed.connections.rest_requests import About, Asked, Asks
from feed.connections.retry_after import PAUSE_MAX_S
from feed.followed import Followed
from feed.messages import Dropped, Listing, Snapshot, SymbolList, Unlisted
from feed.notices import Notices
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
UNDECIDED_EVERY_MS = 5_000
SYMBOLS_EVERY_MS = 5_000
TERMS_EVERY_MS = 5_000
"""One symbol's terms are asked for at a time, each in its turn."""
TERMS_FIRST_EVERY_MS = 1_000
"""Until each symbol of a fresh connection has had its turn."""
LISTS = {About.MARKETS: "market list", About.SYMBOLS: "symbol list"}
NOT_FOUND = 404
LONG_PAUSE_S = 60.0
"""A venue that asks to be left alone for longer is told to a person: what it lists and counts goes unasked."""


class Doubt(NamedTuple):
    """A connection that should be given up, and why; with `neighbours` only its symbol, where others are sound."""

    connection: Connection
    reason: str
    symbol: str
    neighbours: bool = False


class Heard(NamedTuple):
    """What an answer says about books and markets."""

    books: tuple[Snapshot, ...] = ()
    markets: tuple[Listing | Dropped | Unlisted, ...] = ()
    whole_list: bool = False
    """True where a market that is not among them is listed no more."""
    symbols: SymbolList | None = None
    """Whole as well."""


NOTHING = Heard()


class Upkeep:
    """Keep the books of one venue believable."""

    def __init__(self, venue: str, adapter: Adapter, notices: Notices) -> None:
        self._adapter = adapter
        self._notices = notices
        self.asks = Asks(venue)
        self.checks = CrossCheck()
        self.offset = ClockOffset()
        self.note = ""
        """What went wrong last."""
        self.changed = False
        """True when what is stale may have changed; the reader takes it back."""
        self._resubscribed_ns = 0
        self._time_due_ns = self._time_answers = 0
        self._markets_due_ns = self._undecided_due_ns = self._symbols_due_ns = 0
        self._terms_due_ns = self._terms_asked = 0

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
        """Ask now for what can be traded."""
        self._markets_due_ns = self._symbols_due_ns = self._terms_due_ns = now_ns
        self._terms_asked = 0

    def tend(
        self, followed: Followed, connection: Connection, alone: bool, epoch: int, now_ns: int, effects: list[Effect]
    ) -> Doubt | None:
        """Do what is due for one symbol of an open connection; `alone` says that none of its books is in sync."""
        if followed.sync.synced:
            return self._check(followed, connection, epoch, now_ns, effects)
        if now_ns < followed.retry_ns or self.asks.pending(About.SNAPSHOT, followed.symbol):
            return None
        if followed.attempts >= ATTEMPTS_MAX and alone:
            return Doubt(connection, f"{followed.symbol}: no snapshot", followed.symbol)
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

    def ask(self, now_ns: int, waiting: Callable[[int], Sequence[str]]) -> list[Effect]:
        """Return the questions that are due; `waiting` gives the markets past their end at a time of the venue's."""
        adapter = self._adapter
        if adapter.time_url() and now_ns >= self._time_due_ns:
            first = self._time_answers < TIME_FIRST_COUNT
            self._time_due_ns = now_ns + (TIME_FIRST_EVERY_MS if first else TIME_EVERY_MS) * NS_PER_MS
            self.asks.want(About.TIME, "", adapter.time_url())
        if adapter.discovers and now_ns >= self._markets_due_ns:
            self._markets_due_ns = now_ns + MARKETS_EVERY_MS * NS_PER_MS
            self.asks.want(About.MARKETS, "", adapter.markets_url(self.venue_ns(now_ns)))
        elif adapter.discovers and now_ns >= self._undecided_due_ns:
            self._undecided_due_ns = now_ns + UNDECIDED_EVERY_MS * NS_PER_MS
            venue_ns = self.venue_ns(now_ns)
            self.asks.want(About.UNDECIDED, "", adapter.undecided_url(venue_ns, waiting(venue_ns)))
        if adapter.symbols_url() and now_ns >= self._symbols_due_ns:
            self._symbols_due_ns = now_ns + SYMBOLS_EVERY_MS * NS_PER_MS
            self.asks.want(About.SYMBOLS, "", adapter.symbols_url())
        if now_ns >= self._terms_due_ns and not adapter.discovers and adapter.symbols:
            self._want_terms(now_ns)
        due = self.asks.due(now_ns)
        for question in self.asks.take_lost():
            if question.about is About.CHECK:
                self.checks.on_answer(question.symbol, None, now_ns)
        return list(due)

    def _want_terms(self, now_ns: int) -> None:
        """Ask for the terms of the symbol whose turn it is, by itself: a name that is wrong leaves out no other."""
        symbols = self._adapter.symbols
        symbol = symbols[self._terms_asked % len(symbols)]
        self._terms_asked += 1
        first = self._terms_asked < len(symbols)
        self._terms_due_ns = now_ns + (TERMS_FIRST_EVERY_MS if first else TERMS_EVERY_MS) * NS_PER_MS
        self.asks.want(About.TERMS, symbol, self._adapter.terms_url(symbol))

    def venue_ns(self, now_ns: int) -> int:
        """Return the venue's time, as well as it is known."""
        return now_ns + self.offset.estimate(now_ns)[0]

    def on_answer(self, answer: HttpResponse, epoch: int, now_ns: int, effects: list[Effect]) -> Heard:
        """Use an answer; what it says about books and markets is returned. An unreadable answer counts as none."""
        asked = self.asks.on_answer(answer, now_ns)
        told = self._alert_pause(answer, epoch, now_ns, effects)
        if asked is None:
            return NOTHING
        about, symbol = asked.question.about, asked.question.symbol
        if about is About.SYMBOLS and answer.status == NOT_FOUND:
            # A venue without spot symbols has no such list.
            return NOTHING
        if about is About.TERMS and answer.status != 200:
            return self._without_terms(symbol, answer, now_ns)
        try:
            if answer.status != 200:
                raise ContractError(about.value, f"HTTP status {answer.status or 'none, no answer'}")
            return self._use(asked, answer.body, now_ns)
        except UNREADABLE as error:
            if not told:
                self.note = f"{about.value} {symbol}: {error}"
            if about is About.CHECK:
                self.checks.on_answer(symbol, None, now_ns)
            elif about in LISTS and answer.status == 200:
                self._notices.alert("list_unreadable", f"{LISTS[about]}: {error}", epoch, now_ns, effects)
            elif about is About.TERMS:
                return Heard(markets=(Dropped(symbol, str(error)[:FAULT_CHARS_MAX]),))
            return NOTHING

    def _without_terms(self, symbol: str, answer: HttpResponse, now_ns: int) -> Heard:
        """Return what an answer without terms says: that there is no such symbol, or nothing."""
        try:
            unlisted = self._adapter.unlisted(answer.status, answer.body)
        except UNREADABLE:
            unlisted = False
        return Heard(markets=(Unlisted(symbol, self.venue_ns(now_ns)),)) if unlisted else NOTHING

    def _alert_pause(self, answer: HttpResponse, epoch: int, now_ns: int, effects: list[Effect]) -> bool:
        asked_s, self.asks.pause_asked_s = self.asks.pause_asked_s, 0.0
        if asked_s <= LONG_PAUSE_S:
            return False
        capped = f", asked again after {PAUSE_MAX_S:.0f} s all the same" if asked_s > PAUSE_MAX_S else ""
        self.note = f"answered {answer.status}: not asked over REST for {asked_s:.0f} s{capped}"
        self._notices.alert("left_alone", self.note, epoch, now_ns, effects)
        return True

    def _use(self, asked: Asked, body: bytes, now_ns: int) -> Heard:
        symbol = asked.question.symbol
        match asked.question.about:
            case About.SNAPSHOT:
                return Heard(books=(self._adapter.parse_snapshot(symbol, body),))
            case About.MARKETS:
                return Heard(markets=tuple(self._adapter.parse_markets(body)), whole_list=True)
            case About.SYMBOLS:
                return Heard(symbols=self._adapter.parse_symbols(body))
            case About.TERMS:
                if self._adapter.unlisted(200, body):
                    return Heard(markets=(Unlisted(symbol, self.venue_ns(now_ns)),))
                listing = self._adapter.parse_terms(symbol, body, self.venue_ns(now_ns))
                return Heard(markets=(listing,)) if listing is not None else NOTHING
            case About.UNDECIDED:
                return Heard(markets=tuple(self._adapter.parse_undecided(body)))
            case About.CHECK:
                self.checks.on_answer(symbol, self._adapter.parse_check(body), now_ns)
            case About.TIME:
                self._time_answers += 1
                self.offset.on_answer(self._adapter.parse_time(body), asked.asked_ns, now_ns)
                self.changed = True
        return NOTHING

    def _check(
        self, followed: Followed, connection: Connection, epoch: int, now_ns: int, effects: list[Effect]
    ) -> Doubt | None:
        symbol, checks = followed.symbol, self.checks
        url = self._adapter.check_url(symbol)
        if not url:
            return None
        if checks.due(symbol, now_ns):
            self.asks.want(About.CHECK, symbol, url)
        bid, ask, _, _ = followed.best
        checks.sample(symbol, bid, ask, followed.changes)
        verdict = checks.judge(symbol, followed.ours, now_ns)
        if verdict is Verdict.OPEN:
            return None
        self.changed = True
        if verdict is Verdict.AGREES:
            return None
        self.note = f"{symbol}: REST disagrees with the stream"
        if verdict is Verdict.ALONE:
            self.note = f"{symbol}: REST disagrees with a living stream and its fresh book, and is not believed"
            self._notices.alert("second_opinion", self.note, epoch, now_ns, effects)
        elif checks.failures(symbol) > DISPROVED_AT:
            return Doubt(connection, self.note, symbol, neighbours=True)
        elif checks.failures(symbol) == DISPROVED_AT:
            followed.unsync(now_ns)
        return None
