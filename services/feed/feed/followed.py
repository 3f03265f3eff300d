"""One symbol at one venue: what we know of it, what of that is news, and whether it may be believed."""

from __future__ import annotations

from common.clock import NS_PER_MS
from common.events import Book, Event, TopOfBook, Trade

from feed.messages import Beat, Diff, Print, Snapshot, Top
from feed.sync import BookSync, Outcome
from feed.venues.adapter import BOOK_LEVELS, Adapter

BOOK_EVERY_MS = 100
"""A book goes out at most this often; the newest state waits for its turn."""
FIRST_SNAPSHOT_MS = {True: 500, False: 3_000}
"""Wait for the first snapshot of a connection: over REST it is asked sooner when a change arrives, over the stream
it comes by itself."""
SPLIT_SAMPLES_MAX = 3
"""Seconds for which best prices and book may contradict each other before one of their streams counts as dead."""


class Followed:
    """The state of one symbol."""

    def __init__(self, venue: str, symbol: str, adapter: Adapter) -> None:
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
        self._top_sequence = 0
        self._top_event_ns = 0
        self._book_event_ns = 0
        self._book_sent_ns = 0
        self._book_due = False
        self._trade_number = -1
        """Last trade seen; -1 for none."""
        self._beat_trade = 0
        self._split_samples = 0
        self._split_at = (0, 0)

    def restart(self, now_ns: int) -> None:
        """Believe nothing of an ended connection; a new one is given a moment to bring its own snapshot."""
        self.unsync(now_ns)
        self.attempts = 0
        self.retry_ns = now_ns + FIRST_SNAPSHOT_MS[self.sync.buffered] * NS_PER_MS
        self._told = False
        self._top_sequence = self._top_event_ns = 0
        self._trade_number, self._beat_trade = -1, 0
        self._split_samples = 0

    def unsync(self, now_ns: int) -> None:
        """Throw the book away; the next snapshot is due at once."""
        self.sync.reset()
        self._broken(now_ns)

    def _broken(self, now_ns: int) -> None:
        self.retry_ns = now_ns
        self._book_due = False

    @property
    def sequence(self) -> int:
        """The venue's own count of the book's updates, as far as the stream brought it."""
        return self.sync.last_id

    @property
    def split_ids(self) -> tuple[int, int]:
        """Update ids of the best prices and of the book, which tell when both speak of the same state."""
        return self._top_sequence, self.sync.last_id

    def on_top(self, top: Top, now_ns: int, epoch: int) -> TopOfBook | None:
        """Return the best prices a frame states; None when they are older than what we have, or crossed."""
        sequence = top.sequence
        if sequence:
            if sequence <= self._top_sequence:
                return None
            self._top_sequence = sequence
        if top.ts_event_ns:
            if top.ts_event_ns < self._top_event_ns:
                return None
            self._top_event_ns = top.ts_event_ns
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
            ts_event_ns=top.ts_event_ns,
            ts_received_ns=now_ns,
        )

    def on_snapshot(self, snapshot: Snapshot, now_ns: int, epoch: int, events: list[Event]) -> Outcome:
        """Start the book over; what is news is added to `events`."""
        outcome = self.sync.on_snapshot(snapshot)
        self._judge(outcome, snapshot.ts_event_ns, now_ns, epoch, events)
        return outcome

    def on_diff(self, diff: Diff, now_ns: int, epoch: int, events: list[Event]) -> Outcome:
        """Apply changed levels; what is news is added to `events`."""
        outcome = self.sync.on_diff(diff)
        self._judge(outcome, diff.ts_event_ns, now_ns, epoch, events)
        return outcome

    def on_print(self, trade: Print, now_ns: int, epoch: int) -> tuple[Trade | None, bool]:
        """Return the trade, None when it was told before, and whether trades before it are missing."""
        known = self._trade_number
        if trade.number <= known:
            return None, False
        self._trade_number = trade.number
        missing = self._counts_trades and 0 <= known < trade.number - 1
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
        lost = 0 <= self._trade_number < self._beat_trade
        if lost:
            self._trade_number = self._beat_trade
        self._beat_trade = beat.last_trade
        return lost

    def empty(self, now_ns: int, epoch: int) -> tuple[TopOfBook, Book]:
        """Return the last word on a symbol whose trading has ended: nothing rests any more."""
        self.sync.reset()
        return self._top((0.0, 0.0, 0.0, 0.0), 0, now_ns, epoch), self._book(now_ns, epoch)

    def again(self, now_ns: int, epoch: int) -> list[Event]:
        """Return what holds now once more, for readers who may have missed it; nothing while out of sync."""
        if not (self.sync.synced and self._told):
            return []
        return [self._top(self.best, self._top_event_ns, now_ns, epoch), self._book(now_ns, epoch)]

    def flush(self, now_ns: int, epoch: int) -> Book | None:
        """Return the book that waited for its turn."""
        if not self._book_due or now_ns - self._book_sent_ns < BOOK_EVERY_MS * NS_PER_MS:
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
            self.retry_ns = now_ns
        if outcome is not Outcome.APPLIED:
            return
        self.attempts = 0
        self._book_event_ns = ts_event_ns
        if self._speaks_for_top(ts_event_ns):
            best = self.sync.book.best()
            if best != self.best or not self._told:
                self._top_sequence = max(self._top_sequence, self.sync.last_id)
                events.append(self._top(best, ts_event_ns, now_ns, epoch))
        self._book_due = True
        if now_ns - self._book_sent_ns >= BOOK_EVERY_MS * NS_PER_MS:
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
