"""What risk does for spot bots and their currencies beside the books: limits, the day's loss, what is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

import msgspec
from common.bots.spot.alert_texts import execution_text
from common.clock import NS_PER_MS, NS_PER_S
from common.core import Effect
from common.errors import ConfigError
from common.events import (
    AccountState,
    Alert,
    AlertLevel,
    BotConfig,
    BotLimits,
    Event,
    Fill,
    Market,
    PlatformConfig,
    RiskStatistics,
    SpotLimits,
    TradingStatistics,
)
from common.instruments import quantity_of
from common.venues import Exchanges

from risk.binary.settlement import Markets
from risk.hedging.terms import Scope
from risk.ledger.books import Ledger
from risk.ledger.sides import Sides
from risk.monitoring.alerts import PLATFORM, SOURCE, Conditions
from risk.monitoring.equity import HighWaterMarks
from risk.monitoring.platform_limits import ExposurePlatformLimits
from risk.monitoring.stops import Stops
from risk.spot.bounds import exposure_limits
from risk.spot.cutoffs import cutoff_due, is_due, last_cutoff_ns
from risk.spot.documents import Documents, WatchedBot
from risk.spot.headrooms import Headrooms, Moment
from risk.spot.losses import judge_day
from risk.spot.orders import OpenOrders
from risk.spot.rates import Rates
from risk.spot.statistics import (
    Earned,
    Open,
    earned_by,
    open_of_bot,
    open_of_currencies,
    risk_statistics,
    trading_statistics,
)
from risk.transfers.rebalancing import Rebalancing, Situation

EXECUTIONS_MAX = 50
"""Executions told in one look; of more the newest, and how many there were."""
MARKET_WAIT_NS = 30 * NS_PER_S
"""A running bot without limits is alerted after this long: after a start its market comes within seconds."""


class SpotBots:
    """Every spot bot and currency document, and what is known of prices and orders of their markets."""

    def __init__(
        self, stops: Stops, conditions: Conditions, markets: Markets, exchanges: Exchanges | None = None
    ) -> None:
        self.documents = Documents(exchanges)
        self.rates, self.orders = Rates(), OpenOrders()
        self.high_water = HighWaterMarks("since_ms")
        """Of `net_pnl`; a day is the millisecond at which the bot's period began."""
        self._stops, self._conditions, self._markets = stops, conditions, markets
        self.headrooms = Headrooms(self.documents, self.rates, markets, self.venue_of)
        self.rebalancing = Rebalancing(conditions)
        self._snapshots: dict[str, AccountState] = {}
        self._held: set[str] = set()
        """Accounts that quoters have held since we listen."""
        self._executions: list[Fill] = []
        self._untold = 0
        self._earned: dict[str, Earned] = {}
        """By each bot, from the last look at its loss."""
        self._said: dict[tuple[str, str], Event] = {}
        self._without_since_ns: dict[str, int] = {}
        """By bot: since when something has kept it from having limits."""

    # --- what it is told ----------------------------------------------------------------------------------------

    def on_bot_config(self, config: BotConfig, now_ns: int) -> Iterator[Effect]:
        """Take in a configuration; what cannot be read is told, and the bot has no limits."""
        try:
            self.documents.on_bot(config)
        except ConfigError as error:
            text = f"configuration revision {config.revision} cannot be used, the bot may not trade: {error}"
            yield self._conditions.alert(AlertLevel.CRITICAL, config.algo_id, "config_refused", text, now_ns)
        if config.algo_id not in self.documents.bots:
            self._earned.pop(config.algo_id, None)
            self._said.pop(("bot", config.algo_id), None)

    def on_platform_config(self, config: PlatformConfig, now_ns: int) -> Iterator[Effect]:
        try:
            self.documents.on_platform(config)
        except ConfigError as error:
            text = f"{config.type} {config.id} revision {config.revision} cannot be used: {error}"
            yield self._conditions.alert(AlertLevel.CRITICAL, PLATFORM, "config_refused", text, now_ns)

    def on_market(self, market: Market) -> None:
        self.rates.on_market(market)

    def on_account(self, snapshot: AccountState, *, stored: bool = False) -> None:
        """Take in what a venue shows of an account; `stored` says that it did before we listened."""
        known = self._snapshots.get(snapshot.account)
        self._snapshots[snapshot.account] = snapshot
        if known is None or known.venue != snapshot.venue:
            self.headrooms.renew()
        self.orders.on_snapshot(snapshot, stored=stored)

    def on_held(self, account: str) -> None:
        """Learn that a quoter holds an account."""
        self._held.add(account)

    def on_fill(self, fill: Fill) -> None:
        """Remember a fill for the next look: people hear of it off its own path."""
        if fill.algo_id in self.documents.bots or fill.parent_id:
            self._executions.append(fill)
            if len(self._executions) > EXECUTIONS_MAX:
                del self._executions[0]
                self._untold += 1

    def serves(self, algo_id: str) -> bool:
        """Say whether a bot is one of these."""
        return algo_id in self.documents.bots

    def venue_of(self, account: str) -> str:
        """Return at which venue an account is, by its snapshot or its bots; '' where nobody has said."""
        snapshot = self._snapshots.get(account)
        if snapshot is not None:
            return snapshot.venue
        bots = self.documents.bots.values()
        return next((each.venue for each in bots if each.bot.instrument.account == account), "")

    # --- the loss of the day ------------------------------------------------------------------------------------

    def judge(self, algo_id: str, limits: BotLimits | None, moment: Moment) -> Iterator[Effect]:
        """Stop a bot that has lost too much since its cutoff or its highest, or whose loss cannot be judged."""
        watched = self.documents.bots[algo_id]
        market = watched.market(self._markets.get)
        if market is None:
            return
        now_ns, term = moment.now_ns, market.currency
        mark, sides = self.rates.mark(algo_id, market.venue, market.symbol, now_ns), self._sides(algo_id, moment)
        earned = self._earned[algo_id] = earned_by(sides, term, mark, self.rates, now_ns)
        drawdown = None
        if earned.net_pnl is not None:
            # Of a bot without limits too: it may be given some.
            drawdown = self.high_water.update_in(sides.start_ns // NS_PER_MS, algo_id, earned.net_pnl)
        if limits is not None:
            stops, conditions = self._stops, self._conditions
            yield from judge_day(algo_id, earned, drawdown, term, limits.common, stops, conditions, now_ns)

    def daily(self, algo_id: str) -> Decimal | None:
        """Return what a bot has earned since its cutoff in its term currency, as last judged; None where unknown."""
        earned = self._earned.get(algo_id)
        return earned.net_pnl if earned is not None else None

    def _sides(self, algo_id: str, moment: Moment) -> Sides:
        """Return what a bot has traded; of one that has not traded, nothing since the last cutoff."""
        return moment.ledger.sides.get(algo_id) or Sides(algo_id, last_cutoff_ns(self._cutoff_ms, moment.now_ns))

    def _trading(self, watched: WatchedBot, market: Market, open_: Open | None, moment: Moment) -> TradingStatistics:
        ledger, algo_id = moment.ledger, watched.algo_id
        return trading_statistics(
            algo_id,
            self._sides(algo_id, moment),
            market,
            open_,
            self.rates,
            self._account_currency(watched, market, ledger),
            ledger.sequence,
            moment.epoch,
            moment.now_ns,
        )

    def _account_currency(self, watched: WatchedBot, market: Market, ledger: Ledger) -> str:
        """Return what RISK says, else what the bot's account counts in, else its own term currency."""
        if self.documents.account is not None:
            return self.documents.account.account_currency
        account = ledger.accounts.get(watched.bot.instrument.account)
        return (account.currency if account is not None else "") or market.currency

    # --- looks --------------------------------------------------------------------------------------------------

    def executions(self, now_ns: int) -> Iterator[Alert]:
        """Tell of what was executed since the last time, as programs look for it."""
        fills, self._executions = self._executions, []
        for fill in fills:
            terms = fill.instrument
            quantity = quantity_of(fill.quantity_lots, terms.lot_size)
            yield Alert(
                level=AlertLevel.INFO,
                algo_id=fill.algo_id,
                source=SOURCE,
                kind="execution",
                text=execution_text(fill.symbol, fill.side, quantity, fill.price),
                venue=fill.venue,
                symbol=fill.symbol,
                order_id=fill.order_id,
                ts_ns=fill.ts_received_ns,
            )
        if self._untold:
            text = f"{self._untold} executions before these are not told one by one"
            self._untold = 0
            yield self._conditions.alert(AlertLevel.INFO, PLATFORM, "execution", text, now_ns)

    def look(self, moment: Moment) -> Iterator[Effect]:
        """Say what has changed in the figures, and what nobody can say."""
        for algo_id, watched in self.documents.bots.items():
            yield from self._stops.guard(algo_id, partial(self._look_at_one, watched, moment), moment.now_ns)
        yield from self._look_at_currencies(moment)
        yield from self._look_at_funds(moment)
        yield from self._rebalance(moment)

    def _look_at_one(self, watched: WatchedBot, moment: Moment) -> Iterator[Effect]:
        yield from self._look_at_limits(watched, moment.now_ns)
        market = watched.market(self._markets.get)
        if market is not None:
            yield from self._look_at_bot(watched, market, moment)
            yield from self._cut_off(watched, market, moment)

    def _look_at_limits(self, watched: WatchedBot, now_ns: int) -> Iterator[Effect]:
        """Tell why a running bot has no limits."""
        view = self.headrooms.newest.get(watched.algo_id)
        if view is None or not view.fault or not watched.config.running:
            self._without_since_ns.pop(watched.algo_id, None)
        elif now_ns - self._without_since_ns.setdefault(watched.algo_id, now_ns) >= MARKET_WAIT_NS:
            text = f"may not trade: {view.fault}"
            yield from self._conditions.hold(AlertLevel.WARNING, watched.algo_id, "no_limits", text, now_ns)

    def _look_at_bot(self, watched: WatchedBot, market: Market, moment: Moment) -> Iterator[Effect]:
        algo_id, now_ns = watched.algo_id, moment.now_ns
        whole = self.orders.is_whole(watched.bot.instrument.account)
        told = self._trading(watched, market, open_of_bot(algo_id, market, self.orders) if whole else None, moment)
        yield from self._changed("bot", algo_id, told)
        if told.unrated:
            text = f"no rate of {', '.join(told.unrated)} to {told.term_currency}: figures are without them"
            yield from self._conditions.hold(AlertLevel.WARNING, algo_id, "unrated", text, now_ns)
        else:
            self._conditions.end(algo_id, "unrated")
        if told.net_pnl is not None and told.account_pnl is None:
            text = f"no rate of {told.term_currency} to {told.account_currency}: its account_pnl is not known"
            yield from self._conditions.hold(AlertLevel.WARNING, algo_id, "no_account_rate", text, now_ns)
        else:
            self._conditions.end(algo_id, "no_account_rate")

    def _changed(self, kind: str, name: str, told: TradingStatistics | RiskStatistics) -> Iterator[Event]:
        """Yield figures unless all of them were said before."""
        before = self._said.get((kind, name))
        if before is None or msgspec.structs.replace(told, ts_ns=before.ts_ns) != before:  # type: ignore[attr-defined]
            self._said[kind, name] = told
            yield told

    def _look_at_currencies(self, moment: Moment) -> Iterator[Effect]:
        scopes = self.headrooms.scopes()
        if not scopes:
            return
        exposures = self.headrooms.exposures(moment.ledger)
        opened = open_of_currencies(scopes, self.orders, self._markets.get)
        unsaid = self._venues_unsaid()
        for currency_id, scope in scopes.items():
            figure = exposures.of(scope.currency, scope.venue, scope.algo_id)
            exchange = self.documents.currencies[currency_id].exchange or ""
            told = risk_statistics(
                currency_id,
                scope,
                exchange,
                figure,
                None if unsaid & ({scope.venue, ""} if scope.venue else unsaid) else opened[currency_id],
                moment.ledger.sequence,
                moment.epoch,
                moment.now_ns,
            )
            if told is None:
                text = f"{scope.name}: the exposure in {scope.currency} is not known: {figure.why}"
                yield from self._conditions.hold(
                    AlertLevel.WARNING, PLATFORM, "exposure_unknown", text, moment.now_ns, currency_id
                )
                continue
            self._conditions.end(PLATFORM, "exposure_unknown", currency_id)
            yield from self._changed("currency", currency_id, told)
            yield from self._look_at_limit(currency_id, scope, told, moment)

    def _venues_unsaid(self) -> set[str]:
        """Return the venues of accounts of which not all open orders are known; '' where that is not known either."""
        accounts = self._held | {watched.bot.instrument.account for watched in self.documents.bots.values()}
        return {self.venue_of(account) for account in accounts if not self.orders.is_whole(account)}

    def _look_at_limit(self, currency_id: str, scope: Scope, told: RiskStatistics, moment: Moment) -> Iterator[Effect]:
        """Tell of an exposure beyond its limit: nothing is sent that would add to it."""
        most = moment.platform.spot_bots
        platform = most.exposures.get(scope.currency) if most is not None else None
        if platform is None:
            return
        limits: ExposurePlatformLimits = exposure_limits(self.documents.currency_limits.get(currency_id), platform)
        size, key = told.current_position_size, currency_id
        if size > limits.max_long_exposure or -size > limits.max_short_exposure:
            text = (
                f"{scope.name}: {size:f} {scope.currency}, limits {limits.max_long_exposure:f} long, "
                f"{limits.max_short_exposure:f} short: no quote is sent that adds to it"
            )
            yield from self._conditions.hold(
                AlertLevel.CRITICAL, PLATFORM, "exposure_beyond_limit", text, moment.now_ns, key
            )
        else:
            self._conditions.end(PLATFORM, "exposure_beyond_limit", key)

    def _look_at_funds(self, moment: Moment) -> Iterator[Effect]:
        """Tell of accounts of spot bots that have little left of a currency."""
        least: Mapping[str, Decimal] = moment.platform.spot_bots.low_funds if moment.platform.spot_bots else {}
        accounts = {watched.bot.instrument.account for watched in self.documents.bots.values()}
        for snapshot in [self._snapshots[each] for each in sorted(accounts & self._snapshots.keys())]:
            for balance in snapshot.balances:
                key = f"{snapshot.account}:{balance.currency}"
                if balance.currency in least and balance.available < least[balance.currency]:
                    text = (
                        f"{snapshot.account} at {snapshot.venue} has {balance.available:f} {balance.currency} "
                        f"available, less than {least[balance.currency]:f}"
                    )
                    yield from self._conditions.hold(
                        AlertLevel.WARNING, PLATFORM, "low_funds", text, moment.now_ns, key
                    )
                else:
                    self._conditions.end(PLATFORM, "low_funds", key)

    def _rebalance(self, moment: Moment) -> Iterator[Effect]:
        """Ask for the transfers that bring accounts back to what they should have."""
        least: Mapping[str, Decimal] = moment.platform.spot_bots.low_funds if moment.platform.spot_bots else {}
        rebalancers, halts = self.documents.rebalancers, self._stops.listed()
        yield from self.rebalancing.decide(
            Situation(moment.now_ns, moment.epoch, rebalancers, self._snapshots, halts, least)
        )

    @property
    def _cutoff_ms(self) -> int:
        return self.documents.account.cutoff_time if self.documents.account is not None else 0

    def _cut_off(self, watched: WatchedBot, market: Market, moment: Moment) -> Iterator[Effect]:
        """Yield the posting by which a bot's period begins, or an alert where it waits for a price."""
        algo_id, now_ns = watched.algo_id, moment.now_ns
        sides = moment.ledger.sides.get(algo_id)
        mark = self.rates.mark(algo_id, market.venue, market.symbol, now_ns)
        hedge_base = self.documents.hedge_base(algo_id, self._markets.get)
        posting = cutoff_due(watched, sides, market, hedge_base, self._cutoff_ms, mark, now_ns)
        if posting is not None:
            yield from moment.ask(posting)
        elif is_due(watched, sides, market.base, hedge_base, self._cutoff_ms, now_ns):
            text = f"its cutoff is due and waits for a price of {market.symbol}: the figures go on"
            yield from self._conditions.hold(AlertLevel.WARNING, algo_id, "cutoff_waits", text, now_ns)
        else:
            self._conditions.end(algo_id, "cutoff_waits")

    # --- for people ---------------------------------------------------------------------------------------------

    def state(self, now_ns: int) -> dict[str, Any]:
        """Return a JSON-able picture: when the day began, and each bot's figures and what limits leave it."""
        return {
            "last_reset_time": last_cutoff_ns(self._cutoff_ms, now_ns) // NS_PER_MS,
            "bots": [self._row(algo_id) for algo_id in self.documents.bots],
            "rebalancers": self.rebalancing.state(),
        }

    def _row(self, algo_id: str) -> dict[str, Any]:
        told, view = self._said.get(("bot", algo_id)), self.headrooms.newest.get(algo_id)
        limits = view.limits if view is not None else None
        bounds = next((each.net for each in limits.kinds if isinstance(each, SpotLimits)), None) if limits else None
        return {
            "algo_id": algo_id,
            "statistics": None if told is None else msgspec.to_builtins(told),
            "bounds": None if bounds is None else msgspec.to_builtins(bounds),
        }
