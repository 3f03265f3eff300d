"""One symbol at one venue: what we know of it, what of that is news, and whether it may be believed."""

from __future__ import annotations

from typing import NamedTuple

from common.clock import NS_PER_MS
from common.events import Book, Event, TopOfBook, Trade

from feed.books.crosscheck import Ours
from feed.books.sync import BookSync, Outcome
from feed.connections.steady import Steady, sober_stamp
from feed.messages import Beat, Diff, Print, Snapshot, Top
from feed.venues.adapter import BOOK_LEVELS, Adapter

BOOK_EVERY_MS = 100
"""A book goes out at most this often unless configured otherwise; the newest state waits for its turn."""
FIRST_SNAPSHOT_MS = {True: 500, False: 3_000}
"""Wait for the first snapshot of a connection: over REST it is asked sooner when a change arrives, over the stream
it comes by itself."""
SPLIT_SAMPLES_MAX = 3
"""Seconds for which best prices and book may contradict each other before one of their streams counts as dead."""
CONTRADICTION_FIRST_MS = 1_000
CONTRADICTION_PAUSE_MAX_MS = 60_000
CONTRADICTION_OVER_MS = 180_000
"""A book that was not contradicted for so long counts as sound again."""


def contradiction_pause_ms(times: int) -> int:
    """Return how long a book is left alone that was contradicted this often before: at once, then 1 s to 60 s."""
    return min(CONTRADICTION_PAUSE_MAX_MS, CONTRADICTION_FIRST_MS * 2 ** min(times - 1, 10)) if times else 0


class Depth(NamedTuple):
    """Whose books go on the bus, and how often; best prices always do."""

    symbols: frozenset[str] | None = None
    """None is every symbol's."""
    every_ms: int = BOOK_EVERY_MS

    def wanted(self, symbol: str) -> bool:
        return self.symbols is None or symbol in self.symbols


EVERYTHING = Depth()


class Followed:
    """The state of one symbol."""

    def __init__(self, venue: str, symbol: str, adapter: Adapter, depth: Depth = EVERYTHING) -> None:
        self.venue, self.symbol = venue, symbol
        self.sync = BookSync(
            adapter.book_depth,
            buffered=adapter.snapshot_over_rest,
            checksum=lambda book: adapter.checksum(symbol, book),
        )
        self.attempts = 0
        """Snapshots asked for since the book was last in sync."""
        self.retry_ns = 0
        """When the next snapshot may be asked for."""
        self.best = (0.0, 0.0, 0.0, 0.0)
        """Bid, ask, bid size, ask size as last published."""
        self._told = False
        """True once `best` has been published on this connection."""
        self._counts_trades = adapter.trade_ids_consecutive
        self._book_makes_top = adapter.book_makes_top
        self._top_sequence = Steady()
        self._top_event_ns = 0
        self._book_event_ns = 0
        self._book_sent_ns = 0
        self._book_due = False
        self._book_every_ns = depth.every_ms * NS_PER_MS
        self._tells_book = depth.wanted(symbol)
        self._trades = Steady()
        self._beat_trade = 0
        self._split_samples = 0
        self._split_at = (0, 0)
        self.changes = 0
        """Snapshots and changes applied so far."""
        self.contradictions = 0
        """Times in a row that this book had to begin anew because something contradicted it."""
        self._contradicted_ns = self._held_until_ns = 0

    def restart(self, now_ns: int) -> None:
        """Believe nothing of an ended connection; a new one is given a moment to bring its own snapshot."""
        self.unsync(now_ns)
        self.attempts = 0
        self.retry_ns = now_ns + FIRST_SNAPSHOT_MS[self.sync.buffered] * NS_PER_MS
        self._told = False
        self._top_sequence, self._trades = Steady(), Steady()
        self._top_event_ns = self._beat_trade = 0
        self._split_samples = 0

    def unsync(self, now_ns: int) -> None:
        """Throw the book away; the next snapshot is due at once."""
        self.sync.reset()
        self._broken(now_ns)

    def _broken(self, now_ns: int) -> None:
        self.retry_ns = max(now_ns, self._held_until_ns)
        self._book_due = False

    def contradicted(self, now_ns: int) -> None:
        """Begin the book anew because something contradicts it: again and again only after longer and longer."""
        if now_ns - self._contradicted_ns > CONTRADICTION_OVER_MS * NS_PER_MS:
            self.contradictions = 0
        self._held_until_ns = now_ns + contradiction_pause_ms(self.contradictions) * NS_PER_MS
        self.unsync(now_ns)
        self.contradictions += 1
        self._contradicted_ns = now_ns
        self._split_samples = 0

    @property
    def ours(self) -> Ours:
        """What our copy says of itself, for the cross-check."""
        return Ours(self.sync.last_id, self.changes, self._book_event_ns)

    @property
    def split_ids(self) -> tuple[int, int]:
        """Update ids of the best prices and of the book, which tell when both speak of the same state."""
        return self._top_sequence.last or 0, self.sync.last_id

    def on_top(self, top: Top, now_ns: int, epoch: int) -> TopOfBook | None:
        """Return the best prices a frame states; None when they are older than what we have, or crossed."""
        if top.sequence and not self._top_sequence.news(top.sequence):
            return None
        ts_event_ns = sober_stamp(top.ts_event_ns, now_ns)
        if ts_event_ns:
            if ts_event_ns < self._top_event_ns:
                return None
            self._top_event_ns = ts_event_ns
        bid, ask = top.bid, top.ask
        if bid >= ask > 0.0:
            return None
        self.best = (bid, ask, top.bid_size, top.ask_size)
        self._told = True
        return TopOfBook(
            epoch=epoch,
            venue=self.venue,
            symbol=self.symbol,
            bid=bid,
            ask=ask,
            bid_size=top.bid_size,
            ask_size=top.ask_size,
            ts_event_ns=ts_event_ns,
            ts_received_ns=now_ns,
        )

    def on_snapshot(self, snapshot: Snapshot, now_ns: int, epoch: int, events: list[Event]) -> Outcome:
        """Start the book over; what is news is added to `events`."""
        outcome = self.sync.on_snapshot(snapshot)
        self._judge(outcome, sober_stamp(snapshot.ts_event_ns, now_ns), now_ns, epoch, events)
        return outcome

    def on_diff(self, diff: Diff, now_ns: int, epoch: int, events: list[Event]) -> Outcome:
        """Apply changed levels; what is news is added to `events`."""
        outcome = self.sync.on_diff(diff)
        self._judge(outcome, sober_stamp(diff.ts_event_ns, now_ns), now_ns, epoch, events)
        return outcome

    def on_print(self, trade: Print, now_ns: int, epoch: int) -> tuple[Trade | None, bool]:
        """Return the trade, None when it was told before, and whether trades before it are missing."""
        known = self._trades.last
        if not self._trades.news(trade.number):
            return None, False
        missing = self._counts_trades and known is not None and known < trade.number - 1
        if trade.past:
            return None, missing
        event = Trade(
            epoch=epoch,
            venue=self.venue,
            symbol=self.symbol,
            trade_id=str(trade.number),
            price=trade.price,
            size=trade.size,
            buyer_is_maker=trade.buyer_is_maker,
            ts_event_ns=trade.ts_event_ns,
            ts_received_ns=now_ns,
        )
        return event, missing

    def on_beat(self, beat: Beat) -> bool:
        """Say whether the trade that the heartbeat before named has still not been seen: it was lost."""
        known = self._trades.last
        lost = known is not None and known < self._beat_trade and self._trades.news(self._beat_trade)
        self._beat_trade = beat.last_trade
        return lost

    def empty(self, now_ns: int, epoch: int) -> list[Event]:
        """Return the last word on a symbol whose trading has ended: nothing rests any more."""
        self.sync.reset()
        return [self._top((0.0, 0.0, 0.0, 0.0), 0, now_ns, epoch), *self._books(now_ns, epoch)]

    def again(self, now_ns: int, epoch: int) -> list[Event]:
        """Return what holds now once more, for readers who may have missed it; nothing while out of sync."""
        if not (self.sync.synced and self._told):
            return []
        return [self._top(self.best, self._top_event_ns, now_ns, epoch), *self._books(now_ns, epoch)]

    def flush(self, now_ns: int, epoch: int) -> Book | None:
        """Return the book that waited for its turn."""
        if not self._book_due or now_ns - self._book_sent_ns < self._book_every_ns:
            return None
        return self._book(now_ns, epoch)

    def split(self) -> bool:
        """Say, asked once a second, whether best prices and book have contradicted each other for too long.

        A venue that states both sends them on two streams; when one of them dies quietly, the other shows it: its
        update ids go on while those of the dead one stand still, and what they say differs.
        """
        if self._book_makes_top or not self.sync.synced:
            self._split_samples = 0
            return False
        top_id, book_id = self.split_ids
        behind = book_id > top_id and self.sync.book.best()[:2] != self.best[:2]
        dead = behind and top_id == self._split_at[0]
        dead = dead or (top_id > book_id and book_id == self._split_at[1])
        self._split_samples = self._split_samples + 1 if dead else 0
        self._split_at = (top_id, book_id)
        return self._split_samples >= SPLIT_SAMPLES_MAX

    def _judge(self, outcome: Outcome, ts_event_ns: int, now_ns: int, epoch: int, events: list[Event]) -> None:
        if outcome.broken:
            self._broken(now_ns)
            return
        if outcome is Outcome.BUFFERED and self.sync.waiting == 1 and not self.attempts:
            self.retry_ns = max(now_ns, self._held_until_ns)
        if outcome is not Outcome.APPLIED:
            return
        self.attempts = 0
        self.changes += 1
        self._book_event_ns = ts_event_ns
        if self._speaks_for_top(ts_event_ns):
            best = self.sync.book.best()
            if best != self.best or not self._told:
                if self.sync.last_id:
                    self._top_sequence.news(self.sync.last_id)
                events.append(self._top(best, ts_event_ns, now_ns, epoch))
        self._book_due = self._tells_book
        if self._book_due and now_ns - self._book_sent_ns >= self._book_every_ns:
            events.append(self._book(now_ns, epoch))

    def _speaks_for_top(self, ts_event_ns: int) -> bool:
        # Where the venue states its best prices itself, the book only says the first ones, for a market that is
        # quiet when we come; a stamp older than that of the prices in hand never speaks.
        if not self._book_makes_top:
            return not self._told
        return not ts_event_ns or ts_event_ns >= self._top_event_ns

    def _top(self, best: tuple[float, float, float, float], ts_event_ns: int, now_ns: int, epoch: int) -> TopOfBook:
        self.best, self._told = best, True
        self._top_event_ns = max(self._top_event_ns, ts_event_ns)
        bid, ask, bid_size, ask_size = best
        return TopOfBook(
            epoch=epoch,
            venue=self.venue,
            symbol=self.symbol,
            bid=bid,
            ask=ask,
            bid_size=bid_size,
            ask_size=ask_size,
            ts_event_ns=ts_event_ns,
            ts_received_ns=now_ns,
        )

    def _books(self, now_ns: int, epoch: int) -> list[Event]:
        return [self._book(now_ns, epoch)] if self._tells_book else []

    def _book(self, now_ns: int, epoch: int) -> Book:
        self._book_due, self._book_sent_ns = False, now_ns
        book = self.sync.book
        return Book(
            epoch=epoch,
            venue=self.venue,
            symbol=self.symbol,
            bids=book.bids.levels(BOOK_LEVELS),
            asks=book.asks.levels(BOOK_LEVELS),
            sequence=self.sync.last_id,
            ts_event_ns=self._book_event_ns,
            ts_received_ns=now_ns,
        )
