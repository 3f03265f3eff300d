"""Which bots price which open markets, from which sources: kept up to date as bots and markets come and go."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from common.bots import BinaryBot
from common.clock import NS_PER_S
from common.errors import ConfigError
from common.events import Market

from pricer.binary.contracts import Contract, contract_of
from pricer.binary.valuation import Valuation, volatility_params
from pricer.library import Library
from pricer.sources.aggregation import Source, VenueFeed
from pricer.volatility import VolatilityParams

# A market nobody closed is forgotten this long after its expiry.
CONTRACT_KEPT_S = 600

VENUES_MAX = 64


@dataclass(slots=True)
class PricedBot:
    """A bot with its configuration in force; `halted` says why, while its own pricing has failed."""

    algo_id: str
    revision: int
    running: bool
    sections: BinaryBot
    valuations: list[Valuation] = field(default_factory=list)
    halted: str = ""


class Roster:
    """Bots, open markets and sources, and the paths between them that a tick takes."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.feeds: dict[str, VenueFeed] = {}
        self.bots: dict[str, PricedBot] = {}
        self.contracts: dict[tuple[str, str], Contract] = {}
        """By venue and symbol."""
        self._pricing_from: dict[Source, list[tuple[PricedBot, Valuation]]] = {}

    def feed(self, venue: str) -> VenueFeed | None:
        """Return what is known of a venue's feed; None when there are too many venues to follow another one."""
        if venue not in self.feeds and len(self.feeds) < VENUES_MAX:
            self.feeds[venue] = VenueFeed(venue)
        return self.feeds.get(venue)

    def source(self, venue: str, symbol: str) -> Source | None:
        """Return a source that some bot follows."""
        feed = self.feeds.get(venue)
        return None if feed is None else feed.sources.get(symbol)

    def pricing_from(self, source: Source) -> list[tuple[PricedBot, Valuation]]:
        """Return who follows a source."""
        return self._pricing_from.get(source, [])

    def valuations(self) -> Iterator[tuple[PricedBot, Valuation]]:
        for bot in self.bots.values():
            for valuation in bot.valuations:
                yield bot, valuation

    def put_bot(self, bot: PricedBot) -> None:
        """Take up a bot, in place of an earlier configuration of it; ConfigError when it cannot be followed."""
        known = self.bots.get(bot.algo_id)
        before = {} if known is None else {each.underlying: each for each in known.valuations}
        bot.valuations = [
            Valuation.of(
                bot.algo_id,
                underlying,
                bot.sections,
                self._sources(underlying, bot),
                self.library,
                before.get(underlying),
            )
            for underlying in bot.sections.instrument.sources
        ]
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

    def put_market(self, market: Market, feed: VenueFeed) -> bool:
        """Take up an open market; False when it does not say what its value depends on."""
        contract = contract_of(market, feed)
        if contract is None:
            return False
        self.contracts[market.venue, market.symbol] = contract
        for bot in self.bots.values():
            self._hand_out(bot)
        return True

    def drop_market(self, venue: str, symbol: str) -> None:
        if self.contracts.pop((venue, symbol), None) is not None:
            for bot in self.bots.values():
                self._hand_out(bot)

    def drop_expired(self, now_ns: int) -> None:
        over_ns = now_ns - CONTRACT_KEPT_S * NS_PER_S
        for venue, symbol in [key for key, contract in self.contracts.items() if contract.expiry_ns < over_ns]:
            self.drop_market(venue, symbol)

    def _sources(self, underlying: str, bot: PricedBot) -> list[Source]:
        sources = []
        for configured in bot.sections.instrument.sources[underlying]:
            feed = self.feed(configured.venue)
            if feed is None:
                raise ConfigError([f"instrument.sources.{underlying}: more than {VENUES_MAX} venues in use"])
            sources.append(feed.sources.setdefault(configured.symbol, Source(configured.symbol, feed)))
        return sources

    def _hand_out(self, bot: PricedBot) -> None:
        instrument = bot.sections.instrument
        for valuation in bot.valuations:
            valuation.hold(
                tuple(
                    contract
                    for contract in self.contracts.values()
                    if contract.underlying == valuation.underlying
                    and contract.venue == instrument.venue
                    and contract.series in instrument.series
                )
            )

    def _connect(self) -> None:
        self._pricing_from = {}
        wanted: dict[Source, list[VolatilityParams]] = {}
        for bot, valuation in self.valuations():
            for source in valuation.spot.sources:
                self._pricing_from.setdefault(source, []).append((bot, valuation))
                wanted.setdefault(source, []).append(volatility_params(valuation.pricing))
        for feed in self.feeds.values():
            feed.sources = {symbol: source for symbol, source in feed.sources.items() if source in wanted}
            for source in feed.sources.values():
                source.keep_volatilities(wanted[source])
