"""What the account at Polymarket did, as scripts: markets, trades, orders, and recovery after something was missed.

Everything before `floor_s` has been told or is kept in mind as unread. The venue's history is asked from there with an
overlap, long enough for a trade to fail on the chain; what is told twice is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from common.clock import NS_PER_MS, NS_PER_S
from common.errors import ContractError
from common.events import AlertLevel
from common.instruments import Outcome
from common.orders import OrderState

from quoter.venues.base import Execution, NotFound, OrderReport, OwnOrders, Reversal, SessionAlert
from quoter.venues.conversation import Pause, Script
from quoter.venues.polymarket.orders import OwnBook
from quoter.venues.polymarket.rest import PolymarketRest
from quoter.venues.polymarket.signing.ticket import sent_s
from quoter.venues.polymarket.trades import Known
from quoter.venues.polymarket.words import Details, WireOrder, WireTrade, stamp_in
from quoter.venues.rest_account import FINAL_MS, RestAccount
from quoter.venues.rows import Rows, key_of

OVERLAP_S = 3_600
"""A trade is final, or has failed, well within an hour."""
MARGIN_S = 5
"""What was matched before the last seconds has been listed, as a rule."""
LISTED_S = 60
"""A trade may be listed so long after the second it was matched in."""
QUERY_PAUSE_MS = 250.0
MARKETS_MAX = 1_000
UNKNOWN_AGAIN_NS = 10 * NS_PER_S
"""A market that the venue did not know is asked for again after this, however many trades and orders are in it."""


class Account(RestAccount[WireOrder, Known]):
    """The account as far as it is known, with the scripts that ask for the rest."""

    stream_name = "user channel"
    late_why = "are open by their own status and in no list"

    def __init__(
        self, rest: PolymarketRest, book: OwnBook, orders: OwnOrders, now_ns: Callable[[], int], random: Random
    ) -> None:
        super().__init__(now_ns, random, rest.faults)
        self._rest, self._book, self._orders = rest, book, orders
        self.details: dict[str, Details] = {}
        self._unknown: dict[str, int] = {}
        """Markets that could not be learned of, and when they were asked for."""
        self.floor_s = 0
        self.epoch = 0
        self.moves: dict[str, tuple[int, int]] = {}
        """YES and NO lots that trades have moved since the last snapshot, by market."""
        self.moved = 0
        """Counts what changed holdings, to see whether a snapshot was taken of one state."""

    def begin(self, epoch: int, known_s: int) -> None:
        self.epoch, self.floor_s = epoch, known_s

    @property
    def now_ns(self) -> int:
        return self._now_ns()

    @property
    def place(self) -> int:
        return self.floor_s

    # --- markets ------------------------------------------------------------------------------------------------

    def learn(self, symbol: str) -> Script[Details | None]:
        """Return a market's details, asked for when they are not known."""
        known = self.details.get(symbol)
        asked_ns = self._unknown.get(symbol)
        if known is not None or (asked_ns is not None and self.now_ns - asked_ns < UNKNOWN_AGAIN_NS):
            return known
        self._unknown.pop(symbol, None)
        known = yield from self._rest.market(symbol)
        if known is not None:
            self.details[symbol] = known
        else:
            self._unknown[symbol] = self.now_ns
        _bound(self.details)
        _bound(self._unknown)
        return known

    # --- trades -------------------------------------------------------------------------------------------------

    def on_trade(self, trade: WireTrade, details: Details, *, recovered: bool) -> Iterator[Execution | Reversal]:
        """Tell what a trade did to us; ContractError when it is not whole."""
        for news in self._book.on_trade(trade, details, self.now_ns, recovered=recovered):
            self._move(news)
            yield news
        self._unread.read(trade.id)

    def _move(self, news: Execution | Reversal) -> None:
        execution = news.execution if isinstance(news, Reversal) else news
        sign = -execution.side.sign if isinstance(news, Reversal) else execution.side.sign
        yes, no = self.moves.get(execution.symbol, (0, 0))
        if execution.outcome is Outcome.NO:
            no += sign * execution.quantity_lots
        else:
            yes += sign * execution.quantity_lots
        self.moves[execution.symbol] = (yes, no)
        self.moved += 1

    def read_trade(self, trade: WireTrade, *, recovered: bool) -> Script[int]:
        """Tell what a trade did to us, once its market is known; one that is not whole is kept to be read again."""
        told = 0
        try:
            symbol = self._book.symbol_of(trade)
            details = yield from self.learn(symbol)
            if details is None:
                raise ContractError("polymarket trade", f"market {symbol[:20]!r} is not known")
            for news in self.on_trade(trade, details, recovered=recovered):
                told += 1
                yield news
        except ContractError as error:
            self._unread.note(trade.id, trade.matched_s or self.floor_s, str(error), self.now_ns)
        return told

    def on_strange_trade(self, trade: WireTrade) -> Script[None]:
        """Tell of a trade in a market whose details have to be asked for first."""
        yield from self.read_trade(trade, recovered=False)

    def fetch_trades(self, overlap_s: int = OVERLAP_S) -> Script[int]:
        """Fetch trades since the floor and those that may still fail or be read; return how many of them were news."""
        began_s = self.now_ns // NS_PER_S
        untraded = (since_s - LISTED_S for since_s in self._book.untraded.values() if began_s - since_s < OVERLAP_S)
        oldest_s = min((self._unread.oldest(self.floor_s), *self._book.unsettled.values(), *untraded))
        after_s = max(0, oldest_s - overlap_s)
        told = 0
        found = yield from self._rest.trades(after_s)
        for trade in found.rows:
            told += yield from self.read_trade(trade, recovered=True)
        bad = {key_of(row.raw): row for row in found.bad}
        if all(row.raw for row in found.bad):
            self._unread.keep(bad.keys() | {trade.id for trade in found.rows}, after_s)
        for key, row in bad.items():
            self._unread.note(key, stamp_in(row.raw) or self.floor_s, row.why, self.now_ns)
        yield from self._unread.check(self.now_ns)
        yield from self._look_at_waiting(began_s)
        self.floor_s = max(self.floor_s, began_s - MARGIN_S)
        return told

    def fetch_newest(self) -> Script[int]:
        return self.fetch_trades(overlap_s=LISTED_S)

    def _look_at_waiting(self, now_s: int) -> Iterator[SessionAlert]:
        """Tell people of trades that never become final, and of orders matched further than any trade shows."""
        for trade_id in self._book.give_up_waiting(now_s - OVERLAP_S):
            text = f"trade {trade_id[:40]} is neither confirmed nor failed after an hour"
            yield SessionAlert(AlertLevel.CRITICAL, "trade_unsettled", text)
        yield from self._look_at_untraded(self._book.untraded, "matched", now_s)

    # --- orders -------------------------------------------------------------------------------------------------

    def living(self) -> list[Known]:
        found = [self._book.by_id(order_id) for order_id in self._orders.unresolved()]
        return [known for known in found if known is not None]

    def list_resting(self) -> Script[Rows[WireOrder]]:
        return self._rest.open_orders()

    def cancel_everything(self) -> Script[list[str]]:
        return self._rest.cancel_all()

    def _take_in(self, wire: WireOrder) -> OrderReport | None:
        return self._book.on_order(wire, self.now_ns)

    def _gone(self, known: Known) -> OrderReport:
        return self._book.gone(known, self.now_ns)

    def ask(self, known: Known, *, final: bool) -> Script[OrderReport | NotFound | None]:
        try:
            wire = yield from self._rest.order(known.order_hash)
        except ContractError:
            return None
        if wire is not None:
            return (yield from self.show(wire))
        return (yield from self._tell_end(known, final=final))

    # --- recovery -----------------------------------------------------------------------------------------------

    def _recall(self) -> Script[None]:
        for order in self._book.strangers():
            details = yield from self.learn(order.symbol)
            if details is not None:
                self._book.recall(order, details)

    def _resolve(self) -> Script[list[int]]:
        """Learn the end of every order whose end was not seen, waiting for those that may still arrive.

        Returns those that rest after all: they came in after the sweep, or the venue contradicts its own list.
        """
        began_ns = self.now_ns
        left = self._orders.unresolved()
        late: list[int] = []
        while left:
            unanswered: list[int] = []
            for order_id in left:
                known = self._book.by_id(order_id)
                sent_ns = min(began_ns, sent_s(order_id) * NS_PER_S)
                final = self.now_ns - sent_ns > FINAL_MS * NS_PER_MS
                told: OrderReport | NotFound | None = None
                if known is not None:
                    told = yield from self.ask(known, final=final)
                elif final:
                    told = NotFound(order_id)
                    yield told
                if told is None:
                    unanswered.append(order_id)
                elif isinstance(told, OrderReport) and told.state is OrderState.LIVE:
                    late.append(order_id)
            if unanswered and self.now_ns - began_ns > 2 * FINAL_MS * NS_PER_MS:
                # What the venue says of them stays unreadable: the next round asks again.
                return late + unanswered
            left = unanswered
            if left:
                yield Pause(QUERY_PAUSE_MS)
        return late

    def disown(self, resting: Sequence[WireOrder], why: str = "is not known") -> Script[None]:
        """Cancel what rests and should not, as far as we know."""
        for wire in resting:
            yield SessionAlert(AlertLevel.CRITICAL, "unknown_order", f"order {wire.id[:18]} rests and {why}: cancelled")
        yield from self._rest.cancel([wire.id for wire in resting])


def _bound(markets: dict[str, Any]) -> None:
    """Forget the oldest of too many markets."""
    while len(markets) > MARKETS_MAX:
        del markets[next(iter(markets))]
