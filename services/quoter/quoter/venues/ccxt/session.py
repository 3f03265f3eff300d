"""The private session at a venue behind ccxt: orders over REST, their news over the venue's private stream.

1. ccxt signs, parses and names errors; requests and frames are carried by our shell (library.py, docs/adr/0035).
2. An order is named by us (`Dialect.client_id`), so that one whose answer was lost can be asked for and cancelled.
3. The stream may lose an event without a sign: trades are asked for every `check_ms`, and with every snapshot open
   orders are compared with ours. The place in the stream is the venue's millisecond up to which trades are known.
4. Where the venue has a dead-man switch it is set anew every 5 s, to go off after 20 s: without a fresh one nothing is
   placed. Where it has none resting orders are taken only when a person has said so.
5. Recovery: cancel everything of the account until nothing rests, ask for the end of every order, fetch trades with
   overlap. One the venue does not know is given up only when its request can no longer arrive.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random
from typing import Any

from common.clock import NS_PER_MS
from common.core import Close, Effects, Open, Send
from common.errors import ContractError

from quoter.venues.base import AccountFees, Amendment, CashBalance, Outputs, OwnOrders, Placement, Resting
from quoter.venues.ccxt.account import Account
from quoter.venues.ccxt.dialect import SWITCH_S, Dialect, Heard
from quoter.venues.ccxt.driving import Refused, Unclear
from quoter.venues.ccxt.entry import OrderEntry
from quoter.venues.ccxt.orders import OwnBook
from quoter.venues.ccxt.snapshot import Snapshots
from quoter.venues.ccxt.words import WireOrder, WireTrade
from quoter.venues.conversation import Script
from quoter.venues.rest_session import Phase, RestSession

BEAT_MS = 5_000
FEES_EVERY_MS = 3_600_000
"""What an account pays depends on what it has traded, which venues count by the day."""
BEAT_AGAIN_MS = 1_000
BEAT_FRESH_MS = 8_000
"""A heartbeat sent longer ago, counted from its sending, no longer vouches for the switch."""


class CcxtSession(RestSession):
    """One account's private session: frames, answers and timers in; frames, requests and reports out."""

    lot_size = Decimal(1)
    beat_pause_ms = BEAT_MS
    # Recovery asks about every order, also about those that a request was under way for.
    ended_with_it = ("trade", "disown", "place", "amend", "cancel", "fees")
    _account: Account
    _entry: OrderEntry

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
        self.has_switch, self.check_ms = dialect.has_switch, dialect.check_ms
        self._symbols, self._unguarded = tuple(symbols), unguarded
        super().__init__("", random)
        self.own_book = OwnBook(orders, dialect, lambda: self._now_ns)
        self._account = Account(dialect, self.own_book, orders, lambda: self._now_ns, random)
        self._snapshots = Snapshots(dialect, self.own_book, self._account, lambda: self._now_ns)
        self._entry = self._held = OrderEntry(self._talks, dialect, self.own_book, self._account, lambda: self._now_ns)
        self._beat_sent_ns = self._beat_taken_ns = 0
        self._accepted = self._fees_asked_ns = 0

    # --- what the quoter reads ----------------------------------------------------------------------------------

    @property
    def accepts_resting_orders(self) -> bool:
        return self.has_switch or self._unguarded

    def armed(self, now_ns: int) -> bool:
        if not self.has_switch:
            # What may rest here was settled by a person; what takes at once leaves nothing to be cancelled.
            return self.connected
        return self._beat_taken_ns > 0 and now_ns - self._beat_taken_ns <= BEAT_FRESH_MS * NS_PER_MS

    def describe(self, now_ns: int) -> dict[str, Any]:
        armed = self.has_switch and self.armed(now_ns)
        own = {"deadman_offered": self.has_switch, "deadman_armed": armed, "symbols": sorted(self.dialect.markets)}
        return super().describe(now_ns) | own

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        # What an account did before it was ours is none of our business.
        self._account.floor_ms = known_sequence or now_ns // NS_PER_MS
        return self._connect()

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

    def _ping(self) -> bytes:
        return self.dialect.ping()

    def _beat_due(self) -> bool:
        return self.has_switch and self._now_ns - self._beat_sent_ns >= self.beat_pause_ms * NS_PER_MS

    def _beat(self) -> Script[None]:
        """Set the switch anew; soon again when nobody can say that it was, later when the venue has refused."""
        self._beat_sent_ns = sent_ns = self._now_ns
        self.beat_pause_ms = BEAT_MS
        try:
            yield from self.dialect.beat()
        except Refused as error:
            yield from self._account.fault("heartbeat_refused", str(error))
        except Unclear as error:
            self.beat_pause_ms = BEAT_AGAIN_MS
            yield from self._account.fault("heartbeat_refused", str(error))
        else:
            self._beat_taken_ns = max(self._beat_taken_ns, sent_ns)

    def on_timer(self, now_ns: int) -> Outputs:
        yield from super().on_timer(now_ns)
        due = not self._fees_asked_ns or now_ns - self._fees_asked_ns >= FEES_EVERY_MS * NS_PER_MS
        if due and self._phase is Phase.UP and not self._talks.open("fees"):
            self._fees_asked_ns = now_ns
            yield from self._talks.begin("fees", self._learn_fees(), now_ns)

    def _learn_fees(self) -> Script[None]:
        """Ask what the account pays in each symbol; the market's own rates hold where there is no answer."""
        for symbol in list(self.dialect.markets):
            try:
                yield AccountFees(symbol, (yield from self.dialect.fees(symbol)))
            except Refused as error:
                yield from self._account.fault("request_refused", f"fees of {symbol}: {error}")
            except (Unclear, ContractError) as error:
                yield from self._account.fault("no_answer", f"fees of {symbol}: {error}")

    def _switched_off(self) -> str:
        if not self._beat_taken_ns or self._now_ns - self._beat_taken_ns <= SWITCH_S * 1_000 * NS_PER_MS:
            return ""
        self._beat_taken_ns = 0
        return f"no heartbeat in {SWITCH_S} s: the venue has cancelled all"

    def _asking_resting(self, sweep: bool) -> Script[None]:
        asked_at_ns = self._now_ns
        if not self.dialect.markets:
            yield from self._learn_markets()
        before = (yield from self._account.list_resting()).rows if sweep else []
        if sweep:
            yield from self._account.cancel_everything()
        left = yield from self._account.list_resting()
        rest = self._named([*left.rows, *(None for _ in left.bad)])
        yield Resting(rest, self._named(before) - rest, asked_at_ns)

    def _named(self, orders: Sequence[WireOrder | None]) -> frozenset[int]:
        """Return our ids of orders; what is not ours, or cannot be read, gets one below 0."""
        known = [order and self.own_book.find(order.venue_order_id, order.client_id) for order in orders]
        return frozenset(each.order_id if each else -number for number, each in enumerate(known, 1))

    # --- orders -------------------------------------------------------------------------------------------------

    def send(self, cancels: Sequence[int], places: Sequence[Placement], now_ns: int) -> Effects:
        self._now_ns = now_ns
        assert self.connected, "orders are sent on an open connection"
        yield from self._effects_of(self._entry.cancel(cancels))
        yield from self._place(places, now_ns)

    def _place(self, places: Sequence[Placement], now_ns: int) -> Effects:
        self._entry.hold(places, now_ns)
        yield from self._effects_of(self._flush())

    def _flush(self) -> Outputs:
        return self._entry.flush(may_place=self._may_place, may_rest=self.accepts_resting_orders)

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


class CcxtAmendingSession(CcxtSession):
    """A session at a venue where a resting order can be amended."""

    def send_amended(
        self, cancels: Sequence[int], amendments: Sequence[Amendment], places: Sequence[Placement], now_ns: int
    ) -> Effects:
        self._now_ns = now_ns
        yield from self._effects_of(self._entry.cancel(cancels))
        yield from self._effects_of(self._entry.amend(amendments))
        yield from self._place(places, now_ns)
