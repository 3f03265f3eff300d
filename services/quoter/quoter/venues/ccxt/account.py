"""What the account did, as scripts: trades, orders, balances, and recovery after something was missed.

A place in the account's history is a millisecond of the venue. Everything before `floor_ms` has been told or is kept in
mind as unread; lists are asked for from there with an overlap, and what is told twice is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any, TypeVar

from common.clock import NS_PER_MS
from common.errors import ContractError
from common.events import AlertLevel
from common.orders import OrderState

from quoter.venues.base import NotFound, OrderReport, OwnOrders, SessionAlert
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.driving import Refused, Unclear
from quoter.venues.ccxt.orders import Known, OwnBook
from quoter.venues.ccxt.words import Market, WireOrder, WireTrade
from quoter.venues.conversation import Backoff, Pause, Script
from quoter.venues.faults import Faults
from quoter.venues.rest_account import FINAL_MS, RestAccount
from quoter.venues.rounds import asked_until_final
from quoter.venues.rows import Rows, key_of

OVERLAP_MS = 600_000
"""After a connection was lost: a trade is listed long before."""
LISTED_MS = 60_000
"""A trade may be listed so long after the moment it was made."""
MARGIN_MS = 5_000
"""What was traded before the last seconds has been listed, as a rule."""
BACKOFF_FIRST_MS, BACKOFF_MOST_MS = 200.0, 5_000.0
RATE_PAUSE_MS = 10_000.0
"""Asking on while the venue refuses for the rate makes it refuse for longer."""
TRIES_TOLD = 8
"""Tries without a usable answer after which a request causes an alert."""
T = TypeVar("T")


class Account(RestAccount[WireOrder, Known]):
    """The account as far as it is known, with the scripts that ask for the rest."""

    late_why = "are open, or nobody can say"

    def __init__(
        self, dialect: Dialect, book: OwnBook, orders: OwnOrders, now_ns: Callable[[], int], random: Random
    ) -> None:
        super().__init__(now_ns, random, Faults(now_ns))
        self._dialect, self._book, self._orders = dialect, book, orders
        self.floor_ms = 0

    @property
    def place(self) -> int:
        """Return up to which millisecond of the venue everything has been told."""
        return max(self.floor_ms, self._book.newest_ms)

    def pauses(self) -> Backoff:
        """Return the growing pauses of one request's repetitions."""
        return Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, self._random)

    def until_answered(self, ask: Callable[[], Script[T]], what: str) -> Script[T]:
        """Return an answer that means something; only for requests that may be repeated."""
        pauses = self.pauses()
        tries = 0
        while True:
            pause_ms = pauses.next_ms()
            try:
                return (yield from ask())
            except Refused as error:
                told = error.code in ("bad_credentials", "maintenance", "rate_limited")
                kind = error.code if told else "request_refused"
                yield from self.fault(kind, f"{what}: {error}")
                if error.code == "bad_nonce":
                    yield from self._set_clock()
                elif error.code == "rate_limited":
                    pause_ms = max(pause_ms, RATE_PAUSE_MS)
            except (Unclear, ContractError) as error:
                tries += 1
                if tries >= TRIES_TOLD or isinstance(error, ContractError):
                    yield from self.fault("no_answer", f"{what}: {tries} tries, {error}")
            yield Pause(pause_ms)

    def _set_clock(self) -> Script[None]:
        try:
            yield from self._dialect.prepare()
        except (Refused, Unclear) as error:
            yield from self.fault("no_answer", f"the venue's clock: {error}")

    def rows(self, ask: Callable[[], Script[Rows[T]]], what: str) -> Script[Rows[T]]:
        """Return a list; each row of it that cannot be read is reported."""
        found = yield from self.until_answered(ask, what)
        for bad in found.bad:
            yield from self.fault("bad_row", f"{what}: {bad.why[:150]}")
        return found

    # --- trades -------------------------------------------------------------------------------------------------

    def market_of(self, unified: str) -> Market:
        """Return the market of a trade; ContractError for one that is not among those of the account."""
        for market in self._dialect.markets.values():
            if market.unified == unified:
                return market
        raise ContractError("ccxt trade", f"symbol {unified[:20]!r} is not among those of the account")

    def read_trade(self, trade: WireTrade, *, recovered: bool) -> Script[int]:
        """Tell a trade; one that is not whole is kept to be read again."""
        told = 0
        try:
            market = self.market_of(trade.unified)
            if self._book.find(trade.venue_order_id, trade.client_id) is None:
                yield from self._whose(market, trade.venue_order_id)
            execution = self._book.on_trade(trade, market.instrument, recovered=recovered)
            if execution is not None:
                told = 1
                yield execution
            self._unread.read(_key(trade))
        except ContractError as error:
            self._unread.note(_key(trade), trade.ts_ms, str(error), self._now_ns())
        return told

    def _whose(self, market: Market, venue_order_id: str) -> Script[None]:
        """Ask which order a trade was of, where the list of trades names the venue's id alone."""
        if not venue_order_id:
            return
        symbol = market.instrument.symbol
        wire = yield from self.until_answered(
            lambda: self._dialect.order(symbol, "", venue_order_id), f"order {venue_order_id[:40]}"
        )
        if wire is not None:
            self._book.find(wire.venue_order_id, wire.client_id)

    def fetch_trades(self, overlap_ms: int = OVERLAP_MS) -> Script[int]:
        """Fetch trades since the floor and those that could not be read; return how many of them were news."""
        began_ms = self._now_ns() // NS_PER_MS
        untraded = (1_000 * since_s - LISTED_MS for since_s in self._book.untraded.values())
        after_ms = max(0, min((self._unread.oldest(self.floor_ms), *untraded)) - overlap_ms)
        found = yield from self.rows(lambda: self._dialect.trades(after_ms, began_ms), "the list of trades")
        told = 0
        for trade in sorted(found.rows, key=lambda trade: (trade.ts_ms, trade.trade_id)):
            told += yield from self.read_trade(trade, recovered=True)
        bad = {key_of(row.raw): row for row in found.bad}
        self._unread.keep(bad.keys() | {_key(trade) for trade in found.rows}, after_ms)
        for key, row in bad.items():
            self._unread.note(key, self.floor_ms, row.why, self._now_ns())
        yield from self._unread.check(self._now_ns())
        yield from self._look_at_untraded(self._book.untraded, "executed", began_ms // 1_000)
        self.floor_ms = max(self.floor_ms, began_ms - MARGIN_MS)
        return told

    def fetch_newest(self) -> Script[int]:
        return self.fetch_trades(overlap_ms=LISTED_MS)

    # --- orders -------------------------------------------------------------------------------------------------

    def living(self) -> list[Known]:
        return self._book.living()

    def list_resting(self) -> Script[Rows[WireOrder]]:
        return self.rows(self._dialect.open_orders, "the list of open orders")

    def cancel_everything(self) -> Script[None]:
        return self.attempt(self._dialect.cancel_all(), "cancel of all orders")

    def _on_left(self, wire: WireOrder) -> Script[None]:
        if (yield from self.show(wire)) is None:
            yield from self.attempt(self._dialect.disown(wire), "cancel of an order")

    def _take_in(self, wire: WireOrder) -> OrderReport | None:
        return self._book.on_order(wire)

    def _gone(self, known: Known) -> OrderReport:
        return self._book.gone(known)

    def ask(self, known: Known, *, final: bool) -> Script[OrderReport | NotFound | None]:
        try:
            wire = yield from self._dialect.order(known.symbol, known.client_id, known.venue_order_id)
        except (Refused, Unclear) as error:
            yield from self.fault("no_answer", f"order {known.order_id}: {error}")
            return None
        if wire is not None:
            return (yield from self.show(wire))
        return (yield from self._tell_end(known, final=final))

    def disown(self, resting: Iterable[WireOrder], why: str = "is not known") -> Script[None]:
        """Cancel what rests and should not, as far as we know."""
        for wire in resting:
            name = wire.venue_order_id or wire.client_id
            yield SessionAlert(AlertLevel.CRITICAL, "unknown_order", f"order {name[:40]} rests and {why}: cancelled")
            yield from self.attempt(self._dialect.disown(wire), f"cancel of {name[:40]}")

    def attempt(self, script: Script[Any], what: str) -> Script[None]:
        """Do what the next look at the account does again where it was in vain."""
        try:
            yield from script
        except (Refused, Unclear) as error:
            yield from self.fault("cancel_refused", f"{what}: {error}")

    # --- recovery -----------------------------------------------------------------------------------------------

    def _resolve(self) -> Script[list[int]]:
        left: list[int] = []
        late: list[int] = []
        for order_id in self._orders.unresolved():
            order = self._orders.get(order_id)
            if self._book.by_id(order_id) is not None or (order is not None and self._book.recall(order) is not None):
                left.append(order_id)
            else:
                late.append(order_id)
                text = f"order {order_id} is in a symbol that is not among those of the account: add it"
                yield from self.fault("unknown_symbol", text)

        def ask(order_id: int, final: bool) -> Script[bool]:
            known = self._book.by_id(order_id)
            assert known is not None, "it was found just before"
            told = yield from self.ask(known, final=final or self._old(known))
            if isinstance(told, OrderReport) and told.state is OrderState.LIVE:
                late.append(order_id)
            return told is not None

        pauses = self.pauses()
        unread = yield from asked_until_final(
            left, ask, self._now_ns, pauses.next_ms, final_ms=FINAL_MS, most_ms=2 * FINAL_MS
        )
        return late + unread

    def _old(self, known: Known) -> bool:
        return self._now_ns() - known.sent_ns > FINAL_MS * NS_PER_MS


def _key(trade: WireTrade) -> str:
    return f"{trade.unified} {trade.trade_id}"
