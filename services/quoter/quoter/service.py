"""The quoter: for every bot of one account, keep the orders at the venue that should rest there, and no other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from common.clock import NS_PER_S
from common.core import (
    Close,
    Effects,
    Every,
    Http,
    HttpResponse,
    Input,
    Newest,
    Ordered,
    Receipt,
    Sample,
    Start,
    Wire,
)
from common.events import (
    AccountState,
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
    OrderUpdates,
    Position,
    Posting,
    RiskState,
    SourcePrice,
    Trade,
    TransferUpdate,
)
from common.instruments import Instrument
from common.leases.fence import EpochFence
from common.orders import OrderIds
from common.venues import Exchanges

from quoter.accounts.accounts import AccountCore
from quoter.accounts.traders import Traders
from quoter.configured import Configured
from quoter.hedging.hedges import Hedges
from quoter.kinds import KINDS
from quoter.listed import Listed
from quoter.orders.own_orders import Orders
from quoter.trading.blotter import Blotter
from quoter.trading.bot import note_book, note_trade
from quoter.trading.cancel_all import AnswerTicket, Emptying, name_of
from quoter.trading.order_updates import PLATFORM
from quoter.trading.passes import Passes
from quoter.trading.snapshot_times import SnapshotTimes
from quoter.trading.strategy import Kind, Price
from quoter.trading.trader import Trader
from quoter.transfers.transfers import Sender, Transfers
from quoter.venues.base import REPORTS, AccountFees, OrderReport, Outputs, Resting, Session, Since
from quoter.views.answers import at_once
from quoter.views.commands import HaltOrder, halt_of
from quoter.views.explain import explanation
from quoter.views.lookback import Lookback
from quoter.views.status import samples, snapshot, unready

TIMER_MS = 50
MESSAGES_PER_S = 1_000.0
CANCEL_ALL_HOLD_NS = 5 * NS_PER_S
"""After cancel-all nothing new goes out in its scope for this long; a halt keeps it so."""


class Quoter(AccountCore):
    """Commitments of one account: targets, orders, fills, and the venue's private session."""

    confirmed = (Fill, Posting, Halt, TransferUpdate)

    def __init__(
        self,
        account: str,
        venue: str,
        session: Session,
        orders: Orders,
        messages_per_s: float = MESSAGES_PER_S,
        kinds: Sequence[type[Kind]] = KINDS,
        *,
        traders: Traders | None = None,
        hedges: Hedges | None = None,
        answer: AnswerTicket = at_once,
        exchanges: Exchanges | None = None,
        sending: Sender | None = None,
    ) -> None:
        """`traders` and `hedges` are those of the whole process; `answer` answers what people order at its port.

        `exchanges` are those that documents of bots name; without `sending` the account sends no money.
        """
        self.account, self.venue, self.session = account, venue, session
        self.trader = Trader(account, venue, session, orders, messages_per_s, kinds)
        if traders is not None:
            traders.join(self.trader, lambda: bool(self.emptying))
        self.bots, self.markets = self.trader.bots, self.trader.markets
        self.passes = Passes(
            self.trader,
            lambda *halt: self.blotter.halt(*halt),
            lambda orders, now_ns: self.blotter.self_trades(orders, now_ns),
        )
        self.hedges = hedges or Hedges()
        self.hedges.join(self.trader)
        of_account = self.hedges.of(account, venue)
        self.blotter = Blotter(self.trader, self.passes.touch, self._on_fill, self._empty_for, of_account)
        self.emptying = Emptying(self.trader, self.passes.cancel, answer)
        self.lookback = Lookback(account, session, answer)
        self._fence = EpochFence()
        self._account_sequence = 0
        self._snapshots = SnapshotTimes()
        self.booked_sequence: int | None = None
        """How far FILL has the account's entries; a snapshot may be ahead of it, or lost."""
        self._unreadable: list[str] = []
        self.listed = Listed(self.trader, self.passes, self.blotter)
        self.configured = Configured(self.trader, self.passes, self.blotter, exchanges)
        self.transfers = Transfers(account, sending, exchanges or Exchanges(), self.trader.halted_by)

    def inputs(self) -> Sequence[Input]:
        return [
            Ordered(Halt, self.on_halt, Start.LAST_PER_SUBJECT),
            Ordered(Market, self.on_market, Start.LAST_PER_SUBJECT, {"venue": self.venue}),
            Ordered(BotConfig, self.on_config, Start.LAST_PER_SUBJECT),
            Ordered(OrderCommand, self.on_hedge, Start.LAST_PER_SUBJECT, {"account": self.account}),
            Ordered(Trade, self.on_trade, Start.NEW, {"venue": self.venue}),
            Newest(Lease, self.on_lease),
            Newest(FeedStatus, self.on_feed_status, {"venue": self.venue}),
            Newest(AccountState, self.on_account_state, {"account": self.account}),
            Newest(Position, self.on_position),
            Newest(RiskState, self.on_risk),
            Newest(FairValue, self.on_fair),
            Newest(SourcePrice, self.on_source),
            Newest(Book, self.on_book, {"venue": self.venue}),
            Every(TIMER_MS, self.on_timer, early=True),
            Wire(self.session.name, self.on_open, self.on_frame, self.on_close),
            Http(self.session.name, self.on_answer),
            *self.transfers.inputs(),
        ]

    # --- life ---------------------------------------------------------------------------------------------------

    def restore(self, documents: Mapping[str, bytes]) -> None:
        """Take in the halts that were in force when this account was last quoted, or ordered at our door since."""
        self._unreadable = self.trader.halts.restore(documents)

    def remember(self, updates: OrderUpdates) -> None:
        """Take in what a predecessor published of its orders, before `start`: their fills may still come."""
        if updates.account == self.account:
            for update in updates.orders:
                self.trader.orders.remember(update)
            self.hedges.remember_children(updates)

    def inherit(self, before: Quoter) -> None:
        """Take over halts and markets, which the bus tells once; what is told again and again is read again."""
        self.trader.halts, self._fence = before.trader.halts, before._fence
        self.trader.epoch, self._account_sequence = before.trader.epoch, before._account_sequence
        self.markets.update(before.markets)
        self.transfers.inherit(before.transfers)

    def on_failure(self, text: str, receipt: Receipt) -> Effects:
        """Halt the account, and cancel what the core before this one has left at the venue."""
        halted = self.blotter.halt(f"account-{self.account}", "exception", text, receipt.now_ns)
        return self._relay(halted, receipt.now_ns)

    def let_go(self, why: str) -> Effects:
        """Another quoter follows this one: nothing goes out any more, and the connection is closed."""
        self.trader.latched = True
        self.hedges.lose(self.account)
        return [Close(self.session.name, why)]

    @property
    def begun(self) -> bool:
        """True from its start on: it trades for its account."""
        return self.trader.started

    def start(self, receipt: Receipt) -> Effects:
        self.trader.started = True
        trader = self.trader
        trader.epoch, trader.ids = self.epoch, OrderIds(self.epoch)
        trader.bus_up = True
        self._snapshots.begin(receipt.now_ns)
        if self.booked_sequence is not None:
            self._account_sequence = min(self._account_sequence or self.booked_sequence, self.booked_sequence)
        self.blotter.proven_sequence = self._account_sequence
        self.hedges.begin(self.account, self.epoch, receipt.now_ns)
        self.transfers.begin(self.epoch)
        yield from self.trader.halts.words.unheard()
        yield from self.trader.halts.words.changes()
        for fault in self._unreadable:
            text = f"a halt on disk cannot be read: {fault}"
            yield from self.blotter.halt(f"account-{self.account}", "kept_unreadable", text, receipt.now_ns)
        yield from self._relay(self.session.start(self.epoch, self._account_sequence, receipt.now_ns), receipt.now_ns)

    def stop(self, receipt: Receipt) -> Effects:
        self.trader.latched = True
        yield from self.passes.quote_all(receipt.now_ns)
        yield from self.trader.send(receipt.now_ns)
        yield from self._relay(self.session.cancel_all_and_confirm(receipt.now_ns), receipt.now_ns)

    def stopped(self) -> bool:
        return self.trader.latched and self.session.nothing_rests and not self.trader.news

    def on_stand_still(self, faults: Sequence[str], receipt: Receipt) -> Effects:
        """The stores are not those we knew: no orders remain open until a person has resumed and we have restarted."""
        halt = self.trader.halts.stand_still(faults, receipt.now_ns)
        text = f"{halt.scope}: {halt.detail}"
        yield from self.blotter.alert(AlertLevel.CRITICAL, PLATFORM, halt.reason, text, receipt.now_ns)
        yield from self._empty_for(halt, receipt.now_ns)
        yield from self.passes.quote_all(receipt.now_ns)

    def on_disconnected(self, receipt: Receipt) -> Effects:
        self.trader.bus_up = False
        return ()

    def on_reconnected(self, receipt: Receipt) -> Effects:
        self.trader.bus_up = self.trader.started
        return ()

    def on_published(self, event: Event, sequence: int, receipt: Receipt) -> Effects:
        if type(event) is Fill or type(event) is Posting:
            return self._relay(self.blotter.on_booked(event, sequence, receipt.now_ns), receipt.now_ns)
        if type(event) is Halt:
            self.trader.halts.on_published(event, sequence)
            return self.trader.halts.words.changes()
        if type(event) is TransferUpdate:
            self.transfers.on_published(event)
        return ()

    def on_refused(self, event: Event, reason: str, receipt: Receipt) -> Effects:
        """What the ledger's stream does not take stops the account: it must not trade beyond its books."""
        if isinstance(event, HedgeUpdate):
            self.hedges.on_refused(event)
        if isinstance(event, TransferUpdate):
            self.transfers.on_refused(event, receipt.now_ns)
        if not isinstance(event, Fill | Posting | AccountState):
            return ()
        if isinstance(event, AccountState):
            outputs = self.blotter.alert(AlertLevel.CRITICAL, PLATFORM, "account_state_refused", reason, receipt.now_ns)
        else:
            outputs = self.blotter.halt(f"account-{self.account}", "fill_refused", reason, receipt.now_ns)
        return [*self._relay(outputs, receipt.now_ns), *self.passes.quote_all(receipt.now_ns)]

    # --- what the bus tells -------------------------------------------------------------------------------------

    def on_lease(self, lease: Lease, receipt: Receipt) -> Effects:
        self._fence.on_lease(lease)
        return ()

    def on_fair(self, fair: FairValue, receipt: Receipt) -> Effects:
        usable = 0.0 <= fair.fair <= 1.0
        return self._on_price(fair, fair.fair, usable, usable and fair.ready, receipt)

    def on_source(self, source: SourcePrice, receipt: Receipt) -> Effects:
        usable = not source.unusable and 0.0 < source.bid <= source.ask < math.inf
        return self._on_price(source, 0.5 * (source.bid + source.ask), usable, usable, receipt)

    def _on_price(self, price: Price, mark: float, usable: bool, ready: bool, receipt: Receipt) -> Effects:
        """Take in what a market is worth for a bot, and make its quotes what they should be then."""
        bot = self.bots.get(price.algo_id)
        if bot is None or not self._fence.passes("pricer", price.algo_id, price.epoch):
            return ()
        quoted = bot.quoted.get(price.symbol)
        if quoted is None or type(price) is not bot.strategy.priced_by:
            return ()
        quoted.price, quoted.mark, quoted.ready = price if usable else None, mark, ready
        quoted.heard_at_ns = receipt.now_ns - receipt.age_ns
        quoted.fresh_at_ns = quoted.heard_at_ns - price.age_ns
        return self.passes.quote(bot, quoted, receipt.now_ns)

    def on_position(self, position: Position, receipt: Receipt) -> Effects:
        if self._fence.passes("risk", position.algo_id, position.epoch):
            self.trader.holdings.on_position(position)
        return ()

    def on_risk(self, state: RiskState, receipt: Receipt) -> Effects:
        if self._fence.passes("risk", f"state/{state.shard}", state.epoch):
            self.trader.on_risk(state, receipt.now_ns - receipt.age_ns)
            if self._snapshots.on_risk(state):
                # Of those that have not changed lately the store does not have the last word any more.
                for order in self.trader.orders.living():
                    self.trader.news.note_again(order)
        return ()

    def on_feed_status(self, status: FeedStatus, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", status.venue, status.epoch):
            self.trader.on_feed_status(status, receipt.now_ns - receipt.age_ns)
        return ()

    def on_trade(self, trade: Trade, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", trade.venue, trade.epoch):
            note_trade(self.bots.values(), trade, receipt.now_ns)
        return ()

    def on_book(self, book: Book, receipt: Receipt) -> Effects:
        if self._fence.passes("feed", book.venue, book.epoch):
            for bot in note_book(self.bots.values(), book):
                self.passes.touch(bot.algo_id, book.symbol)
            terms = self.markets.get(book.symbol)
            if terms is None or terms.expiry_ns is None:
                self.hedges.on_book(book)
        return ()

    def on_hedge(self, command: OrderCommand, receipt: Receipt) -> Effects:
        """Take in what a scope wants traded; before the turn ends it is looked at."""
        if self._fence.passes("risk", f"hedge/{command.scope}", command.epoch):
            self.hedges.on_command(command, receipt.now_ns)
        return ()

    def on_halt(self, halt: Halt, receipt: Receipt) -> Effects:
        """Obey a halt or lift of the bus: on disk first, then what it empties."""
        known = self.trader.halts.words.find(halt.scope, halt.reason)
        self.trader.halts.on_halt(halt, receipt.sequence)
        yield from self.trader.halts.words.changes()
        if halt.lifted:
            self.emptying.end(name_of(halt))
        elif known is None and halt.scope in (self.trader.known_scopes() or ()):
            yield from self._empty_for(halt, receipt.now_ns)
            yield from self.passes.quote_all(receipt.now_ns)

    def _empty_for(self, halt: Halt, now_ns: int) -> Effects:
        return self.emptying.begin(name_of(halt), halt.scope, now_ns) if halt.empties else ()

    def on_account_state(self, state: AccountState, receipt: Receipt) -> Effects:
        """Where a predecessor, or we, stood: recovery asks for the fills after it."""
        self._account_sequence = max(self._account_sequence, state.account_sequence)
        return ()

    def on_market(self, market: Market, receipt: Receipt) -> Effects:
        return self.listed.on_market(market, receipt.now_ns) if self._fence.passes_market(market) else ()

    def on_config(self, config: BotConfig, receipt: Receipt) -> Effects:
        return self.configured.on_config(config, receipt.now_ns)

    # --- the venue ----------------------------------------------------------------------------------------------

    def on_session(self, outputs: Outputs, receipt: Receipt) -> Effects:
        """Take in what the session came to say, however it was asked."""
        return self._relay(outputs, receipt.now_ns)

    def on_open(self, receipt: Receipt) -> Effects:
        return self._relay(self.session.on_open(receipt.now_ns), receipt.now_ns)

    def on_frame(self, data: bytes, receipt: Receipt) -> Effects:
        outputs = self.session.on_frame(data, receipt.now_ns)
        return self._relay(outputs, receipt.now_ns) if outputs else ()

    def on_close(self, reason: str, receipt: Receipt) -> Effects:
        return self._relay(self.session.on_close(reason, receipt.now_ns), receipt.now_ns)

    def on_answer(self, answer: HttpResponse, receipt: Receipt) -> Effects:
        return self._relay(self.session.on_answer(answer, receipt.now_ns), receipt.now_ns)

    def _relay(self, outputs: Outputs, now_ns: int) -> Effects:
        """Pass effects on and take reports in; the markets they touched are looked at when the turn ends."""
        for output in outputs:
            if type(output) is OrderReport:
                # A dozen of these come with each answer, and hardly ever does anything follow from one at once.
                effects = self.blotter.on_order(output, now_ns)
                if effects:
                    yield from self._relay(effects, now_ns)
            elif isinstance(output, Resting):
                yield from self._relay(self.emptying.on_resting(output, now_ns), now_ns)
            elif isinstance(output, AccountFees):
                yield from self.listed.on_fees(output, now_ns)
            elif isinstance(output, Since):
                yield from self.lookback.on_since(output)
            elif isinstance(output, REPORTS):
                yield from self._relay(self.blotter.on_report(output, now_ns), now_ns)
            else:
                yield output

    def _on_fill(self, fill: Fill, instrument: Instrument, now_ns: int) -> Effects:
        """Learn from a fill; where too much is taken too fast, freeze at once."""
        bot, quoted = self.bots.get(fill.algo_id), self.trader.quoted_of(fill.algo_id, fill.symbol)
        trip = quoted.strategy.on_fill(fill, instrument, quoted, now_ns) if quoted is not None else None
        if bot is None or trip is None:
            return ()
        if trip.whole_bot or trip.until_lifted:
            self.passes.touch_all(bot, now_ns)
        if trip.until_lifted:
            return self.blotter.halt(f"bot-{bot.algo_id}", "protection", trip.text, now_ns)
        return self.blotter.alert(AlertLevel.WARNING, bot.algo_id, "protection", trip.text, now_ns)

    # --- quoting ------------------------------------------------------------------------------------------------

    def after_burst(self, receipt: Receipt) -> Effects:
        return self.passes.after_burst(receipt.now_ns)

    def on_timer(self, receipt: Receipt) -> Effects:
        now_ns = receipt.now_ns
        yield from self._relay(self.session.on_timer(now_ns), now_ns)
        yield from self._relay(self.emptying.on_timer(now_ns), now_ns)
        yield from self.lookback.on_timer(now_ns)
        if not self.trader.started:
            return
        self.hedges.on_timer()
        yield from self.passes.on_timer(now_ns)
        yield from self._relay(self.trader.refresh_collateral(now_ns), now_ns)
        yield from self._relay(self.blotter.assign(now_ns), now_ns)
        if self.trader.bus_up:
            yield from self.transfers.on_timer(now_ns)
        yield from self._fence.alerts("quoter", now_ns)
        yield from self.trader.news.tell_all(self.epoch, now_ns)
        if self.session.reconciled:
            # Before that our predecessor's last statement holds.
            yield from self.trader.own_depth.tell_due(self.epoch, now_ns)
        if self._snapshots.due(now_ns):
            yield from self._relay(self.session.request_snapshot("timer", now_ns), now_ns)
        yield from self.passes.turns()

    # --- people -------------------------------------------------------------------------------------------------

    def scopes(self, asked: str) -> frozenset[str] | None:
        return self.trader.known_scopes()

    def may_contain(self, scope: str) -> bool:
        known = self.trader.known_scopes()
        if known is not None:
            return scope in known
        # While its bots and markets are not known, every one of them may be.
        return scope in self.trader.scopes_of("") or scope.startswith(("bot-", "currency-"))

    def check_room(self, scope: str) -> None:
        self.trader.halts.words.check_room(scope)

    def halt_of(self, order: HaltOrder, now_ns: int) -> Halt:
        return halt_of(order, self.blotter.new_halt_id(now_ns), self.trader.epoch, now_ns)

    def obey(self, halt: Halt, ticket: int | None, receipt: Receipt) -> Effects:
        yield from self._relay(self.blotter.obey(halt, receipt.now_ns), receipt.now_ns)
        if ticket is not None:
            yield from self._empty(name_of(halt), halt.scope, ticket, receipt)
        yield from self.passes.quote_all(receipt.now_ns)

    def tell_halt(self, halt: Halt, now_ns: int) -> Effects:
        return self.blotter.tell(halt, now_ns)

    def cancel_all(self, scope: str, ticket: int, receipt: Receipt) -> Effects:
        """Cancel everything in a scope, let nothing new out there for 5 s, and answer with what the venue has left."""
        self.trader.hold_back(scope, receipt.now_ns + CANCEL_ALL_HOLD_NS)
        return self._empty(f"cancel-all:{scope}", scope, ticket, receipt)

    def tell_cancel_all(self, scope: str, actor: str, now_ns: int) -> Effects:
        text = f"{actor} cancels everything in {scope}"
        return self.blotter.alert(AlertLevel.WARNING, PLATFORM, "cancel_all", text, now_ns)

    def _empty(self, what: str, scope: str, ticket: int, receipt: Receipt) -> Effects:
        return self._relay(self.emptying.begin(what, scope, receipt.now_ns, ticket), receipt.now_ns)

    def unready(self, now_ns: int) -> list[str]:
        return unready(self.trader, now_ns)

    def state(self, now_ns: int) -> dict[str, Any]:
        return snapshot(self.trader, self.blotter, self.configured.faults, now_ns)

    def explain(self, query: Mapping[str, str], now_ns: int) -> dict[str, Any] | None:
        return explanation(self.trader, query, now_ns)

    def samples(self) -> Iterable[Sample]:
        yield Sample("mm_passes", "counter", "Passes over one market", {"account": self.account}, self.passes.count)
        yield from samples(self.trader, self.blotter)
