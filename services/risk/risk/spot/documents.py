"""What is configured for spot bots and currencies now: the bots, RISK, and the documents of currencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from common.bots.spot import (
    ALGO_KEY,
    AccountRisk,
    CurrencyHedger,
    CurrencyRiskLimits,
    CurrencyScope,
    Rebalancer,
    SpotBot,
)
from common.events import CURRENCY_SCOPE, BotConfig, Market, PlatformConfig
from common.instruments import CurrencyPair, InstrumentKind
from common.venues import Exchanges

from risk.hedging.terms import Scope

MarketOf: TypeAlias = Callable[[str, str], Market | None]
"""A market by venue and symbol; None of one that is not known."""


@dataclass(frozen=True)
class WatchedBot:
    """A spot bot as it is configured."""

    config: BotConfig
    bot: SpotBot
    venue: str
    """Of ours; '' where its exchange is none of ours any more."""

    @property
    def algo_id(self) -> str:
        return self.config.algo_id

    @property
    def symbol(self) -> str:
        return self.bot.instrument.instrument

    def market(self, market_of: MarketOf) -> Market | None:
        """Return its market, None where nothing that is bought in pairs of currencies is known under its name."""
        market = market_of(self.venue, self.symbol)
        return market if market is not None and market.kind is InstrumentKind.SPOT and market.base else None

    def pair(self, market_of: MarketOf) -> CurrencyPair | None:
        """Return what its instrument buys and what it is paid in."""
        market = self.market(market_of)
        return None if market is None else CurrencyPair(market.base, market.currency)


class Documents:
    """The newest of each document that concerns spot bots."""

    def __init__(self, exchanges: Exchanges | None = None) -> None:
        self.exchanges = exchanges or Exchanges()
        self.version = 0
        """Of everything below; whoever has made something of one version need not make it again."""
        self.bots: dict[str, WatchedBot] = {}
        self.account: AccountRisk | None = None
        """RISK; None until it is written."""
        self.currencies: dict[str, CurrencyScope] = {}
        """By currency_id, as the two below."""
        self.currency_limits: dict[str, CurrencyRiskLimits] = {}
        self.hedgers: dict[str, CurrencyHedger] = {}
        self.hedger_revisions: dict[str, int] = {}
        self.rebalancers: dict[str, Rebalancer] = {}
        """By the id of the document."""

    def on_bot(self, config: BotConfig) -> None:
        """Take in a bot's configuration; ConfigError where it cannot be read, and the bot is then not watched."""
        self.version += 1
        self.bots.pop(config.algo_id, None)
        if config.removed or config.kind != SpotBot.kind:
            return
        bot = SpotBot.parse(config.sections)
        try:
            venue = bot.instrument.venue_by(self.exchanges)
        except ValueError:
            venue = ""
        self.bots[config.algo_id] = WatchedBot(config, bot, venue)

    def on_platform(self, config: PlatformConfig) -> None:
        """Take in a document; ConfigError where it cannot be read, and it then counts as not there."""
        self.version += 1
        if config.type == AccountRisk.type:
            if config.id == ALGO_KEY:
                self.account = None
                self.account = None if config.removed else AccountRisk.parse(config.document)
        elif config.type == CurrencyScope.type:
            self.currencies.pop(config.id, None)
            if not config.removed:
                self.currencies[config.id] = CurrencyScope.parse(config.document)
        elif config.type == CurrencyRiskLimits.type:
            self.currency_limits.pop(config.id, None)
            if not config.removed:
                self.currency_limits[config.id] = CurrencyRiskLimits.parse(config.document)
        elif config.type == CurrencyHedger.type:
            self.hedgers.pop(config.id, None)
            if not config.removed:
                self.hedgers[config.id] = CurrencyHedger.parse(config.document)
                self.hedger_revisions[config.id] = config.revision
        elif config.type == Rebalancer.type:
            self.rebalancers.pop(config.id, None)
            if not config.removed:
                self.rebalancers[config.id] = Rebalancer.parse(config.document)

    def hedge_base(self, algo_id: str, market_of: MarketOf) -> str:
        """Return what a bot's hedge instrument buys; '' without a hedger, or while none of its markets is known."""
        hedger = self.bots[algo_id].bot.hedger
        for exchange in hedger.venues_list if hedger is not None else ():
            try:
                market = market_of(self.exchanges.venue(exchange), hedger.hedge_instrument) if hedger else None
            except ValueError:
                continue
            if market is not None and market.base:
                return market.base
        return ""

    def scope(self, currency_id: str) -> Scope | None:
        """Return what a currency document watches; None of one that is not there, or whose exchange is none of ours."""
        watched = self.currencies.get(currency_id)
        if watched is None:
            return None
        venue = ""
        if watched.exchange is not None:
            try:
                venue = self.exchanges.venue(watched.exchange)
            except ValueError:
                return None
        return Scope(CURRENCY_SCOPE + currency_id, watched.currency, venue, watched.algo_id or "")
