"""Risk: the books of record, and the power to stop what the books, the limits or the venue speak against."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

from common.core import (
    Core,
    Durable,
    Effect,
    Effects,
    Every,
    Input,
    Newest,
    Ordered,
    Receipt,
    Sample,
    Start,
    StreamLevels,
)
from common.errors import ConfigError
from common.events import (
    AccountState,
    Adjustment,
    AlertLevel,
    BotConfig,
    Event,
    FairValue,
    FeedStatus,
    Fill,
    FillIdentity,
    Halt,
    Lease,
    Market,
    OrderCommand,
    OrderUpdates,
    PlatformConfig,
    Posting,
    QuoteTarget,
    RiskState,
    SourcePrice,
    Statistics,
    TopOfBook,
    TransferCommand,
)
from common.leases.fence import EpochFence
from common.streams.levels import Level
from common.venues import Exchanges

from risk.binary.settlement import Markets
from risk.booking import Booking
from risk.corrections.opening import Opening
from risk.ledger.books import Ledger
from risk.ledger.entries import Entry, StoredEntry, forged, uncounted, undecodable
from risk.ledger.snapshot import StoreHealth
from risk.monitoring.alerts import PLATFORM, Conditions
from risk.monitoring.days import DayRecord, Days
from risk.monitoring.equity import PRICES, Earnings, Marks, Price, cutoff_posting, restore_highest
from risk.monitoring.halts import ACTOR, Halts
from risk.monitoring.platform_limits import PLATFORM_ID, PLATFORM_TYPE, PlatformLimits, parse_platform_limits
from risk.monitoring.reconcile import Reconciliation
from risk.monitoring.report import (
    BotView,
    bot_state,
    bot_statistics,
    ledger_samples,
    ledger_state,
    level_samples,
    platform_statistics,
    position_of,
    risk_state,
    stream_statistics,
    view_of,
    watch_samples,
)
from risk.monitoring.stops import Losses, Stops
from risk.monitoring.watch import Watch
from risk.spot.bots import SpotBots
from risk.spot.headrooms import Moment
from risk.spot.hedges import Hedges

RISK_STATE_MS = 250
SAMPLE_MS = 250
"""How often fair values and targets are looked at: marks and warnings need no more."""
LOOK_MS = 1_000
POSITIONS_MS = 5_000
LEVELS_MS = 10_000
"""How often the streams' levels are looked at: the fastest of them fill within hours."""


class Risk(Core):
    """Keep the books, deal out limits, settle what is decided, compare with the venue, halt what must not go on."""

    confirmed = (Halt, OrderCommand, TransferCommand)

    def __init__(
        self,
        platform: PlatformLimits,
        shard: str = "0",
        store: StoreHealth | None = None,
        exchanges: Exchanges | None = None,
    ) -> None:
        self.platform, self.shard = platform, shard
        self.store = store or StoreHealth()
        self.bots: dict[str, BotView] = {}
        self.halts, self.markets, self.marks, self.days = Halts(), Markets(), Marks(), Days()
        self.conditions = Conditions()
        self.watch, self.stops = Watch(self.conditions), Stops(self.halts, self.conditions, lambda: self.epoch)
        self.losses = Losses(self.days, self.stops, self.conditions)
        self.spot = SpotBots(self.stops, self.conditions, self.markets, exchanges)
        self.hedges = Hedges(self.conditions, self.spot, self.markets, self.halts)
        told = (self.watch.on_fill, self.spot.on_fill, lambda fill: self.hedges.on_fill(fill, self.ledger.sequence))
        self.booking = Booking(self.markets, self.stops, self.conditions, lambda: self.epoch, told)
        self._faults: dict[str, str] = {}
        """Why the ledger cannot be trusted, by halt reason; while there is one, nothing is folded or dealt out."""
        self._halts_at_start: dict[str, str] = {}
        self._notes: list[str] = []
        self._unreadable: list[str] = []
        self._started = False
        self._fence = EpochFence()
        self._levels: Sequence[Level] = ()
        self.opening = Opening()
        """Which generation of the stores the books are of, and who answers for it."""

    @property
    def ledger(self) -> Ledger:
        return self.booking.ledger

    @property
    def reconciliation(self) -> Reconciliation:
        return self.booking.reconciliation

    def restore(self, documents: Mapping[str, bytes]) -> None:
        """Take in the halts that were in force when risk last lived, and the hedges that were open."""
        self._unreadable = self.halts.restore(self.hedges.restore(self.spot.rebalancing.restore(documents)))

    def recover(
        self,
        ledger: Ledger,
        faults: Mapping[str, str] | None = None,
        halts: Mapping[str, str] | None = None,
        notes: Sequence[str] = (),
        days: DayRecord | None = None,
        now_ns: int = 0,
    ) -> None:
        """Take over the ledger a start has loaded.

        With `faults` (halt reason and text) everything stays frozen until the cause is gone and risk starts again;
        `halts` stop trading until a person lifts them, the books go on; `notes` are told. `days` is the record of what
        each bot had earned: a loss of today that this ledger no longer shows still counts.
        """
        self.booking.begin(ledger)
        self._faults, self._halts_at_start, self._notes = dict(faults or {}), dict(halts or {}), list(notes)
        if days is not None:
            self._notes += self.days.carry_over(days, ledger, now_ns)

    # --- inputs -------------------------------------------------------------------------------------------------

    def inputs(self) -> Sequence[Input]:
        return [
            Ordered(Halt, self.on_halt, Start.LAST_PER_SUBJECT),
            Ordered(PlatformConfig, self.on_platform_config, Start.LAST_PER_SUBJECT),
            Ordered(BotConfig, self.on_bot_config, Start.LAST_PER_SUBJECT),
            Ordered(Market, self.on_market, Start.LAST_PER_SUBJECT),
            Newest(Lease, self.on_lease),
            Ordered(Adjustment, self.on_adjustment, Start.LAST_PER_SUBJECT),
            *(Newest(each, self.on_price, sampled_ms=SAMPLE_MS) for each in PRICES),
            Newest(TopOfBook, self.on_top, sampled_ms=LOOK_MS),
            Ordered(OrderUpdates, self.on_order_updates, Start.LAST_PER_SUBJECT),
            Newest(FeedStatus, self.on_feed_status),
            Newest(QuoteTarget, self.on_target, sampled_ms=SAMPLE_MS),
            Newest(AccountState, self.on_account),
            Newest(Statistics, self.on_statistics),
            Durable("risk-ledger", self.on_entry, self.on_undecodable, self.on_forged),
            *self.hedges.inputs(),
            *self.spot.rebalancing.inputs(),
            Every(RISK_STATE_MS, self.on_risk_state_due),
            Every(LOOK_MS, self.on_look_due),
            Every(POSITIONS_MS, self.on_positions_due),
            StreamLevels(LEVELS_MS, self.on_levels),
        ]

    def start(self, receipt: Receipt) -> Effects:
        self._started = True
        yield from self.halts.unheard()
        yield from self.halts.changes()
        for fault in self._unreadable:
            text = f"a halt on disk cannot be read: {fault}"
            yield from self.stops.halt("global", "kept_unreadable", text, receipt.now_ns)
        for note in [*self._notes, *(f"a hedge on disk cannot be read: {each}" for each in self.hedges.begin())]:
            yield self.conditions.alert(AlertLevel.WARNING, PLATFORM, "recovery", note, receipt.now_ns)
        for reason, text in {**self._faults, **self._halts_at_start}.items():
            yield from self.stops.halt("global", reason, text, receipt.now_ns)
        if not self._faults:
            yield from self.stops.halt_disputed(self.ledger, receipt.now_ns)
            yield from self.on_positions_due(receipt)
            yield from self.booking.settle(receipt.now_ns)
        yield self._risk_state(receipt.now_ns)

    def on_stand_still(self, faults: Sequence[str], receipt: Receipt) -> Effects:
        """The stores are not those we knew: nothing is booked, settled or dealt out until a person has resumed."""
        halt = self.halts.stand_still(ACTOR, faults, receipt.now_ns)
        self._faults[halt.reason] = halt.detail
        yield self.conditions.alert(AlertLevel.CRITICAL, PLATFORM, halt.reason, halt.detail, receipt.now_ns)
        if self._started:
            yield self._risk_state(receipt.now_ns)

    # --- the ledger ---------------------------------------------------------------------------------------------

    def on_entry(self, entry: Fill | Posting | FillIdentity, data: bytes, receipt: Receipt) -> Effects:
        """Fold the next message; what the store says of itself has a place and moves no money."""
        told = uncounted(data) if isinstance(entry, FillIdentity) else StoredEntry(entry, data)
        yield from self._on_message(told, receipt)

    def on_undecodable(self, subject: str, reason: str, data: bytes, receipt: Receipt) -> Effects:
        yield from self._on_message(undecodable(subject, data, reason), receipt)

    def on_forged(self, subject: str, reason: str, data: bytes, receipt: Receipt) -> Effects:
        """Count the place of what nobody who may write to FILL has said; a real fill behind it shows in the account."""
        yield from self._on_message(forged(subject, data, reason), receipt)

    def _on_message(self, entry: Entry, receipt: Receipt) -> Iterator[Effect]:
        if not self._faults:
            yield from self.booking.take(entry, receipt.sequence, receipt.now_ns)

    def after_burst(self, receipt: Receipt) -> Effects:
        """Hedge what fills have moved at once."""
        return self._hedge(receipt.now_ns) if self.hedges.due else ()

    def _hedge(self, now_ns: int) -> Effects:
        return self.hedges.decide(self._moment(now_ns)) if self._started and not self._faults else ()

    # --- configuration, markets, prices -------------------------------------------------------------------------

    def on_halt(self, halt: Halt, receipt: Receipt) -> Effects:
        self.halts.update(halt, receipt.sequence)
        yield from self.halts.changes()
        if self._started:
            yield self._risk_state(receipt.now_ns)

    def on_platform_config(self, config: PlatformConfig, receipt: Receipt) -> Effects:
        if (config.type, config.id) != (PLATFORM_TYPE, PLATFORM_ID):
            yield from self.spot.on_platform_config(config, receipt.now_ns)
            return
        try:
            self.platform = parse_platform_limits(config.document)
        except ConfigError as error:
            text = f"platform limits revision {config.revision} refused, the previous ones stay in force: {error}"
            yield self.conditions.alert(AlertLevel.CRITICAL, PLATFORM, "limits_refused", text, receipt.now_ns)
            return
        for algo_id, known in self.bots.items():
            # A bot stays of its kind, so that one which was served is.
            self.bots[algo_id] = view_of(known.config, self.platform) or known
        self.bots |= self.spot.headrooms.views(self._moment(receipt.now_ns))
        if self._started:
            yield self._risk_state(receipt.now_ns)

    def on_bot_config(self, config: BotConfig, receipt: Receipt) -> Effects:
        known = self.bots.get(config.algo_id)
        if known is not None and config.revision < known.config.revision:
            return
        self.bots.pop(config.algo_id, None)
        yield from self.spot.on_bot_config(config, receipt.now_ns)
        view = view_of(config, self.platform) or self.spot.headrooms.view(config.algo_id, self._moment(receipt.now_ns))
        if view is None:
            return
        if not config.removed:
            self.bots[config.algo_id] = view
            if view.fault and not self.spot.serves(config.algo_id):
                text = f"configuration revision {config.revision} cannot be used, the bot may not trade: {view.fault}"
                yield self.conditions.alert(AlertLevel.CRITICAL, config.algo_id, "config_refused", text, receipt.now_ns)
        if self._started:
            yield position_of(self.ledger, config.algo_id, self.epoch, receipt.now_ns)
            yield self._risk_state(receipt.now_ns)

    def on_market(self, market: Market, receipt: Receipt) -> Effects:
        if not self._fence.passes_market(market):
            return
        self.markets.put(market)
        self.watch.on_market(market)
        self.marks.on_market(market)
        self.spot.on_market(market)
        if market.status.over and self._started and not self._faults:
            yield from self.booking.settle(receipt.now_ns)

    def on_adjustment(self, adjustment: Adjustment, receipt: Receipt) -> Effects:
        self.booking.adjustments.take(adjustment)
        return ()

    def on_price(self, price: Price, receipt: Receipt) -> Effects:
        over = self.markets.over(price.venue, price.symbol)
        if self._fence.passes("pricer", price.algo_id, price.epoch) and not over:
            self.marks.put(price)
            if isinstance(price, FairValue):
                self.hedges.on_fair(price, receipt.now_ns - receipt.age_ns)
            if isinstance(price, SourcePrice):
                self.spot.rates.on_source(price, receipt.now_ns - receipt.age_ns)
        return ()

    def on_top(self, top: TopOfBook, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", top.venue, top.epoch):
            self.spot.rates.on_top(top, receipt.now_ns - receipt.age_ns)
        return ()

    def on_order_updates(self, updates: OrderUpdates, receipt: Receipt) -> Effects:
        if self._fence.passes("quoter", updates.account, updates.epoch):
            self.spot.orders.on_updates(updates)
        return ()

    def on_feed_status(self, status: FeedStatus, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", status.venue, status.epoch):
            self.watch.on_feed_status(status, receipt.now_ns - receipt.age_ns)
            self.spot.rates.on_feed_status(status, receipt.now_ns - receipt.age_ns)
        return ()

    def on_target(self, target: QuoteTarget, receipt: Receipt) -> Effects:
        if self._fence.passes("quoter", target.account, target.epoch):
            self.watch.on_target(target)
        return ()

    def on_account(self, snapshot: AccountState, receipt: Receipt) -> Effects:
        if self._fence.passes("quoter", snapshot.account, snapshot.epoch):
            self.spot.on_account(snapshot, stored=bool(receipt.age_ns))
        # A snapshot from before our start may lie before entries whose place in the account's history is not known.
        unplaced = receipt.age_ns and snapshot.account in self.ledger.accounts
        if not unplaced and self._fence.passes("quoter", snapshot.account, snapshot.epoch):
            self.reconciliation.on_snapshot(snapshot, receipt.now_ns)
        return ()

    def on_statistics(self, told: Statistics, receipt: Receipt) -> Effects:
        """What a predecessor reported as the day's highest profit holds after a restart as well."""
        if not self._started or told.epoch < self.epoch:
            restore_highest(told, self.days.high_water, self.spot.high_water)
        return ()

    def on_lease(self, lease: Lease, receipt: Receipt) -> Effects:
        self._fence.on_lease(lease)
        self.hedges.on_lease(lease, receipt)
        return ()

    # --- timers -------------------------------------------------------------------------------------------------

    def on_risk_state_due(self, receipt: Receipt) -> Effects:
        """Stop what has lost too much, then say what holds: the same state tells of the stop."""
        now_ns = receipt.now_ns
        if not self._faults:
            moment = self._moment(now_ns)
            self.bots |= self.spot.headrooms.views(moment)
            for algo_id in sorted(self.bots):
                view = self.bots[algo_id]
                judged = partial(self.losses.judge, view, self.ledger, self.marks, now_ns)
                if self.spot.serves(algo_id):
                    judged = partial(self.spot.judge, algo_id, view.limits, moment)
                yield from self.stops.guard(algo_id, judged, now_ns)
            yield from self.spot.executions(now_ns)
        yield self._risk_state(now_ns)
        yield from self._hedge(now_ns)

    def on_levels(self, levels: Sequence[Level], receipt: Receipt) -> Effects:
        """Tell how full the streams are; a full FILL stops trading, so people hear of it long before."""
        self._levels = levels
        yield from self.watch.levels(levels, receipt.now_ns)
        yield stream_statistics(levels, self.epoch, receipt.now_ns)

    def on_look_due(self, receipt: Receipt) -> Effects:
        """Look at everything that is not told by an event: gaps, days, snapshots, quiet bots, silent feeds."""
        now_ns = receipt.now_ns
        yield from self._look_at_store(now_ns)
        if self._faults:
            return
        self.booking.demand_whole(now_ns)
        yield from self.booking.settle(now_ns)
        yield from self.booking.adjust(now_ns)
        yield from self.booking.judge_snapshots(self.opening, now_ns)
        yield from self.watch.redemptions(self.reconciliation.overdue(now_ns), now_ns)
        for algo_id in self._all_bots():
            yield from self.stops.guard(algo_id, partial(self._look_at_bot, algo_id, now_ns), now_ns)
        yield from self.spot.look(self._moment(now_ns))
        yield from self.watch.undecided(self.markets.undecided(self.ledger), now_ns)
        yield from self._fence.alerts("risk", now_ns)
        yield from self.watch.quiet(now_ns)
        yield from self.watch.feeds(now_ns)
        trading = sorted({view.venue for view in self.bots.values() if view.venue})
        for venue, detail in self.watch.clocks(trading, self.platform.max_clock_offset_ms, now_ns):
            yield from self.stops.halt(f"venue-{venue}", "clock", detail, now_ns)
        yield platform_statistics(self.ledger, self.marks, self.epoch, now_ns)

    def _look_at_bot(self, algo_id: str, now_ns: int) -> Iterator[Effect]:
        view = self.bots.get(algo_id)
        cutoff = cutoff_posting(self.ledger, algo_id, self.marks, now_ns)
        if cutoff is not None:
            yield from self.booking.pending.ask(cutoff, now_ns)
        if view is not None:
            yield from self.watch.positions(view, self.ledger.lines_of(algo_id), self.markets.base_of, now_ns)
        earned = self._earned(algo_id, now_ns)
        peak = self._high_water(algo_id)
        yield bot_statistics(self.ledger, view, algo_id, earned, peak, self.epoch, now_ns)

    def _high_water(self, algo_id: str) -> dict[str, float]:
        return (self.spot if self.spot.serves(algo_id) else self.days).high_water.figures(algo_id)

    def _look_at_store(self, now_ns: int) -> Iterator[Effect]:
        if self.store.ahead and "ledger_ahead" not in self._faults:
            self._faults["ledger_ahead"] = self.store.ahead
            yield from self.stops.halt("global", "ledger_ahead", self.store.ahead, now_ns)
        yield from self.watch.store(now_ns, away=self.store.away)

    def on_positions_due(self, receipt: Receipt) -> Effects:
        for algo_id in [] if self._faults else self._all_bots():
            yield position_of(self.ledger, algo_id, self.epoch, receipt.now_ns)

    def _all_bots(self) -> list[str]:
        """Return every bot that is configured or has a book, in order."""
        return sorted(self.bots.keys() | self.ledger.bots.keys())

    def _moment(self, now_ns: int) -> Moment:
        return Moment(self.ledger, self.platform, self.epoch, now_ns, self.booking.pending)

    def _daily(self, algo_id: str, now_ns: int) -> Decimal | None:
        return self.spot.daily(algo_id) if self.spot.serves(algo_id) else self._earned(algo_id, now_ns).daily

    def _risk_state(self, now_ns: int) -> RiskState:
        """Return what the pre-trade check needs; a ledger that cannot be trusted deals out no limits."""
        views = [] if self._faults else [self.bots[algo_id] for algo_id in sorted(self.bots)]
        return risk_state(
            self.ledger,
            views,
            {} if self._faults else self.hedges.limits(self.platform),
            {view.config.algo_id: self._daily(view.config.algo_id, now_ns) for view in views},
            self.halts.listed(),
            self.shard,
            self.epoch,
            now_ns,
            max_clock_offset_ms=self.platform.max_clock_offset_ms,
        )

    def _earned(self, algo_id: str, now_ns: int) -> Earnings:
        return self.days.earned(self.ledger, algo_id, self.marks, now_ns)

    def day_record(self, now_ns: int) -> DayRecord:
        """Return what risk keeps on its own disk of the day."""
        return self.days.record(self.ledger, self._all_bots(), self.marks, now_ns)

    # --- for the shell and for people ---------------------------------------------------------------------------

    def on_reconnected(self, receipt: Receipt) -> Effects:
        """What was said while the bus was away is lost: say it again at once."""
        yield from self.on_positions_due(receipt)
        yield self._risk_state(receipt.now_ns)

    def on_published(self, event: Event, sequence: int, receipt: Receipt) -> Effects:
        if isinstance(event, Halt):
            self.halts.stored(event, sequence)
            return self.halts.changes()
        if isinstance(event, TransferCommand):
            return self.spot.rebalancing.on_published(event, receipt.now_ns)
        return self.hedges.on_published(event, sequence) if isinstance(event, OrderCommand) else ()

    def on_refused(self, event: Event, reason: str, receipt: Receipt) -> Effects:
        """The broker would not take a posting: the account's books can no longer be complete."""
        if isinstance(event, OrderCommand):
            yield from self.hedges.on_refused(event, reason, receipt.now_ns)
        if isinstance(event, TransferCommand):
            yield from self.spot.rebalancing.on_refused(event, reason, receipt.now_ns)
        if isinstance(event, Posting):
            self.booking.pending.ended(event)
            yield from self.stops.halt(f"account-{event.account}", "posting_refused", reason, receipt.now_ns)

    def unready(self, now_ns: int) -> list[str]:
        return [f"{reason}: {text}" for reason, text in self._faults.items()] + self.booking.waits_for()

    def state(self, now_ns: int) -> dict[str, Any]:
        bots = [
            bot_state(self.ledger, self.bots.get(each), each, self._earned(each, now_ns), frozen=bool(self._faults))
            for each in self._all_bots()
        ]
        return {
            "shard": self.shard,
            **ledger_state(self.ledger),
            "bots": bots,
            "reconciliation": self.reconciliation.state(now_ns),
            "halts": self.halts.listed(),
            "store": {"away": self.store.away, "ahead": self.store.ahead},
            "markets": len(self.markets),
            "pending_postings": len(self.booking.pending),
            "hedges": self.hedges.state(),
            "spot": self.spot.state(now_ns),
        }

    def samples(self) -> Iterable[Sample]:
        yield from ledger_samples(self.ledger, self.marks)
        yield from level_samples(self._levels)
        highest = {algo_id: self._high_water(algo_id)["daily_peak"] for algo_id in sorted(self.bots)}
        pending, halts = len(self.booking.pending), len(self.halts.listed())
        yield from watch_samples(highest, halts, pending, away=self.store.away)
