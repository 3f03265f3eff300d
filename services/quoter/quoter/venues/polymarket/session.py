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
from random import Random
from typing import Any

from common.clock import NS_PER_S
from common.core import Effects, Open, Sample, Send
from common.errors import ContractError

from quoter.venues.base import CancelRejected, Outputs, OwnOrders, Placement, Resting
from quoter.venues.conversation import Pause, Script
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
from quoter.venues.rest_session import Phase, RestSession

POSITIONS_URL = "https://data-api.polymarket.com"
"""Where the venue lists what a wallet holds."""
ANSWER_PAUSE_MS = 50.0


class PolymarketSession(RestSession):
    """One account's private session: frames, answers and timers in; frames, requests and reports out."""

    name = VENUE
    currency = CURRENCY
    lot_size = LOT_SIZE
    check_ms = 5_000
    late_login = "no connection in time"
    beat_pause_ms = BEAT_AGAIN_MS
    ended_with_it = ("ask",)
    _account: Account
    _entry: OrderEntry
    _held: OrderQueue

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
        super().__init__(url, random)
        self._rest = PolymarketRest(signer, lambda: self._now_ns, random, positions_url, signature_type)
        self.own_book = OwnBook(orders, signer)
        self._account = Account(self._rest, self.own_book, orders, lambda: self._now_ns, random)
        self._snapshots = Snapshots(self._rest, self.own_book, self._account)
        self._entry = OrderEntry(self._rest, self.own_book, self._account, lambda: self._now_ns)
        self._held = OrderQueue(self._talks, self._entry, self._account, self.own_book, signer, order_lifetime_s)
        self._heart = Heartbeat(self._rest, lambda: self._now_ns)
        self._answered = False

    # --- what the quoter reads ----------------------------------------------------------------------------------

    def armed(self, now_ns: int) -> bool:
        return self._heart.fresh(now_ns)

    def describe(self, now_ns: int) -> dict[str, Any]:
        return super().describe(now_ns) | {"trades_unsettled": len(self.own_book.unsettled)}

    def samples(self) -> Iterable[Sample]:
        yield from super().samples()
        labels = {"venue": self.name}
        yield Sample("mm_session_reversals", "counter", "Trades that failed", labels, self.own_book.reversals)
        unsettled = len(self.own_book.unsettled)
        yield Sample("mm_session_trades_unsettled", "gauge", "Trades that may still fail", labels, unsettled)

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, epoch: int, known_sequence: int, now_ns: int) -> Outputs:
        self._now_ns = now_ns
        # What an account did before it was ours is none of our business.
        self._account.begin(epoch, known_sequence or now_ns // NS_PER_S)
        return self._connect()

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

    def _ping(self) -> bytes:
        return PING

    def _beat_due(self) -> bool:
        return self._heart.due(self._now_ns)

    def _beat(self) -> Script[None]:
        return self._heart.beat()

    def _switched_off(self) -> str:
        if not self._heart.dead(self._now_ns) or self._talks.open("recover"):
            return ""
        return "no heartbeat in 10 s: the venue has cancelled all"

    def _recovering(self) -> Script[None]:
        # A login is not answered, a refused one ends the channel: what is answered behind it shows that it was taken.
        while not self._answered:
            yield Pause(ANSWER_PAUSE_MS)
        yield from super()._recovering()

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
        self._held.hold(places, now_ns)
        yield from self._effects_of(self._flush())

    def _flush(self) -> Outputs:
        return self._held.flush(self._now_ns, may_place=self._may_place)

    def _effects(self, name: str, script: Script[None]) -> Effects:
        return self._effects_of(self._talks.begin(name, script, self._now_ns))

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
