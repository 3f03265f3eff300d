"""What limits leave each spot bot now: its own, its quotes', and those of the currencies that it moves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
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


class _Made(NamedTuple):
    """A bot as its limits are, and all that they were made of."""

    of: tuple[object, ...]
    view: BotView


NO_LIMITS = ExposurePlatformLimits.model_construct(max_long_exposure=ZERO, max_short_exposure=ZERO)
"""Where a figure is not looked at."""


class Headrooms:
    """Limits of all spot bots, made of what the ledger, the documents and the prices say at a moment.

    They are asked for four times a second and few of them change in between: what still stands is not made again.
    """

    def __init__(self, documents: Documents, rates: Rates, markets: Markets, venue_of: Callable[[str], str]) -> None:
        self._documents, self._rates, self._markets, self._venue_of = documents, rates, markets, venue_of
        self._exposures: Exposures | None = None
        self._of_documents: tuple[object, ...] = ()
        """The versions of documents and markets, and the platform, of which the next six are made."""
        self._bots: dict[str, _Known] = {}
        self._scopes: dict[str, Scope] = {}
        self._limits: dict[str, BotLimits | BotView] = {}
        """Of each bot before what other figures leave of them; where it has none, what is said of it."""
        self._touching: dict[str, list[str]] = {}
        """By bot: the currency documents whose figures its quotes move."""
        self._sharers: dict[str, int] = {}
        """By currency document: running bots that move its figure."""
        self._exposure_limits: dict[str, ExposurePlatformLimits] = {}
        self._of_ledger: tuple[Ledger, int] | None = None
        """The ledger and its sequence, of which the next is made."""
        self._currencies: dict[str, _Currency] = {}
        self._made: dict[str, _Made] = {}
        self.newest: dict[str, BotView] = {}
        """Of each bot, as they were made last."""

    def renew(self) -> None:
        """Have everything made again: an account is at another venue than was known."""
        self._of_documents, self._exposures = (), None

    def views(self, moment: Moment) -> dict[str, BotView]:
        """Return each bot as its limits are now."""
        self._read_documents(moment.platform)
        self._read_ledger(moment)
        self.newest = {algo_id: self._sure_view(known, moment) for algo_id, known in self._bots.items()}
        return self.newest

    def _sure_view(self, known: _Known, moment: Moment) -> BotView:
        """Return a bot's limits; trouble with them leaves it without any, and the others alone."""
        try:
            return self._view(known, moment)
        except Exception as error:
            return BotView(known.watched.config, None, known.watched.venue, f"{type(error).__name__}: {error}")

    def view(self, algo_id: str, moment: Moment) -> BotView | None:
        """Return one bot as its limits are now, None of one that is not served."""
        return self.views(moment).get(algo_id)

    # --- what documents, markets and the platform say -------------------------------------------------------------

    def _read_documents(self, platform: PlatformLimits) -> None:
        of = self._documents.version, self._markets.version, platform
        if of == self._of_documents:
            return
        self._bots = {algo_id: self._known(watched) for algo_id, watched in self._documents.bots.items()}
        self._scopes = self.scopes() if platform.spot_bots is not None else {}
        self._limits, self._made = {}, {}
        self._touching = {
            algo_id: [currency_id for currency_id, scope in self._scopes.items() if _touches(known, scope)]
            for algo_id, known in self._bots.items()
        }
        running = [algo_id for algo_id, known in self._bots.items() if known.watched.config.running]
        self._sharers = {
            currency_id: sum(currency_id in self._touching[each] for each in running) for currency_id in self._scopes
        }
        most = platform.spot_bots.exposures if platform.spot_bots is not None else {}
        self._exposure_limits = {
            currency_id: exposure_limits(self._documents.currency_limits.get(currency_id), most[scope.currency])
            for currency_id, scope in self._scopes.items()
            if scope.currency in most
        }
        self._of_documents, self._of_ledger = of, None

    def _known(self, watched: WatchedBot) -> _Known:
        market = watched.market(self._markets.get)
        return _Known(watched, market, None if market is None else CurrencyPair(market.base, market.currency))

    def _limits_of(self, known: _Known, platform: PlatformLimits) -> BotLimits | BotView:
        """Return a bot's own limits; where it has none, the bot with the reason."""
        watched, market, pair = known
        if market is None or pair is None:
            place = f"{watched.symbol} at {watched.bot.instrument.exchange}"
            return BotView(watched.config, None, watched.venue, f"no market {place} is known yet")
        try:
            limits = spot_limits_of(watched.bot, platform, pair)
        except ConfigError as error:
            return BotView(watched.config, None, watched.venue, str(error))
        return BotView(watched.config, None, watched.venue) if limits is None else limits

    # --- what the ledger says ---------------------------------------------------------------------------------------

    def _read_ledger(self, moment: Moment) -> None:
        """Read every currency document with its exposure, its limits and how many running bots share it."""
        of = moment.ledger, moment.ledger.sequence
        if of == self._of_ledger:
            return
        before, self._currencies = self._currencies, {}
        for currency_id, scope in self._scopes.items():
            limits = self._exposure_limits.get(currency_id)
            if limits is None:
                figure = Figure(None, f"the platform has no limits for {scope.currency} (spot_bots.exposures)")
            else:
                figure = self.exposures(moment.ledger).of(scope.currency, scope.venue, scope.algo_id)
            watched = Watched(scope.name, scope.currency, figure, limits or NO_LIMITS, self._sharers[currency_id])
            found, known = _Currency(scope, watched), before.get(currency_id)
            self._currencies[currency_id] = known if known is not None and known == found else found
        self._of_ledger = of

    def _view(self, known: _Known, moment: Moment) -> BotView:
        watched, algo_id = known.watched, known.watched.algo_id
        limits = self._limits.get(algo_id)
        if limits is None:
            limits = self._limits[algo_id] = self._limits_of(known, moment.platform)
        own, most, market, pair = watched.bot.risk_limits, moment.platform.spot_bots, known.market, known.pair
        if isinstance(limits, BotView) or own is None or most is None or market is None or pair is None:
            return limits if isinstance(limits, BotView) else BotView(watched.config, None, watched.venue)
        sides, base = moment.ledger.sides.get(algo_id), pair.base
        quoter_net = sides.quoter_net(base) if sides is not None else ZERO
        position, held = position_of(moment.ledger, algo_id, base), self._held(watched, market, moment.ledger)
        touching = [self._currencies[each].watched for each in self._touching[algo_id]]
        mark = self._rates.mark(algo_id, market.venue, market.symbol, moment.now_ns)
        # What is left of a figure in the base currency is the same at any price.
        by_mark = mark if any(each.currency != base for each in touching) else None
        of, made = (quoter_net, position, held, by_mark, touching), self._made.get(algo_id)
        if made is not None and made.of == of:
            return made.view
        rooms = list(headroom_of_bot(own, most.bases[base], position, quoter_net))
        rooms += headroom_of_currencies(touching, pair, mark)
        bounds = net_bounds(market.venue, market.symbol, held, rooms)
        view = BotView(watched.config, _bounded(limits, bounds), watched.venue)
        if made is not None and made.view == view:
            view = made.view
        self._made[algo_id] = _Made(of, view)
        return view

    def _held(self, watched: WatchedBot, market: Market, ledger: Ledger) -> Decimal:
        """Return what a bot holds in its market: the one holding that its quoter knows."""
        key = LineKey(watched.algo_id, watched.bot.instrument.account, market.venue, market.symbol, Outcome.NONE)
        line = ledger.lines.get(key)
        return line.quantity if line is not None else ZERO

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
