"""Order entry behind ccxt: one request an order, placed and cancelled once, and asked about where nobody can say.

Requests travel on their own, in no order: a new order waits until every cancel sent before it in its symbol is
answered, and is given up when that takes too long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from common.errors import ContractError
from common.events import AlertLevel
from common.instruments import Instrument

from quoter.venues.base import (
    Amendment,
    AmendRejected,
    CancelRejected,
    OrderRejected,
    Output,
    Outputs,
    Placement,
    SessionAlert,
    Unknown,
)
from quoter.venues.ccxt.account import Account
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.driving import Refused, Unclear
from quoter.venues.ccxt.orders import Known, OwnBook
from quoter.venues.ccxt.words import Market, WireOrder
from quoter.venues.conversation import Conversations, Pause, Script
from quoter.venues.held import HeldOrders, Item, refused
from quoter.venues.rest_account import FINAL_MS
from quoter.venues.rounds import asked_until_final

ASKED_MOST_MS = 60_000
"""An order whose snapshot cannot be read for so long is left to the next recovery."""
PLACES_ROOM = 24
"""Conversations that new orders leave to cancels, recovery and looks at the account."""
IMMEDIATE_MS = 500.0
WAITS_MAX = 100
WAIT_MS = 25.0


class OrderEntry(HeldOrders):
    """Requests about orders that are under way."""

    def __init__(
        self,
        talks: Conversations[Output],
        dialect: Dialect,
        book: OwnBook,
        account: Account,
        now_ns: Callable[[], int],
    ) -> None:
        super().__init__()
        self._talks, self._dialect, self._book, self._account = talks, dialect, book, account
        self._now_ns = now_ns
        self.cancelling: dict[int, str] = {}
        """Orders whose cancel is not answered yet, with their symbol."""
        self._placing: dict[int, None] = {}
        """Orders that were sent or amended, without an answer yet."""
        self.unknown_outcomes = 0
        self.snapshot_due = False
        """An outcome was unknown: what the account holds has to be looked at."""

    def until_answered(self) -> Script[None]:
        """Wait until no request about an order is under way; each ends by itself."""
        for _ in range(WAITS_MAX):
            if not self.cancelling and not self._placing:
                return
            yield Pause(WAIT_MS)

    # --- placing ------------------------------------------------------------------------------------------------

    def flush(self, *, may_place: bool, may_rest: bool) -> Outputs:
        """Send the held orders whose symbol has no cancel under way; give up those that waited too long."""
        if not self._held:
            return
        if not may_place:
            yield from self.give_up("no session, or no heartbeat")
            return
        for item in (yield from self.ready(self._now_ns(), lambda symbol: symbol in self.cancelling.values())):
            if not may_rest and not (isinstance(item, Placement) and item.immediate):
                yield refused(item, "no_switch", "nothing may rest here without a dead-man switch")
            elif isinstance(item, Placement):
                yield from self._send(item)
            else:
                yield from self._send_amendment(item)

    def _send(self, place: Placement) -> Outputs:
        market = self._dialect.markets.get(place.symbol)
        if market is None:
            return [OrderRejected(place.order_id, "unknown_symbol", "it is not among the symbols of the account")]
        fault = _fault(place, market.instrument)
        if fault:
            return [OrderRejected(place.order_id, "invalid_order", fault)]
        if self._talks.room <= PLACES_ROOM:
            return [OrderRejected(place.order_id, "busy", "too many requests open")]
        known = self._book.add(place, market.instrument, self._now_ns())
        self._placing[place.order_id] = None
        return self._talks.begin("place", self._placing_script(known, place, market), self._now_ns())

    def _placing_script(self, known: Known, place: Placement, market: Market) -> Script[None]:
        wire: WireOrder | None = None
        why = ""
        try:
            wire = yield from self._dialect.place(place, market)
        except Refused as error:
            yield from self._refused(error)
            yield OrderRejected(place.order_id, error.code, error.text)
            return
        except Unclear as error:
            why = str(error)
        finally:
            self._placing.pop(place.order_id, None)
        if wire is None or not (yield from self._told(known, wire)):
            yield self._unknown(place.order_id, why or "an answer that does not say what became of it")
            yield from self.ask_about(known)
        elif place.immediate and not known.state.terminal:
            # It is over by now; the stream has said so, or has lost it.
            yield Pause(IMMEDIATE_MS)
            if not known.state.terminal:
                yield from self.ask_about(known)

    def _told(self, known: Known, wire: WireOrder) -> Script[bool]:
        """Tell the venue's answer about an order; False when it is about another one, or cannot be."""
        if not wire.client_id:
            # The venue names no other in its answer: it is the order that was asked for.
            wire = wire._replace(client_id=known.client_id)
        if self._dialect.order_id(wire.client_id) != known.order_id:
            return False
        try:
            report = self._book.on_order(wire)
        except ContractError:
            return False
        if report is None:
            return False
        yield report
        return True

    # --- amending ------------------------------------------------------------------------------------------------

    def amend(self, amendments: Sequence[Amendment]) -> Outputs:
        """Take amendments in; they leave with the next flush that finds their symbol free."""
        for each in amendments:
            known = self._book.by_id(each.order_id)
            if known is None or known.state.terminal:
                yield AmendRejected(each.order_id, "unknown_order", "it does not rest here, as far as is known")
            elif known.amending is not None:
                yield AmendRejected(each.order_id, "busy", "where the last amendment left it is not known yet")
            else:
                self.hold_amendment(each, known.symbol, self._now_ns())

    def _send_amendment(self, to: Amendment) -> Outputs:
        known = self._book.by_id(to.order_id)
        if known is None or known.state.terminal or to.order_id in self.cancelling:
            return [AmendRejected(to.order_id, "unknown_order", "it has ended, or is being cancelled")]
        fault = _fault(to, known.instrument)
        if fault:
            return [AmendRejected(to.order_id, "invalid_order", fault)]
        if self._talks.room <= PLACES_ROOM:
            return [AmendRejected(to.order_id, "busy", "too many requests open")]
        known.amending = to
        self._placing[to.order_id] = None
        return self._talks.begin("amend", self._amending_script(known, to), self._now_ns())

    def _amending_script(self, known: Known, to: Amendment) -> Script[None]:
        before = known.price_ticks, known.quantity_lots
        price, size = to.price_ticks * to.tick_size, to.quantity_lots * to.lot_size
        why = ""
        try:
            yield from self._dialect.amend(known.client_id, price, size)
        except Refused as error:
            yield from self._refused(error)
            (known.price_ticks, known.quantity_lots), known.amending = before, None
            yield AmendRejected(known.order_id, error.code, error.text)
            if error.code != "unknown_order":
                return
            # It was filled or cancelled: the venue does not say which.
            why = error.text
        except Unclear as error:
            why = str(error)
            yield self._unknown(known.order_id, why)
        finally:
            self._placing.pop(known.order_id, None)
        if why:
            yield from self._ask_where(known, to)
        elif not known.state.terminal:
            yield self._book.amended(known, to)

    def _ask_where(self, known: Known, to: Amendment) -> Script[None]:
        """Ask where an order stands, again once its amendment can no longer arrive."""
        yield from self.ask_about(known)
        if known.amending is to and not known.state.terminal:
            yield Pause(FINAL_MS)
            yield from self.ask_about(known)
            known.amending = None if known.amending is to else known.amending

    # --- cancelling ---------------------------------------------------------------------------------------------

    def cancel(self, order_ids: Sequence[int]) -> Iterator[Output]:
        """Cancel orders, each in a request; every one ends in a report."""
        for order_id in order_ids:
            known = self._book.by_id(order_id)
            if known is None:
                # Recovery cancels everything; what it did not know never came this far.
                yield CancelRejected(order_id, "unknown_order", "it was never sent here")
            elif self._talks.full:
                yield CancelRejected(order_id, "busy", "too many requests open")
            elif order_id not in self.cancelling:
                self.cancelling[order_id] = known.symbol
                yield from self._talks.begin("cancel", self._cancelling_script(known), self._now_ns())

    def _cancelling_script(self, known: Known) -> Script[None]:
        wire: WireOrder | None = None
        why = ""
        try:
            wire = yield from self._dialect.cancel(known.symbol, known.client_id)
        except Refused as error:
            yield from self._refused(error)
            if error.code != "unknown_order":
                yield CancelRejected(known.order_id, error.code, error.text)
                return
            # It was filled, was cancelled, or has not come in yet: the venue does not say which.
            why = error.text
        except Unclear as error:
            why = str(error)
        finally:
            self.cancelling.pop(known.order_id, None)
        if wire is None or not (yield from self._told(known, wire)):
            if not known.state.terminal:
                yield self._unknown(known.order_id, why or "an answer that does not say what became of it")
            yield from self.ask_about(known)

    def _refused(self, error: Refused) -> Iterator[SessionAlert]:
        if error.code in ("bad_credentials", "maintenance"):
            yield from self._account.fault(error.code, f"the venue refuses an order: {error.text}")

    # --- asking -------------------------------------------------------------------------------------------------

    def _unknown(self, order_id: int, why: str) -> Unknown:
        self.unknown_outcomes += 1
        self.snapshot_due = True
        return Unknown(order_id, why[:200])

    def ask_about(self, known: Known) -> Script[None]:
        """Ask what became of an order until there is an answer; that nobody knows it is final after a while only."""

        def ask(order_id: int, final: bool) -> Script[bool]:
            if known.state.terminal:
                return True
            return (yield from self._account.ask(known, final=final)) is not None

        pauses = self._account.pauses()
        unread = yield from asked_until_final(
            [known.order_id], ask, self._now_ns, pauses.next_ms, final_ms=FINAL_MS, most_ms=ASKED_MOST_MS
        )
        if unread:
            text = f"what became of order {known.order_id} cannot be read; it counts as resting"
            yield SessionAlert(AlertLevel.CRITICAL, "outcome_unknown", text)
        yield from self._account.fetch_trades()


def _fault(place: Item, instrument: Instrument) -> str:
    """Return what of an order the venue would not take; empty when there is nothing."""
    if place.tick_size and place.tick_size != instrument.tick_size:
        return f"priced on a tick of {place.tick_size}, the venue's is {instrument.tick_size}"
    if place.lot_size != instrument.lot_size:
        return f"lots of {place.lot_size}, the venue's are {instrument.lot_size}"
    if place.quantity_lots < instrument.min_lots:
        return f"{place.quantity_lots} lots are fewer than {instrument.min_lots}"
    notional = instrument.price(place.price_ticks) * instrument.quantity(place.quantity_lots)
    if notional < instrument.min_notional:
        return f"{notional} {instrument.currency} is less than {instrument.min_notional}"
    return ""
