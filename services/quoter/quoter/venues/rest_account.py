"""An account whose private stream may lose news without a sign: what was lost is found by asking over REST.

The scripts here are those that do not depend on the venue: sweeps, recovery, and looks for what was lost. How the venue
is asked, and what its answers mean, is said by the account of its own package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, Generic, Protocol, TypeVar

from common.errors import ContractError
from common.events import AlertLevel

from quoter.venues.base import NotFound, OrderReport, SessionAlert
from quoter.venues.conversation import Backoff, Pause, Script
from quoter.venues.faults import Faults
from quoter.venues.rounds import ROUNDS_MAX, rounds
from quoter.venues.rows import Rows, UnreadTrades

FINAL_MS = 15_000
"""A request sent longer ago can no longer arrive."""
SWEEPS_UNREAD_MAX = 5
"""Cancels of everything after which what cannot be read in the list of open orders is not waited for any longer."""
SWEEP_AGAIN_MS = 5_000.0
SWEEP_FIRST_MS, SWEEP_MOST_MS = 250.0, 10_000.0
ROUND_FIRST_MS, ROUND_MOST_MS = 500.0, 30_000.0
UNTRADED_TOLD_S = 60
NEWS_LOST = "frames could not be read"


class KnownOrder(Protocol):
    """An order of ours, as far as its end is asked for."""

    order_id: int
    seen: bool
    """The venue has had it."""


WireT = TypeVar("WireT")
KnownT = TypeVar("KnownT", bound=KnownOrder)


class RestAccount(ABC, Generic[WireT, KnownT]):
    """The account as far as it is known, with the scripts that ask for the rest.

    `WireT` is an order as the venue words it, `KnownT` one of ours.
    """

    stream_name = "private stream"
    """What the venue's stream of the account's news is called to people."""
    late_why: str
    """What is the matter with orders that a recovery finds no end of, in words for people."""

    def __init__(self, now_ns: Callable[[], int], random: Random, faults: Faults) -> None:
        self._now_ns, self._random, self.faults = now_ns, random, faults
        self.settled = False
        """True while nothing is known to be missing."""
        self._losses = self.gaps = 0
        self._unread = UnreadTrades()
        self._untraded_told: dict[int, None] = {}

    @property
    def unread(self) -> int:
        """How many listed trades could not be read yet."""
        return len(self._unread)

    def lose(self) -> None:
        """Something may be missing from here on."""
        self._losses += 1
        self.settled = False

    def fault(self, kind: str, text: str) -> Iterator[SessionAlert]:
        """Count an unusable answer and tell people about the first of its kind, and again while it lasts."""
        return self.faults.tell(kind, text)

    # --- what the venue's own package says ------------------------------------------------------------------------

    @property
    @abstractmethod
    def place(self) -> int:
        """Return up to which place in the account's history everything has been told."""

    @abstractmethod
    def living(self) -> list[KnownT]:
        """Return our orders whose end has not been seen."""

    @abstractmethod
    def ask(self, known: KnownT, *, final: bool) -> Script[OrderReport | NotFound | None]:
        """Ask what became of an order, and tell it.

        One that the venue does not know is over when it had it once, and never was when its request can no longer
        arrive (`final`). None says that nobody can tell yet.
        """

    @abstractmethod
    def fetch_trades(self) -> Script[int]:
        """Fetch trades since the last place with the overlap of a lost connection; return how many were news."""

    @abstractmethod
    def fetch_newest(self) -> Script[int]:
        """Fetch trades with no more overlap than the venue takes to list one; return how many were news."""

    @abstractmethod
    def cancel_everything(self) -> Script[Any]:
        """Cancel whatever rests of the account; whether all was done is seen in what rests then."""

    @abstractmethod
    def list_resting(self) -> Script[Rows[WireT]]:
        """Return everything of the account that rests."""

    @abstractmethod
    def _take_in(self, wire: WireT) -> OrderReport | None:
        """Take in the venue's snapshot of an order; None when it is not ours, ContractError when it cannot be."""

    @abstractmethod
    def _gone(self, known: KnownT) -> OrderReport:
        """Return the report of an order that the venue had and no longer knows."""

    @abstractmethod
    def _resolve(self) -> Script[list[int]]:
        """Ask for the end of every order; return those that rest after all, and those of which nobody can say."""

    def _recall(self) -> Script[None]:
        """Learn of a predecessor's orders what a recovery has to know."""
        yield from ()

    def _on_left(self, wire: WireT) -> Script[None]:
        """Deal with an order that rests after a cancel of everything."""
        yield from self.show(wire)

    # --- orders -------------------------------------------------------------------------------------------------

    def show(self, wire: WireT) -> Script[OrderReport | None]:
        """Tell the venue's snapshot of an order of ours; None when it is not ours or cannot be."""
        try:
            report = self._take_in(wire)
        except ContractError as error:
            yield from self.fault("bad_row", str(error))
            return None
        if report is not None:
            yield report
        return report

    def _tell_end(self, known: KnownT, *, final: bool) -> Script[OrderReport | NotFound | None]:
        """Tell that an order which the venue does not know is over, or never was; None while it may still arrive."""
        if not final:
            return None
        told = self._gone(known) if known.seen else NotFound(known.order_id)
        yield told
        return told

    def _look_at_untraded(self, untraded: Mapping[int, int], verb: str, now_s: int) -> Iterator[SessionAlert]:
        """Tell people of orders that went further than any trade shows, each with the second since when."""
        for order_id, since_s in untraded.items():
            if now_s - since_s >= UNTRADED_TOLD_S and order_id not in self._untraded_told:
                self._untraded_told[order_id] = None
                text = f"order {order_id} was {verb} further than its trades show for {now_s - since_s} s"
                yield SessionAlert(AlertLevel.CRITICAL, "trades_missing", text)
        for order_id in [each for each in self._untraded_told if each not in untraded]:
            del self._untraded_told[order_id]

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
        yield from self._recall()
        yield from self.sweep()
        late = yield from self._resolve()
        yield from self.fetch_trades()
        if late:
            return f"orders {', '.join(map(str, late[:5]))} {self.late_why}"
        return "" if losses == self._losses else NEWS_LOST

    def catch_up(self) -> Script[None]:
        """On a living connection, after something was lost: fetch trades and ask for every order's state."""
        self.gaps += 1
        yield from rounds(self._catch_up_once, self._round_pauses(), "recovery_stuck")
        self.settled = True

    def _catch_up_once(self) -> Script[str]:
        losses = self._losses
        yield from self.fetch_trades()
        for known in self.living():
            yield from self.ask(known, final=False)
        return "" if losses == self._losses else NEWS_LOST

    def _round_pauses(self) -> Backoff:
        return Backoff(ROUND_FIRST_MS, ROUND_MOST_MS, self._random)

    def check(self) -> Script[None]:
        """Ask for the newest trades: nothing else shows that the stream has lost one."""
        told = yield from self.fetch_newest()
        if told:
            self.gaps += 1
            text = f"{told} trades were missing from the {self.stream_name}"
            yield SessionAlert(AlertLevel.WARNING, "missed_trades", text)

    def sweep(self) -> Script[bool]:
        """Cancel everything of the account until the venue shows nothing.

        False when all that is left in its list is what cannot be read, after several cancels of everything.
        """
        unread = 0

        def once() -> Script[str]:
            nonlocal unread
            yield from self.cancel_everything()
            left = yield from self.list_resting()
            for wire in left.rows:
                yield from self._on_left(wire)
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
