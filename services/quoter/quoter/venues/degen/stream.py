"""Where we stand in the account's private stream, and how whatever we missed of it is fetched.

The venue numbers an account's private events without gaps. `sequence` is the newest one seen; while something is
missing, `floor` is the place up to which nothing is. Recovery reads from the floor, with overlap, until it has read
through without a further loss.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from random import Random

from common.core import Close
from common.errors import ContractError
from common.events import AlertLevel, OpenOrder
from common.orders import OrderState

from quoter.venues.base import (
    AccountSnapshot,
    HistoryLost,
    NotFound,
    OrderReport,
    Output,
    OwnOrders,
    SessionAlert,
)
from quoter.venues.conversation import Backoff, Pause, Script
from quoter.venues.degen.rest import DegenRest
from quoter.venues.degen.timing import SWEEP_AGAIN_MS
from quoter.venues.rounds import ROUNDS_MAX, rounds
from quoter.venues.rows import UnreadTrades, key_of
from quoter.venues.watching import SnapshotWatch

SEQUENCE_OVERLAP = 200
SWEEPS_UNREAD_MAX = 5
"""Cancels of everything after which what cannot be read in the list of open orders is not waited for any longer."""
QUERIES_MAX = 6
QUERY_PAUSE_MS = 250.0
ONE_BY_ONE_MAX = 20
"""More orders than this are asked about as a list first."""
PICTURE_TRIES_MAX = 5
PICTURE_WAITS_MAX = 20
PICTURE_WAIT_MS = 25.0
JUMP_MAX = 1_000_000
"""Places an account's stream may go on by between two looks at it on a living connection."""
ENTRIES_MAX = 4_096
ASKED_MAX = 20
"""Orders asked for one by one in one snapshot."""
NEWS_LOST = "frames were lost meanwhile"
SWEEP_FIRST_MS = 20.0
SWEEP_MOST_MS = 1_000.0


class AccountStream:
    """The account's private stream as far as we have it, with the scripts that mend it."""

    def __init__(
        self, rest: DegenRest, orders: OwnOrders, wire: str, random: Random, now_ns: Callable[[], int]
    ) -> None:
        self._rest, self._orders, self._wire, self._random, self._now_ns = rest, orders, wire, random, now_ns
        self._unread = UnreadTrades()
        self._missing: set[int] = set()
        """Orders of ours that the last snapshot did not show and the venue did not know."""
        self._snapshots = 0
        self._snapshot_watch = SnapshotWatch()
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
        """Go on to a place in the stream; return whether frames before it are missing.

        ContractError for one so far ahead that no such stream can have been missed: believed, it would make repeats of
        everything that comes.
        """
        if account_sequence > self.sequence + JUMP_MAX:
            raise ContractError("degen stream", f"place {account_sequence} after {self.sequence}")
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

    @property
    def unread(self) -> int:
        """How many listed fills and movements could not be read yet."""
        return len(self._unread)

    def recover(self) -> Script[bool]:
        """After a new connection: nothing of old ones rests, no fill is missing, every order's end is known.

        False when it came to no end: the venue goes on losing what it says.
        """
        yield from self.sweep()
        self.settled = yield from rounds(self._recover_once, self._pauses(), "recovery_stuck", ROUNDS_MAX)
        self._snapshot_watch.begin(self._now_ns())
        return self.settled

    def _recover_once(self) -> Script[str]:
        self._missed = False
        yield from self.fetch_fills()
        unread = yield from self._resolve()
        if unread:
            return f"orders {', '.join(map(str, unread[:5]))} cannot be read"
        return NEWS_LOST if self._missed else ""

    def catch_up(self) -> Script[None]:
        """On a living connection: fetch fills and orders since the floor until nothing more was lost meanwhile."""
        yield from rounds(self._catch_up_once, self._pauses(), "recovery_stuck")
        self.settled = True

    def mend(self) -> Script[None]:
        """Catch up, and look at what the account holds then."""
        yield from self.catch_up()
        yield from self.snapshot("unknown_outcome")

    def _catch_up_once(self) -> Script[str]:
        self._missed = False
        yield from self.fetch_fills()
        yield from (yield from self._rest.orders("all", self._from())).rows
        return NEWS_LOST if self._missed else ""

    def _pauses(self) -> Backoff:
        return Backoff(SWEEP_FIRST_MS, SWEEP_MOST_MS, self._random)

    def sweep(self) -> Script[bool]:
        """Cancel everything of this and older epochs until the venue shows none of it.

        False when all that is left in its list is what cannot be read, after several cancels of everything.
        """
        unread = 0

        def once() -> Script[str]:
            nonlocal unread
            yield from (yield from self._rest.cancel_below(self.below))
            resting = yield from self._rest.orders("open", 0)
            left = [report for report in resting.rows if report.order_id < self.below]
            unread = unread + 1 if resting.bad and not left else 0
            if unread >= SWEEPS_UNREAD_MAX or not (left or resting.bad):
                return ""
            return f"{len(left)} orders rest after as many cancels, {len(resting.bad)} more cannot be read"

        yield from rounds(once, self._pauses(), "orders_left")
        return not unread

    def cancel_all_and_confirm(self) -> Script[None]:
        """Sweep until the list of what rests is empty, and fetch what was executed meanwhile."""
        while not (yield from self.sweep()):
            # What cannot be read may rest: that nothing does is said only when the list is empty.
            yield Pause(SWEEP_AGAIN_MS)
        yield from self.fetch_fills()

    def fetch_fills(self) -> Script[None]:
        """Fetch what changed the account without an order of ours telling it: fills, conversions and transfers."""
        after = self._unread.oldest(self._from())
        fills = yield from self._rest.fills(after)
        yield from fills.rows
        moved = yield from self._rest.moved(after)
        yield from moved.rows
        bad = {key_of(row.raw): row for row in (*fills.bad, *moved.bad)}
        if all(row.raw for row in bad.values()):
            self._unread.keep(set(bad), after - 1)
        for key, row in bad.items():
            self._unread.note(key, after, row.why, self._now_ns())
        yield from self._unread.check(self._now_ns())

    def _from(self) -> int:
        return max(0, self.known - SEQUENCE_OVERLAP)

    def _resolve(self) -> Script[list[int]]:
        """Learn the end of every order whose end was not seen; their connection is over, so "unknown" is final.

        Returns those whose snapshot cannot be read.
        """
        unresolved = self._orders.unresolved()
        ended: set[int] = set()
        unread: list[int] = []
        if len(unresolved) > ONE_BY_ONE_MAX:
            for report in (yield from self._rest.orders("all", self._from())).rows:
                if report.state is not OrderState.LIVE:
                    ended.add(report.order_id)
                yield report
        for order_id in unresolved:
            if order_id not in ended:
                try:
                    found = yield from self._rest.order(order_id)
                except ContractError:
                    unread.append(order_id)
                else:
                    yield NotFound(order_id) if found is None else found
        return unread

    def ask_about(self, order_ids: Sequence[int]) -> Script[bool]:
        """Ask what became of orders on a living connection, where "unknown order" is not final: it is closed then.

        Returns whether all were found.
        """
        for order_id in order_ids:
            for _ in range(QUERIES_MAX):
                try:
                    report = yield from self._rest.order(order_id)
                except ContractError:
                    report = None
                if report is not None:
                    yield report
                    break
                yield Pause(QUERY_PAUSE_MS)
            else:
                yield Close(self._wire, "an order's outcome stays unknown")
                return False
        return True

    def snapshot(self, reason: str, *, on_wire: bool = True) -> Script[None]:
        """Ask what the account holds; an answer counts only when no money or shares moved between its parts."""
        for _ in range(PICTURE_TRIES_MAX):
            living = self._orders.unresolved()
            resting = yield from self._rest.orders("open", 0)
            money = yield from self._rest.money()
            if money is None or resting.bad:
                return
            begin, end = money.cash_sequence, money.account_sequence
            for _ in range(PICTURE_WAITS_MAX):
                if self.sequence >= end:
                    break
                yield Pause(PICTURE_WAIT_MS)
            if end > self.sequence + JUMP_MAX:
                return
            if self.sequence < end:
                # The last frames before a quiet time were lost: nothing else would ever have shown it.
                self.advance(end, has_frame=False)
                yield from self.catch_up()
                continue
            if not self.settled or any(begin < entry <= end for entry in self._entries):
                continue
            yield from self._compare(resting.rows, living, on_wire=on_wire)
            self._snapshots += 1
            yield AccountSnapshot(
                money.main,
                money.holdings,
                [_open_order(report) for report in resting.rows],
                end,
                reason,
                money.ts_ns,
                others=money.balances[1:],
            )
            return

    def look_at_snapshots(self) -> Iterable[SessionAlert]:
        """Tell people when no snapshot comes about."""
        return self._snapshot_watch.check(self._snapshots, self._now_ns())

    def _compare(self, resting: Sequence[OrderReport], living: Sequence[int], *, on_wire: bool) -> Script[None]:
        """Compare what rests with what we think rests, both ways, and ask about each difference."""
        # One that rests and had ended for us is told too: who keeps the orders has it cancelled.
        yield from (report for report in resting if report.order_id in self._orders)
        yield from self._disown(resting)
        listed = {report.order_id for report in resting}
        alive = set(self._orders.unresolved())
        gone = [order_id for order_id in living if order_id not in listed and order_id in alive][:ASKED_MAX]
        unknown: set[int] = set()
        for order_id in gone:
            try:
                report = yield from self._rest.order(order_id)
            except ContractError:
                continue
            if report is None:
                unknown.add(order_id)
            else:
                yield report
        # A request may be on its way; what is unknown in two snapshots is not, once its connection is over.
        lasting = sorted(unknown & self._missing)
        self._missing = unknown
        if on_wire:
            yield from self.ask_about(lasting)

    def _disown(self, resting: Sequence[OrderReport]) -> Script[None]:
        """Cancel what rests of this or an older epoch and that we do not know."""
        for report in resting:
            if report.order_id < self.below and report.order_id not in self._orders:
                yield SessionAlert(
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
