"""Which price of the underlying to believe: the first source of a bot's list that is fresh, and for how long.

A price counts from the newer of two moments: when it arrived, and when the feed last heard from a connection that
still vouches for it. A quiet market is therefore not a stale one. A dead symbol on a live connection looks just as
quiet: the feed asks the venue over REST and calls it stale, and no price is carried longer than QUIET_MAX_S.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence

from common.clock import NS_PER_S
from common.events import Book, FeedStatus, Level, OwnDepth, TopOfBook

from pricer.sources.own_depth import OwnInBook, others
from pricer.volatility import Volatility, VolatilityParams

QUIET_MAX_S = 900.0
_QUIET_MAX_NS = int(QUIET_MAX_S * NS_PER_S)

# The feed speaks every 200 ms; a longer silence means that nobody watches the connection any more.
FEED_STATUS_AGE_MAX_S = 1.0
_FEED_STATUS_AGE_MAX_NS = int(FEED_STATUS_AGE_MAX_S * NS_PER_S)

LIVE_WITHIN_NS = NS_PER_S
OWN_BOOKS_MAX = 5_000
"""Books of a venue of which our own part is kept."""

# A source that comes back must stay fresh this long before the bot returns to it, or quotes again after an outage.
SETTLED_AFTER_S = 1.0
SETTLED_AFTER_NS = int(SETTLED_AFTER_S * NS_PER_S)


def mid_price(top: TopOfBook) -> float:
    """Return the middle of best bid and offer. `mid_price` of 99 at 101 is 100."""
    return 0.5 * (top.bid + top.ask)


def micro_price(top: TopOfBook) -> float:
    """Return the mid leaning towards the side with less size, where the price tends to go next.

    (bid * ask size + ask * bid size) / (bid size + ask size). Example: 3 bid at 99, 1 offered at 101: 100.5.
    """
    size = top.bid_size + top.ask_size
    if not 0.0 < size < math.inf:
        return mid_price(top)
    return (top.bid * top.ask_size + top.ask * top.bid_size) / size


def two_sided(top: TopOfBook) -> bool:
    """Say whether a top of book can be priced from: both sides there, not crossed, real numbers, no negative size."""
    return 0.0 < top.bid <= top.ask < math.inf and top.bid_size >= 0.0 and top.ask_size >= 0.0


class Followed:
    """Something that one venue states of one symbol, and since when it has held."""

    __slots__ = ("_seen_live", "arrived_at_ns", "breaks", "feed", "known", "symbol")

    def __init__(self, symbol: str, feed: VenueFeed) -> None:
        self.symbol = symbol
        self.feed = feed
        self.known = False
        """Whether there is a statement that nothing speaks against."""
        self.arrived_at_ns = 0
        self.breaks = 0
        """How often statements may have been missed."""
        self._seen_live = False

    def arrived(self, now_ns: int, age_ns: int) -> None:
        """Note that the newest statement came in now, so old already."""
        self.known, self.arrived_at_ns = True, now_ns - age_ns
        # One read back after a start may be from before a lost connection, so nothing vouches for it.
        self._seen_live = age_ns == 0

    def not_after(self, heard_at_ns: int) -> None:
        """No price can have come in after the venue was last heard of.

        A price that a broken bus held back arrives as if it were new; what the feed says of its silence tells its age.
        """
        self.arrived_at_ns = min(self.arrived_at_ns, heard_at_ns)

    def forget(self) -> None:
        """Statements may have been missed: only the next one counts."""
        self.known = False
        self.breaks += 1

    def age_ns(self, now_ns: int) -> int | None:
        """Return the time since the price was last known to hold; None when it is not to be priced from."""
        feed = self.feed
        if not self.known or not feed.up(now_ns):
            return None
        quiet_ns = now_ns - self.arrived_at_ns
        if quiet_ns > _QUIET_MAX_NS or not self._seen_live:
            return quiet_ns
        return max(0, min(quiet_ns, now_ns - feed.alive_at_ns))


class Source(Followed):
    """The newest usable price of one symbol at one venue, and how much that price moves."""

    __slots__ = ("_volatilities", "top")

    def __init__(self, symbol: str, feed: VenueFeed) -> None:
        super().__init__(symbol, feed)
        self.top: TopOfBook | None = None
        self._volatilities: dict[VolatilityParams, Volatility] = {}

    def update(self, top: TopOfBook, now_ns: int, age_ns: int) -> None:
        """Take in a top of book; one that cannot be priced from leaves the source without a price."""
        if not two_sided(top) or self.feed.stale(self.symbol):
            self.forget()
            return
        self.top = top
        self.arrived(now_ns, age_ns)
        for volatility in self._volatilities.values():
            volatility.observe(mid_price(top), self.arrived_at_ns)

    def forget(self) -> None:
        """Prices may have been missed: only the next one counts, and no return is taken up to it."""
        super().forget()
        self.top = None
        for volatility in self._volatilities.values():
            volatility.interrupt()

    def volatility(self, params: VolatilityParams) -> Volatility:
        """Return the estimate with these parameters; bots that agree on them share it."""
        return self._volatilities.setdefault(params, Volatility(params))

    def keep_volatilities(self, wanted: Collection[VolatilityParams]) -> None:
        """Drop the estimates that no bot asks for any more."""
        self._volatilities = {params: kept for params, kept in self._volatilities.items() if params in wanted}


class BookSource(Followed):
    """The newest book of one symbol at one venue, as others have made it: without our own orders."""

    __slots__ = ("asks", "bids", "book", "own", "own_asks", "own_bids", "own_unknown", "version")

    def __init__(self, symbol: str, feed: VenueFeed) -> None:
        super().__init__(symbol, feed)
        self.book: Book | None = None
        self.bids: Sequence[Level] = ()
        self.asks: Sequence[Level] = ()
        self.own = feed.own_in(symbol)
        self.own_bids = self.own_asks = 0.0
        """How much of ours was taken out."""
        self.own_unknown = False
        """True while it cannot be said what is ours."""
        self.version = 0
        """Grows with every change of what is to be seen here."""

    def update(self, book: Book, now_ns: int, age_ns: int) -> None:
        """Take in a book; one of a symbol that the feed calls stale counts for nothing."""
        if self.feed.stale(self.symbol):
            self.forget()
            return
        self.book = book
        self.arrived(now_ns, age_ns)
        self.own.on_book(now_ns)
        self._take_out(book)

    def take_out(self) -> None:
        """Take more of ours out of the book in hand; what was taken out of it stays out."""
        if self.book is not None:
            self._take_out(self.book)

    def forget(self) -> None:
        super().forget()
        self.book = None
        self.bids = self.asks = ()
        self.own_bids = self.own_asks = 0.0
        self.version += 1

    def _take_out(self, book: Book) -> None:
        own = self.own.stated()
        self.own_unknown = own.too_many
        self.bids, self.own_bids = others(book.bids, own.bids)
        self.asks, self.own_asks = others(book.asks, own.asks)
        self.version += 1


class VenueFeed:
    """What the feed last said about its connections to one venue, and what time it is there."""

    __slots__ = ("_own", "_said_at_ns", "_status", "alive_at_ns", "books", "epoch", "sources", "venue")

    def __init__(self, venue: str) -> None:
        self.venue = venue
        self.epoch = 0
        self.sources: dict[str, Source] = {}
        """By symbol: those that a bot prices from."""
        self.books: dict[str, BookSource] = {}
        """By symbol: those whose depth a bot prices from."""
        self._own: dict[str, OwnInBook] = {}
        """By symbol, whether or not the book is followed now."""
        self.alive_at_ns = 0
        """Our time at which the connection last delivered anything."""
        self._status: FeedStatus | None = None
        self._said_at_ns = 0

    def begin(self, epoch: int) -> None:
        """Note whose words follow: another feed's end what the one before vouched for."""
        if epoch > self.epoch:
            self._status = None
            for followed in self._followed():
                followed.forget()
        self.epoch = epoch

    def update(self, status: FeedStatus, said_at_ns: int) -> None:
        """Take in a status; prices from before a lost connection, and those of stale symbols, are forgotten."""
        before, self._status = self._status, status
        self._said_at_ns = said_at_ns
        self.alive_at_ns = said_at_ns - max(0, status.silent_ns)
        lost = not status.connected or (before is not None and before.reconnects != status.reconnects)
        for followed in self._followed():
            if lost or followed.symbol in status.stale_symbols:
                followed.forget()
            else:
                followed.not_after(said_at_ns - max(0, status.heard_ns))

    def own_in(self, symbol: str) -> OwnInBook:
        """Return what our accounts have stated of a book."""
        return self._own.setdefault(symbol, OwnInBook())

    def on_own_depth(self, statement: OwnDepth, heard_at_ns: int) -> BookSource | None:
        """Take in what of a book is our own; return the book if that is news and a bot prices from it."""
        if statement.symbol not in self._own and len(self._own) >= OWN_BOOKS_MAX:
            return None
        own, book = self.own_in(statement.symbol), self.books.get(statement.symbol)
        news = own.on_statement(statement, heard_at_ns)
        if book is None or book.book is None:
            # No book is in hand that could show what has ended.
            own.on_book(heard_at_ns)
        elif news:
            book.take_out()
        return book if news else None

    @property
    def live_within_ns(self) -> int:
        """Return for how long the venue may be silent while it is known to live."""
        return LIVE_WITHIN_NS if self._status is None else self._status.live_within_ns

    def stale(self, symbol: str) -> bool:
        """Say whether the feed told us not to price from a symbol."""
        return self._status is not None and symbol in self._status.stale_symbols

    def up(self, now_ns: int) -> bool:
        """Say whether the connection stands, by a word of the feed that is fresh itself."""
        return self._status is not None and self._status.connected and self._watched(now_ns)

    def venue_time_ns(self, now_ns: int) -> int | None:
        """Return the venue's time at our `now_ns`; None while its clock is unknown or nobody watches it."""
        if self._status is None or not self._status.clock_known or not self._watched(now_ns):
            return None
        return now_ns + self._status.clock_offset_ns

    def _followed(self) -> Iterator[Followed]:
        yield from self.sources.values()
        yield from self.books.values()

    def _watched(self, now_ns: int) -> bool:
        return now_ns - self._said_at_ns <= _FEED_STATUS_AGE_MAX_NS


class SourceChoice:
    """The source an underlying is priced from: the first fresh one, left at once when it fails, returned to slowly."""

    __slots__ = ("_fresh_since_ns", "_max_age_ns", "current", "sources", "steady")

    def __init__(self, sources: Sequence[Source], max_age_ns: int) -> None:
        self.sources = tuple(sources)
        self.current: int | None = None
        """Place in the list of the source last picked; None while none is fresh."""
        self.steady = True
        """False after an outage of all sources until the one picked has settled: do not quote from it."""
        self._max_age_ns = max_age_ns
        self._fresh_since_ns: list[int | None] = [None] * len(self.sources)

    def pick(self, now_ns: int) -> int | None:
        """Return the place in the list of the source to price from; None when no source is fresh."""
        freshest = settled = None
        for place in range(len(self.sources)):
            fresh_ns = self._fresh_for_ns(place, now_ns)
            if fresh_ns is None:
                continue
            if freshest is None:
                freshest = place
            if settled is None and (place == self.current or fresh_ns >= SETTLED_AFTER_NS):
                settled = place
        if freshest is None and self.current is not None:
            self.steady = False
        self.current = freshest if settled is None else settled
        if not self.steady and self.current is not None:
            since_ns = self._fresh_since_ns[self.current]
            self.steady = since_ns is not None and now_ns - since_ns >= SETTLED_AFTER_NS
        return self.current

    def _fresh_for_ns(self, place: int, now_ns: int) -> int | None:
        age_ns = self.sources[place].age_ns(now_ns)
        if age_ns is None or age_ns > self._max_age_ns:
            self._fresh_since_ns[place] = None
            return None
        since_ns = self._fresh_since_ns[place]
        if since_ns is None:
            since_ns = self._fresh_since_ns[place] = now_ns
        return now_ns - since_ns
