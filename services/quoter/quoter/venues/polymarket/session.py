"""The private session at Polymarket: orders over REST, their news over the user channel.

1. The venue has no order entry over a websocket and no client order ids. An order is named by its hash, which follows
   from our order id (signing/ticket.py), so that an order whose answer was lost can be asked for and cancelled.
2. `POST /v1/heartbeats` every 5 s; after 10 s without one the venue cancels everything. That is the dead-man switch:
   without a fresh heartbeat nothing is placed, and after 10 s everything is taken to be of unknown outcome.
3. Requests travel on their own, in no order: a new order waits until every cancel sent before it in its market is
   answered, and is given up when that takes too long.
4. The user channel numbers nothing, so a lost frame does not show. The account's trades are asked for every 5 s, and
   with every snapshot its open orders are compared with ours. The place in its stream is the second up to which all
   trades are known.
5. A trade that was matched may fail on the chain: it is told as an execution at once and taken back when it fails. One
   that is listed without its numbers is read again until it has them.
6. Recovery: cancel everything of the account until nothing rests, fetch trades with overlap, ask for the end of every
   order. One the venue does not know is given up only when its request can no longer arrive. That an order is over is
   the venue's word, whatever its amounts. A recovery that comes to no end is told and begun anew on a new connection.
7. Shares of a decided market stay shares until somebody redeems them on the chain, which we do not: snapshots tell them
   as money that is pending (docs/adr/0016).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from enum import Enum
from random import Random
from typing import Any

from common.clock import NS_PER_MS, NS_PER_S
from common.core import Close, Effects, HttpResponse, Open, Sample, Send
from common.errors import ContractError
from common.events import AlertLevel

from quoter.venues.base import (
    CancelRejected,
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
from quoter.venues.conversation import Backoff, Conversations, Pause, Script
from quoter.venues.polymarket.account import Account
from quoter.venues.polymarket.entry import OrderEntry
from quoter.venues.polymarket.heartbeat import BEAT_AGAIN_MS, Heartbeat
from quoter.venues.polymarket.numbers import CURRENCY, LOT_SIZE, VENUE, text_of
from quoter.venues.polymarket.orders import OwnBook
from quoter.venues.polymarket.queue import OrderQueue
from quoter.venues.polymarket.rest import PolymarketRest
from quoter.venues.polymarket.signing.ticket import Signer
from quoter.venues.polymarket.snapshot import Snapshots
from quoter.venues.polymarket.words import PING, WireOrder, WireTrade, parse_frame

POSITIONS_URL = "https://data-api.polymarket.com"
"""Where the venue lists what a wallet holds."""
PING_MS = 5_000
SILENCE_MAX_MS = 15_000
CHECK_MS = 5_000
ANSWER_PAUSE_MS = 50.0
OPEN_MAX_MS = 10_000
CATCH_UP_PAUSE_MS = 1_000
"""Looks for what was lost are at least this far apart, also where the venue goes on sending odd frames."""
PICTURE_MOST_MS = 90_000
"""A snapshot that has no answer for so long is given up; the next one is asked for anew."""
RECONNECT_FIRST_MS = 200.0
RECONNECT_MOST_MS = 5_000.0


class Phase(Enum):
    """How far the session is."""

    DOWN = "down"
    CONNECTING = "connecting"
    RECOVERING = "recovering"
    UP = "up"


class PolymarketSession:
    """One account's private session: frames, answers and timers in; frames, requests and reports out."""

    name = VENUE
    currency = CURRENCY
    tick_size = Decimal("0.01")
    lot_size = LOT_SIZE
    counts_places = False

    def __init__(
        self,
        signer: Signer,
        url: str,
        channel_url: str,
        orders: OwnOrders,
        seed: int = 0,
        *,
        positions_url: str = POSITIONS_URL,
        signature_type: int = 0,
        order_lifetime_s: int = 0,
    ) -> None:
        """Make a session; with an order lifetime, resting orders end by themselves after it, in seconds."""
        random = Random(seed)
        self._signer, self._channel_url = signer, channel_url
        self._rest = PolymarketRest(signer, lambda: self._now_ns, random, positions_url, signature_type)
        self._talks: Conversations[Output] = Conversations(self.name, url, dict)
        self.own_book = OwnBook(orders, signer)
        self._account = Account(self._rest, self.own_book, orders, lambda: self._now_ns, random)
        self._snapshots = Snapshots(self._rest, self.own_book, self._account)
        self._snapshot_watch = SnapshotWatch()
        self._entry = OrderEntry(self._rest, self.own_book, self._account, lambda: self._now_ns)
        self._backoff = Backoff(RECONNECT_FIRST_MS, RECONNECT_MOST_MS, random)
        self._phase = Phase.DOWN
        self._now_ns = self._phase_since_ns = 0
        self._retry_at_ns: int | None = None
        self._queue = OrderQueue(self._talks, self._entry, self._account, self.own_book, signer, order_lifetime_s)
        self._deferred: list[Output] = []
        """What a call that may only return effects has found out."""
        self._heart = Heartbeat(self._rest, lambda: self._now_ns)
        self._ping_ns = self._heard_ns = self._checked_ns = self._caught_up_ns = 0
        self._answered = self._ending = self._nothing_rests = False
        self._snapshot_wanted = ""
        """Why a snapshot is to be taken as soon as one can be."""
        self._snapshot_since_ns = 0
        self.reconnects = 0
        self.malformed = 0

    # --- what the quoter reads ----------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._phase in (Phase.RECOVERING, Phase.UP)

    @property
    def accepts_resting_orders(self) -> bool:
        return True

    @property
    def reconciled(self) -> bool:
        return self._phase is Phase.UP and self._account.settled

    @property
    def nothing_rests(self) -> bool:
        return self._nothing_rests

    def armed(self, now_ns: int) -> bool:
        return self._heart.fresh(now_ns)

    def describe(self, now_ns: int) -> dict[str, Any]:
        return {
            "phase": self._phase.value,
            "for_ms": (now_ns - self._phase_since_ns) // NS_PER_MS,
            "reconciled": self.reconciled,
            "deadman_armed": self.armed(now_ns),
            "account_sequence": self._account.floor_s,
            "orders_held": len(self._queue),
            "cancels_unanswered": len(self._entry.cancelling),
            "trades_unsettled": len(self.own_book.unsettled),
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
            rest_faults=self._rest.faults,
            unknown_outcomes=self._entry.unknown_outcomes,
        )
        labels = {"venue": self.name}
        yield Sample("mm_session_reversals", "counter", "Trades that failed", labels, self.own_book.reversals)
        unsettled = len(self.own_book.unsettled)
        yield Sample("mm_session_trades_unsettled", "gauge", "Trades that may still fail", labels, unsettled)
        yield Sample("mm_session_trades_unread", "gauge", "Trades to be read again", labels, self._account.unread)

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        # What an account did before it was ours is none of our business.
        self._account.begin(epoch, known_sequence or now_ns // NS_PER_S)
        return self._connect()

    def _connect(self) -> list[Output]:
        self._retry_at_ns = None
        self._enter(Phase.CONNECTING)
        return self._talks.begin("connect", self._connecting(), self._now_ns)

    def _connecting(self) -> Script[None]:
        yield from self._rest.check_version()
        yield from self._heart.beat()
        yield Open(self.name, self._channel_url)

    def on_open(self, now_ns: int) -> Outputs:
        self._now_ns = self._ping_ns = self._heard_ns = self._checked_ns = now_ns
        self._enter(Phase.RECOVERING)
        self._answered = False
        yield Send(self.name, self._signer.user_channel())
        yield Send(self.name, PING)
        yield from self._talks.begin("recover", self._recovering(), now_ns)

    def on_close(self, reason: str, now_ns: int) -> Outputs:
        """The channel has ended: nothing may rest unseen, and what we know has to be proven anew."""
        self._now_ns = now_ns
        yield from self._abandon(reason)
        self._enter(Phase.DOWN)
        self._retry_at_ns = now_ns + round(self._backoff.next_ms() * NS_PER_MS)
        self.reconnects += 1
        if not self._ending:
            yield from self._talks.begin("clear", self._clearing(), now_ns)

    def _abandon(self, reason: str) -> Outputs:
        self._account.lose()
        for name in ("connect", "recover", "check", "snapshot", "ask", "clear"):
            self._talks.abandon(name)
        yield from self._deferred_out()
        yield from self._queue.give_up("the session was lost")
        yield SessionLost(reason)

    def _clearing(self) -> Script[None]:
        yield from self._rest.cancel_all()

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
        if self._phase is Phase.CONNECTING:
            if now_ns - self._phase_since_ns > OPEN_MAX_MS * NS_PER_MS and not self._talks.open("connect"):
                yield Close(self.name, "no connection in time")
                self._phase_since_ns = now_ns
            return
        if now_ns - self._heard_ns > SILENCE_MAX_MS * NS_PER_MS:
            yield Close(self.name, "the user channel is silent")
            self._heard_ns = now_ns
            return
        yield from self._keep_alive()
        yield from self._flush()

    def _keep_alive(self) -> Outputs:
        """Ping the channel, send the heartbeat, and ask for what the channel may have lost."""
        now_ns = self._now_ns
        if now_ns - self._ping_ns >= PING_MS * NS_PER_MS:
            self._ping_ns = now_ns
            yield Send(self.name, PING)
        if self._heart.due(now_ns) and not self._talks.open("beat"):
            yield from self._talks.begin("beat", self._heart.beat(), now_ns)
        if self._heart.dead(now_ns) and not self._talks.open("recover"):
            yield SessionAlert(
                AlertLevel.CRITICAL, "heartbeat_lost", "no heartbeat in 10 s: the venue has cancelled all"
            )
            yield from self._abandon("no heartbeat was acknowledged in time")
            self._enter(Phase.RECOVERING)
            yield from self._talks.begin("recover", self._recovering(), now_ns)
        elif self._phase is Phase.UP:
            yield from self._look_for_losses()
            yield from self._look_at_snapshots()

    def _look_for_losses(self) -> Outputs:
        if self._talks.open("check"):
            return
        due = self._now_ns - self._checked_ns >= CHECK_MS * NS_PER_MS
        if not self._account.settled and self._now_ns - self._caught_up_ns >= CATCH_UP_PAUSE_MS * NS_PER_MS:
            self._caught_up_ns = self._now_ns
            yield from self._talks.begin("check", self._account.catch_up(), self._now_ns)
        elif due and self._account.settled:
            self._checked_ns = self._now_ns
            yield from self._talks.begin("check", self._account.check(), self._now_ns)

    def _look_at_snapshots(self) -> Outputs:
        if self._snapshot_since_ns and not self._talks.open("snapshot"):
            self._snapshot_since_ns = 0
        elif self._snapshot_since_ns and self._now_ns - self._snapshot_since_ns > PICTURE_MOST_MS * NS_PER_MS:
            self._talks.abandon("snapshot")
        yield from self._snapshot_watch.check(self._snapshots.taken, self._now_ns)
        if self._snapshot_wanted and self.reconciled and not self._talks.open("snapshot"):
            reason, self._snapshot_wanted = self._snapshot_wanted, ""
            yield from self.request_snapshot(reason, self._now_ns)
        elif self._entry.snapshot_due:
            self._entry.snapshot_due = False
            self._snapshot_wanted = "unknown_outcome"

    def _recovering(self) -> Script[None]:
        # A login is not answered, a refused one ends the channel: what is answered behind it shows that it was taken.
        while not self._answered:
            yield Pause(ANSWER_PAUSE_MS)
        if not (yield from self._account.recover()):
            yield Close(self.name, "recovery came to no end")
            return
        # Orders are placed again only behind a heartbeat that was taken.
        while not self.armed(self._now_ns):
            yield from self._heart.beat()
            if not self.armed(self._now_ns):
                yield Pause(BEAT_AGAIN_MS)
        self._backoff.reset()
        self._enter(Phase.UP)
        self._snapshot_wanted = "start"
        self._snapshot_watch.begin(self._now_ns)
        yield Ready(self._account.floor_s)

    def cancel_all_and_confirm(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        self._ending, self._nothing_rests = True, False
        self._talks.abandon("empty")
        yield from self._queue.give_up("stopping")
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
        gone = (yield from self._rest.cancel_all()) if sweep else []
        left = yield from self._rest.open_orders()
        # What cannot be read may rest: it counts as an order that is not ours.
        found = [*(wire.id for wire in left.rows), *("" for _ in left.bad)]
        yield Resting(self._named(found), self._named(gone), asked_at_ns)

    def _named(self, order_hashes: Sequence[str]) -> frozenset[int]:
        """Return our ids of orders; what is not ours gets one below 0."""
        known = [self.own_book.by_hash(order_hash) for order_hash in order_hashes]
        return frozenset(-number if each is None else each.order_id for number, each in enumerate(known, 1))

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
        if cancels:
            if self._talks.full:
                self._deferred += [CancelRejected(each, "busy", "too many requests open") for each in cancels]
            else:
                # Its first step is the request, so what comes back is effects alone.
                yield from self._effects("cancel", self._entry.cancelling_script(cancels))
        self._queue.hold(places, now_ns)
        yield from self._effects_of(self._flush())

    def _flush(self) -> Outputs:
        return self._queue.flush(self._now_ns, may_place=self.connected and self.armed(self._now_ns))

    def _effects(self, name: str, script: Script[None]) -> Effects:
        return self._effects_of(self._talks.begin(name, script, self._now_ns))

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
        self._answered = True
        yield from self._deferred_out()
        lost = False
        try:
            news = parse_frame(data)
        except ContractError:
            self.malformed += 1
            self._account.lose()
            return
        for each in news.rows:
            try:
                yield from self._on_trade(each) if isinstance(each, WireTrade) else self._on_order(each)
            except ContractError:
                lost = True
        if lost or news.bad:
            # It may have been a fill: ask rather than guess.
            self.malformed += 1
            self._account.lose()

    def _on_trade(self, trade: WireTrade) -> Outputs:
        details = self._account.details.get(self.own_book.symbol_of(trade))
        if details is None:
            return self._talks.begin("trade", self._account.on_strange_trade(trade), self._now_ns)
        return self._account.on_trade(trade, details, recovered=False)

    def _on_order(self, order: WireOrder) -> Outputs:
        report = self.own_book.on_order(order, self._now_ns)
        if report is not None:
            return [report]
        if text_of(order.type).upper() == "PLACEMENT" and self._phase is Phase.UP:
            return self._talks.begin("disown", self._account.disown([order]), self._now_ns)
        return []

    def _enter(self, phase: Phase) -> None:
        self._phase, self._phase_since_ns = phase, self._now_ns
