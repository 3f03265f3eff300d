"""The kind of bot that quotes YES/NO markets: one account's, one bot's, and where they meet the rest of the quoter."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from common import bots
from common.bots import BinaryBot
from common.clock import NS_PER_MS
from common.core import Sample
from common.events import FairValue
from common.instruments import InstrumentKind

from quoter.binary.conversions import Candidate, Converter
from quoter.binary.market import STEP, BinaryMarket, Shared
from quoter.binary.selection import chosen
from quoter.orders.terms import Terms
from quoter.signals.exposure import Leg, Summary, closed_side, net_skews, summary
from quoter.trading.strategy import Account, BotStrategy, Choice, Inputs, Kind
from quoter.venues.base import ConversionEnded, Outputs

LEAN_NS = 500 * NS_PER_MS
"""Exposure over all markets is computed this often."""


class BinaryStrategy(BotStrategy):
    """One bot: what its markets have in common."""

    priced_by = FairValue

    def __init__(self, algo_id: str, config: BinaryBot, account: Account) -> None:
        super().__init__(algo_id)
        self._account = account
        self.shared = Shared(config, 0)
        self.markets: dict[str, BinaryMarket] = {}
        self.exposures: dict[str, Summary] = {}
        """By underlying, as of the last timer."""
        self._leaned_at_ns = 0
        self.configure(config)

    @property
    def config(self) -> BinaryBot:
        return self.shared.config

    def configure(self, config: bots.Bot) -> None:
        assert isinstance(config, BinaryBot), "the registry matches kinds and configurations"
        self.shared.config = config
        self.price_age_max_ns = self.shared.price_age_max_ns = config.pricing.max_source_age_ms * NS_PER_MS
        self.target_life_ns = config.quoting.target_life_ms * NS_PER_MS

    def choose(self, markets: Mapping[str, Inputs], venue_now_ns: int) -> Choice:
        working = {symbol for symbol, inputs in markets.items() if inputs.selected}
        frozen = {symbol for symbol, market in self.markets.items() if market.signals.frozen}
        return chosen(self.algo_id, self.config, self._account, working, frozen, venue_now_ns)

    def take_up(self, terms: Terms) -> BinaryMarket:
        market = self.markets[terms.symbol] = BinaryMarket(self.shared, terms)
        return market

    def drop(self, symbol: str) -> None:
        self.markets.pop(symbol, None)

    def on_timer(self, markets: Mapping[str, Inputs], venue_now_ns: int, now_ns: int) -> None:
        """Judge the fills that are due, and now and then what is held over all markets."""
        shared = self.shared
        shared.looked_at_ns = now_ns
        half_life_s = shared.config.flow.markout_half_life_s
        shared.markouts.update(now_ns, lambda symbol: shared.fair_of(markets.get(symbol), now_ns), half_life_s)
        if now_ns - self._leaned_at_ns >= LEAN_NS:
            self._leaned_at_ns = now_ns
            self._lean_against_others(markets)

    def _lean_against_others(self, markets: Mapping[str, Inputs]) -> None:
        """Look at what the bot holds over the markets of each underlying, and lean its quotes against it."""
        legs: dict[str, list[Leg]] = {}
        for symbol, market in self.markets.items():
            fair = markets[symbol].price
            if type(fair) is FairValue:
                held = self._account.holdings.of(self.algo_id, symbol)
                net = market.terms.pair.yes.value(held.yes_lots - held.no_lots, 1.0)
                leg = Leg(symbol, net, fair.fair, fair.delta, fair.spot)
                legs.setdefault(market.terms.underlying, []).append(leg)
        limits = self.config.exposure
        self.exposures = {underlying: summary(found, limits.shocks) for underlying, found in legs.items()}
        for underlying, found in legs.items():
            before = next((side for leg in found if (side := self.markets[leg.symbol].signals.closed_side)), "")
            closed = closed_side(self.exposures[underlying], limits, before)
            for symbol, skew in net_skews(found, limits).items():
                market = self.markets[symbol]
                if abs(market.signals.net_skew - skew) > STEP or market.signals.closed_side != closed:
                    market.signals = market.signals._replace(net_skew=skew, closed_side=closed)

    # --- what people see ----------------------------------------------------------------------------------------

    def status(self, now_ns: int) -> dict[str, Any]:
        marks = self.shared.markouts.marks(now_ns, self.config.flow.markout_half_life_s)
        return {
            "exposure": {underlying: found._asdict() for underlying, found in sorted(self.exposures.items())},
            "markouts": [
                {
                    "series": series,
                    "side": side.name.lower(),
                    "horizon_s": horizon_s,
                    "markout": round(mark.markout, 6),
                    "adverse": round(mark.adverse, 6),
                    "error": round(mark.error, 6) if math.isfinite(mark.error) else None,
                    "shares": round(mark.shares, 1),
                    "fills": mark.fills,
                }
                for series, side, horizon_s, mark in marks
            ],
        }

    def samples(self) -> Iterable[Sample]:
        one, shared = {"algo_id": self.algo_id}, self.shared
        for underlying, found in self.exposures.items():
            where = one | {"underlying": underlying}
            yield Sample("mm_exposure_per_percent", "gauge", "Delta: P&L per 1 % move", where, found.per_percent)
            yield Sample("mm_exposure_worst", "gauge", "Loss in the worst scenario", where, found.worst)
            yield Sample("mm_exposure_settled", "gauge", "P&L if everything settled now", where, found.settled)
        yield Sample("mm_markouts_missed", "counter", "Fills without a later fair value", one, shared.markouts.missed)
        freezes = shared.window.freezes
        yield Sample("mm_bot_protection_freezes", "counter", "Times the whole bot was frozen", one, freezes)
        marks = shared.markouts.marks(shared.looked_at_ns, self.config.flow.markout_half_life_s)
        for series, side, horizon_s, mark in marks:
            where = one | {"series": series, "side": side.name.lower(), "horizon_s": f"{horizon_s:g}"}
            yield Sample("mm_markout", "gauge", "Fair value later less fill price, per share", where, mark.markout)
            yield Sample("mm_markout_fills", "counter", "Fills judged", where, mark.fills)


class Binary(Kind):
    """All bots of an account that quote YES/NO markets, and the one request to convert pairs that may be open."""

    model = BinaryBot
    instruments = frozenset({InstrumentKind.BINARY})

    def __init__(self, account: Account) -> None:
        super().__init__(account)
        self.converter = Converter(account.session)

    def strategy(self, algo_id: str, config: bots.Bot) -> BinaryStrategy:
        assert isinstance(config, BinaryBot), "the registry matches kinds and configurations"
        return BinaryStrategy(algo_id, config, self.account)

    def convert(self, working: Mapping[BotStrategy, Mapping[str, Inputs]], now_ns: int) -> Outputs:
        if not self.converter.may_ask(now_ns):
            return ()
        found = [
            Candidate(strategy.algo_id, market, markets[symbol].plan, markets[symbol].context.limits)
            for strategy, markets in working.items()
            if isinstance(strategy, BinaryStrategy)
            for symbol, market in strategy.markets.items()
        ]
        account = self.account
        free_cash = account.collateral.free(account.session.currency)
        return self.converter.update(found, account.holdings, account.orders, free_cash, now_ns)

    def converted_for(self, symbol: str, pairs: int) -> str:
        return self.converter.owner(symbol, pairs)

    def on_conversion_ended(self, ended: ConversionEnded, now_ns: int) -> str:
        return self.converter.on_ended(ended, now_ns)

    def status(self) -> dict[str, Any]:
        converter = self.converter
        return {
            "pairs_merged": converter.merged_pairs,
            "pairs_split": converter.split_pairs,
            "converting": converter.request._asdict() if converter.request else None,
        }

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        yield Sample("mm_pairs_merged", "counter", "Pairs merged into cash", labels, self.converter.merged_pairs)
        yield Sample("mm_pairs_split", "counter", "Pairs split from cash", labels, self.converter.split_pairs)
