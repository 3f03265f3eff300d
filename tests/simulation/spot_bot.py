"""A bot of a kind that no registry has, in the smallest form that quotes a coin: a bid and an offer around its book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import ClassVar

import pytest
from common import bots
from common.bots.bot import InstrumentSection
from common.clock import NS_PER_MS
from common.events import BotConfig, Market, QuoteLevel, SourcePrice
from common.instruments import InstrumentKind, Side, ceil_ticks, floor_ticks
from pricer.kind import Kind as PricerKind
from pricer.kind import SourceOf
from pricer.kinds import KINDS as PRICED
from pricer.own_mid import OwnMid
from pricer.service import Pricer
from pricer.sources.aggregation import VenueFeed
from quoter.binary.strategy import Binary
from quoter.orders.diff import Headroom, TargetOrder
from quoter.orders.inventory import inventory_of
from quoter.orders.terms import Terms
from quoter.service import Quoter
from quoter.trading.strategy import BotStrategy, Choice, Inputs, Kind, MarketStrategy, Plan
from risk.monitoring import limits
from toolkit.simulation.world import bot_config

HALF_SPREAD_BPS = 2.0
MAX_POSITION = Decimal("0.2")
"""Coins, long or short; the account of a run has more of them to begin with."""
ORDER_NOTIONAL = 500.0
MAX_AGE_NS = 2_000 * NS_PER_MS


class SpotInstrument(InstrumentSection):
    symbols: list[str]


class SpotBot(bots.Bot):
    kind: ClassVar[str] = "spot_stub"
    trades: ClassVar[tuple[InstrumentKind, ...]] = (InstrumentKind.SPOT,)
    instrument: SpotInstrument


class SpotMarket(MarketStrategy):
    def __init__(self, terms: Terms) -> None:
        self.renew(terms)

    def renew(self, terms: Terms) -> None:
        self.terms = terms
        self.most = terms.instrument.lots_within(MAX_POSITION)
        self.inventory = inventory_of(terms, max_short_lots=self.most)

    def plan(self, inputs: Inputs) -> Plan:
        tick, net = self.terms.tick, self.inventory.net_lots
        size = int(ORDER_NOTIONAL / self.terms.instrument.value(1, inputs.mark))
        free = Headroom(max(0, self.most - net), max(0, self.most + net))
        away = inputs.mark * HALF_SPREAD_BPS / 10_000
        bid, ask = floor_ticks(inputs.mark - away, tick), ceil_ticks(inputs.mark + away, tick)
        bids, asks = [QuoteLevel(bid, size)] if free.buy_lots >= size else [], []
        if free.sell_lots >= size:
            asks = [QuoteLevel(ask, size)]
        outcome = self.terms.instrument.outcome
        wanted = [TargetOrder(outcome, each.price_ticks, size, Side.BUY) for each in bids]
        wanted += [TargetOrder(outcome, each.price_ticks, size, Side.SELL) for each in asks]
        return Plan(bids, asks, wanted, free, 0.0, "quoting", "")


class SpotStrategy(BotStrategy):
    priced_by: ClassVar[type[SourcePrice]] = SourcePrice
    price_age_max_ns = MAX_AGE_NS
    target_life_ns = MAX_AGE_NS

    def __init__(self, algo_id: str, config: SpotBot, markets: Mapping[str, Terms]) -> None:
        super().__init__(algo_id)
        self.config, self.known = config, markets

    def configure(self, config: bots.Bot) -> None:
        assert isinstance(config, SpotBot)
        self.config = config

    def choose(self, markets: Mapping[str, Inputs], venue_now_ns: int) -> Choice:
        return Choice([symbol for symbol in self.config.instrument.symbols if symbol in self.known], {})

    def take_up(self, terms: Terms) -> SpotMarket:
        return SpotMarket(terms)


class SpotStub(Kind):
    model = SpotBot
    instruments = frozenset({InstrumentKind.SPOT})

    def strategy(self, algo_id: str, config: bots.Bot) -> SpotStrategy:
        assert isinstance(config, SpotBot)
        return SpotStrategy(algo_id, config, self.account.markets)


class SpotPriced(PricerKind[SpotBot, Market, OwnMid]):
    """Priced by the middle of the symbol's own book."""

    model = SpotBot
    instruments = frozenset({InstrumentKind.SPOT})
    own_books = True

    def contract_of(self, market: Market, feed: VenueFeed) -> Market:
        return market

    def outputs(self, algo_id: str, config: SpotBot, source_of: SourceOf, before: Mapping[str, OwnMid]) -> list[OwnMid]:
        return [OwnMid(algo_id, "own books", MAX_AGE_NS, MAX_AGE_NS // 4)]

    def hand_out(self, config: SpotBot, outputs: Sequence[OwnMid], source_of: SourceOf) -> None:
        symbols = config.instrument.symbols
        known = [each for each in self.contracts.values() if each.symbol in symbols]
        outputs[0].hold(source_of(each.venue, each.symbol) for each in known)


def spot_config(*symbols: str, algo_id: str = "2") -> BotConfig:
    """Return the bot's configuration."""
    sections = {"instrument": {"venue": "degen", "account": "mm1", "symbols": list(symbols)}, "risk_limits": {}}
    return bot_config(algo_id, SpotBot.kind, sections)


def served(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pricer, quoter and risk serve the kind, as a line in each registry would."""
    monkeypatch.setattr("quoter.wiring.Quoter", partial(Quoter, kinds=(Binary, SpotStub)))
    monkeypatch.setattr("pricer.service.Pricer", partial(Pricer, kinds=(*PRICED, SpotPriced)))
    monkeypatch.setattr("risk.monitoring.report.SERVED", (*limits.SERVED, SpotBot))
