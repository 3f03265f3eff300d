"""What the venue tells about our orders, written down once: states, fills, account snapshots, and the news of them.

The blotter decides what a report means for the book of orders and the holdings; it sends nothing but the cancel of
an order that must not rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from common.clock import NS_PER_MS
from common.core import Effects
from common.events import AccountState, AlertLevel, Fill, Halt, OrderUpdate, Posting
from common.instruments import NONE, Instrument
from common.orders import CANCELLING, LIVE, SUBMITTING, UNKNOWN, OrderState, epoch_of
from common.pretrade import NewOrder

from quoter.orders.own_orders import Order
from quoter.orders.refusals import NO_REFUSAL, AccountRefusals, MarketRefusals
from quoter.trading.order_updates import (
    PLATFORM,
    UNASSIGNED,
    Books,
    HedgeTerms,
    alert,
    fill_of,
    posting_of,
    reversal_of,
    self_trade_alert,
    transfer_of,
)
from quoter.trading.trader import Trader
from quoter.venues.base import (
    AccountSnapshot,
    AmendRejected,
    CancelRejected,
    CashBalance,
    Conversion,
    ConversionEnded,
    Execution,
    HistoryLost,
    NotFound,
    OrderRejected,
    OrderReport,
    Ready,
    Report,
    Reversal,
    SessionAlert,
    SessionLost,
    Transferred,
    Unknown,
)

NEVER_ARRIVED = "never reached the venue"
ALERTS_GAP_NS = 1_000 * NS_PER_MS
"""Alerts of one kind about one bot are at least this far apart."""
MOVED_MAX = 20_000
"""Entries remembered, to know one that is told again."""
ASSIGN_MAX_NS = 10_000 * NS_PER_MS
"""A conversion nobody asked for waits this long for positions, and is then booked on no bot."""
HALT_ACTOR = "quoter"
SELF_TRADE = "self_trade"
OVERTAKEN = frozenset({"unknown_order", "order_finished", "invalid_size"})
"""Why an amendment is refused when a fill, or the end of its order, was faster."""


class HedgesOfAccount(Protocol):
    """What the hedges of the process hear of one account's orders, and say of them."""

    def on_order(self, order: Order, now_ns: int) -> None:
        """Take in what has become of an order that hedges."""
        ...

    def terms_of(self, parent_id: str) -> HedgeTerms:
        """Return what fills of a hedge parent's children carry."""
        ...

    def adopted(self, execution: Execution, now_ns: int) -> OrderUpdate | None:
        """Return the hedge's child that was executed and that nobody has told of; None where it is none."""
        ...


class Blotter:
    """Apply a session's reports to the trader and say what follows."""

    def __init__(
        self,
        trader: Trader,
        touched: Callable[[str, str], None],
        filled: Callable[[Fill, Instrument, int], Effects],
        halted: Callable[[Halt, int], Effects],
        hedges: HedgesOfAccount,
    ) -> None:
        self._trader = trader
        self._refusals = AccountRefusals()
        self._touched = touched
        """Told (algo_id, symbol) where something changed that quotes depend on at once."""
        self._filled = filled
        """Told every new fill; says what follows from it beyond its booking."""
        self._halted = halted
        """Told every halt of our own; says what is to be cancelled."""
        self._hedges = hedges
        self._snapshot: AccountSnapshot | None = None
        self._alerted_ns: dict[tuple[str, str], int] = {}
        self._halts = 0
        self._moved: dict[str, None] = {}
        """Conversions and transfers taken in, oldest first."""
        self._unasked: list[tuple[Conversion, int]] = []
        """Conversions nobody here asked for, and when they were told, that wait to be assigned."""
        self.proven_sequence = 0
        """Fills up to here are in FILL: an AccountState, which is published after them, has said so."""
        self.fills = 0
        self.unknown_fills = 0
        self.rejects: dict[str, int] = {}

    def _released(self, order: Order) -> None:
        """An order has ended, or is not what it was: it matters at once where something waits for that."""
        quoted = self._trader.quoted_of(order.algo_id, order.symbol)
        if quoted is not None and quoted.again:
            self._touched(order.algo_id, order.symbol)

    def _changed(self, order: Order, now_ns: int) -> None:
        """Tell of an order that is not what it was."""
        self._trader.news.note(order)
        if order.parent_id:
            self._hedges.on_order(order, now_ns)

    def _refusals_of(self, order: Order) -> MarketRefusals | None:
        """Return where the refusals of an order's market are counted; None when nobody works on it any more.

        A hedge waits by itself after a refusal.
        """
        if order.parent_id:
            return None
        quoted = self._trader.quoted_of(order.algo_id, order.symbol)
        return quoted.refusals if quoted is not None else None

    def on_report(self, report: Report, now_ns: int) -> Effects:
        if isinstance(report, OrderReport):
            return self.on_order(report, now_ns)
        if isinstance(report, Execution):
            return self._on_execution(report, now_ns)
        if isinstance(report, Reversal):
            return self._on_reversal(report, now_ns)
        if isinstance(report, OrderRejected):
            return self._on_refused(report, now_ns)
        if isinstance(report, CancelRejected):
            return self._on_cancel_refused(report, now_ns)
        if isinstance(report, AmendRejected):
            return self._on_amend_refused(report, now_ns)
        if isinstance(report, Unknown):
            return self._on_unknown(report, now_ns)
        if isinstance(report, NotFound):
            return self._end(report.order_id, OrderState.REJECTED, NEVER_ARRIVED, now_ns)
        if isinstance(report, AccountSnapshot):
            self._snapshot = report
            for balance in (report.main, *report.others):
                cash = CashBalance(balance.currency, balance.total, report.account_sequence)
                self._trader.collateral.on_money(cash)
            return self.account_state(now_ns)
        if isinstance(report, CashBalance):
            self._trader.collateral.on_money(report)
            return []
        if isinstance(report, Conversion):
            return self._on_conversion(report, now_ns)
        if isinstance(report, Transferred):
            return self._on_transferred(report, now_ns)
        if isinstance(report, ConversionEnded):
            return self._on_conversion_ended(report, now_ns)
        if isinstance(report, SessionLost):
            return self._on_lost(report, now_ns)
        if isinstance(report, Ready):
            return []
        if isinstance(report, SessionAlert):
            return self.alert(report.level, PLATFORM, report.kind, report.text, now_ns)
        assert isinstance(report, HistoryLost), "what rests is told to whoever empties"
        return self.halt(f"account-{self._trader.account}", "history_lost", report.text, now_ns)

    # --- orders -------------------------------------------------------------------------------------------------

    def on_order(self, report: OrderReport, now_ns: int) -> Effects:
        """Take in the venue's snapshot of an order; what follows at once is empty but for one that must not rest."""
        trader = self._trader
        order = trader.orders.get(report.order_id)
        if order is None:
            if report.state is LIVE and epoch_of(report.order_id) <= trader.epoch:
                return self._cancel_stray(report.order_id, "is not known", now_ns)
            return ()
        before = order.state
        if report.state is LIVE and before.terminal and report.venue_sequence > order.venue_sequence:
            return self._cancel_stray(report.order_id, f"was {before.value} for us", now_ns)
        if not trader.orders.report(order, report):
            return ()
        quoted = trader.quoted_of(order.algo_id, order.symbol)
        if before is SUBMITTING:
            # The venue has taken it: what it refused before it now takes again.
            self._refusals.on_taken()
            if quoted is not None:
                quoted.refusals.on_taken(order)
        if quoted is not None and quoted.again:
            self._touched(order.algo_id, order.symbol)
        self._changed(order, now_ns)
        return ()

    def _cancel_stray(self, order_id: int, why: str, now_ns: int) -> Effects:
        """Cancel an order that rests at the venue although it should not."""
        text = f"order {order_id} rests at the venue but {why}: cancelled"
        yield from self.alert(AlertLevel.CRITICAL, PLATFORM, "stray_order", text, now_ns)
        if self._trader.session.connected:
            yield from self._trader.session.send([order_id], [], now_ns)

    def _on_refused(self, refused: OrderRejected, now_ns: int) -> Effects:
        self.rejects[refused.code] = self.rejects.get(refused.code, 0) + 1
        order = self._trader.orders.get(refused.order_id)
        if order is not None and not order.state.terminal:
            yield from self._wait_after(order, refused.code, now_ns)
        yield from self._end(refused.order_id, OrderState.REJECTED, refused.code, now_ns)

    def _wait_after(self, order: Order, code: str, now_ns: int) -> Effects:
        """Leave the price or the market alone for a while; tell people, or halt, when that does not help."""
        here = self._refusals_of(order)
        pause = here.on_refused(order, code, now_ns) if here is not None and code not in NO_REFUSAL else None
        verdict = self._refusals.on_refused(order, code, pause, now_ns)
        if verdict.alert:
            yield from self.alert(AlertLevel.WARNING, order.algo_id, "orders_refused", verdict.alert, now_ns)
        if verdict.halt:
            yield from self.halt(f"account-{self._trader.account}", "orders_refused", verdict.halt, now_ns)

    def _end(self, order_id: int, state: OrderState, reason: str, now_ns: int) -> Effects:
        order = self._trader.orders.get(order_id)
        if order is not None and self._trader.orders.step(order, state, reason):
            self._released(order)
            self._changed(order, now_ns)
        return []

    def _on_cancel_refused(self, refused: CancelRejected, now_ns: int) -> Effects:
        order = self._trader.orders.get(refused.order_id)
        if order is None or order.state is not CANCELLING:
            return []
        text = self._refusals.on_cancel_refused(order, refused.code, now_ns)
        self._trader.orders.step(order, LIVE)
        self._released(order)
        self._changed(order, now_ns)
        return self.alert(AlertLevel.CRITICAL, order.algo_id, "cancels_refused", text, now_ns) if text else []

    def _on_amend_refused(self, refused: AmendRejected, now_ns: int) -> Effects:
        """The order stands as it stood; where it has ended meanwhile, that has been told before."""
        order = self._trader.orders.get(refused.order_id)
        if order is None or order.before is None:
            return
        self.rejects[refused.code] = self.rejects.get(refused.code, 0) + 1
        if not order.state.terminal and refused.code not in OVERTAKEN:
            yield from self._wait_after(order, refused.code, now_ns)
        self._trader.orders.unamend(order)
        self._released(order)
        self._changed(order, now_ns)

    def _on_unknown(self, unknown: Unknown, now_ns: int) -> Effects:
        order = self._trader.orders.get(unknown.order_id)
        if order is not None and (order.state in (SUBMITTING, CANCELLING) or order.before is not None):
            self._trader.orders.step(order, UNKNOWN, unknown.why)
            self._changed(order, now_ns)
        return []

    def _on_lost(self, lost: SessionLost, now_ns: int) -> Effects:
        """Whatever had not ended may have been cancelled, filled or never have arrived."""
        yield from self.alert(AlertLevel.WARNING, PLATFORM, "session_lost", lost.reason or "closed", now_ns)
        for order in self._trader.orders.living():
            if self._trader.orders.step(order, UNKNOWN, "connection lost"):
                self._released(order)
                self._changed(order, now_ns)

    # --- fills --------------------------------------------------------------------------------------------------

    def _on_execution(self, execution: Execution, now_ns: int) -> Effects:
        trader = self._trader
        order = trader.orders.get(execution.order_id) or self._untold_child(execution, now_ns)
        if order is None:
            if execution.recovered and execution.account_sequence <= self.proven_sequence:
                return
            self.unknown_fills += 1
            text = f"trade {execution.trade_id} of order {execution.order_id}: the order is not known"
            yield from self.alert(AlertLevel.CRITICAL, UNASSIGNED, "unknown_fill", text, now_ns)
        elif trader.orders.execution(execution) is None:
            return
        instrument = self._instrument_of(execution)
        books = self._books(instrument, now_ns)
        if order is not None and order.parent_id:
            fill = fill_of(execution, order, books, self._hedges.terms_of(order.parent_id))
        else:
            fill = fill_of(execution, order, books)
        if not trader.holdings.on_fill(fill, instrument):
            return
        self.fills += 1
        yield fill
        if not execution.recovered and not fill.parent_id:
            yield from self._filled(fill, instrument, now_ns)
        if order is not None:
            self._changed(order, now_ns)
            self._touched(order.algo_id, order.symbol)

    def _untold_child(self, execution: Execution, now_ns: int) -> Order | None:
        """Return a hedge's child of which a predecessor could not tell any more, None of any other order."""
        told = self._hedges.adopted(execution, now_ns) if epoch_of(execution.order_id) < self._trader.epoch else None
        if told is None:
            return None
        self._trader.orders.remember(told)
        return self._trader.orders.get(told.order_id)

    def _instrument_of(self, execution: Execution) -> Instrument:
        """Return what was traded; of a market we were not told about, what the session says of such."""
        if execution.instrument is not None:
            return execution.instrument
        instrument = self._trader.terms_of(execution.symbol).of(execution.outcome).with_tick(execution.tick_size)
        return instrument if instrument.symbol == execution.symbol else replace(instrument, symbol=execution.symbol)

    def _on_reversal(self, report: Reversal, now_ns: int) -> Effects:
        """Take back a fill that did not come to be: an entry of its own, so that both stay to be seen."""
        trader, execution = self._trader, report.execution
        order = trader.orders.get(execution.order_id)
        if order is None and execution.recovered and execution.account_sequence <= self.proven_sequence:
            return
        algo_id, parent_id = (order.algo_id, order.parent_id) if order else (UNASSIGNED, "")
        instrument = self._instrument_of(execution)
        posting = reversal_of(report, algo_id, self._books(instrument, now_ns), parent_id)
        if trader.holdings.on_posting(posting, instrument):
            text = f"trade {execution.trade_id} of {execution.quantity_lots} lots in {execution.symbol}: {report.why}"
            yield from self.alert(AlertLevel.CRITICAL, algo_id, "fill_reversed", text, now_ns)
            yield posting
            self._touched(algo_id, execution.symbol)

    def _is_new(self, name: str, report: Conversion | Transferred) -> bool:
        """Say whether a movement of the account is one that was neither told before nor booked."""
        if name in self._moved:
            return False
        self._moved[name] = None
        if len(self._moved) > MOVED_MAX:
            del self._moved[next(iter(self._moved))]
        return not (report.recovered and report.account_sequence <= self.proven_sequence)

    def _on_transferred(self, report: Transferred, now_ns: int) -> Effects:
        """Book money that went to another account or came from one: nobody's profit, and no bot's."""
        if self._is_new(f"transfer:{report.transfer_id}", report):
            trader = self._trader
            yield transfer_of(report, trader.account, trader.venue, trader.epoch, now_ns)

    def _on_conversion(self, report: Conversion, now_ns: int) -> Effects:
        """Book pairs merged or split, once: the entry's own id is the posting's, whoever asked for it and when."""
        if not self._is_new(report.entry_id, report):
            return []
        algo_id = self._trader.converted_for(report.symbol, report.pairs)
        if algo_id:
            return self._book_conversion(report, algo_id, now_ns)
        self._unasked.append((report, now_ns))
        return self.assign(now_ns)

    def assign(self, now_ns: int) -> Effects:
        """Book conversions that this process did not ask for on the only bot that can have had the pairs.

        Whose they can have been is known when every position is. A predecessor may have booked one already: it has
        the same id then, and counts once.
        """
        trader = self._trader
        while self._unasked and (trader.positions_known or now_ns - self._unasked[0][1] > ASSIGN_MAX_NS):
            report, _ = self._unasked.pop(0)
            found = trader.holdings.with_pairs(report.symbol, -report.pairs) if report.pairs < 0 else []
            algo_id = found[0] if len(found) == 1 else UNASSIGNED
            what = "merged into cash" if report.pairs < 0 else "split from cash"
            text = f"{abs(report.pairs)} pairs of {report.symbol} were {what}, not requested by us: booked on {algo_id}"
            yield from self.alert(AlertLevel.WARNING, algo_id, "unasked_conversion", text, now_ns)
            yield from self._book_conversion(report, algo_id, now_ns)

    def _book_conversion(self, report: Conversion, algo_id: str, now_ns: int) -> Effects:
        trader = self._trader
        instrument = trader.terms_of(report.symbol).instrument
        posting = posting_of(report, algo_id, self._books(instrument, now_ns))
        if trader.holdings.on_posting(posting, instrument):
            yield posting
            self._touched(algo_id, report.symbol)

    def _books(self, instrument: Instrument, now_ns: int) -> Books:
        trader = self._trader
        return Books(trader.account, trader.session.currency, instrument, trader.epoch, now_ns)

    def _on_conversion_ended(self, ended: ConversionEnded, now_ns: int) -> Effects:
        algo_id = self._trader.on_conversion_ended(ended, now_ns)
        if ended.refused and algo_id:
            done = "merged" if ended.pairs < 0 else "split"
            text = f"{abs(ended.pairs)} pairs of {ended.symbol} were not {done}: {ended.refused}"
            return self.alert(AlertLevel.WARNING, algo_id, "conversion_refused", text, now_ns)
        return []

    def on_booked(self, event: Fill | Posting, sequence: int, now_ns: int) -> Effects:
        """The broker has stored a fill or posting; an account snapshot may have waited for it."""
        self._trader.holdings.on_published(event, sequence)
        return self.account_state(now_ns) if self._snapshot is not None else []

    def account_state(self, now_ns: int) -> Effects:
        """Publish the snapshot in hand once every entry it contains is in FILL: recovery begins from the newest one."""
        snapshot, trader = self._snapshot, self._trader
        if snapshot is None or trader.holdings.unpublished_up_to(snapshot.account_sequence):
            return []
        if any(report.account_sequence <= snapshot.account_sequence for report, _ in self._unasked):
            return []
        self._snapshot = None
        self.proven_sequence = max(self.proven_sequence, snapshot.account_sequence)
        return [
            AccountState(
                account=trader.account,
                venue=trader.venue,
                main=snapshot.main,
                others=list(snapshot.others),
                holdings=snapshot.holdings,
                open_orders=snapshot.open_orders,
                account_sequence=snapshot.account_sequence,
                reason=snapshot.reason,
                ts_event_ns=snapshot.ts_event_ns,
                ts_received_ns=now_ns,
                redeemable=list(snapshot.redeemable),
                epoch=trader.epoch,
            )
        ]

    # --- stops and alerts ---------------------------------------------------------------------------------------

    def halt(self, scope: str, reason: str, detail: str, now_ns: int) -> Effects:
        """Halt by our own decision, on disk and on the bus; it holds whether or not the bus hears of it."""
        trader = self._trader
        halt = Halt(
            scope=scope,
            reason=reason,
            actor=HALT_ACTOR,
            detail=detail[:500],
            halt_id=self.new_halt_id(now_ns),
            cancels=True,
            ts_ns=now_ns,
            epoch=trader.epoch,
        )
        return self.enforce(halt, now_ns)

    def new_halt_id(self, now_ns: int) -> str:
        """Return an id that no other halt has, of this process or of one before or after it."""
        self._halts += 1
        return f"{self._trader.account}-{self._trader.epoch}-{now_ns}-{self._halts}"

    def enforce(self, halt: Halt, now_ns: int) -> Effects:
        """Put a halt in force: on disk first, then out with what it empties, then on the bus and to people."""
        return [*self.obey(halt, now_ns), *self.tell(halt, now_ns)]

    def obey(self, halt: Halt, now_ns: int) -> Effects:
        """Put a halt in force here: on disk first, then out with what it empties."""
        self._trader.halts.enforce(halt)
        return [*self._trader.halts.words.changes(), *self._halted(halt, now_ns)]

    def tell(self, halt: Halt, now_ns: int) -> Effects:
        """Tell the bus of a halt, and people."""
        scope = halt.scope
        algo_id = scope.removeprefix("bot-") if scope.startswith("bot-") else PLATFORM
        text = f"{scope}: {halt.detail}"[:500]
        return [halt, *self.alert(AlertLevel.CRITICAL, algo_id, f"halt_{halt.reason}"[:64], text, now_ns)]

    def alert(self, level: AlertLevel, algo_id: str, kind: str, text: str, now_ns: int) -> Effects:
        """Tell people, at most once a second per kind and bot."""
        return [alert(level, algo_id, kind, text, now_ns)] if self._may_alert(algo_id, kind, now_ns) else []

    def _may_alert(self, algo_id: str, kind: str, now_ns: int) -> bool:
        key = (algo_id, kind)
        last_ns = self._alerted_ns.get(key)
        if last_ns is not None and now_ns - last_ns < ALERTS_GAP_NS:
            return False
        self._alerted_ns[key] = now_ns
        return True

    def self_trades(self, orders: Iterable[NewOrder], now_ns: int) -> Effects:
        """Tell people of coins that were not ordered because the order would have traded with our own.

        In a YES/NO market that is a price on its way, not a fault: it is in `explain` alone.
        """
        for order in orders:
            if order.outcome is NONE and self._may_alert(order.algo_id, SELF_TRADE, now_ns):
                yield self_trade_alert(order, self._trader.venue, SELF_TRADE, now_ns)
