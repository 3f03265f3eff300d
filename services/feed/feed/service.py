"""The feed: public data of several venues, each followed on its own and none able to disturb another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from common.clock import NS_PER_MS
from common.core import Core, Effect, Effects, Every, Http, HttpResponse, Input, Receipt, Sample, Wire
from common.events import AlertLevel, Event, Market

from feed.venue import VenueFeed

TIMER_MS = 50
STATUS_MS = 200
"""A reader that hears nothing for a second takes nothing of ours for fresh."""
SECOND_MS = 1_000


class Feed(Core):
    """Public data of every venue: best prices, books, trades, and the life of markets."""

    def __init__(self, venues: Sequence[VenueFeed]) -> None:
        self.venues = {feed.venue: feed for feed in venues}
        self.faults = 0
        """Times our own code failed on a venue."""

    def inputs(self) -> Sequence[Input]:
        inputs: list[Input] = [
            Every(TIMER_MS, self.on_timer),
            Every(STATUS_MS, self.on_beat),
            Every(SECOND_MS, self.on_second),
        ]
        for feed in self.venues.values():
            inputs.append(Http(feed.venue, partial(self.on_answer, feed)))
            inputs += [
                Wire(
                    wire,
                    on_open=partial(self.on_open, feed, wire),
                    on_frame=partial(self.on_frame, feed, wire),
                    on_close=partial(self.on_close, feed, wire),
                )
                for connection in feed.connections
                for wire in connection.wires
            ]
        return inputs

    def start(self, receipt: Receipt) -> Effects:
        return [effect for feed in self.venues.values() for effect in feed.start(self.epoch, receipt.now_ns)]

    def stop(self, receipt: Receipt) -> Effects:
        return [effect for feed in self.venues.values() for effect in feed.stop(receipt.now_ns)]

    def on_frame(self, feed: VenueFeed, wire: str, frame: bytes, receipt: Receipt) -> Effects:
        """One frame of one venue."""
        try:
            return feed.on_frame(wire, frame, receipt.now_ns)
        except Exception as error:
            return self._on_fault(feed, error, receipt.now_ns)

    def on_open(self, feed: VenueFeed, wire: str, receipt: Receipt) -> Effects:
        """A wire is connected."""
        return self._guarded(feed, receipt.now_ns, partial(feed.on_open, wire))

    def on_close(self, feed: VenueFeed, wire: str, reason: str, receipt: Receipt) -> Effects:
        """A wire is gone."""
        return self._guarded(feed, receipt.now_ns, partial(feed.on_close, wire, reason))

    def on_answer(self, feed: VenueFeed, answer: HttpResponse, receipt: Receipt) -> Effects:
        """A venue's REST interface answered."""
        return self._guarded(feed, receipt.now_ns, partial(feed.on_answer, answer))

    def on_timer(self, receipt: Receipt) -> Effects:
        """Whatever is due."""
        for feed in self.venues.values():
            yield from self._guarded(feed, receipt.now_ns, feed.on_timer)

    def on_beat(self, receipt: Receipt) -> Effects:
        """Every venue says how it is doing."""
        for feed in self.venues.values():
            yield from self._guarded(feed, receipt.now_ns, feed.on_beat)

    def on_second(self, receipt: Receipt) -> Effects:
        """What is looked at every second."""
        for feed in self.venues.values():
            yield from self._guarded(feed, receipt.now_ns, feed.on_second)

    def on_reconnected(self, receipt: Receipt) -> Effects:
        for feed in self.venues.values():
            yield from self._guarded(feed, receipt.now_ns, feed.again)

    def on_refused(self, event: Event, reason: str, receipt: Receipt) -> Effects:
        # A market that the broker did not take is told again from the venue's next list.
        if isinstance(event, Market) and event.venue in self.venues:
            self.venues[event.venue].listings.markets.forget(event.symbol)
        return ()

    def unready(self, now_ns: int) -> list[str]:
        reasons: list[str] = []
        for name, feed in self.venues.items():
            status = feed.status(now_ns)
            if not status.connected:
                reasons.append(f"{name}: not connected ({status.note or 'connecting'})")
            elif status.stale_symbols:
                reasons.append(f"{name}: not to be priced from: {', '.join(status.stale_symbols[:10])}")
            elif not status.clock_known:
                reasons.append(f"{name}: clock offset not known yet")
        return reasons

    def state(self, now_ns: int) -> dict[str, Any]:
        return {"venues": {name: _venue_state(feed, now_ns) for name, feed in self.venues.items()}}

    def samples(self) -> Iterable[Sample]:
        yield Sample("mm_feed_faults", "counter", "Failures of our own code on a venue", {}, self.faults)
        for name, feed in self.venues.items():
            venue = {"venue": name}
            open_count = sum(connection.open for connection in feed.connections)
            unsynced = sum(not followed.sync.synced for followed in feed.followed.values())
            yield Sample("mm_feed_connections_open", "gauge", "Connections open", venue, open_count)
            yield Sample("mm_feed_symbols", "gauge", "Symbols followed", venue, len(feed.followed))
            yield Sample("mm_feed_symbols_unsynced", "gauge", "Symbols whose book is out of sync", venue, unsynced)
            yield Sample("mm_feed_frames", "counter", "Frames received", venue, feed.frames)
            yield Sample("mm_feed_tops", "counter", "Best prices published", venue, feed.tops)
            yield Sample("mm_feed_books", "counter", "Books published", venue, feed.books)
            yield Sample("mm_feed_trades", "counter", "Trades published", venue, feed.trades)
            yield Sample("mm_feed_gaps", "counter", "Lost or contradicted updates", venue, feed.gaps)
            yield Sample("mm_feed_malformed", "counter", "Frames that could not be read", venue, feed.malformed)
            yield Sample("mm_feed_rows_dropped", "counter", "Rows left out", venue, feed.listings.dropped)
            yield Sample("mm_feed_markets_left_out", "gauge", "Markets left out", venue, len(feed.listings.left_out))
            yield Sample("mm_feed_refused", "counter", "Requests the venue refused", venue, feed.refused)
            yield Sample("mm_feed_reconnects", "counter", "Connections rebuilt", venue, feed.reconnects)
            yield Sample("mm_feed_markets", "gauge", "Markets known", venue, len(feed.listings.markets))

    def _guarded(self, feed: VenueFeed, now_ns: int, handler: Callable[[int], list[Effect]]) -> list[Effect]:
        try:
            return handler(now_ns)
        except Exception as error:
            return self._on_fault(feed, error, now_ns)

    def _on_fault(self, feed: VenueFeed, error: Exception, now_ns: int) -> list[Effect]:
        """Our own code failed on one venue: start that venue over, tell a person, leave the others alone."""
        self.faults += 1
        text = f"{type(error).__name__}: {error}"[:500]
        effects = feed.start_over(text, now_ns)
        feed.notices.alert("feed_fault", text, self.epoch, now_ns, effects, AlertLevel.CRITICAL)
        return effects


def _venue_state(feed: VenueFeed, now_ns: int) -> dict[str, Any]:
    status = feed.status(now_ns)
    return {
        "connected": status.connected,
        "silent_ms": status.silent_ns // NS_PER_MS,
        "clock_offset_ms": round(status.clock_offset_ns / NS_PER_MS, 3) if status.clock_known else None,
        "stale_symbols": status.stale_symbols,
        "reconnects": status.reconnects,
        "gaps": status.gaps,
        "malformed": status.malformed,
        "note": status.note,
        "money": status.money.value,
        "price_sources": status.price_sources,
        "frames": feed.frames,
        "markets": len(feed.listings.markets),
        "left_out": dict(feed.listings.left_out),
        "symbols": {
            symbol: {"bid": one.best[0], "ask": one.best[1], "synced": one.sync.synced}
            for symbol, one in feed.followed.items()
        },
    }
