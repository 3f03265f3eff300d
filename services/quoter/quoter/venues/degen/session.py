"""The private session at the Degen Terminal, as docs/degen-terminal-api.md states it.

1. Log in over REST, open the websocket, log in there with cancel_on_disconnect and the dead-man switch, subscribe.
2. Recover: cancel what older connections left, ask until no orders remain open, fetch the fills since the last one
   known (with overlap), ask for the end of every order whose end was not seen. Only then is the session reconciled.
3. Frames carry account_sequence without gaps. A gap, a broken frame or an account that is further than the frames
   we saw means that something was lost: it is fetched, and until then the session is not reconciled.
4. Each of our frames has exactly one answer, in order. One that does not come in time leaves its orders of unknown
   outcome: they are asked about, and when the venue goes on not knowing them the connection is closed, because only
   then is "unknown order" final.
5. While no websocket can be had, REST cancels, and as configured places what cannot rest (fallback.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial
from random import Random
from typing import Any

from common.clock import NS_PER_MS, NS_PER_S
from common.core import Close, Effects, HttpResponse, Open, Sample, Send
from common.errors import ContractError
from common.events import AlertLevel
from common.orders import first_id_of

from quoter.venues.base import (
    Amendment,
    CancelRejected,
    ConversionEnded,
    OrderRejected,
    Output,
    Outputs,
    OwnOrders,
    Placement,
    Ready,
    SessionAlert,
    SessionLost,
    Unknown,
)
from quoter.venues.conversation import Backoff, Conversations, Pause, Script
from quoter.venues.degen import frames, timing
from quoter.venues.degen.fallback import POLL_MS, REOPEN_MS, SILENT_MS, Fallback, RestEntry
from quoter.venues.degen.frames import (
    PRIVATE_TYPES,
    TICK_SIZE,
    Frame,
    ItemResult,
    WireError,
    parse_frame,
    read_items,
    read_order,
    reports_of,
)
from quoter.venues.degen.order_entry import (
    NOT_OVER_REST,
    Unanswered,
    Waiting,
    batch_frame,
    batches,
    cancel_all_frame,
    heartbeat_frame,
    login_frame,
    outcomes,
    refused_items,
    subscribe_frame,
    unsent,
)
from quoter.venues.degen.pairs import converting
from quoter.venues.degen.rest import ApiKey, DegenRest
from quoter.venues.degen.resting import asking_resting, asking_since
from quoter.venues.degen.stream import AccountStream
from quoter.venues.degen.timing import Phase
from quoter.venues.rows import read_rows
from quoter.venues.watching import session_samples


class DegenSession:
    """One account's private session: bytes, answers and timers in; frames, requests and reports out."""

    name: str = frames.VENUE
    currency = frames.CURRENCY
    tick_size: Decimal = TICK_SIZE
    lot_size: Decimal = Decimal(1)
    counts_places = True

    def __init__(
        self,
        key: ApiKey,
        url: str,
        orders: OwnOrders,
        seed: int = 0,
        deadman_ms: int = timing.DEADMAN_MS,
        fallback: Fallback = Fallback.CANCEL,
        venue: str = frames.VENUE,
    ) -> None:
        """`venue` is the name under which the platform knows the place: one contract is spoken at several."""
        random = Random(seed)
        self.name = venue
        self._url, self._orders, self._deadman_ms = url.rstrip("/"), orders, deadman_ms
        self._rest = DegenRest(key, random, venue)
        self._talks: Conversations[Output] = Conversations(self.name, url, self._rest.headers)
        self._stream = AccountStream(self._rest, orders, self.name, random, lambda: self._now_ns)
        self._entry = RestEntry(self._rest, self._stream, fallback, lambda: self._now_ns)
        self._backoff = Backoff(timing.RECONNECT_FIRST_MS, timing.RECONNECT_MOST_MS, random)
        self._phase = Phase.DOWN
        self._phase_since_ns = 0
        self._now_ns = 0
        self._retry_at_ns: int | None = None
        self._waiting = Unanswered()
        self._token_at_ns = 0
        self._armed_since_ns: int | None = None
        self._beat_answered_ns = 0
        self._beat_sent_ns = 0
        self._checked_ns = 0
        self._ending = False
        self._nothing_rests = False
        self._failed_opens = 0
        self._reread_ns = 0
        self._deferred: list[Output] = []
        """Reports of a call that may only return effects."""
        self.reconnects = self.malformed = self.unknown_outcomes = 0

    # --- what the quoter reads ----------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        return self._has_wire or self._phase is Phase.FALLBACK

    @property
    def _has_wire(self) -> bool:
        return self._phase in (Phase.RECOVERING, Phase.UP)

    @property
    def accepts_resting_orders(self) -> bool:
        return self._phase is not Phase.FALLBACK

    @property
    def reconciled(self) -> bool:
        if self._phase is Phase.FALLBACK:
            return self._entry.fresh(self._now_ns)
        return self._phase is Phase.UP and self._stream.settled

    @property
    def nothing_rests(self) -> bool:
        return self._nothing_rests

    def armed(self, now_ns: int) -> bool:
        if self._phase is Phase.FALLBACK:
            # What goes out then never rests, so there is nothing to be cancelled.
            return self._entry.policy is Fallback.REDUCE
        return self._armed_since_ns is not None and now_ns - self._beat_answered_ns <= timing.BEAT_FRESH_MS * NS_PER_MS

    def describe(self, now_ns: int) -> dict[str, Any]:
        return {
            "phase": self._phase.value,
            "for_ms": (now_ns - self._phase_since_ns) // NS_PER_MS,
            "reconciled": self.reconciled,
            "deadman_armed": self.armed(now_ns),
            "account_sequence": self._stream.known,
            "frames_unanswered": len(self._waiting),
            "reconnects": self.reconnects,
            "gaps": self._stream.gaps,
            "malformed": self.malformed,
        }

    def samples(self) -> Iterable[Sample]:
        yield from session_samples(
            self.name,
            reconciled=self.reconciled,
            reconnects=self.reconnects,
            gaps=self._stream.gaps,
            malformed=self.malformed,
            rest_faults=self._rest.faults,
            unknown_outcomes=self.unknown_outcomes,
        )
        yield Sample("mm_session_frames_unanswered", "gauge", "Unanswered", {"venue": self.name}, len(self._waiting))

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        self._stream.begin(first_id_of(epoch + 1), known_sequence)
        return self._connect()

    def _connect(self) -> list[Output]:
        self._retry_at_ns = None
        if self._phase is not Phase.FALLBACK:
            self._enter(Phase.CONNECTING)
        return self._talks.begin("connect", self._connecting(), self._now_ns)

    def _connecting(self) -> Script[None]:
        if not self._rest.token or self._now_ns - self._token_at_ns > timing.TOKEN_RENEWAL_S * NS_PER_S:
            yield from self._rest.login()
            self._token_at_ns = self._now_ns
        # http://x is ws://x, https://x is wss://x.
        yield Open(self.name, f"ws{self._url.removeprefix('http')}/ws")

    def on_open(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        self._enter(Phase.ENTERING)
        self._beat_sent_ns = self._beat_answered_ns = self._checked_ns = now_ns
        frame_id = self._waiting.expect(Waiting("login", now_ns))
        yield Send(self.name, login_frame(frame_id, self._rest.token, self._deadman_ms))
        yield Send(self.name, subscribe_frame(self._waiting.expect(Waiting("subscribe", now_ns))))

    def on_close(self, reason: str, now_ns: int) -> Outputs:
        """A connection has ended: the venue cancels its orders, and what we know has to be proven anew."""
        self._now_ns = now_ns
        if self._phase is Phase.FALLBACK:
            # Another try that failed: REST goes on.
            self._retry_at_ns = now_ns + REOPEN_MS * NS_PER_MS
            return
        self._failed_opens = self._failed_opens + 1 if self._phase in (Phase.CONNECTING, Phase.ENTERING) else 0
        yield from self._lose(reason)

    def _lose(self, reason: str) -> Outputs:
        now_ns = self._now_ns
        self._stream.lose()
        self._armed_since_ns = None
        self._waiting.clear()
        for name in ("connect", "recover", "catch up", "snapshot", "ask", "renew"):
            self._talks.abandon(name)
        self._enter(Phase.DOWN)
        self._retry_at_ns = now_ns + round(self._backoff.next_ms() * NS_PER_MS)
        self.reconnects += 1
        yield SessionLost(reason)

    def on_answer(self, answer: HttpResponse, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        return self._talks.on_answer(answer, now_ns)

    def on_timer(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        deferred, self._deferred = self._deferred, []
        yield from deferred
        yield from self._talks.on_timer(now_ns)
        if self._phase in (Phase.DOWN, Phase.FALLBACK):
            yield from self._without_wire()
            return
        if self._phase is Phase.CONNECTING:
            if now_ns - self._phase_since_ns > timing.OPEN_MAX_MS * NS_PER_MS and not self._talks.open("connect"):
                yield Close(self.name, "no connection in time")
                self._phase_since_ns = now_ns
            return
        if now_ns - self._beat_answered_ns > timing.SILENCE_MAX_MS * NS_PER_MS:
            yield Close(self.name, "the venue is silent")
            self._beat_answered_ns = now_ns
            return
        yield from self._overdue()
        yield from self._beat()
        if self._phase is Phase.UP:
            yield from self._look_for_losses()

    def _look_for_losses(self) -> Outputs:
        """Fetch what nobody else fetches: what was lost while a snapshot was taken, and what could not be read yet."""
        unread = self._stream.unread and self._now_ns - self._reread_ns >= timing.REREAD_MS * NS_PER_MS
        if (unread or not self._stream.settled) and not self._talks.open("catch up"):
            self._reread_ns = self._now_ns
            yield from self._talks.begin("catch up", self._stream.mend(), self._now_ns)
        yield from self._stream.look_at_snapshots()

    def _without_wire(self) -> Outputs:
        """Try again to get a connection; after some tries in vain, go on over REST in between."""
        now_ns = self._now_ns
        if self._retry_at_ns is not None and now_ns >= self._retry_at_ns and not self._ending:
            if self._phase is Phase.DOWN and self._entry.wanted(self._failed_opens):
                # At once, and beside it: a venue that is back answers either.
                self._retry_at_ns, self._failed_opens = now_ns, 0
                self._talks.abandon("fallback")
                yield from self._talks.begin("fallback", self._falling_back(), now_ns)
            else:
                yield from self._connect()
        if self._phase is not Phase.FALLBACK:
            return
        if now_ns - self._entry.polled_ns > SILENT_MS * NS_PER_MS:
            self._talks.abandon("fallback")
            yield from self._lose("neither websocket nor REST answer")
        elif now_ns - self._entry.polled_ns >= POLL_MS * NS_PER_MS and not self._talks.open("fallback"):
            yield from self._talks.begin("fallback", self._entry.poll(), now_ns)

    def _falling_back(self) -> Script[None]:
        yield from self._entry.take_over()
        if self._phase in (Phase.DOWN, Phase.CONNECTING):
            self._enter(Phase.FALLBACK)
            yield SessionAlert(AlertLevel.WARNING, "rest_fallback", "no websocket: orders are cancelled over REST")

    def _beat(self) -> Iterable[Output]:
        """Feed the dead-man switch, ask where the account stands, renew the token at half its life."""
        now_ns = self._now_ns
        if not self._has_wire:
            return
        if now_ns - self._beat_sent_ns >= timing.BEAT_MS * NS_PER_MS:
            self._beat_sent_ns = now_ns
            yield Send(self.name, heartbeat_frame(self._waiting.expect(Waiting("heartbeat", now_ns))))
        if now_ns - self._checked_ns >= timing.ACCOUNT_CHECK_MS * NS_PER_MS:
            self._checked_ns = now_ns
            yield Send(self.name, subscribe_frame(self._waiting.expect(Waiting("subscribe", now_ns))))
        if now_ns - self._token_at_ns > timing.TOKEN_RENEWAL_S * NS_PER_S and not self._talks.open("renew"):
            yield from self._talks.begin("renew", self._renewing(), now_ns)

    def _renewing(self) -> Script[None]:
        yield from self._rest.login()
        self._token_at_ns = self._now_ns
        frame_id = self._waiting.expect(Waiting("login", self._now_ns))
        yield Send(self.name, login_frame(frame_id, self._rest.token, self._deadman_ms))

    # --- orders -------------------------------------------------------------------------------------------------

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Effects:
        return self.send_amended(cancels, (), places, now_ns)

    def send_amended(
        self, cancels: Sequence[int], amendments: Sequence[Amendment], places: Sequence[Placement], now_ns: int
    ) -> Effects:
        self._now_ns = now_ns
        assert self.connected, "orders are sent on an open connection"
        if self._phase is Phase.FALLBACK:
            self._deferred += unsent(amendments)
            yield from self._send_over_rest(cancels, places)
            return
        for items in batches(cancels, amendments, places):
            frame_id = self._waiting.expect(items.waiting(now_ns))
            yield Send(self.name, batch_frame(frame_id, items.cancels, items.places, items.amendments))

    def _send_over_rest(self, cancels: Sequence[int], places: Sequence[Placement]) -> Effects:
        sent = [] if self._talks.full else [place for place in places if self._entry.may_place(place)]
        rest = {place.order_id for place in places} - {place.order_id for place in sent}
        self._deferred += [OrderRejected(each, "no_websocket", NOT_OVER_REST) for each in rest]
        if self._talks.full:
            self._deferred += [CancelRejected(each, "busy", "too many requests open") for each in cancels]
        elif cancels or sent:
            for output in self._talks.begin("rest batch", self._entry.trade(cancels, sent), self._now_ns):
                assert not isinstance(output, tuple), "a batch begins with its request"
                yield output

    def cancel_all_and_confirm(self, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        self._ending, self._nothing_rests = True, False
        self._talks.abandon("empty")
        frame_id = 0
        if self._has_wire:
            frame_id = self._waiting.expect(Waiting("cancel_all", now_ns))
            yield Send(self.name, cancel_all_frame(frame_id, self._stream.below))
        yield from self._talks.begin("empty", self._emptying(frame_id), now_ns)

    def _emptying(self, frame_id: int) -> Script[None]:
        # Orders sent before cancel_all are at the venue once it is answered, so that the list that follows is final.
        for _ in range(timing.CANCEL_ALL_WAITS_MAX):
            if frame_id not in self._waiting:
                break
            yield Pause(timing.CANCEL_ALL_WAIT_MS)
        else:
            yield Close(self.name, "cancel_all was not answered")
        yield from self._stream.cancel_all_and_confirm()
        self._nothing_rests = True

    def ask_resting(self, now_ns: int, *, sweep: bool) -> Outputs:
        return self._unless_asked("resting", asking_resting(self._rest, now_ns, sweep=sweep), now_ns)

    def ask_since(self, after: int, now_ns: int) -> Outputs:
        return self._unless_asked("since", asking_since(self._rest, after, now_ns), now_ns)

    def convert(self, symbol: str, pairs: int, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        begun = self._talks.begin("convert", converting(self._rest, self._stream, symbol, pairs), now_ns)
        return begun or [ConversionEnded(symbol, pairs, "too many conversations with the venue")]

    def request_snapshot(self, reason: str, now_ns: int) -> Outputs:
        return self._unless_asked("snapshot", self._stream.snapshot(reason), now_ns) if self.reconciled else []

    def _unless_asked(self, what: str, script: Script[None], now_ns: int) -> list[Output]:
        self._now_ns = now_ns
        return [] if self._talks.open(what) else self._talks.begin(what, script, now_ns)

    # --- frames -------------------------------------------------------------------------------------------------

    def on_frame(self, data: bytes, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        try:
            return self._read(parse_frame(data))
        except ContractError:
            # It may have been a fill: ask rather than guess.
            self.malformed += 1
            return self._catch_up()

    def _read(self, frame: Frame) -> list[Output]:
        if frame.type == "reply":
            return self._on_reply(frame)
        if frame.type == "error":
            return self._on_error(frame)
        if frame.type not in PRIVATE_TYPES:
            return []
        if frame.account_sequence is None:
            raise ContractError("degen frame", f"{frame.type} without account_sequence")
        if self._stream.is_repeat(frame.account_sequence):
            return []
        told = reports_of(frame, self._rest.symbols, self._orders)
        moves_money = frame.type in ("account", "balance")
        if self._stream.advance(frame.account_sequence, has_frame=True, moves_money=moves_money):
            told += self._catch_up()
        return told

    def _on_reply(self, frame: Frame) -> list[Output]:
        waiting, result = self._waiting.take(frame.id), frame.result
        if waiting is None or result is None:
            return []
        if waiting.op == "batch":
            return self._on_results(waiting, read_items(result.results, self._rest.symbols))
        if waiting.op == "heartbeat":
            self._beat_answered_ns = self._now_ns
        elif waiting.op == "login":
            self._beat_answered_ns = self._now_ns
            if result.deadman_ms == self._deadman_ms and result.cancel_on_disconnect:
                self._armed_since_ns = self._now_ns
        elif waiting.op == "cancel_all":
            return list(read_rows(partial(read_order, symbols=self._rest.symbols), result.cancelled).rows)
        elif waiting.op == "subscribe":
            return self._on_standing(result.account_sequence)
        return []

    def _on_standing(self, account_sequence: int | None) -> list[Output]:
        """The venue says where the account stands; the first time, recovery begins from there."""
        if account_sequence is None:
            raise ContractError("degen frame", "subscribe without account_sequence")
        if self._phase is Phase.ENTERING:
            told = self._stream.join(account_sequence)
            self._enter(Phase.RECOVERING)
            return told + self._talks.begin("recover", self._recovering(), self._now_ns)
        if self._stream.advance(account_sequence, has_frame=False):
            return self._catch_up()
        return []

    def _on_error(self, frame: Frame) -> list[Output]:
        error = frame.error or WireError("unknown", "an error without a reason")
        waiting = self._waiting.take(frame.id)
        if waiting is None:
            # An answer without id belongs to the oldest frame that has none.
            self.malformed += 1
            waiting = self._waiting.take_oldest()
            if waiting is None:
                return []
        if waiting.op in ("login", "subscribe") or error.code in ("not_logged_in", "token_expired", "scope_missing"):
            closing: list[Output] = [Close(self.name, f"{waiting.op}: {error.code}")]
            if self._phase is Phase.ENTERING:
                closing.insert(
                    0, SessionAlert(AlertLevel.CRITICAL, "session_refused", f"{error.code}: {error.message}")
                )
            self._rest.forget_token()
            return closing + self._on_results(waiting, refused_items(waiting, error))
        return self._on_results(waiting, refused_items(waiting, error))

    def _on_results(self, waiting: Waiting, items: Sequence[ItemResult]) -> list[Output]:
        """Take in the outcome of each item of a batch, in order; what has none is of unknown outcome."""
        doubtful: list[int] = []
        if any(isinstance(item, WireError) and item.code == "deadman_expired" for item in items):
            self._beat_answered_ns = self._beat_sent_ns = 0
        return outcomes(waiting, items, doubtful) + self._ask_about(doubtful)

    def _overdue(self) -> Iterable[Output]:
        """Give up waiting for answers that should have come, and ask about their orders."""
        doubtful: list[int] = []
        for waiting in self._waiting.overdue(self._now_ns - timing.ANSWER_MAX_MS * NS_PER_MS):
            yield from (Unknown(order_id, "no answer in time") for order_id in waiting.order_ids)
            doubtful += waiting.order_ids
        yield from self._ask_about(doubtful)

    # --- asking -------------------------------------------------------------------------------------------------

    def _ask_about(self, order_ids: Sequence[int]) -> list[Output]:
        if not order_ids:
            return []
        self.unknown_outcomes += len(order_ids)
        return self._talks.begin("ask", self._asking(list(dict.fromkeys(order_ids))), self._now_ns)

    def _asking(self, order_ids: Sequence[int]) -> Script[None]:
        if (yield from self._stream.ask_about(order_ids)):
            yield from self._stream.snapshot("unknown_outcome")

    def _recovering(self) -> Script[None]:
        self._talks.abandon("fallback")
        yield from self._entry.until_final()
        if not (yield from self._stream.recover()):
            yield Close(self.name, "recovery came to no end")
            return
        self._backoff.reset()
        self._enter(Phase.UP)
        yield Ready(self._stream.sequence)
        yield from self._stream.snapshot("start")

    def _catch_up(self) -> list[Output]:
        """Something was lost: fetch it, unless that is going on already."""
        self._stream.lose()
        if self._phase is not Phase.UP or self._talks.open("catch up"):
            return []
        return self._talks.begin("catch up", self._stream.mend(), self._now_ns)

    def _enter(self, phase: Phase) -> None:
        self._phase, self._phase_since_ns = phase, self._now_ns
