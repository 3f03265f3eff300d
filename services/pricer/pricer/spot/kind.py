"""How spot bots are priced: by the books of the exchanges they name, and where an FX pair leads to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common.bots.spot import SpotBot
from common.errors import ConfigError
from common.events import Market
from common.instruments import CurrencyPair, InstrumentKind

from pricer.kind import Follow, Kind
from pricer.sources.aggregation import BookSource, VenueFeed
from pricer.spot.currencies import check_same, used_inversely
from pricer.spot.source import SpotSource


class Listed(NamedTuple):
    """An open spot market: what is bought there, and what it is paid in."""

    venue: str
    symbol: str
    pair: CurrencyPair


class Spot(Kind[SpotBot, Listed, SpotSource]):
    """Source prices from the books of other exchanges."""

    model = SpotBot
    instruments = frozenset({InstrumentKind.SPOT})
    own_books = True
    depth = True

    def contract_of(self, market: Market, feed: VenueFeed) -> Listed:
        return Listed(market.venue, market.symbol, CurrencyPair(market.base, market.currency))

    def outputs(
        self, algo_id: str, config: SpotBot, follow: Follow, before: Mapping[str, SpotSource]
    ) -> list[SpotSource]:
        where = config.instrument
        try:
            for exchange in (where.exchange, *where.source_exchange, *where.fx_exchanges):
                self.venues.exchanges.venue(exchange)
        except ValueError as error:
            raise ConfigError([f"instrument: exchange {error}"]) from None
        found = before.get(where.instrument)
        if found is None:
            return [SpotSource(algo_id, config)]
        found.configure(config)
        return [found]

    def hand_out(self, config: SpotBot, outputs: Sequence[SpotSource], follow: Follow) -> None:
        (source,) = outputs
        where = config.instrument
        venue = self.venues.exchanges.venue(where.exchange)
        target = self.contracts.get((venue, self.venues.symbol(venue, where.instrument)))
        if target is None:
            source.wait()
            return
        at = target.venue, target.symbol
        try:
            known = {each.symbol: each.pair for each in self.contracts.values()}
            inverse, fx_books = False, list[BookSource]()
            if where.fx_leg is None:
                check_same(where.underlying, target.pair, known)
            else:
                inverse = used_inversely(where.fx_leg, where.underlying, target.pair, known)
                fx_books = self._books(where.fx_exchanges, where.fx_leg, follow)
            books = self._books(where.source_exchange, where.underlying, follow)
        except (ValueError, ConfigError) as error:
            source.refuse(at, str(error))
            return
        source.hold(at, books, fx_books, inverse=inverse)

    def _books(self, exchanges: Sequence[str], name: str, follow: Follow) -> list[BookSource]:
        venues = [self.venues.exchanges.venue(exchange) for exchange in exchanges]
        return [follow.book(venue, self.venues.symbol(venue, name)) for venue in venues]
