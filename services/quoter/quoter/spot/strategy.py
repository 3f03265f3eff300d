"""The kind of bot that quotes an instrument by what it costs on other exchanges, and takes what others quote worse.

1. It quotes one spot market of its account's venue, named by `instrument` (`SpotStrategy.choose`).
2. It is priced by a SourcePrice with a base price for each of its sizes, at most `PRICE_AGE_MAX_NS` old; the pricer has
   left out books that are stale by their venue's own limit, and our own orders (`SpotMarket.plan`).
3. Its formula is `ladder.py`: base, least spread, factor, margin, rounding, bounds; `headroom.py` cuts sizes to what
   limits and funds allow, `standing.py` says which resting quotes stay.
4. It learns nothing; which book it took from last, and where its own orders have just stood, survive a configuration.
5. Nothing expires. PRICER stopped, nothing rests and nothing is taken; a side without headroom rests nothing.
6. It takes what is offered or bid beyond `take_out`, beside its quotes (`taking.py`); it converts nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from common import bots
from common.bots.spot import SpotBot
from common.clock import NS_PER_MS
from common.events import MarketStatus, SourcePrice
from common.instruments import InstrumentKind, plain_symbol

from quoter.orders.terms import Terms
from quoter.spot.market import SpotMarket
from quoter.trading.strategy import Account, BotStrategy, Choice, Inputs, Kind

PRICE_AGE_MAX_NS = 4_000 * NS_PER_MS
"""Of the oldest book in a price: beyond the limit of any venue by which the pricer leaves a book out."""
TARGET_LIFE_NS = 1_000 * NS_PER_MS


class SpotStrategy(BotStrategy):
    """One spot bot."""

    priced_by: ClassVar[type[SourcePrice]] = SourcePrice
    price_age_max_ns = PRICE_AGE_MAX_NS
    target_life_ns = TARGET_LIFE_NS

    def __init__(self, algo_id: str, config: SpotBot, account: Account) -> None:
        super().__init__(algo_id)
        self.account = account
        self.configure(config)

    def configure(self, config: bots.Bot) -> None:
        assert isinstance(config, SpotBot), "the registry matches kinds and configurations"
        self.config = config

    def choose(self, markets: Mapping[str, Inputs], venue_now_ns: int) -> Choice:
        wanted = plain_symbol(self.config.instrument.instrument)
        found = [
            terms.symbol
            for terms in self.account.markets.values()
            if terms.status is MarketStatus.OPEN
            and terms.instrument.kind is InstrumentKind.SPOT
            and plain_symbol(terms.symbol) == wanted
        ]
        return Choice(sorted(found)[:1], {})

    def take_up(self, terms: Terms) -> SpotMarket:
        return SpotMarket(self, terms)


class Spot(Kind):
    """All spot bots of an account."""

    model = SpotBot
    instruments = frozenset({InstrumentKind.SPOT})

    def strategy(self, algo_id: str, config: bots.Bot) -> SpotStrategy:
        assert isinstance(config, SpotBot), "the registry matches kinds and configurations"
        return SpotStrategy(algo_id, config, self.account)
