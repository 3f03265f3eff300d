"""The picture of the platform: the newest word of every service on every number, with its age."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from common.bots import venue_and_account
from common.bots.spot import CurrencyScope
from common.clock import NS_PER_MS
from common.core import Core, Effects, Every, Http, HttpResponse, Input, Newest, Ordered, Receipt, Sample, Start
from common.emptying import EMPTIED
from common.events import (
    AccountState,
    Adjustment,
    Alert,
    AlertLevel,
    Book,
    BotConfig,
    Event,
    FairValue,
    FeedStatus,
    Fill,
    Halt,
    HedgeUpdate,
    Lease,
    Market,
    OrderCommand,
    OrderUpdate,
    OrderUpdates,
    PlatformConfig,
    Position,
    QuoteTarget,
    RiskState,
    RiskStatistics,
    SourcePrice,
    Statistics,
    TopOfBook,
    TradingStatistics,
    User,
)
from common.instruments import Side
from common.leases.fence import EpochFence
from common.orders import OrderState
from common.venues import Exchanges

from gateway.auth.users import Users
from gateway.blotter.blotter import Blotter
from gateway.blotter.recent import Recent
from gateway.blotter.resting import RestingOrders
from gateway.changes.adjustments import Adjustments
from gateway.changes.transfers import Transfers
from gateway.kinds.registry import axis_price
from gateway.state.ages import FAIR_STALE_NS
from gateway.state.halts import Halts
from gateway.state.history import SAMPLE_PERIOD_MS, History, Point
from gateway.state.ladders import Ladder, ladders
from gateway.state.quoters import SILENT, Quoters
from gateway.state.surveillance import ASK_PERIOD_MS, Surveillance

FILLS_MAX = 1_000
ALERTS_MAX = 1_000
MARKETS_MAX = 2_000
BOTS_MAX = 1_000
ACCOUNTS_MAX = 1_000
LINES_MAX = 5_000
"""Bots times symbols for which a value is remembered."""
SAMPLE_MS = 250
"""How often fair values and targets are looked at: a screen needs no more."""
DOUBT_MS = 250
"""How often it is looked who has fallen silent."""
WATCHED = CurrencyScope.type
CHANGES_MAX = 1_000
"""Of configurations, that are remembered with what was before."""
LINGER_NS = 60_000_000_000
"""How long the numbers of a market stay after its expiry, so that its end can be watched."""

E = TypeVar("E", bound=Event)
K = TypeVar("K")


class Stamped(NamedTuple, Generic[E]):
    """The newest word and when it was fresh, by our clock."""

    event: E
    fresh_at_ns: int

    def age_ns(self, now_ns: int) -> int:
        return max(0, now_ns - self.fresh_at_ns)


class Sequenced(NamedTuple, Generic[E]):
    """A word and its place in its stream."""

    event: E
    sequence: int


class Change(NamedTuple):
    """A bot or document after a change, and before."""

    before: BotConfig | PlatformConfig | None
    after: BotConfig | PlatformConfig


class View(Core):
    """Fold what the services say; whoever asks gets it as it stands."""

    confirmed = (Halt,)

    def __init__(
        self, *, admin_urls: Mapping[str, str], quoted_venues: Sequence[str], exchanges: Exchanges | None = None
    ) -> None:
        self.quoted_venues = tuple(quoted_venues)
        self.exchanges = exchanges or Exchanges()
        self._fence = EpochFence()
        self.connected = True
        self.users = Users()
        self.halts = Halts()
        self.quoters = Quoters()
        self.adjustments = Adjustments()
        self.transfers = Transfers()
        self.orders = RestingOrders()
        self.blotter = Blotter()
        self.changes: Recent[int, Change] = Recent(CHANGES_MAX)
        """Of bots and documents, in the order in which they came."""
        self.books: dict[tuple[str, str], Stamped[Book]] = {}
        """By venue and symbol, those of which depth is told."""
        self.history = History()
        self.surveillance = Surveillance(admin_urls)
        self.bots: dict[str, Sequenced[BotConfig]] = {}
        self.documents: dict[tuple[str, str], Sequenced[PlatformConfig]] = {}
        """Of the whole platform, by type and id; of removed ones the last word."""
        self.markets: dict[tuple[str, str], Market] = {}
        self.fairs: dict[tuple[str, str, str], Stamped[FairValue | SourcePrice]] = {}
        self.targets: dict[tuple[str, str, str], Stamped[QuoteTarget]] = {}
        self.tops: dict[tuple[str, str], Stamped[TopOfBook]] = {}
        self.positions: dict[str, Stamped[Position]] = {}
        self.statistics: dict[str, Stamped[Statistics]] = {}
        self.figures: dict[str, Stamped[TradingStatistics]] = {}
        """Of spot bots."""
        self.exposures: dict[str, Stamped[RiskStatistics]] = {}
        """By the currency documents that watch them."""
        self.hedges: dict[tuple[str, str], Stamped[OrderCommand]] = {}
        """The newest word of each scope to each account, and below what became of it."""
        self.hedge_updates: dict[tuple[str, str], Stamped[HedgeUpdate]] = {}
        self.risk: dict[str, Stamped[RiskState]] = {}
        self.feeds: dict[str, Stamped[FeedStatus]] = {}
        self.accounts: dict[str, Stamped[AccountState]] = {}
        self.fills: dict[int, Fill] = {}
        """By their place in the FILL stream."""
        self.alerts: dict[int, Alert] = {}
        """By their place in the ALERT stream, which is their sequence for everybody."""
        self._unreadable: list[str] = []
        self.started = False
        self.stopping = False
        """Once true, whoever follows the picture lets go of it."""
        self.logins: Counter[str] = Counter()
        """Logins by outcome since start; counted by the token endpoint."""

    def inputs(self) -> Sequence[Input]:
        return [
            Newest(FairValue, self.on_fair, sampled_ms=SAMPLE_MS),
            Newest(SourcePrice, self.on_fair, sampled_ms=SAMPLE_MS),
            Newest(QuoteTarget, self.on_target, sampled_ms=SAMPLE_MS),
            Newest(Lease, self.on_lease),
            Newest(Position, self.on_position),
            Newest(Statistics, self.on_statistics),
            Newest(TradingStatistics, self.on_figures, sampled_ms=SAMPLE_MS),
            Newest(RiskStatistics, self.on_exposure, sampled_ms=SAMPLE_MS),
            Ordered(OrderCommand, self.on_hedge, Start.LAST_PER_SUBJECT),
            Ordered(HedgeUpdate, self.on_hedge_update, Start.LAST_PER_SUBJECT),
            Newest(RiskState, self.on_risk),
            Newest(FeedStatus, self.on_feed),
            Newest(AccountState, self.on_account),
            Newest(Book, self.on_book, sampled_ms=SAMPLE_MS),
            *[Newest(TopOfBook, self.on_top, {"venue": venue}) for venue in self.quoted_venues],
            Ordered(Market, self.on_market),
            Ordered(BotConfig, self.on_bot),
            Ordered(PlatformConfig, self.on_document),
            Ordered(User, self.on_user),
            Ordered(Halt, self.on_halt),
            Ordered(Adjustment, self.on_adjustment),
            *self.transfers.inputs(),
            Ordered(Alert, self.on_alert, Start.ALL),
            Ordered(OrderUpdates, self.on_orders, Start.NEW),
            Ordered(Fill, self.on_fill, Start.NEW),
            Every(SAMPLE_PERIOD_MS, self.on_sample),
            Every(DOUBT_MS, self.on_doubt_due),
            Every(ASK_PERIOD_MS, self.on_round),
            Http("admin", self.on_answer),
        ]

    def restore(self, documents: Mapping[str, bytes]) -> None:
        """Take in the halts that were in force when this gateway last lived."""
        self._unreadable = self.halts.restore(documents)

    def start(self, receipt: Receipt) -> Effects:
        self.started = True
        yield from self.halts.unheard()
        yield from self.halts.changes()
        for fault in self._unreadable:
            text = f"a halt on the gateway's disk cannot be read: {fault}"[:500]
            kind = "kept_unreadable"
            now_ns, level = receipt.now_ns, AlertLevel.CRITICAL
            yield Alert(level=level, algo_id="platform", source="gateway", kind=kind, text=text, ts_ns=now_ns)
        yield from self.surveillance.asks()

    def on_stand_still(self, faults: Sequence[str], receipt: Receipt) -> Effects:
        """The stores are not those we knew: shown as the halt it is, here and wherever it is asked for."""
        halt = self.halts.stand_still("gateway", faults, receipt.now_ns)
        level, text = AlertLevel.CRITICAL, halt.detail
        yield Alert(
            level=level, algo_id="platform", source="gateway", kind=halt.reason, text=text, ts_ns=receipt.now_ns
        )

    def stop(self, receipt: Receipt) -> Effects:
        self.stopping = True
        return ()

    def on_fair(self, fair: FairValue | SourcePrice, receipt: Receipt) -> Effects:
        if self._fence.passes("pricer", fair.algo_id, fair.epoch):
            fresh_at_ns = receipt.now_ns - receipt.age_ns - fair.age_ns
            _keep(self.fairs, (fair.algo_id, fair.venue, fair.symbol), Stamped(fair, fresh_at_ns), LINES_MAX)
        return ()

    def on_target(self, target: QuoteTarget, receipt: Receipt) -> Effects:
        if self._fence.passes("quoter", target.account, target.epoch):
            key = (target.algo_id, target.venue, target.symbol)
            _keep(self.targets, key, _stamp(target, receipt), LINES_MAX)
        return ()

    def on_top(self, top: TopOfBook, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", top.venue, top.epoch):
            _keep(self.tops, (top.venue, top.symbol), _stamp(top, receipt), LINES_MAX)
        return ()

    def on_book(self, book: Book, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", book.venue, book.epoch):
            _keep(self.books, (book.venue, book.symbol), _stamp(book, receipt), LINES_MAX)
        return ()

    def on_feed(self, status: FeedStatus, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", status.venue, status.epoch):
            _keep(self.feeds, status.venue, _stamp(status, receipt), ACCOUNTS_MAX)
        return ()

    def on_position(self, position: Position, receipt: Receipt) -> Effects:
        known = self.positions.get(position.algo_id)
        # The ledger only grows: a position that knows fewer fills is the word of an older holder.
        if known is None or position.fill_sequence >= known.event.fill_sequence:
            _keep(self.positions, position.algo_id, _stamp(position, receipt), BOTS_MAX)
        return ()

    def on_statistics(self, statistics: Statistics, receipt: Receipt) -> Effects:
        _keep(self.statistics, statistics.scope, _stamp(statistics, receipt), BOTS_MAX)
        return ()

    def on_figures(self, figures: TradingStatistics, receipt: Receipt) -> Effects:
        _keep(self.figures, figures.algo_id, _stamp(figures, receipt), BOTS_MAX)
        return ()

    def on_exposure(self, figures: RiskStatistics, receipt: Receipt) -> Effects:
        _keep(self.exposures, figures.currency_id, _stamp(figures, receipt), BOTS_MAX)
        return ()

    def on_hedge(self, command: OrderCommand, receipt: Receipt) -> Effects:
        _keep(self.hedges, (command.scope, command.account), _stamp(command, receipt), BOTS_MAX)
        return ()

    def on_hedge_update(self, update: HedgeUpdate, receipt: Receipt) -> Effects:
        _keep(self.hedge_updates, (update.scope, update.account), _stamp(update, receipt), BOTS_MAX)
        return ()

    def on_risk(self, risk: RiskState, receipt: Receipt) -> Effects:
        if self._fence.passes("risk", risk.shard, risk.epoch):
            _keep(self.risk, risk.shard, _stamp(risk, receipt), ACCOUNTS_MAX)
        return ()

    def on_account(self, account: AccountState, receipt: Receipt) -> Effects:
        if self._fence.passes("quoter", account.account, account.epoch):
            _keep(self.accounts, account.account, _stamp(account, receipt), ACCOUNTS_MAX)
            for order in self.orders.apply_snapshot(account):
                self.blotter.on_end(order)
        return ()

    def on_market(self, market: Market, receipt: Receipt) -> Effects:
        if not self._fence.passes_market(market):
            return ()
        key = (market.venue, market.symbol)
        self.markets[key] = market
        if len(self.markets) > MARKETS_MAX:
            over = (key for key, market in self.markets.items() if market.status.over)
            del self.markets[next(over, next(iter(self.markets)))]
        return ()

    def on_bot(self, config: BotConfig, receipt: Receipt) -> Effects:
        known = self.bots.get(config.algo_id)
        if known is None or receipt.sequence >= known.sequence:
            self.bots[config.algo_id] = Sequenced(config, receipt.sequence)
            self._changed(known, config, receipt.sequence)
        return ()

    def on_document(self, config: PlatformConfig, receipt: Receipt) -> Effects:
        known = self.documents.get((config.type, config.id))
        if known is None or receipt.sequence >= known.sequence:
            self.documents[config.type, config.id] = Sequenced(config, receipt.sequence)
            self._changed(known, config, receipt.sequence)
        return ()

    def _changed(self, known: Sequenced[Any] | None, after: BotConfig | PlatformConfig, sequence: int) -> None:
        # Read again after a reconnect, the last word is no change.
        if known is None or known.sequence != sequence:
            self.changes.put(sequence, Change(known.event if known is not None else None, after))

    def on_user(self, user: User, receipt: Receipt) -> Effects:
        self.users.apply(user, receipt.sequence)
        return ()

    def on_halt(self, halt: Halt, receipt: Receipt) -> Effects:
        """Take in a halt or lift of the stream; it is on our own disk as well from now on."""
        self.halts.update(halt, receipt.sequence)
        return self.halts.changes()

    def enforce(self, halt: Halt, receipt: Receipt) -> Effects:
        """Take in a person's halt that the bus has not taken: on disk at once, on the bus when it is there."""
        self.halts.enforce(halt)
        return [*self.halts.changes(), halt]

    def on_published(self, event: Event, sequence: int, receipt: Receipt) -> Effects:
        if isinstance(event, Halt):
            self.halts.stored(event, sequence)
            return self.halts.changes()
        return ()

    def on_lease(self, lease: Lease, receipt: Receipt) -> Effects:
        self._fence.on_lease(lease)
        if lease.role == "quoter":
            self.quoters.on_lease(lease, receipt.now_ns - receipt.age_ns)
        return ()

    def on_doubt_due(self, receipt: Receipt) -> Effects:
        """Look who has fallen silent; with the bus down nobody is heard, and all is doubtful."""
        self.quoters.update(receipt.now_ns)
        return ()

    def on_adjustment(self, adjustment: Adjustment, receipt: Receipt) -> Effects:
        self.adjustments.apply(adjustment, receipt.sequence)
        return ()

    def on_alert(self, alert: Alert, receipt: Receipt) -> Effects:
        if alert.kind == EMPTIED:
            self.halts.on_emptied(alert)
            report = self.quoters.on_emptied(alert)
            if report is not None and report.confirmed:
                for order in self.orders.end(report.account, report.below, f"the {alert.source}: {report.said}"):
                    self.blotter.on_end(order)
        _keep_recent(self.alerts, receipt.sequence, alert, ALERTS_MAX)
        self.blotter.on_alert(alert, receipt.sequence)
        return ()

    def on_orders(self, updates: OrderUpdates, receipt: Receipt) -> Effects:
        for update in updates.orders:
            self.orders.apply(update)
            self.blotter.on_order(update)
        return ()

    def on_fill(self, fill: Fill, receipt: Receipt) -> Effects:
        # The last fills are read back beside the new ones, so they come in any order and some twice.
        _keep_recent(self.fills, receipt.sequence, fill, FILLS_MAX)
        self.blotter.on_fill(fill)
        return ()

    def on_sample(self, receipt: Receipt) -> Effects:
        """Add a point to the chart of every priced market and let go of markets that are over."""
        resting = self.ladders()
        for key, fair in self.fairs.items():
            ladder = resting.get(key)
            fresh = fair.age_ns(receipt.now_ns) <= FAIR_STALE_NS
            point = Point(
                ts_ms=receipt.now_ns // NS_PER_MS,
                fair=axis_price(fair.event) if fresh else None,
                bid=ladder.best(Side.BUY) if ladder else None,
                ask=ladder.best(Side.SELL) if ladder else None,
            )
            self.history.take(key, point)
        quoted = [key[1:] for key in (*self.fairs, *self.targets)]
        for venue, symbol in dict.fromkeys([*quoted, *self.tops]):
            if self._is_gone(venue, symbol, receipt.now_ns):
                self._forget(venue, symbol)
        return list(self._fence.alerts("gateway", receipt.now_ns))

    def on_round(self, receipt: Receipt) -> Effects:
        return self.surveillance.asks()

    def on_answer(self, answer: HttpResponse, receipt: Receipt) -> Effects:
        self.surveillance.on_answer(answer, receipt.now_ns)
        return ()

    def on_disconnected(self, receipt: Receipt) -> Effects:
        self.connected = False
        return ()

    def on_reconnected(self, receipt: Receipt) -> Effects:
        self.connected = True
        return ()

    def unready(self, now_ns: int) -> list[str]:
        return [] if self.connected else ["the bus is down: every number is getting older"]

    def state(self, now_ns: int) -> dict[str, Any]:
        return {
            "bots": len(self.bots),
            "users": len(self.users.all()),
            "markets": len(self.markets),
            "priced": len(self.fairs),
            "resting_orders": len(self.orders),
            "halts": [f"{halt.scope}:{halt.reason}" for halt in self.halts.active()],
            "services": {name: health.state(now_ns) for name, health in self.surveillance.services.items()},
            "refused_epochs": self._fence.old + self._fence.ahead,
        }

    def samples(self) -> Iterable[Sample]:
        yield Sample("mm_gateway_resting_orders", "gauge", "Our orders that may be filled", {}, len(self.orders))
        yield Sample("mm_gateway_order_updates_total", "counter", "Order updates seen", {}, self.orders.updates)
        yield Sample("mm_gateway_halts", "gauge", "Halts in force", {}, len(self.halts.active()))
        for outcome, count in sorted(self.logins.items()):
            yield Sample("mm_gateway_logins_total", "counter", "Logins by outcome", {"outcome": outcome}, count)

    def venue_now_ns(self, venue: str, now_ns: int) -> int:
        """Return a venue's time, as far as its clock is known."""
        feed = self.feeds.get(venue)
        return now_ns + (feed.event.clock_offset_ns if feed is not None else 0)

    def place_of(self, config: BotConfig) -> tuple[str, str]:
        """Return venue and account of a bot, '' where its configuration does not say them."""
        return venue_and_account(config, self.exchanges) or ("", "")

    def market(self, venue: str, symbol: str) -> Market | None:
        return self.markets.get((venue, symbol))

    def watched(self) -> list[Stamped[RiskStatistics]]:
        """Return the exposure of each currency that is still watched, by id."""
        gone = {key[1] for key, stored in self.documents.items() if key[0] == WATCHED and stored.event.removed}
        return [each for currency_id, each in sorted(self.exposures.items()) if currency_id not in gone]

    def open_orders(self) -> Iterator[OrderUpdate]:
        """Yield every order that may still be filled; those of a silent quoter are of unknown outcome."""
        for order in self.orders.open():
            if self.quoters.doubtful(order.account, order.order_id) and order.state is not OrderState.UNKNOWN:
                yield msgspec.structs.replace(order, state=OrderState.UNKNOWN, reason=SILENT)
            else:
                yield order

    def ladders(self) -> dict[tuple[str, str, str], Ladder]:
        """Return what rests, by (algo_id, venue, symbol)."""
        owners = {
            (target.event.account, venue, symbol): algo_id for (algo_id, venue, symbol), target in self.targets.items()
        }
        return ladders(
            self.open_orders(),
            self.market,
            lambda order: order.algo_id or owners.get((order.account, order.venue, order.symbol), ""),
        )

    def _is_gone(self, venue: str, symbol: str, now_ns: int) -> bool:
        market = self.markets.get((venue, symbol))
        return (
            market is not None
            and market.expiry_ns > 0
            and self.venue_now_ns(venue, now_ns) > market.expiry_ns + LINGER_NS
        )

    def _forget(self, venue: str, symbol: str) -> None:
        for quoted in (self.fairs, self.targets):
            for key in [key for key in quoted if key[1:] == (venue, symbol)]:
                del quoted[key]
        self.tops.pop((venue, symbol), None)
        self.history.forget_market(venue, symbol)
        self.orders.forget_market(venue, symbol)


def _stamp(event: E, receipt: Receipt) -> Stamped[E]:
    return Stamped(event, receipt.now_ns - receipt.age_ns)


def _keep(values: dict[K, Stamped[E]], key: K, value: Stamped[E], values_max: int) -> None:
    """Put the newest value in its place; when there are too many places, the one that fell silent first goes."""
    if key not in values and len(values) >= values_max:
        del values[min(values, key=lambda other: values[other].fresh_at_ns)]
    values[key] = value


def _keep_recent(events: dict[int, E], sequence: int, event: E, events_max: int) -> None:
    """Put an event at its place in its stream; when there are too many, the earliest goes."""
    events[sequence] = event
    if len(events) > events_max:
        del events[min(events)]
