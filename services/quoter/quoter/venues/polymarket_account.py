"""What the account at Polymarket holds and did, as scripts: markets, trades, what rests, and pictures of all of it.

Everything before `floor_s` has been told. The venue's history is asked from there with an overlap, long enough for a
trade to fail on the chain; what is told twice is recognised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from common.clock import NS_PER_MS, NS_PER_S
from common.errors import ContractError
from common.events import AlertLevel, Holding, OpenOrder
from common.orders import OrderState

from quoter.venues.base import Absent, AccountPicture, Execution, OwnOrders, Reversal, Trouble
from quoter.venues.conversation import Pause, Script
from quoter.venues.polymarket_orders import Known, OwnBook, locked_cash, lots_of
from quoter.venues.polymarket_rest import PolymarketRest
from quoter.venues.polymarket_ticket import sent_s
from quoter.venues.polymarket_words import MICROS, MICROS_PER_LOT, Details, WireOrder, WireTrade, micros

OVERLAP_S = 3_600
"""A trade is final, or has failed, well within an hour."""
MARGIN_S = 5
"""A trade may be listed so long after the second it was matched in."""
FINAL_MS = 15_000
"""A request sent longer ago can no longer arrive."""
SWEEPS_TOLD = 5
SWEEP_PAUSE_MS = 250.0
QUERY_PAUSE_MS = 250.0
SETTLE_WAITS_MAX = 120
SETTLE_WAIT_MS = 500.0
PICTURE_TRIES_MAX = 5
MARKETS_MAX = 1_000


class Account:
    """The account as far as it is known, with the scripts that ask for the rest."""

    def __init__(self, rest: PolymarketRest, book: OwnBook, orders: OwnOrders, now_ns: Callable[[], int]) -> None:
        self._rest, self._book, self._orders, self._now_ns = rest, book, orders, now_ns
        self.details: dict[str, Details] = {}
        self.floor_s = 0
        self.epoch = 0
        self.settled = False
        """True while nothing is known to be missing."""
        self._losses = 0
        self._moves = 0
        """Counts what changed holdings, to see whether a picture was taken of one state."""
        self.gaps = 0
        self._touched: dict[str, None] = {}
        """Markets in which the account may hold something."""

    def begin(self, epoch: int, known_s: int) -> None:
        self.epoch, self.floor_s = epoch, known_s

    def lose(self) -> None:
        """Something may be missing from here on."""
        self._losses += 1
        self.settled = False

    # --- markets ------------------------------------------------------------------------------------------------

    def learn(self, symbol: str) -> Script[Details | None]:
        """Return a market's details, asked for when they are not known."""
        known = self.details.get(symbol)
        if known is None:
            known = yield from self._rest.market(symbol)
            if known is not None:
                if len(self.details) >= MARKETS_MAX:
                    del self.details[next(iter(self.details))]
                self.details[symbol] = known
        return known

    # --- trades -------------------------------------------------------------------------------------------------

    def on_trade(self, trade: WireTrade, details: Details, *, recovered: bool) -> Iterator[Execution | Reversal]:
        """Tell what a trade did to us."""
        for news in self._book.on_trade(trade, details, recovered=recovered):
            self._moves += 1
            self._touched[trade.market] = None
            yield news

    def on_strange_trade(self, trade: WireTrade) -> Script[None]:
        """Tell of a trade in a market whose details have to be asked for first."""
        yield from self._on_trade(trade, recovered=False)

    def _on_trade(self, trade: WireTrade, *, recovered: bool) -> Script[int]:
        details = yield from self.learn(trade.market)
        told = 0
        try:
            if details is None:
                raise ContractError("polymarket trade", f"market {trade.market[:20]} is not known")
            for news in self.on_trade(trade, details, recovered=recovered):
                told += 1
                yield news
        except ContractError as error:
            yield Trouble(AlertLevel.CRITICAL, "bad_trade", f"trade {trade.id}: {error}")
        return told

    def fetch_trades(self, overlap_s: int = OVERLAP_S) -> Script[int]:
        """Fetch trades since the floor and those that may still fail; return how many of them were news."""
        began_s = self._now_ns() // NS_PER_S
        oldest_s = min((self.floor_s, *self._book.unsettled.values()))
        told = 0
        for trade in (yield from self._rest.trades(max(0, oldest_s - overlap_s))):
            told += yield from self._on_trade(trade, recovered=True)
        self.floor_s = max(self.floor_s, began_s - MARGIN_S)
        return told

    # --- recovery -----------------------------------------------------------------------------------------------

    def recover(self) -> Script[None]:
        """After a new connection: nothing rests, no trade is missing, every order's end is known."""
        while True:
            losses = self._losses
            for order in self._book.strangers():
                details = yield from self.learn(order.symbol)
                if details is not None:
                    self._book.recall(order, details)
            yield from self.sweep()
            yield from self._resolve()
            yield from self.fetch_trades()
            if losses == self._losses:
                break
        self.settled = True

    def catch_up(self) -> Script[None]:
        """On a living connection, after something was lost: fetch trades and ask for every order's state."""
        self.gaps += 1
        while True:
            losses = self._losses
            yield from self.fetch_trades()
            for known in self._living():
                wire = yield from self._rest.order(known.order_hash)
                if wire is not None and (report := self._book.on_order(wire, self._now_ns())) is not None:
                    yield report
            if losses == self._losses:
                break
        self.settled = True

    def check(self) -> Script[None]:
        """Ask for the newest trades: nothing else shows that the channel has lost one."""
        told = yield from self.fetch_trades(overlap_s=MARGIN_S)
        if told:
            self.gaps += 1
            yield Trouble(AlertLevel.WARNING, "missed_trades", f"{told} trades were not told by the user channel yet")

    def sweep(self) -> Script[None]:
        """Cancel everything of the account until the venue shows nothing."""
        sweeps = 0
        while True:
            yield from self._rest.cancel_all()
            left = yield from self._rest.open_orders()
            for wire in left:
                if (report := self._book.on_order(wire, self._now_ns())) is not None:
                    yield report
            if not left:
                return
            sweeps += 1
            if sweeps == SWEEPS_TOLD:
                yield Trouble(AlertLevel.CRITICAL, "orders_left", f"{len(left)} orders rest after {sweeps} cancels")
            yield Pause(SWEEP_PAUSE_MS)

    def _living(self) -> list[Known]:
        found = [self._book.by_id(order_id) for order_id in self._orders.unresolved()]
        return [known for known in found if known is not None]

    def _resolve(self) -> Script[None]:
        """Learn the end of every order whose end was not seen, waiting for those that may still arrive."""
        left = self._orders.unresolved()
        late = False
        while left:
            unanswered: list[int] = []
            for order_id in left:
                known = self._book.by_id(order_id)
                wire = None
                if known is not None:
                    wire = yield from self._rest.order(known.order_hash)
                if wire is not None and (report := self._book.on_order(wire, self._now_ns())) is not None:
                    yield report
                    late = late or report.state is OrderState.LIVE
                elif self._now_ns() - sent_s(order_id) * NS_PER_S > FINAL_MS * NS_PER_MS:
                    yield Absent(order_id)
                else:
                    unanswered.append(order_id)
            left = unanswered
            if left:
                yield Pause(QUERY_PAUSE_MS)
        if late:
            # One came in after the sweep.
            self.lose()

    def disown(self, resting: Sequence[WireOrder]) -> Script[None]:
        """Cancel what rests and is not ours as far as we know."""
        for wire in resting:
            text = f"order {wire.id[:18]} rests and is not known: cancelled"
            yield Trouble(AlertLevel.CRITICAL, "unknown_order", text)
        yield from self._rest.cancel([wire.id for wire in resting])

    # --- pictures -----------------------------------------------------------------------------------------------

    def picture(self, reason: str) -> Script[None]:
        """Ask what the account holds; it counts only when nothing moved meanwhile and no trade is under way.

        Holdings are those of the chain, where a trade arrives some seconds after its match.
        """
        for _ in range(PICTURE_TRIES_MAX):
            for _ in range(SETTLE_WAITS_MAX):
                if not self._book.unsettled:
                    break
                yield Pause(SETTLE_WAIT_MS)
            else:
                return
            moves = self._moves
            resting = yield from self._rest.open_orders()
            cash = Decimal((yield from self._rest.balance())) / MICROS
            holdings: list[Holding] = []
            for symbol in list(self._touched):
                details = yield from self.learn(symbol)
                if details is not None:
                    yes = lots_of((yield from self._rest.balance(details.tokens[0])))
                    no = lots_of((yield from self._rest.balance(details.tokens[1])))
                    if yes or no:
                        holdings.append(Holding(symbol, yes, no))
            yield from self.fetch_trades(overlap_s=MARGIN_S)
            if moves != self._moves or not self.settled:
                continue
            strange = [wire for wire in resting if self._book.by_hash(wire.id) is None]
            if strange:
                yield from self.disown(strange)
                continue
            yield AccountPicture(
                cash,
                cash - locked_cash(resting),
                holdings,
                list(self._open_orders(resting)),
                self.floor_s,
                reason,
                self._now_ns(),
            )
            return

    def _open_orders(self, resting: Sequence[WireOrder]) -> Iterator[OpenOrder]:
        for wire in resting:
            known = self._book.by_hash(wire.id)
            assert known is not None, "strange orders were taken out"
            left = known.quantity_lots - micros(wire.size_matched, "size_matched") // MICROS_PER_LOT
            details = self.details.get(known.symbol)
            # In ticks of now, as everybody else counts them by now.
            ticks = known.price_ticks * known.tick_units // (details.tick_units if details else known.tick_units)
            yield OpenOrder(known.order_id, wire.id, known.symbol, known.outcome, known.side, ticks, max(0, left))
