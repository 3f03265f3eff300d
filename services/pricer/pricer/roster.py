"""Which bots price which open markets, from which sources: kept up to date as bots and markets come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from common.bots import Bot
from common.clock import NS_PER_S
from common.errors import ConfigError
from common.events import Market
from common.instruments import InstrumentKind

from pricer.kind import Kind, Output
from pricer.library import Library
from pricer.sources.aggregation import BookSource, Followed, Source, VenueFeed
from pricer.sources.venues import Venues
from pricer.volatility import VolatilityParams

# A market nobody closed is forgotten this long after its expiry.
MARKET_KEPT_S = 600

VENUES_MAX = 64

AnyKind: TypeAlias = Kind[Any, Any, Any]


@dataclass(slots=True)
class PricedBot:
    """A bot with its configuration in force; `halted` says why, while its own pricing has failed."""

    algo_id: str
    revision: int
    running: bool
    config: Bot
    outputs: list[Output] = field(default_factory=list)
    halted: str = ""


class Following:
    """Has the feeds keep what outputs price from."""

    def __init__(self, feed_of: Callable[[str], VenueFeed | None]) -> None:
        self._feed_of = feed_of

    def source(self, venue: str, symbol: str) -> Source:
        feed = self._feed(venue, symbol)
        return feed.sources.setdefault(symbol, Source(symbol, feed))

    def book(self, venue: str, symbol: str) -> BookSource:
        feed = self._feed(venue, symbol)
        return feed.books.setdefault(symbol, BookSource(symbol, feed))

    def _feed(self, venue: str, symbol: str) -> VenueFeed:
        feed = self._feed_of(venue)
        if feed is None:
            raise ConfigError([f"{venue}:{symbol} cannot be followed: more than {VENUES_MAX} venues in use"])
        return feed


class Roster:
    """Bots, open markets and sources, and the paths between them that a tick takes."""

    def __init__(self, library: Library, kinds: Sequence[type[AnyKind]], venues: Venues) -> None:
        self.feeds: dict[str, VenueFeed] = {}
        self.bots: dict[str, PricedBot] = {}
        self.kinds: dict[str, AnyKind] = {kind.model.kind: kind(library, venues) for kind in kinds}
        """By their word in a configuration."""
        self._follow = Following(self.feed)
        self.models = [kind.model for kind in kinds]
        self.open_markets: dict[tuple[str, str], int] = {}
        """Their expiry, 0 for what never expires, by venue and symbol."""
        self._pricing_from: dict[Followed, list[tuple[PricedBot, Output]]] = {}

    def feed(self, venue: str) -> VenueFeed | None:
        """Return what is known of a venue's feed; None when there are too many venues to follow another one."""
        if venue not in self.feeds and len(self.feeds) < VENUES_MAX:
            self.feeds[venue] = VenueFeed(venue)
        return self.feeds.get(venue)

    def source(self, venue: str, symbol: str) -> Source | None:
        """Return the best prices of a symbol, if some bot follows them."""
        feed = self.feeds.get(venue)
        return None if feed is None else feed.sources.get(symbol)

    def book(self, venue: str, symbol: str) -> BookSource | None:
        """Return the book of a symbol, if some bot follows it."""
        feed = self.feeds.get(venue)
        return None if feed is None else feed.books.get(symbol)

    def pricing_from(self, followed: Followed) -> list[tuple[PricedBot, Output]]:
        """Return who prices from best prices or a book."""
        return self._pricing_from.get(followed, [])

    def outputs(self) -> Iterator[tuple[PricedBot, Output]]:
        for bot in self.bots.values():
            for output in bot.outputs:
                yield bot, output

    def put_bot(self, bot: PricedBot) -> None:
        """Take up a bot, in place of an earlier configuration of it; ConfigError when it cannot be followed."""
        known = self.bots.get(bot.algo_id)
        same_kind = known is not None and known.config.kind == bot.config.kind
        before = {each.name: each for each in known.outputs} if known is not None and same_kind else {}
        bot.outputs = self.kinds[bot.config.kind].outputs(bot.algo_id, bot.config, self._follow, before)
        for output in bot.outputs:
            output.revision = bot.revision
        self.bots[bot.algo_id] = bot
        self._hand_out(bot)
        self._connect()

    def renew(self) -> None:
        """Price with what the library holds now."""
        for bot in list(self.bots.values()):
            self.put_bot(bot)

    def drop_bot(self, algo_id: str) -> None:
        self.bots.pop(algo_id, None)
        self._connect()

    def serves(self, instruments: InstrumentKind) -> bool:
        """Say whether any kind of bot prices such markets."""
        return any(instruments in kind.instruments for kind in self.kinds.values())

    def put_market(self, market: Market, feed: VenueFeed) -> bool:
        """Take up an open market; False when some kind of bot trades such and it does not say to that what it needs.

        Where it says so to no kind, it is not taken up at all.
        """
        key = market.venue, market.symbol
        concerned = [kind for kind in self.kinds.values() if market.kind in kind.instruments]
        found = [(kind, kind.contract_of(market, feed)) for kind in concerned]
        priced = [(kind, contract) for kind, contract in found if contract is not None]
        if not priced:
            self.drop_market(*key)
            return False
        self.open_markets[key] = market.expiry_ns
        for kind in self.kinds.values():
            kind.contracts.pop(key, None)
        for kind, contract in priced:
            kind.contracts[key] = contract
        self._hand_out_all()
        return len(priced) == len(concerned)

    def drop_market(self, venue: str, symbol: str) -> None:
        if self.open_markets.pop((venue, symbol), None) is not None:
            for kind in self.kinds.values():
                kind.contracts.pop((venue, symbol), None)
            self._hand_out_all()

    def drop_expired(self, now_ns: int) -> None:
        over_ns = now_ns - MARKET_KEPT_S * NS_PER_S
        for venue, symbol in [key for key, expiry_ns in self.open_markets.items() if 0 < expiry_ns < over_ns]:
            self.drop_market(venue, symbol)

    def _hand_out_all(self) -> None:
        before = self._all_followed()
        for bot in self.bots.values():
            self._hand_out(bot)
        if self._all_followed() != before:
            self._connect()

    def _all_followed(self) -> list[tuple[Followed, ...]]:
        return [(*output.sources, *output.books) for _, output in self.outputs()]

    def _hand_out(self, bot: PricedBot) -> None:
        self.kinds[bot.config.kind].hand_out(bot.config, bot.outputs, self._follow)

    def _connect(self) -> None:
        self._pricing_from = {}
        wanted: dict[Source, list[VolatilityParams]] = {}
        for bot, output in self.outputs():
            params = output.volatility()
            for source in output.sources:
                self._pricing_from.setdefault(source, []).append((bot, output))
                wanted.setdefault(source, []).extend([] if params is None else [params])
            for book in output.books:
                self._pricing_from.setdefault(book, []).append((bot, output))
        for feed in self.feeds.values():
            feed.books = {symbol: book for symbol, book in feed.books.items() if book in self._pricing_from}
            feed.sources = {symbol: source for symbol, source in feed.sources.items() if source in wanted}
            for source in feed.sources.values():
                source.keep_volatilities(wanted[source])
