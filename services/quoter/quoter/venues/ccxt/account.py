"""What the account did, as scripts: trades, orders, balances, and recovery after something was missed.

A place in the account's history is a millisecond of the venue. Everything before `floor_ms` has been told or is kept in
mind as unread; lists are asked for from there with an overlap, and what is told twice is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from random import Random
from typing import Any, TypeVar

from common.clock import NS_PER_MS, NS_PER_S
from common.errors import ContractError
from common.events import AlertLevel
from common.orders import OrderState

from quoter.venues.base import NotFound, OrderReport, OwnOrders, SessionAlert
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.driving import Refused, Unclear
from quoter.venues.ccxt.orders import Known, OwnBook
from quoter.venues.ccxt.words import Market, WireOrder, WireTrade
from quoter.venues.conversation import Backoff, Pause, Script
from quoter.venues.rounds import ROUNDS_MAX, asked_until_final, rounds
from quoter.venues.rows import Rows, UnreadTrades, key_of

OVERLAP_MS = 600_000
"""After a connection was lost: a trade is listed long before."""
LISTED_MS = 60_000
"""A trade may be listed so long after the moment it was made."""
MARGIN_MS = 5_000
"""What was traded before the last seconds has been listed, as a rule."""
FINAL_MS = 15_000
"""A request sent longer ago can no longer arrive."""
SWEEPS_UNREAD_MAX = 5
"""Cancels of everything after which what cannot be read in the list of open orders is not waited for any longer."""
SWEEP_AGAIN_MS = 5_000.0
SWEEP_FIRST_MS, SWEEP_MOST_MS = 250.0, 10_000.0
ROUND_FIRST_MS, ROUND_MOST_MS = 500.0, 30_000.0
BACKOFF_FIRST_MS, BACKOFF_MOST_MS = 200.0, 5_000.0
RATE_PAUSE_MS = 10_000.0
"""Asking on while the venue refuses for the rate makes it refuse for longer."""
TRIES_TOLD = 8
"""Tries without a usable answer after which a request causes an alert."""
FAULT_AGAIN_NS = 60 * NS_PER_S
"""A kind of fault that lasts is told again after this."""
UNTRADED_TOLD_S = 60
NEWS_LOST = "frames could not be read"
T = TypeVar("T")


class Account:
    """The account as far as it is known, with the scripts that ask for the rest."""

    def __init__(
        self, dialect: Dialect, book: OwnBook, orders: OwnOrders, now_ns: Callable[[], int], random: Random
    ) -> None:
        self._dialect, self._book, self._orders = dialect, book, orders
        self._now_ns, self._random = now_ns, random
        self.floor_ms = 0
        self.settled = False
        """True while nothing is known to be missing."""
        self._losses = 0
        self.gaps = self.faults = 0
        self._unread = UnreadTrades()
        self._untraded_told: dict[int, None] = {}
        self._told_ns: dict[str, int] = {}

    @property
    def unread(self) -> int:
        """How many listed trades could not be read yet."""
        return len(self._unread)

    @property
    def place(self) -> int:
        """Return up to which millisecond of the venue everything has been told."""
        return max(self.floor_ms, self._book.newest_ms)

    def lose(self) -> None:
        """Something may be missing from here on."""
        self._losses += 1
        self.settled = False

    def pauses(self) -> Backoff:
        """Return the growing pauses of one request's repetitions."""
        return Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, self._random)

    def fault(self, kind: str, text: str) -> Iterator[SessionAlert]:
        """Count an unusable answer and tell people about the first of its kind, and again while it lasts."""
        self.faults += 1
        told_ns = self._told_ns.get(kind)
        if told_ns is None or self._now_ns() - told_ns >= FAULT_AGAIN_NS:
            self._told_ns[kind] = self._now_ns()
            yield SessionAlert(AlertLevel.CRITICAL, kind, text[:400])

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
        yield from self._look_at_untraded(began_ms // 1_000)
        self.floor_ms = max(self.floor_ms, began_ms - MARGIN_MS)
        return told

    def _look_at_untraded(self, now_s: int) -> Iterator[SessionAlert]:
        for order_id, since_s in self._book.untraded.items():
            if now_s - since_s >= UNTRADED_TOLD_S and order_id not in self._untraded_told:
                self._untraded_told[order_id] = None
                text = f"order {order_id} was executed further than its trades show for {now_s - since_s} s"
                yield SessionAlert(AlertLevel.CRITICAL, "trades_missing", text)
        for order_id in [each for each in self._untraded_told if each not in self._book.untraded]:
            del self._untraded_told[order_id]

    # --- orders -------------------------------------------------------------------------------------------------

    def show(self, wire: WireOrder) -> Script[OrderReport | None]:
        """Tell the venue's snapshot of an order of ours; None when it is not ours or cannot be."""
        try:
            report = self._book.on_order(wire)
        except ContractError as error:
            yield from self.fault("bad_row", str(error))
            return None
        if report is not None:
            yield report
        return report

    def ask(self, known: Known, *, final: bool) -> Script[OrderReport | NotFound | None]:
        """Ask what became of an order, and tell it.

        One that the venue does not know is over when it had it once, and never was when its request can no longer
        arrive (`final`). None says that nobody can tell yet.
        """
        try:
            wire = yield from self._dialect.order(known.symbol, known.client_id, known.venue_order_id)
        except (Refused, Unclear) as error:
            yield from self.fault("no_answer", f"order {known.order_id}: {error}")
            return None
        if wire is not None:
            return (yield from self.show(wire))
        if not final:
            return None
        told = self._book.gone(known) if known.seen else NotFound(known.order_id)
        yield told
        return told

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

    def recover(self) -> Script[bool]:
        """After a new connection: nothing rests, no trade is missing, every order's end is known.

        False when it came to no end: the venue contradicts itself.
        """
        done = yield from rounds(self._recover_once, self._round_pauses(), "recovery_stuck", ROUNDS_MAX)
        self.settled = done
        return done

    def _recover_once(self) -> Script[str]:
        losses = self._losses
        yield from self.sweep()
        late = yield from self._resolve()
        yield from self.fetch_trades()
        if late:
            return f"orders {', '.join(map(str, late[:5]))} are open, or nobody can say"
        return "" if losses == self._losses else NEWS_LOST

    def _resolve(self) -> Script[list[int]]:
        """Ask for the end of every order; return those that rest after all, and those of which nobody can say."""
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

    def catch_up(self) -> Script[None]:
        """On a living connection, after something was lost: fetch trades and ask for every order's state."""
        self.gaps += 1
        yield from rounds(self._catch_up_once, self._round_pauses(), "recovery_stuck")
        self.settled = True

    def _catch_up_once(self) -> Script[str]:
        losses = self._losses
        yield from self.fetch_trades()
        for known in self._book.living():
            yield from self.ask(known, final=False)
        return "" if losses == self._losses else NEWS_LOST

    def _round_pauses(self) -> Backoff:
        return Backoff(ROUND_FIRST_MS, ROUND_MOST_MS, self._random)

    def check(self) -> Script[None]:
        """Ask for the newest trades: nothing else shows that the stream has lost one."""
        told = yield from self.fetch_trades(overlap_ms=LISTED_MS)
        if told:
            self.gaps += 1
            text = f"{told} trades were missing from the private stream"
            yield SessionAlert(AlertLevel.WARNING, "missed_trades", text)

    def sweep(self) -> Script[bool]:
        """Cancel everything of the account until the venue shows nothing.

        False when all that is left in its list is what cannot be read, after several cancels of everything.
        """
        unread = 0

        def once() -> Script[str]:
            nonlocal unread
            yield from self.attempt(self._dialect.cancel_all(), "cancel of all orders")
            left = yield from self.rows(self._dialect.open_orders, "the list of open orders")
            for wire in left.rows:
                told = yield from self.show(wire)
                if told is None:
                    yield from self.attempt(self._dialect.disown(wire), "cancel of an order")
            unread = unread + 1 if left.bad and not left.rows else 0
            if unread >= SWEEPS_UNREAD_MAX or not (left.rows or left.bad):
                return ""
            return f"{len(left.rows)} orders rest after as many cancels, {len(left.bad)} more cannot be read"

        yield from rounds(once, Backoff(SWEEP_FIRST_MS, SWEEP_MOST_MS, self._random), "orders_left")
        return not unread

    def cancel_all_and_confirm(self) -> Script[None]:
        """Sweep until the list of what rests is empty, and fetch what was executed meanwhile."""
        while not (yield from self.sweep()):
            # What cannot be read may rest: that nothing does is said only when the list is empty.
            yield Pause(SWEEP_AGAIN_MS)
        yield from self.fetch_trades()


def _key(trade: WireTrade) -> str:
    return f"{trade.unified} {trade.trade_id}"
