"""How fixed bots are priced: each market by the best prices of its own book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from common.bots.fixed import FixedBot
from common.clock import NS_PER_MS
from common.events import Market
from common.instruments import InstrumentKind

from pricer.kind import Follow, Kind
from pricer.own_mid import OwnMid
from pricer.sources.aggregation import VenueFeed

OWN_BOOKS = "own books"
RENEWALS = 4
"""Times within an age that a quoter bears that a price is stated again, so that it does not get old on the way."""


class Listed(NamedTuple):
    """An open market as far as a configuration may name it."""

    venue: str
    symbol: str
    series: str


class Fixed(Kind[FixedBot, Listed, OwnMid]):
    """Source prices from the books of the markets themselves."""

    model = FixedBot
    instruments = frozenset({InstrumentKind.BINARY, InstrumentKind.SPOT})
    own_books = True

    def contract_of(self, market: Market, feed: VenueFeed) -> Listed:
        return Listed(market.venue, market.symbol, market.series)

    def outputs(self, algo_id: str, config: FixedBot, follow: Follow, before: Mapping[str, OwnMid]) -> list[OwnMid]:
        quoting = config.quoting
        life_ms = min(quoting.max_age_ms, quoting.target_life_ms)
        return [OwnMid(algo_id, OWN_BOOKS, quoting.max_age_ms * NS_PER_MS, life_ms * NS_PER_MS // RENEWALS)]

    def hand_out(self, config: FixedBot, outputs: Sequence[OwnMid], follow: Follow) -> None:
        where = config.instrument
        outputs[0].hold(
            follow.source(each.venue, each.symbol)
            for each in self.contracts.values()
            if each.venue == where.venue and (each.symbol in where.symbols or each.series in where.series)
        )
