"""Where we stand in the account's private stream, and how whatever we missed of it is fetched.

The venue numbers an account's private events without gaps. `sequence` is the newest one seen; while something is
missing, `floor` is the place up to which nothing is. Recovery reads from the floor, with overlap, until it has read
through without a further loss.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

from common.core import Close
from common.events import AlertLevel, Holding, OpenOrder
from common.orders import OrderState

from quoter.venues.base import Absent, AccountPicture, HistoryLost, OrderReport, Output, OwnOrders, Trouble
from quoter.venues.conversation import Backoff, Pause, Script
from quoter.venues.degen_rest import DegenRest

SEQUENCE_OVERLAP = 200
SWEEPS_TOLD = 5
"""People are told when orders still rest after so many cancels."""
QUERIES_MAX = 6
QUERY_PAUSE_MS = 250.0
ONE_BY_ONE_MAX = 20
"""More orders than this are asked about as a list first."""
PICTURE_TRIES_MAX = 5
PICTURE_WAITS_MAX = 20
PICTURE_WAIT_MS = 25.0
ENTRIES_MAX = 4_096
SWEEP_FIRST_MS = 20.0
SWEEP_MOST_MS = 1_000.0


class AccountStream:
    """The account's private stream as far as we have it, with the scripts that mend it."""

    def __init__(self, rest: DegenRest, orders: OwnOrders, wire: str, random: Random) -> None:
        self._rest, self._orders, self._wire = rest, orders, wire
        self._backoff = Backoff(SWEEP_FIRST_MS, SWEEP_MOST_MS, random)
        self._entries: deque[int] = deque(maxlen=ENTRIES_MAX)
        self._missed = False
        self.below = 0
        """Client ids of ours and of older epochs are below this."""
        self.sequence = 0
        self.floor = 0
        self.settled = False
        """True while nothing is known to be missing."""
        self.gaps = 0

    @property
    def known(self) -> int:
        """Everything up to this place has been told."""
        return self.sequence if self.settled else self.floor

    def begin(self, below: int, known: int) -> None:
        self.below, self.sequence, self.floor = below, known, known

    def join(self, account_sequence: int) -> list[Output]:
        """A new connection begins here: what lies between the floor and this place has to be fetched."""
        told: list[Output] = []
        if account_sequence < self.known:
            # Another venue, or one that lost its memory: its ids may mean something else than ours.
            told.append(HistoryLost(f"the venue stands at {account_sequence}, we know {self.known}"))
            self.floor = account_sequence
        self.sequence = account_sequence
        return told

    def is_repeat(self, account_sequence: int) -> bool:
        return account_sequence <= self.sequence

    def advance(self, account_sequence: int, *, has_frame: bool, moves_money: bool = False) -> bool:
        """Go on to a place in the stream; return whether frames before it are missing."""
        lost = account_sequence > self.sequence + (1 if has_frame else 0)
        if lost:
            self.gaps += 1
            self.lose()
        self.sequence = max(self.sequence, account_sequence)
        if moves_money:
            self._entries.append(account_sequence)
        return lost

    def lose(self) -> None:
        """Something is missing from here on."""
        self._missed = True
        if self.settled:
            self.floor = self.sequence
            self.settled = False

    # --- scripts ------------------------------------------------------------------------------------------------

    def recover(self) -> Script[None]:
        """After a new connection: nothing of old ones rests, no fill is missing, every order's end is known."""
        yield from self.sweep()
        while True:
            self._missed = False
            yield from self.fetch_fills()
            yield from self._resolve()
            if not self._missed:
                break
        self.settled = True

    def catch_up(self) -> Script[None]:
        """On a living connection: fetch fills and orders since the floor until nothing more was lost meanwhile."""
        while True:
            self._missed = False
            yield from self.fetch_fills()
            yield from (yield from self._rest.orders("all", self._from()))
            if not self._missed:
                break
        self.settled = True

    def sweep(self) -> Script[None]:
        """Cancel everything of this and older epochs until the venue shows none of it."""
        sweeps = 0
        self._backoff.reset()
        while True:
            yield from (yield from self._rest.cancel_below(self.below))
            resting = yield from self._rest.orders("open", 0)
            left = [report for report in resting if report.order_id < self.below]
            if not left:
                return
            sweeps += 1
            if sweeps == SWEEPS_TOLD:
                yield Trouble(AlertLevel.CRITICAL, "orders_left", f"{len(left)} orders rest after {sweeps} cancels")
            yield Pause(self._backoff.next_ms())

    def fetch_fills(self) -> Script[None]:
        """Fetch what changed the account's shares without an order of ours telling it: fills and conversions."""
        after = self._from()
        yield from (yield from self._rest.fills(after))
        yield from (yield from self._rest.conversions(after))

    def _from(self) -> int:
        return max(0, self.known - SEQUENCE_OVERLAP)

    def _resolve(self) -> Script[None]:
        """Learn the end of every order whose end was not seen; their connection is over, so "unknown" is final."""
        unresolved = self._orders.unresolved()
        ended: set[int] = set()
        if len(unresolved) > ONE_BY_ONE_MAX:
            for report in (yield from self._rest.orders("all", self._from())):
                if report.state is not OrderState.LIVE:
                    ended.add(report.order_id)
                yield report
        for order_id in unresolved:
            if order_id not in ended:
                found = yield from self._rest.order(order_id)
                yield Absent(order_id) if found is None else found

    def ask_about(self, order_ids: Sequence[int]) -> Script[bool]:
        """Ask what became of orders on a living connection, where "unknown order" is not final: it is closed then.

        Returns whether all were found.
        """
        for order_id in order_ids:
            for _ in range(QUERIES_MAX):
                report = yield from self._rest.order(order_id)
                if report is not None:
                    yield report
                    break
                yield Pause(QUERY_PAUSE_MS)
            else:
                yield Close(self._wire, "an order's outcome stays unknown")
                return False
        return True

    def picture(self, reason: str) -> Script[None]:
        """Ask what the account holds; an answer counts only when no money or shares moved between its parts."""
        for _ in range(PICTURE_TRIES_MAX):
            resting = yield from self._rest.orders("open", 0)
            balance, positions = yield from self._rest.money()
            begin, end = balance.account_sequence, positions.account_sequence
            for _ in range(PICTURE_WAITS_MAX):
                if self.sequence >= end:
                    break
                yield Pause(PICTURE_WAIT_MS)
            if self.sequence < end:
                # The last frames before a quiet time were lost: nothing else would ever have shown it.
                self.advance(end, has_frame=False)
                yield from self.catch_up()
                continue
            if not self.settled or any(begin < entry <= end for entry in self._entries):
                continue
            yield from self._disown(resting)
            yield AccountPicture(
                balance.balance.cash,
                balance.balance.available,
                [Holding(each.market, each.yes, each.no) for each in positions.positions],
                [_open_order(report) for report in resting],
                end,
                reason,
                positions.ts_ns,
            )
            return

    def _disown(self, resting: Sequence[OrderReport]) -> Script[None]:
        """Cancel what rests of this or an older epoch and that we do not know."""
        for report in resting:
            if report.order_id < self.below and report.order_id not in self._orders:
                yield Trouble(
                    AlertLevel.CRITICAL, "unknown_order", f"order {report.order_id} rests and is not known: cancelled"
                )
                yield from self._rest.cancel(report.order_id)


def _open_order(report: OrderReport) -> OpenOrder:
    return OpenOrder(
        report.order_id,
        report.venue_order_id,
        report.symbol,
        report.outcome,
        report.side,
        report.price_ticks,
        report.quantity_lots - report.executed_lots,
    )
