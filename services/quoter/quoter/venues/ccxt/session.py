"""The private session at a venue behind ccxt: orders over REST, their news over the venue's private stream.

1. ccxt signs, parses and names errors; requests and frames are carried by our shell (library.py, docs/adr/0035).
2. An order is named by us (`Dialect.client_id`), so that one whose answer was lost can be asked for and cancelled.
3. The stream may lose an event without a sign: trades are asked for every `check_ms`, and with every snapshot open
   orders are compared with ours. The place in the stream is the venue's millisecond up to which trades are known.
4. Where the venue has a dead-man switch it is set anew every 5 s, to go off after 20 s: without a fresh one nothing is
   placed. Where it has none `armed` is never true, and resting orders are taken only when a person has said so.
5. Recovery: cancel everything of the account until nothing rests, ask for the end of every order, fetch trades with
   overlap. One the venue does not know is given up only when its request can no longer arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any

from common.clock import NS_PER_MS
from common.core import Close, Effects, HttpResponse, Open, Sample, Send
from common.errors import ContractError
from common.events import AlertLevel

from quoter.venues.base import (
    CashBalance,
    Output,
    Outputs,
    OwnOrders,
    Placement,
    Ready,
    Resting,
    SessionAlert,
    SessionLost,
    SnapshotWatch,
    session_samples,
)
from quoter.venues.ccxt.account import Account
from quoter.venues.ccxt.dialect import SWITCH_S, Dialect, Heard
from quoter.venues.ccxt.driving import Refused, Unclear
from quoter.venues.ccxt.entry import OrderEntry
from quoter.venues.ccxt.orders import OwnBook
from quoter.venues.ccxt.snapshot import Snapshots
from quoter.venues.ccxt.words import WireOrder, WireTrade
from quoter.venues.conversation import Backoff, Conversations, Pause, Script

PING_MS = 5_000
SILENCE_MAX_MS = 15_000
LOGIN_MAX_MS = 10_000
CATCH_UP_PAUSE_MS = 1_000
"""Looks for what was lost are at least this far apart, also where the venue goes on sending odd frames."""
SNAPSHOT_MOST_MS = 90_000
"""A snapshot that has no answer for so long is given up; the next one is asked for anew."""
BEAT_MS = 5_000
BEAT_AGAIN_MS = 1_000
BEAT_FRESH_MS = 8_000
"""A heartbeat sent longer ago, counted from its sending, no longer vouches for the switch."""
RECONNECT_FIRST_MS, RECONNECT_MOST_MS = 200.0, 5_000.0


class Phase(Enum):
    """How far the session is."""

    DOWN = "down"
    CONNECTING = "connecting"
    LOGIN = "login"
    RECOVERING = "recovering"
    UP = "up"


class CcxtSession:
    """One account's private session: frames, answers and timers in; frames, requests and reports out."""

    counts_places = False
    tick_size = Decimal("0.01")
    lot_size = Decimal(1)

    def __init__(
        self,
        make_dialect: Callable[[Callable[[], int]], Dialect],
        symbols: Sequence[str],
        orders: OwnOrders,
        seed: int = 0,
        *,
        unguarded: bool = False,
    ) -> None:
        """`make_dialect` is given our clock; `unguarded` takes resting orders where there is no dead-man switch."""
        random = Random(seed)
        self.dialect = dialect = make_dialect(lambda: self._now_ns)
        self.name, self.currency = dialect.name, dialect.currency
        self._symbols, self._unguarded = tuple(symbols), unguarded
        self._talks: Conversations[Output] = Conversations(self.name, "", dict)
        self.own_book = OwnBook(orders, dialect, lambda: self._now_ns)
        self._account = Account(dialect, self.own_book, orders, lambda: self._now_ns, random)
        self._snapshots = Snapshots(dialect, self.own_book, self._account, lambda: self._now_ns)
        self._snapshot_watch = SnapshotWatch()
        self._entry = OrderEntry(self._talks, dialect, self.own_book, self._account, lambda: self._now_ns)
        self._backoff = Backoff(RECONNECT_FIRST_MS, RECONNECT_MOST_MS, random)
        self._phase = Phase.DOWN
        self._now_ns = self._phase_since_ns = 0
        self._retry_at_ns: int | None = None
        self._deferred: list[Output] = []
        """What a call that may only return effects has found out."""
        self._beat_sent_ns = self._beat_taken_ns = 0
        self._beat_pause_ms = BEAT_MS
        self._ping_ns = self._heard_ns = self._checked_ns = self._caught_up_ns = 0
        self._accepted = 0
        self._ending = self._nothing_rests = False
        self._snapshot_wanted = ""
        """Why a snapshot is to be taken as soon as one can be."""
        self._snapshot_since_ns = 0
        self.reconnects = self.malformed = 0

    # --- what the quoter reads ----------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._phase in (Phase.RECOVERING, Phase.UP)

    @property
    def accepts_resting_orders(self) -> bool:
        return self.dialect.has_switch or self._unguarded

    @property
    def reconciled(self) -> bool:
        return self._phase is Phase.UP and self._account.settled

    @property
    def nothing_rests(self) -> bool:
        return self._nothing_rests

    def armed(self, now_ns: int) -> bool:
        return self._beat_taken_ns > 0 and now_ns - self._beat_taken_ns <= BEAT_FRESH_MS * NS_PER_MS

    def describe(self, now_ns: int) -> dict[str, Any]:
        return {
            "phase": self._phase.value,
            "for_ms": (now_ns - self._phase_since_ns) // NS_PER_MS,
            "reconciled": self.reconciled,
            "deadman_armed": self.armed(now_ns),
            "deadman_offered": self.dialect.has_switch,
            "symbols": sorted(self.dialect.markets),
            "account_sequence": self._account.place,
            "orders_held": self._entry.held,
            "cancels_unanswered": len(self._entry.cancelling),
            "trades_unread": self._account.unread,
            "reconnects": self.reconnects,
            "gaps": self._account.gaps,
            "malformed": self.malformed,
        }

    def samples(self) -> Iterable[Sample]:
        yield from session_samples(
            self.name,
            reconciled=self.reconciled,
            reconnects=self.reconnects,
            gaps=self._account.gaps,
            malformed=self.malformed,
            rest_faults=self._account.faults,
            unknown_outcomes=self._entry.unknown_outcomes,
        )
        labels = {"venue": self.name}
        yield Sample("mm_session_trades_unread", "gauge", "Trades to be read again", labels, self._account.unread)

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        # What an account did before it was ours is none of our business.
        self._account.floor_ms = known_sequence or now_ns // NS_PER_MS
        return self._connect()

    def _connect(self) -> list[Output]:
        self._retry_at_ns = None
        self._enter(Phase.CONNECTING)
        return self._talks.begin("connect", self._connecting(), self._now_ns)

    def _connecting(self) -> Script[None]:
        account, dialect = self._account, self.dialect
        yield from self._learn_markets()
        yield from account.until_answered(dialect.prepare, "what a login needs")
        # The first request with our key: what it says of the key is heard before anything else.
        yield from account.until_answered(dialect.balances, "the list of balances")
        yield Open(self.name, dialect.stream_url)

    def _learn_markets(self) -> Script[None]:
        """Ask for the terms of each symbol, also of those that are known: they change."""
        for symbol in self._symbols:
            try:
                yield from self.dialect.list_market(symbol)
            except (Refused, Unclear, ContractError) as error:
                yield from self._account.fault("bad_market", f"{symbol}: {error}")

    def on_open(self, now_ns: int) -> Outputs:
        self._now_ns = self._ping_ns = self._heard_ns = self._checked_ns = now_ns
        self._accepted = 0
        self._enter(Phase.LOGIN)
        for frame in self.dialect.greeting():
            yield Send(self.name, frame)

    def on_close(self, reason: str, now_ns: int) -> Outputs:
        """The stream has ended: nothing may rest unseen, and what we know has to be proven anew."""
        self._now_ns = now_ns
        yield from self._abandon(reason)
        self._enter(Phase.DOWN)
        self._retry_at_ns = now_ns + round(self._backoff.next_ms() * NS_PER_MS)
        self.reconnects += 1
        if not self._ending:
            yield from self._talks.begin("clear", self._clearing(), now_ns)

    def _abandon(self, reason: str) -> Outputs:
        self._account.lose()
        # Recovery asks about every order, also about those that a request was under way for.
        for name in ("connect", "recover", "check", "snapshot", "trade", "disown", "clear", "place", "cancel"):
            self._talks.abandon(name)
        yield from self._deferred_out()
        yield from self._entry.give_up("the session was lost")
        yield SessionLost(reason)

    def _clearing(self) -> Script[None]:
        yield from self._account.attempt(self.dialect.cancel_all(), "cancel of all orders")

    def on_answer(self, answer: HttpResponse, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        yield from self._deferred_out()
        yield from self._talks.on_answer(answer, now_ns)
        yield from self._flush()

    def on_timer(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        yield from self._deferred_out()
        yield from self._talks.on_timer(now_ns)
        if self._phase is Phase.DOWN:
            if self._retry_at_ns is not None and now_ns >= self._retry_at_ns and not self._ending:
                yield from self._connect()
            return
        waited_ns = now_ns - self._phase_since_ns
        if self._phase in (Phase.CONNECTING, Phase.LOGIN):
            if waited_ns > LOGIN_MAX_MS * NS_PER_MS and not self._talks.open("connect"):
                yield Close(self.name, "no login in time")
                self._phase_since_ns = now_ns
            return
        if now_ns - self._heard_ns > SILENCE_MAX_MS * NS_PER_MS:
            yield Close(self.name, "the private stream is silent")
            self._heard_ns = now_ns
            return
        yield from self._keep_alive()
        yield from self._flush()

    def _keep_alive(self) -> Outputs:
        """Ping the stream, set the switch anew, and ask for what the stream may have lost."""
        now_ns = self._now_ns
        if now_ns - self._ping_ns >= PING_MS * NS_PER_MS:
            self._ping_ns = now_ns
            yield Send(self.name, self.dialect.ping())
        if self._beat_due() and not self._talks.open("beat"):
            yield from self._talks.begin("beat", self._beat(), now_ns)
        if self._beat_taken_ns and now_ns - self._beat_taken_ns > SWITCH_S * 1_000 * NS_PER_MS:
            self._beat_taken_ns = 0
            text = f"no heartbeat in {SWITCH_S} s: the venue has cancelled all"
            yield SessionAlert(AlertLevel.CRITICAL, "heartbeat_lost", text)
            yield from self._abandon("no heartbeat was acknowledged in time")
            yield from self._recover()
        elif self._phase is Phase.UP:
            yield from self._look_for_losses()
            yield from self._look_at_snapshots()

    def _beat_due(self) -> bool:
        return self.dialect.has_switch and self._now_ns - self._beat_sent_ns >= self._beat_pause_ms * NS_PER_MS

    def _beat(self) -> Script[None]:
        """Set the switch anew; soon again when nobody can say that it was, later when the venue has refused."""
        self._beat_sent_ns = sent_ns = self._now_ns
        self._beat_pause_ms = BEAT_MS
        try:
            yield from self.dialect.beat()
        except Refused as error:
            yield from self._account.fault("heartbeat_refused", str(error))
        except Unclear as error:
            self._beat_pause_ms = BEAT_AGAIN_MS
            yield from self._account.fault("heartbeat_refused", str(error))
        else:
            self._beat_taken_ns = max(self._beat_taken_ns, sent_ns)

    def _look_for_losses(self) -> Outputs:
        if self._talks.open("check"):
            return
        due = self._now_ns - self._checked_ns >= self.dialect.check_ms * NS_PER_MS
        if not self._account.settled and self._now_ns - self._caught_up_ns >= CATCH_UP_PAUSE_MS * NS_PER_MS:
            self._caught_up_ns = self._now_ns
            yield from self._talks.begin("check", self._account.catch_up(), self._now_ns)
        elif due and self._account.settled:
            self._checked_ns = self._now_ns
            yield from self._talks.begin("check", self._account.check(), self._now_ns)

    def _look_at_snapshots(self) -> Outputs:
        if self._snapshot_since_ns and not self._talks.open("snapshot"):
            self._snapshot_since_ns = 0
        elif self._snapshot_since_ns and self._now_ns - self._snapshot_since_ns > SNAPSHOT_MOST_MS * NS_PER_MS:
            self._talks.abandon("snapshot")
        yield from self._snapshot_watch.check(self._snapshots.taken, self._now_ns)
        if self._snapshot_wanted and self.reconciled and not self._talks.open("snapshot"):
            reason, self._snapshot_wanted = self._snapshot_wanted, ""
            yield from self.request_snapshot(reason, self._now_ns)
        elif self._entry.snapshot_due:
            self._entry.snapshot_due = False
            self._snapshot_wanted = "unknown_outcome"

    def _recover(self) -> Outputs:
        self._enter(Phase.RECOVERING)
        return self._talks.begin("recover", self._recovering(), self._now_ns)

    def _recovering(self) -> Script[None]:
        if not (yield from self._account.recover()):
            yield Close(self.name, "recovery came to no end")
            return
        # Orders are placed again only behind a heartbeat that was taken.
        while self.dialect.has_switch and not self.armed(self._now_ns):
            yield from self._beat()
            if not self.armed(self._now_ns):
                yield Pause(self._beat_pause_ms)
        self._backoff.reset()
        self._enter(Phase.UP)
        self._snapshot_wanted = "start"
        self._snapshot_watch.begin(self._now_ns)
        yield Ready(self._account.place)

    def cancel_all_and_confirm(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        self._ending, self._nothing_rests = True, False
        self._talks.abandon("empty")
        yield from self._entry.give_up("stopping")
        yield from self._talks.begin("empty", self._emptying(), now_ns)

    def _emptying(self) -> Script[None]:
        yield from self._entry.until_answered()
        yield from self._account.cancel_all_and_confirm()
        self._nothing_rests = True

    def ask_resting(self, now_ns: int, *, sweep: bool) -> Outputs:
        self._now_ns = now_ns
        if self._talks.open("resting"):
            return []
        return self._talks.begin("resting", self._asking_resting(sweep), now_ns)

    def _asking_resting(self, sweep: bool) -> Script[None]:
        asked_at_ns = self._now_ns
        if not self.dialect.markets:
            yield from self._learn_markets()
        listed = self.dialect.open_orders
        before = (yield from self._account.rows(listed, "the list of open orders")).rows if sweep else []
        if sweep:
            yield from self._clearing()
        left = yield from self._account.rows(listed, "the list of open orders")
        rest = self._named([*left.rows, *(None for _ in left.bad)])
        yield Resting(rest, self._named(before) - rest, asked_at_ns)

    def _named(self, orders: Sequence[WireOrder | None]) -> frozenset[int]:
        """Return our ids of orders; what is not ours, or cannot be read, gets one below 0."""
        known = [order and self.own_book.find(order.venue_order_id, order.client_id) for order in orders]
        return frozenset(each.order_id if each else -number for number, each in enumerate(known, 1))

    def request_snapshot(self, reason: str, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        if not self.reconciled or self._talks.open("snapshot"):
            return []
        self._snapshot_since_ns = now_ns
        return self._talks.begin("snapshot", self._snapshots.take(reason), now_ns)

    # --- orders -------------------------------------------------------------------------------------------------

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Effects:
        self._now_ns = now_ns
        assert self.connected, "orders are sent on an open connection"
        yield from self._effects_of(self._entry.cancel(cancels))
        self._entry.hold(places)
        yield from self._effects_of(self._flush())

    def _flush(self) -> Outputs:
        guarded = not self.dialect.has_switch or self.armed(self._now_ns)
        return self._entry.flush(may_place=self.connected and guarded, may_rest=self.accepts_resting_orders)

    def _effects_of(self, outputs: Outputs) -> Effects:
        for output in outputs:
            if isinstance(output, tuple):
                self._deferred.append(output)
            else:
                yield output

    def _deferred_out(self) -> Outputs:
        deferred, self._deferred = self._deferred, []
        return deferred

    # --- frames -------------------------------------------------------------------------------------------------

    def on_frame(self, data: bytes, now_ns: int) -> Outputs:
        self._now_ns = self._heard_ns = now_ns
        yield from self._deferred_out()
        try:
            heard = self.dialect.read_frame(data)
        except (ContractError, Unclear) as error:
            heard = Heard(lost=str(error))
        yield from self._on_heard(heard)
        if heard.lost:
            # It may have been a fill: ask rather than guess.
            self.malformed += 1
            self._account.lose()

    def _on_heard(self, heard: Heard) -> Outputs:
        if heard.refused:
            yield from self._account.fault("bad_credentials", f"the private stream is refused: {heard.refused}")
            yield Close(self.name, "the private stream is refused")
            return
        if heard.ended:
            yield Close(self.name, heard.ended)
            return
        if heard.accepted and self._phase is Phase.LOGIN:
            self._accepted += 1
            if self._accepted >= self.dialect.subscriptions:
                yield from self._recover()
        for order in heard.orders:
            yield from self._on_order(order)
        for trade in heard.trades:
            if self._talks.full:
                self._account.lose()
            else:
                yield from self._talks.begin("trade", self._reading(trade), self._now_ns)
        for money in heard.money:
            yield CashBalance(money.currency, money.total, heard.ts_ms or self._account.place)

    def _reading(self, trade: WireTrade) -> Script[None]:
        yield from self._account.read_trade(trade, recovered=False)

    def _on_order(self, order: WireOrder) -> Outputs:
        try:
            report = self.own_book.on_order(order)
        except ContractError:
            self.malformed += 1
            self._account.lose()
            return []
        if report is not None:
            return [report]
        if not order.over and self._phase is Phase.UP:
            return self._talks.begin("disown", self._account.disown([order]), self._now_ns)
        return []

    def _enter(self, phase: Phase) -> None:
        self._phase, self._phase_since_ns = phase, self._now_ns
