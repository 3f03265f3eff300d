"""What the watchdog was sent to cancel, by a person, a halt or a death, and what it reports of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from common.clock import NS_PER_S
from common.core import Effect
from common.emptying import CONFIRM_MAX_S, EMPTIED, Emptied
from common.events import AlertLevel

from quoter.trading.cancel_all import AnswerTicket
from quoter.trading.order_updates import PLATFORM, alert

CONFIRM_MAX_NS = round(CONFIRM_MAX_S * NS_PER_S)
ERRANDS_MAX = 100
WHOLE_ACCOUNT = "the whole account was cancelled: the watchdog does not know whose an order is or what it is paid in"
SILENT = f"the venue did not answer within {CONFIRM_MAX_S:g} s"


@dataclass(slots=True, eq=False)
class Errand:
    """Orders with an id below a bound are to be cancelled until the venue shows none."""

    what: str
    scope: str
    """Empty for what a death left behind."""
    below: int
    began_ns: int
    ticket: int | None = None
    """A command that waits for the outcome."""
    gone: set[int] = field(default_factory=set)
    left: set[int] = field(default_factory=set)
    why: str = SILENT


class Errands:
    """Everything the watchdog is about; each is told once when it is not done in time, and once when it is done."""

    def __init__(self, account: str, answer: AnswerTicket) -> None:
        self._account, self._answer = account, answer
        self._open: list[Errand] = []
        self.report = ""
        """What was told last."""

    def __bool__(self) -> bool:
        return bool(self._open)

    def __iter__(self) -> Iterator[Errand]:
        return iter(self._open)

    def begin(self, what: str, scope: str, below: int, now_ns: int, ticket: int | None = None) -> Errand:
        errand = Errand(what, scope, below, now_ns, ticket)
        self._open.append(errand)
        # A venue that is away for hours must not make the list grow; what the oldest wanted, the newest wants too. A
        # command is answered first, and its door has a bound of its own.
        idle = (each for each in self._open if each.ticket is None and each is not errand)
        for each in list(itertools.islice(idle, max(0, len(self._open) - ERRANDS_MAX))):
            self._open.remove(each)
        return errand

    def drop_dead(self, below: int) -> None:
        """Let go of what was begun for a death that was none: the orders from this id on are their holder's again."""
        self._open = [errand for errand in self._open if errand.scope or errand.below <= below]

    def looked(
        self, errands: Sequence[Errand], gone: Sequence[int], resting: Sequence[int], asked_at_ns: int, now_ns: int
    ) -> Iterator[Effect]:
        """Take in what the venue cancelled, and what it shows since, for those there were when it was asked."""
        for errand in errands:
            errand.gone |= {order_id for order_id in gone if order_id < errand.below}
            errand.left = {order_id for order_id in resting if order_id < errand.below}
            errand.why = f"the venue still shows {len(errand.left)} orders"
            if not errand.left and errand in self._open:
                self._open.remove(errand)
                yield from self._report(errand, asked_at_ns, now_ns)

    def overdue(self, now_ns: int) -> Iterator[Effect]:
        """Answer the commands that have waited long enough; their errands go on."""
        for errand in list(self._open):
            if errand.ticket is not None and now_ns - errand.began_ns >= CONFIRM_MAX_NS:
                yield from self._report(errand, 0, now_ns)

    def _report(self, errand: Errand, confirmed_at_ns: int, now_ns: int) -> Iterator[Effect]:
        why = errand.why
        if confirmed_at_ns:
            why = WHOLE_ACCOUNT if errand.scope.startswith(("bot-", "currency-")) else ""
        of = len(errand.gone | errand.left)
        emptied = Emptied(
            errand.what, self._account, len(errand.gone - errand.left), len(errand.left), of, confirmed_at_ns, why
        )
        if errand.ticket is not None:
            ticket, errand.ticket = errand.ticket, None
            yield from self._answer(ticket, self._account, emptied.document())
        self.report = emptied.said()
        level = AlertLevel.INFO if emptied.confirmed else AlertLevel.CRITICAL
        yield alert(level, PLATFORM, EMPTIED, self.report, now_ns, "watchdog")
