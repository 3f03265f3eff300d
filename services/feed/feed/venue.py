"""One venue followed: its connections, its symbols, and what all of it is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from common.clock import NS_PER_MS, NS_PER_S
from common.core import Effect, HttpResponse, Send
from common.errors import ContractError
from common.events import Book, Event, FeedStatus, MarketStatus

from feed.connections.connection import Connection, Opened
from feed.connections.flood import Flood
from feed.connections.reading import UNREADABLE
from feed.followed import EVERYTHING, Depth, Followed
from feed.listings.listings import Listings
from feed.messages import (
    Alive,
    Beat,
    Diff,
    Dropped,
    Ending,
    Listing,
    Message,
    Prepared,
    Print,
    Refused,
    Reset,
    Snapshot,
    SymbolList,
    Top,
    Unlisted,
)
from feed.notices import Notices
from feed.upkeep import Doubt, Upkeep
from feed.venues.adapter import Adapter, connections_of

SYMBOLS_MAX = 1_000
"""Symbols followed per venue, discovered ones included."""
NOTE_CHARS_MAX = 200
LIVE_WITHIN_MS = 1_000
LATE_MAX_NS = 2 * NS_PER_S
"""Frames that trail the venue's clock by more, or are ahead of it, are stale however many arrive."""


class VenueFeed:
    """Everything public of one venue, as events."""

    def __init__(
        self,
        venue: str,
        adapter: Adapter,
        random: Random,
        live_within_ms: int = LIVE_WITHIN_MS,
        depth: Depth = EVERYTHING,
    ) -> None:
        self.venue, self.adapter, self._depth = venue, adapter, depth
        self.live_within_ns = live_within_ms * NS_PER_MS
        self.epoch = 0
        self.followed: dict[str, Followed] = {}
        self.connections = connections_of(venue, adapter, random, live_within_ms)
        self.notices = Notices(venue)
        self.listings = Listings(venue, self.notices)
        self.upkeep = Upkeep(venue, adapter, self.notices)
        self.note = ""
        self.frames = self.malformed = self.gaps = self.refused = 0
        self.tops = self.books = self.trades = 0
        self._by_wire = {wire: connection for connection in self.connections for wire in connection.wires}
        self._home: dict[str, Connection] = {}
        """The connection of each symbol."""
        self._handlers: dict[type, Callable[[Any, Connection, int, list[Effect]], None]] = {
            Top: self._on_top,
            Snapshot: self._on_snapshot,
            Diff: self._on_diff,
            Print: self._on_print,
            Beat: self._on_beat,
            Listing: self._on_listing,
            Dropped: self._on_dropped,
            Unlisted: self._on_unlisted,
            Reset: self._on_reset,
            Prepared: self._on_prepared,
            Refused: self._on_refused,
            Ending: self._on_ending,
            Alive: _on_alive,
        }
        self._told: tuple[object, ...] = ()
        self._flood = Flood()
        self._changed = False
        """Something that FeedStatus tells may have changed since it was last looked at."""
        for connection in self.connections:
            for symbol in connection.symbols:
                self._follow(symbol, connection, 0)

    def start(self, epoch: int, now_ns: int) -> list[Effect]:
        """Connect everything."""
        self.epoch = epoch
        effects: list[Effect] = [effect for connection in self.connections for effect in connection.begin(now_ns)]
        for symbol, followed in self.followed.items():
            followed.restart(now_ns)
            self.upkeep.restart(symbol, now_ns)
        return [*effects, self.status(now_ns)]

    def stop(self, now_ns: int) -> list[Effect]:
        """Close everything and say so."""
        effects: list[Effect] = [effect for connection in self.connections for effect in connection.end(now_ns)]
        self.note = "stopping"
        return [*effects, self.status(now_ns)]

    def on_open(self, wire: str, now_ns: int) -> list[Effect]:
        """Subscribe on a wire that has connected."""
        connection = self._by_wire[wire]
        opened = connection.on_open(wire, now_ns)
        if opened is Opened.UNWANTED:
            return []
        if opened is Opened.FRESH:
            self._restart(connection, now_ns)
            self.upkeep.list_markets(now_ns)
        effects: list[Effect] = [Send(wire, frame) for frame in self.adapter.subscribe(connection.symbols)]
        return effects + self._status_if_changed(now_ns)

    def on_close(self, wire: str, reason: str, now_ns: int) -> list[Effect]:
        """Doubt everything that came over a lost connection."""
        connection = self._by_wire[wire]
        if connection.on_close(wire, reason, now_ns):
            self._lost(connection, now_ns)
        return self._status_if_changed(now_ns)

    def on_frame(self, wire: str, frame: bytes, now_ns: int) -> Iterable[Effect]:
        """Turn one frame into events."""
        connection = self._by_wire[wire]
        if not connection.on_frame(wire, now_ns):
            return ()
        self.frames += 1
        effects: list[Effect] = []
        try:
            messages = self.adapter.parse(frame)
        except UNREADABLE as error:
            self._on_unreadable(connection, frame, error, now_ns, effects)
        else:
            for message in messages:
                self._use(message, connection, now_ns, effects)
        if self._changed:
            effects += self._status_if_changed(now_ns)
        return effects

    def on_answer(self, answer: HttpResponse, now_ns: int) -> list[Effect]:
        """Use the answer to one of our questions."""
        effects: list[Effect] = []
        heard = self.upkeep.on_answer(answer, self.epoch, now_ns, effects)
        for book in heard.books:
            if book.symbol in self.followed:
                self._on_snapshot(book, self._home[book.symbol], now_ns, effects)
        for said in heard.markets:
            self._use(said, self.connections[0], now_ns, effects)
        if heard.whole_list:
            listed = frozenset(said.symbol for said in heard.markets)
            for symbol in self.listings.after_list(listed, self.upkeep.venue_ns(now_ns)):
                self._unfollow(symbol, now_ns, effects)
        if heard.symbols is not None:
            self._on_symbols(heard.symbols, now_ns, effects)
        return effects + self._status_if_changed(now_ns)

    def on_timer(self, now_ns: int) -> list[Effect]:
        """Do what is due: silence and reconnects, books that waited, snapshots, cross-checks, questions."""
        effects: list[Effect] = []
        for connection in self.connections:
            was_open = connection.open
            effects += connection.on_timer(now_ns)
            if was_open and not connection.open:
                self._lost(connection, now_ns)
        synced_homes = {self._home[symbol].name for symbol, one in self.followed.items() if one.sync.synced}
        doubts: list[Doubt] = []
        for symbol, followed in self.followed.items():
            book = followed.flush(now_ns, self.epoch)
            if book is not None:
                self._publish([book], effects)
            home = self._home[symbol]
            if home.open:
                alone = home.name not in synced_homes
                doubt = self.upkeep.tend(followed, home, alone, self.epoch, now_ns, effects)
                if doubt is not None:
                    doubts.append(doubt)
        for doubt in doubts:
            self._on_doubt(doubt, now_ns, effects)
        effects += self.upkeep.ask(now_ns, self.listings.waiting)
        if self._changed or self.upkeep.changed:
            effects += self._status_if_changed(now_ns)
        return effects

    def on_beat(self, now_ns: int) -> list[Effect]:
        """Tell how we are doing, whether or not that is news: readers count from when they last heard it."""
        return [self.status(now_ns)]

    def on_second(self, now_ns: int) -> list[Effect]:
        """Compare the venue's two statements of best prices, and tell what is to be told again."""
        effects: list[Effect] = []
        for symbol, followed in self.followed.items():
            home = self._home[symbol]
            # While nothing arrives at all, neither stream can be said to have died before the other.
            if home.open and home.silent_ns(now_ns) < NS_PER_S and followed.split():
                reason = f"{symbol}: best prices and book contradict"
                self._on_doubt(Doubt(home, reason, symbol, neighbours=True), now_ns, effects)
        for market in self.listings.due(self.upkeep.venue_ns(now_ns), now_ns, self.epoch, effects):
            effects.append(market)
            if market.status is not MarketStatus.OPEN:
                self._unfollow(market.symbol, now_ns, effects)
        return effects

    def again(self, now_ns: int) -> list[Effect]:
        """Tell everything that holds now once more: the bus was away, and quiet symbols would not speak soon."""
        effects: list[Effect] = []
        for followed in self.followed.values():
            self._publish(followed.again(now_ns, self.epoch), effects)
        return [*effects, self.status(now_ns)]

    def start_over(self, reason: str, now_ns: int) -> list[Effect]:
        """Give up every connection and believe nothing."""
        effects: list[Effect] = []
        for connection in self.connections:
            self._give_up(connection, reason, now_ns, effects)
        self.note = reason
        return [*effects, self.status(now_ns)]

    @property
    def reconnects(self) -> int:
        return sum(connection.reconnects for connection in self.connections)

    def stale_symbols(self, now_ns: int) -> list[str]:
        """Return the symbols not to be priced from: out of sync, disproved, late, or of a dead connection."""
        late = self.upkeep.offset.astray_ns(now_ns) > LATE_MAX_NS
        return [
            symbol
            for symbol, followed in self.followed.items()
            if late
            or not followed.sync.synced
            or self.upkeep.checks.disproved(symbol)
            or not self._home[symbol].alive(now_ns)
        ]

    def status(self, now_ns: int) -> FeedStatus:
        """Return how far this venue can be believed now."""
        offset_ns, clock_known = self.upkeep.offset.estimate(now_ns)
        connected = any(connection.alive(now_ns) for connection in self.connections)
        stale = self.stale_symbols(now_ns)
        self._told = (connected, stale, clock_known)
        return FeedStatus(
            epoch=self.epoch,
            venue=self.venue,
            connected=connected,
            silent_ns=max(connection.silent_ns(now_ns) for connection in self.connections),
            clock_offset_ns=offset_ns,
            clock_known=clock_known,
            stale_symbols=stale,
            reconnects=self.reconnects,
            gaps=self.gaps,
            malformed=self.malformed,
            note=(self.note or self.upkeep.note)[:NOTE_CHARS_MAX],
            heard_ns=min(connection.silent_ns(now_ns) for connection in self.connections),
            live_within_ns=self.live_within_ns,
            money=self.adapter.money,
            price_sources=self.adapter.price_sources,
        )

    def _status_if_changed(self, now_ns: int) -> list[Effect]:
        self._changed = self.upkeep.changed = False
        connected = any(connection.alive(now_ns) for connection in self.connections)
        stale = self.stale_symbols(now_ns)
        now = (connected, stale, self.upkeep.offset.estimate(now_ns)[1])
        if now == self._told:
            return []
        if connected and not stale:
            # What was wrong is over.
            self.note = self.upkeep.note = ""
        return [self.status(now_ns)]

    def _on_top(self, message: Top, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        event = self._known(message.symbol).on_top(message, now_ns, self.epoch)
        if event is not None:
            self.tops += 1
            effects.append(event)

    def _on_snapshot(self, message: Snapshot, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        if not self._concerns_us(message.symbol, connection, now_ns):
            return
        followed = self._known(message.symbol)
        if message.ts_event_ns:
            self.upkeep.offset.on_stamp(message.ts_event_ns, now_ns)
        known_id = followed.sync.last_id
        if known_id and message.last_id > known_id + 1:
            self.gaps += 1
        self._changed = self._changed or not followed.sync.synced
        events: list[Event] = []
        outcome = followed.on_snapshot(message, now_ns, self.epoch, events)
        self._publish(events, effects)
        if outcome.broken:
            self._on_broken(followed, outcome.value)

    def _on_diff(self, message: Diff, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        followed = self._known(message.symbol)
        if message.ts_event_ns:
            self.upkeep.offset.on_stamp(message.ts_event_ns, now_ns)
        events: list[Event] = []
        outcome = followed.on_diff(message, now_ns, self.epoch, events)
        self._publish(events, effects)
        if outcome.broken:
            self._on_broken(followed, outcome.value)

    def _on_print(self, message: Print, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        if not self._concerns_us(message.symbol, connection, now_ns):
            return
        if message.price <= 0.0 or message.size <= 0.0:
            # Binance prints its own corrections so; nothing was traded.
            return
        event, missing = self._known(message.symbol).on_print(message, now_ns, self.epoch)
        self.gaps += missing
        if event is not None:
            self.upkeep.offset.on_stamp(message.ts_event_ns, now_ns)
            self.trades += 1
            self.upkeep.checks.on_trade(message.symbol, message.price)
            effects.append(event)

    def _on_beat(self, message: Beat, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        if message.ts_event_ns:
            self.upkeep.offset.on_stamp(message.ts_event_ns, now_ns)
        self.gaps += self._known(message.symbol).on_beat(message)

    def _on_listing(self, message: Listing, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        if self.adapter.symbols and {message.series, message.symbol}.isdisjoint(self.adapter.symbols):
            return
        event = self.listings.on_listing(message, now_ns, self.epoch)
        if event is not None:
            effects.append(event)
        status = self.listings.markets.status(message.symbol)
        if status is MarketStatus.OPEN:
            if self._follow(message.symbol, connection, now_ns) and connection.serving:
                frames = self.adapter.subscribe_listed(message.symbol)
                effects += [Send(connection.serving, frame) for frame in frames]
        elif message.symbol in self.followed:
            self._unfollow(message.symbol, now_ns, effects)

    def _on_symbols(self, listed: SymbolList, now_ns: int, effects: list[Effect]) -> None:
        for row in listed.rows:
            self._use(row, self.connections[0], now_ns, effects)
        for market in self.listings.after_symbols(listed, now_ns, self.epoch):
            effects.append(market)
            self._unfollow(market.symbol, now_ns, effects)

    def _on_dropped(self, message: Dropped, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        self.note = self.listings.on_dropped(message, self.epoch, now_ns, effects)

    def _on_unlisted(self, message: Unlisted, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        market = self.listings.on_unlisted(message, self.epoch, now_ns, effects)
        if market is not None:
            effects.append(market)

    def _on_reset(self, message: Reset, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        followed = self.followed.get(message.symbol)
        if followed is not None:
            followed.unsync(now_ns)
            self.note = f"{message.symbol}: {message.reason}"
            self._changed = True

    def _on_prepared(self, message: Prepared, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        if connection.serving:
            frames = self.adapter.subscribe_prepared(connection.symbols)
            effects += [Send(connection.serving, frame) for frame in frames]

    def _on_refused(self, message: Refused, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        self.refused += 1
        self.note = f"refused by the venue: {message.reason}"

    def _on_ending(self, message: Ending, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        self.note = f"the venue ends the connection: {message.reason}"
        effects += connection.replace(now_ns)

    def _publish(self, events: Iterable[Event], effects: list[Effect]) -> None:
        for event in events:
            if isinstance(event, Book):
                self.books += 1
            else:
                self.tops += 1
            effects.append(event)

    def _use(self, message: Message, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
        try:
            self._handlers[type(message)](message, connection, now_ns, effects)
        except UNREADABLE as error:
            # What came in the same frame is none the worse for it.
            self.malformed += 1
            self.note = f"unusable {type(message).__name__}: {error}"

    def _on_unreadable(
        self, connection: Connection, frame: bytes, error: Exception, now_ns: int, effects: list[Effect]
    ) -> None:
        self.malformed += 1
        self.note = f"unreadable frame: {error}"
        self.notices.alert("unreadable", self.note, self.epoch, now_ns, effects)
        if self._flood.on_unreadable(self.frames, now_ns):
            self._give_up(connection, "too many unreadable frames", now_ns, effects)
            return
        here = [symbol for symbol in self.followed if self._home[symbol] is connection]
        for symbol in self.adapter.doubted(frame, here):
            followed = self.followed.get(symbol)
            if followed is not None and followed.sync.synced:
                followed.unsync(now_ns)
                self._changed = True

    def _on_doubt(self, doubt: Doubt, now_ns: int, effects: list[Effect]) -> None:
        """Begin one symbol anew where its neighbours are sound, else their whole connection."""
        connection, followed = doubt.connection, self.followed.get(doubt.symbol)
        sound = doubt.neighbours and any(
            other.sync.synced and not other.contradictions and not self.upkeep.checks.disproved(symbol)
            for symbol, other in self.followed.items()
            if symbol != doubt.symbol and self._home[symbol] is connection
        )
        if followed is None or not sound:
            self._give_up(connection, doubt.reason, now_ns, effects)
            return
        followed.contradicted(now_ns)
        self.note = doubt.reason
        self.gaps += 1
        self._changed = True
        self.notices.alert("contradiction", doubt.reason, self.epoch, now_ns, effects)
        if self.adapter.snapshot_over_rest:
            # The book comes over REST; a stream of best prices that died comes back by its subscription alone.
            effects += [Send(connection.serving, frame) for frame in self.adapter.resubscribe(doubt.symbol)]

    def _on_broken(self, followed: Followed, why: str) -> None:
        self.gaps += 1
        self.note = f"{followed.symbol}: {why}"
        self._changed = True

    def _give_up(self, connection: Connection, reason: str, now_ns: int, effects: list[Effect]) -> None:
        if connection.open:
            effects += connection.fail(reason, now_ns)
            self._lost(connection, now_ns)

    def _lost(self, connection: Connection, now_ns: int) -> None:
        self.note = f"connection lost: {connection.last_reason}"
        self._restart(connection, now_ns)

    def _restart(self, connection: Connection, now_ns: int) -> None:
        for symbol, followed in self.followed.items():
            if self._home[symbol] is connection:
                followed.restart(now_ns)
                self.upkeep.restart(symbol, now_ns)
        self.adapter.restarted()
        if len(self.connections) == 1:
            self.upkeep.offset.forget_stream()
        self._changed = True

    def _known(self, symbol: str) -> Followed:
        followed = self.followed.get(symbol)
        if followed is None:
            raise ContractError("symbol", f"{symbol[:64]!r} was not subscribed")
        return followed

    def _concerns_us(self, symbol: str, connection: Connection, now_ns: int) -> bool:
        """Say whether a symbol is to be followed; a listed one may speak before its listing has reached us."""
        if not self.adapter.discovers or symbol in self.followed:
            return True
        if self.adapter.symbols or self.listings.markets.status(symbol) is not None:
            return False
        self._follow(symbol, connection, now_ns)
        return symbol in self.followed

    def _follow(self, symbol: str, connection: Connection, now_ns: int) -> bool:
        """Begin to follow a symbol; return whether it is a new one."""
        if symbol in self.followed:
            return False
        if len(self.followed) >= SYMBOLS_MAX:
            self.note = f"{symbol}: not followed, {SYMBOLS_MAX} symbols are"
            return False
        followed = self.followed[symbol] = Followed(self.venue, symbol, self.adapter, self._depth)
        followed.restart(now_ns)
        self._home[symbol] = connection
        self.upkeep.follow(symbol, now_ns)
        self._changed = True
        return True

    def _unfollow(self, symbol: str, now_ns: int, effects: list[Effect]) -> None:
        if not self.adapter.discovers:
            # Its stream goes on: a configured symbol is followed, whether or not it can be traded now.
            return
        followed = self.followed.pop(symbol, None)
        if followed is None:
            return
        del self._home[symbol]
        self.upkeep.unfollow(symbol)
        self._changed = True
        self._publish(followed.empty(now_ns, self.epoch), effects)


def _on_alive(message: Alive, connection: Connection, now_ns: int, effects: list[Effect]) -> None:
    """A frame that only proves the connection has already done so."""
