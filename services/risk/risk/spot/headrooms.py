"""What limits leave each spot bot now: its own, its quotes', and those of the currencies that it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from common.errors import ConfigError
from common.events import BotLimits, Market, NetBounds, SpotLimits

from risk.binary.settlement import Markets
from risk.hedging.terms import Scope
from risk.ledger.books import Ledger
from risk.ledger.positions import ZERO
from risk.monitoring.limits import spot_limits_of
from risk.monitoring.platform_limits import PlatformLimits
from risk.monitoring.report import BotView
from risk.spot.bounds import (
    NOTHING,
    Headroom,
    Watched,
    exposure_limits,
    headroom_of_bot,
    headroom_of_currencies,
    net_bounds,
)
from risk.spot.documents import Documents, WatchedBot
from risk.spot.nets import Exposures, exposures_of, position_of
from risk.spot.rates import Rates


class Moment(NamedTuple):
    """From which ledger something is said, under which limits, and when."""

    ledger: Ledger
    platform: PlatformLimits
    epoch: int
    now_ns: int


class Headrooms:
    """Limits of all spot bots, made of what the ledger, the documents and the prices say at a moment."""

    def __init__(self, documents: Documents, rates: Rates, markets: Markets, venue_of: Callable[[str], str]) -> None:
        self._documents, self._rates, self._markets, self._venue_of = documents, rates, markets, venue_of
        self._exposures: Exposures | None = None
        self.newest: dict[str, BotView] = {}
        """Of each bot, as they were made last."""

    def views(self, moment: Moment) -> dict[str, BotView]:
        """Return each bot as its limits are now."""
        self.newest = {algo_id: self._view(watched, moment) for algo_id, watched in self._documents.bots.items()}
        return self.newest

    def view(self, algo_id: str, moment: Moment) -> BotView | None:
        """Return one bot as its limits are now, None of one that is not served."""
        watched = self._documents.bots.get(algo_id)
        return None if watched is None else self._view(watched, moment)

    def _view(self, watched: WatchedBot, moment: Moment) -> BotView:
        market = watched.market(self._markets.get)
        if market is None:
            place = f"{watched.symbol} at {watched.bot.instrument.exchange}"
            return BotView(watched.config, None, watched.venue, f"no market {place} is known yet")
        pair = watched.pair(self._markets.get)
        assert pair is not None, "a market of two currencies has a pair"
        try:
            limits = spot_limits_of(watched.bot, moment.platform, pair)
        except ConfigError as error:
            return BotView(watched.config, None, watched.venue, str(error))
        if limits is not None:
            limits = _bounded(limits, self._bounds(watched, market, moment))
        return BotView(watched.config, limits, watched.venue)

    def _bounds(self, watched: WatchedBot, market: Market, moment: Moment) -> NetBounds:
        ledger, own, most = moment.ledger, watched.bot.risk_limits, moment.platform.spot_bots
        assert own is not None, "only limits are bounded"
        assert most is not None, "limits were made from them"
        sides, base = ledger.sides.get(watched.algo_id), market.base
        quoter_net = sides.quoter_net(base) if sides is not None else ZERO
        rooms = list(headroom_of_bot(own, most.bases[base], position_of(ledger, watched.algo_id, base), quoter_net))
        pair = watched.pair(self._markets.get)
        assert pair is not None, "its market is known"
        touching = list(self._currencies(watched, moment))
        mark = self._rates.mark(watched.algo_id, market.venue, market.symbol, moment.now_ns)
        rooms += headroom_of_currencies(touching, pair, mark)
        rooms += self._unlimited(watched, moment)
        held = sum(
            (
                line.quantity
                for line in ledger.lines_of(watched.algo_id)
                if (line.key.venue, line.key.symbol) == (market.venue, market.symbol)
                and line.key.account == watched.bot.instrument.account
            ),
            start=ZERO,
        )
        return net_bounds(market.venue, market.symbol, held, rooms)

    def _currencies(self, watched: WatchedBot, moment: Moment) -> Iterator[Watched]:
        """Yield the currency documents whose figure the bot's quotes move."""
        most = moment.platform.spot_bots
        assert most is not None, "asked for limits that were made from them"
        for currency_id, scope in self.scopes().items():
            platform = most.exposures.get(scope.currency)
            if platform is None or not self._touches(watched, scope):
                continue
            limits = exposure_limits(self._documents.currency_limits.get(currency_id), platform)
            sharers = sum(self._touches(each, scope) for each in self._documents.bots.values() if each.config.running)
            figure = self.exposures(moment.ledger).of(scope.currency, scope.venue, scope.algo_id)
            yield Watched(scope.name, scope.currency, figure, limits, sharers)

    def _unlimited(self, watched: WatchedBot, moment: Moment) -> Iterator[Headroom]:
        """Yield no room where a currency is watched for which neither its document nor the platform has a limit."""
        most = moment.platform.spot_bots
        assert most is not None, "asked for limits that were made from them"
        for scope in self.scopes().values():
            if scope.currency not in most.exposures and self._touches(watched, scope):
                why = f"{scope.name}: the platform has no limits for {scope.currency} (spot_bots.exposures)"
                yield Headroom(NOTHING, NOTHING, why)

    def _touches(self, watched: WatchedBot, scope: Scope) -> bool:
        pair = watched.pair(self._markets.get)
        inside = scope.algo_id in ("", watched.algo_id) and scope.venue in ("", watched.venue)
        return inside and pair is not None and scope.currency in pair

    def scopes(self) -> dict[str, Scope]:
        """Return what each currency document watches, by its id."""
        found = {currency_id: self._documents.scope(currency_id) for currency_id in self._documents.currencies}
        return {currency_id: scope for currency_id, scope in found.items() if scope is not None}

    def exposures(self, ledger: Ledger) -> Exposures:
        """Return the exposures of a ledger; made once for each of its sequences, unless something is unknown."""
        known = self._exposures
        if known is None or known.ledger_sequence != ledger.sequence or known.unknown:
            known = self._exposures = exposures_of(ledger, self._markets.base_of, self._venue_of)
        return known


def _bounded(limits: BotLimits, bounds: NetBounds) -> BotLimits:
    kinds = [
        msgspec.structs.replace(each, net=bounds) if isinstance(each, SpotLimits) else each for each in limits.kinds
    ]
    return msgspec.structs.replace(limits, kinds=kinds)
