"""What limits leave each spot bot now: its own, its quotes', and those of the currencies that it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
from common.errors import ConfigError
from common.events import BotLimits, Market, NetBounds, Posting, SpotLimits
from common.instruments import CurrencyPair, Outcome

from risk.binary.settlement import Markets
from risk.hedging.counting import Figure
from risk.hedging.terms import Scope
from risk.ledger.books import Ledger
from risk.ledger.intake import Pending
from risk.ledger.positions import ZERO, LineKey
from risk.monitoring.limits import spot_limits_of
from risk.monitoring.platform_limits import ExposurePlatformLimits, PlatformLimits
from risk.monitoring.report import BotView
from risk.spot.bounds import (
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
    pending: Pending

    def ask(self, posting: Posting) -> Iterator[Posting]:
        """Yield a posting of ours unless it is on its way into FILL."""
        yield from self.pending.ask(posting, self.now_ns)


class _Known(NamedTuple):
    """A bot with its market; None of both while that is not known."""

    watched: WatchedBot
    market: Market | None
    pair: CurrencyPair | None


class _Currency(NamedTuple):
    """A currency document as it bears on the bots that it concerns."""

    scope: Scope
    watched: Watched


NO_LIMITS = ExposurePlatformLimits.model_construct(max_long_exposure=ZERO, max_short_exposure=ZERO)
"""Where a figure is not looked at."""


class Headrooms:
    """Limits of all spot bots, made of what the ledger, the documents and the prices say at a moment."""

    def __init__(self, documents: Documents, rates: Rates, markets: Markets, venue_of: Callable[[str], str]) -> None:
        self._documents, self._rates, self._markets, self._venue_of = documents, rates, markets, venue_of
        self._exposures: Exposures | None = None
        self.newest: dict[str, BotView] = {}
        """Of each bot, as they were made last."""

    def views(self, moment: Moment) -> dict[str, BotView]:
        """Return each bot as its limits are now."""
        bots = {algo_id: self._known(watched) for algo_id, watched in self._documents.bots.items()}
        currencies = self._currencies(list(bots.values()), moment)
        self.newest = {algo_id: self._sure_view(known, currencies, moment) for algo_id, known in bots.items()}
        return self.newest

    def _sure_view(self, known: _Known, currencies: Sequence[_Currency], moment: Moment) -> BotView:
        """Return a bot's limits; trouble with them leaves it without any, and the others alone."""
        try:
            return self._view(known, currencies, moment)
        except Exception as error:
            return BotView(known.watched.config, None, known.watched.venue, f"{type(error).__name__}: {error}")

    def view(self, algo_id: str, moment: Moment) -> BotView | None:
        """Return one bot as its limits are now, None of one that is not served."""
        return self.views(moment).get(algo_id)

    def _known(self, watched: WatchedBot) -> _Known:
        market = watched.market(self._markets.get)
        return _Known(watched, market, None if market is None else CurrencyPair(market.base, market.currency))

    def _view(self, known: _Known, currencies: Sequence[_Currency], moment: Moment) -> BotView:
        watched, market, pair = known
        if market is None or pair is None:
            place = f"{watched.symbol} at {watched.bot.instrument.exchange}"
            return BotView(watched.config, None, watched.venue, f"no market {place} is known yet")
        try:
            limits = spot_limits_of(watched.bot, moment.platform, pair)
        except ConfigError as error:
            return BotView(watched.config, None, watched.venue, str(error))
        own, most = watched.bot.risk_limits, moment.platform.spot_bots
        if limits is None or own is None or most is None:
            return BotView(watched.config, None, watched.venue)
        sides, base = moment.ledger.sides.get(watched.algo_id), pair.base
        quoter_net = sides.quoter_net(base) if sides is not None else ZERO
        rooms = list(
            headroom_of_bot(own, most.bases[base], position_of(moment.ledger, watched.algo_id, base), quoter_net)
        )
        mark = self._rates.mark(watched.algo_id, market.venue, market.symbol, moment.now_ns)
        touching = [each.watched for each in currencies if _touches(known, each.scope)]
        rooms += headroom_of_currencies(touching, pair, mark)
        bounds = net_bounds(market.venue, market.symbol, self._held(watched, market, moment.ledger), rooms)
        return BotView(watched.config, _bounded(limits, bounds), watched.venue)

    def _held(self, watched: WatchedBot, market: Market, ledger: Ledger) -> Decimal:
        """Return what a bot holds in its market: the one holding that its quoter knows."""
        key = LineKey(watched.algo_id, watched.bot.instrument.account, market.venue, market.symbol, Outcome.NONE)
        line = ledger.lines.get(key)
        return line.quantity if line is not None else ZERO

    def _currencies(self, bots: Sequence[_Known], moment: Moment) -> list[_Currency]:
        """Return every currency document with its exposure, its limits and how many running bots share it."""
        most, found = moment.platform.spot_bots, []
        for currency_id, scope in self.scopes().items() if most is not None else ():
            platform = most.exposures.get(scope.currency) if most is not None else None
            if platform is None:
                figure = Figure(None, f"the platform has no limits for {scope.currency} (spot_bots.exposures)")
                limits = NO_LIMITS
            else:
                figure = self.exposures(moment.ledger).of(scope.currency, scope.venue, scope.algo_id)
                limits = exposure_limits(self._documents.currency_limits.get(currency_id), platform)
            sharers = sum(known.watched.config.running and _touches(known, scope) for known in bots)
            found.append(_Currency(scope, Watched(scope.name, scope.currency, figure, limits, sharers)))
        return found

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


def _touches(known: _Known, scope: Scope) -> bool:
    """Say whether a bot's quotes move the figure of a scope."""
    if known.pair is None or scope.currency not in known.pair:
        return False
    return scope.algo_id in ("", known.watched.algo_id) and scope.venue in ("", known.watched.venue)


def _bounded(limits: BotLimits, bounds: NetBounds) -> BotLimits:
    kinds = [
        msgspec.structs.replace(each, net=bounds) if isinstance(each, SpotLimits) else each for each in limits.kinds
    ]
    return msgspec.structs.replace(limits, kinds=kinds)
