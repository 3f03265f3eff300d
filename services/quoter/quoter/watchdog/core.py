"""When the quoter of an account dies, its orders die: the watchdog cancels them until no orders remain open.

It follows the beats of the account's lease on its own clock. It acts on orders of an epoch whose holder has not beaten
for the lease's ttl, has given the lease back, or has been followed by a newer epoch; orders of a living epoch it never
touches. When the bus is down no beat reaches it, and it cannot tell a dead bus from a dead quoter: then it cancels too,
which is what the quoter itself does, because nobody may quote without limits. Its key can only cancel.

It takes halts and cancel-all at a door of its own, with the bus and the quoter dead and before it has started. It does
not know whose an order is or what it is paid in: in any scope of the account it cancels the whole account, and says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from common.clock import NS_PER_MS
from common.core import (
    Effect,
    Effects,
    Every,
    Http,
    HttpResponse,
    Input,
    Newest,
    Ordered,
    Receipt,
    Sample,
)
from common.emptying import IDS_BELOW
from common.events import AlertLevel, Event, Halt, Lease
from common.halts import Halts
from common.orders import EPOCH_MAX, ORDER_ID_MAX, first_id_of

from quoter.accounts.accounts import AccountCore
from quoter.trading.cancel_all import AnswerTicket
from quoter.trading.order_updates import PLATFORM, alert
from quoter.venues.base import Output, SessionAlert
from quoter.venues.conversation import Backoff, Conversations, Pause, Script
from quoter.venues.venue import CancelSession
from quoter.views.answers import at_once
from quoter.views.commands import HaltOrder, halt_of
from quoter.watchdog.errands import Errands
from quoter.watchdog.holder import Holder

TIMER_MS = 100
LOOK_AGAIN_NS = 2_000 * NS_PER_MS
"""While an epoch is over, the venue is asked this often: a frame of the dead may have been on its way."""
LOOKS_AT_REST = 5
"""Times in a row that no orders remained open: then the epoch is done with."""
BACKOFF_FIRST_MS = 100.0
BACKOFF_MOST_MS = 2_000.0
SOURCE = "watchdog"
HTTP = "venue"


class Watchdog(AccountCore):
    """Cancel what the dead quoter of one account left behind."""

    confirmed = (Halt,)

    def __init__(
        self, account: str, session: CancelSession, url: str, seed: int = 0, *, answer: AnswerTicket = at_once
    ) -> None:
        """`answer` answers what people order at the door."""
        self.account = account
        self.session = session
        self._talks: Conversations[Output] = Conversations(HTTP, url, session.headers)
        self._backoff = Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, Random(seed))
        self._holder = Holder(account)
        self._below = 0
        """Orders with ids below are to be cancelled; 0 when none are."""
        self._looks = 0
        self._looked_at_ns: int | None = None
        self._halts = Halts()
        self._unreadable: list[str] = []
        self._started = False
        self._errands = Errands(account, answer)
        self._numbers = itertools.count(1)
        self._news: list[Effect] = []
        self._now_ns = 0
        self.cancelled = 0
        self.interventions = 0
        self.left: int | None = None
        """Orders that rested below the bound when the venue was last asked."""

    def inputs(self) -> Sequence[Input]:
        return [
            Newest(Lease, self.on_lease, {"role": "quoter", "key": self.account}),
            Ordered(Halt, self.on_halt),
            Every(TIMER_MS, self.on_timer, early=True),
            Http(HTTP, self.on_answer),
        ]

    # --- life ---------------------------------------------------------------------------------------------------

    def restore(self, documents: Mapping[str, bytes]) -> None:
        """Take in the halts that were in force, or ordered at this door, when the watchdog last lived."""
        self._unreadable = self._halts.restore(documents)

    def start(self, receipt: Receipt) -> Effects:
        self._started = True
        yield from self._halts.unheard()
        yield from self._halts.changes()
        for fault in self._unreadable:
            yield self._alert(AlertLevel.CRITICAL, "kept_unreadable", f"a halt on disk: {fault}", receipt.now_ns)

    def on_stand_still(self, faults: Sequence[str], receipt: Receipt) -> Effects:
        """The stores are not those we knew: nothing of the account rests, and what was heard of leases is void."""
        halt = self._halts.stand_still(SOURCE, faults, receipt.now_ns)
        self._holder.forget()
        yield self._alert(AlertLevel.CRITICAL, halt.reason, halt.detail, receipt.now_ns)
        yield from self._empty(f"{halt.scope}:{halt.reason}", halt.scope, receipt)

    def on_published(self, event: Event, sequence: int, receipt: Receipt) -> Effects:
        if isinstance(event, Halt):
            self._halts.stored(event, sequence)
            return self._halts.changes()
        return ()

    # --- what it hears ------------------------------------------------------------------------------------------

    def on_lease(self, lease: Lease, receipt: Receipt) -> Effects:
        known = self._holder.lease
        if not self._holder.update(lease, receipt.now_ns, receipt.age_ns):
            return
        if known is not None and lease.epoch > known.epoch:
            yield from self._intervene(first_id_of(lease.epoch), f"epoch {known.epoch} was followed", receipt.now_ns)
        if not lease.holder:
            yield from self._intervene(_end_of(lease.epoch), f"epoch {lease.epoch} was given back", receipt.now_ns)
        elif self._below > first_id_of(lease.epoch):
            # It was only slow or cut off, and lives: its orders are its own again.
            self._below = first_id_of(lease.epoch)
            self._errands.drop_dead(self._below)
            self._talks.abandon("cancel")

    def on_timer(self, receipt: Receipt) -> Effects:
        self._holder.turn(receipt.now_ns)
        yield from self._holder.alerts(receipt.now_ns)
        yield from self._check(receipt.now_ns)

    def _check(self, now_ns: int) -> Effects:
        self._now_ns = now_ns
        yield from self._relay(self._talks.on_timer(now_ns))
        yield from self._errands.overdue(now_ns)
        lease = self._holder.lease
        if lease is not None and self._holder.overdue(now_ns) and self._below < _end_of(lease.epoch):
            text = f"epoch {lease.epoch} has not renewed its lease for {self._holder.silent_ms(now_ns)} ms"
            yield from self._intervene(_end_of(lease.epoch), text, now_ns)
        if self._due(now_ns):
            self._looked_at_ns = now_ns
            yield from self._relay(self._talks.begin("cancel", self._cancelling(), now_ns))

    def _due(self, now_ns: int) -> bool:
        if (not self._below and not self._errands) or self._talks.open("cancel"):
            return False
        if self._looked_at_ns is None or self._errands:
            return True
        return self._looks < LOOKS_AT_REST and now_ns - self._looked_at_ns >= LOOK_AGAIN_NS

    def on_answer(self, answer: HttpResponse, receipt: Receipt) -> Effects:
        self._now_ns = receipt.now_ns
        return self._relay(self._talks.on_answer(answer, receipt.now_ns))

    def on_halt(self, halt: Halt, receipt: Receipt) -> Effects:
        """Keep a halt or lift of the bus on disk; where no quoter lives to obey it, empty the account."""
        known = self._halts.find(halt.scope, halt.reason)
        self._halts.update(halt, receipt.sequence)
        yield from self._halts.changes()
        dead = self._holder.dead(receipt.now_ns)
        # A bot may be another account's: of bots the quoters speak, and a dead one's orders are cancelled anyway.
        ours = halt.scope in self.scopes("") and not halt.scope.startswith("bot-")
        if known is None and halt.empties and self._started and dead and ours:
            yield from self._empty(f"{halt.scope}:{halt.reason}", halt.scope, receipt)

    def scopes(self, asked: str) -> frozenset[str]:
        """Return the scopes that contain something of the account; every bot and every currency may be one of its."""
        may_be = {asked} if asked.startswith(("bot-", "currency-")) else set()
        venue = {f"venue-{self.session.name}", f"currency-{self.session.currency}"}
        return frozenset({"global", f"account-{self.account}"} | venue | may_be)

    def may_contain(self, scope: str) -> bool:
        return scope in self.scopes(scope)

    def check_room(self, scope: str) -> None:
        self._halts.check_room(scope)

    def halt_of(self, order: HaltOrder, now_ns: int) -> Halt:
        return halt_of(order, f"{SOURCE}-{self.account}-{now_ns}-{next(self._numbers)}", 0, now_ns)

    def obey(self, halt: Halt, ticket: int | None, receipt: Receipt) -> Effects:
        self._halts.enforce(halt)
        yield from self._halts.changes()
        if ticket is not None:
            yield from self._empty(f"{halt.scope}:{halt.reason}", halt.scope, receipt, ticket)

    def tell_halt(self, halt: Halt, now_ns: int) -> Effects:
        text = f"{halt.actor} halts {halt.scope} ({halt.reason})"
        return [halt, alert(AlertLevel.CRITICAL, PLATFORM, "halt_ordered", text, now_ns, SOURCE)]

    def cancel_all(self, scope: str, ticket: int, receipt: Receipt) -> Effects:
        """Cancel every order of the account, whoever lives."""
        return self._empty(f"cancel-all:{scope}", scope, receipt, ticket)

    def tell_cancel_all(self, scope: str, actor: str, now_ns: int) -> Effects:
        text = f"{actor} cancels all orders in {scope}"
        return [alert(AlertLevel.WARNING, PLATFORM, "cancel_all", text, now_ns, SOURCE)]

    # --- what it does -------------------------------------------------------------------------------------------

    def _empty(self, what: str, scope: str, receipt: Receipt, ticket: int | None = None) -> Effects:
        """Begin to cancel everything of the account, the living epoch's orders too."""
        self._errands.begin(what, scope, ORDER_ID_MAX, receipt.now_ns, ticket)
        return self._check(receipt.now_ns)

    def _intervene(self, below: int, why: str, now_ns: int) -> Effects:
        """Begin to cancel everything with an id below, unless that is being done or has been."""
        if below <= self._below:
            return
        self._below = below
        self._looked_at_ns, self._looks = None, 0
        self.interventions += 1
        self._errands.begin(f"{IDS_BELOW}{below}", "", below, now_ns)
        yield self._alert(AlertLevel.WARNING, "intervenes", f"{why}: cancels orders of ids below {below}", now_ns)

    def _cancelling(self) -> Script[None]:
        """Cancel and look until the venue shows none; the bound may rise meanwhile."""
        yield from self.session.log_in()
        while True:
            errands = list(self._errands)
            below, asked_at_ns = max([self._below, *(errand.below for errand in errands)]), self._now_ns
            gone, resting = yield from self.session.sweep(below)
            self.cancelled += len(gone)
            self.left = sum(order_id < below for order_id in resting)
            if gone and not errands:
                errands = [self._errands.begin(f"{IDS_BELOW}{below}", "", below, self._now_ns)]
            yield from self._errands.looked(errands, gone, resting, asked_at_ns, self._now_ns)
            if not self.left:
                self._backoff.reset()
                self._looks = 0 if gone else self._looks + 1
                return
            yield SessionAlert(AlertLevel.CRITICAL, "orders_left", f"{self.left} orders still rest")
            yield Pause(self._backoff.next_ms())

    def _relay(self, outputs: Iterable[Output]) -> Effects:
        """Pass effects on and turn trouble into alerts; a cancelled order is the venue's news, not ours."""
        for output in outputs:
            if isinstance(output, SessionAlert):
                yield self._alert(output.level, output.kind, output.text, self._now_ns)
            elif isinstance(output, Effect):
                yield output

    def _alert(self, level: AlertLevel, kind: str, text: str, now_ns: int) -> Effect:
        return alert(level, PLATFORM, kind, f"account {self.account}: {text}"[:500], now_ns, SOURCE)

    # --- what people see ----------------------------------------------------------------------------------------

    def unready(self, now_ns: int) -> list[str]:
        if self._holder.lease is None:
            return [f"no lease quoter/{self.account} has been seen"]
        return []

    def state(self, now_ns: int) -> dict[str, Any]:
        lease = self._holder.lease
        return {
            "account": self.account,
            "lease": None
            if lease is None
            else {
                "epoch": lease.epoch,
                "holder": lease.holder,
                "beat": lease.beat,
                "silent_ms": self._holder.silent_ms(now_ns),
                "alive": not self._holder.dead(now_ns),
            },
            "leases_refused": self._holder.refused,
            "cancels_below": str(self._below),
            "interventions": self.interventions,
            "cancelled": self.cancelled,
            "left_at_venue": self.left,
            "halts": self._halts.listed(),
            "report": self._errands.report,
        }

    def samples(self) -> Iterable[Sample]:
        labels = {"account": self.account}
        yield Sample("mm_watchdog_interventions", "counter", "Dead epochs found", labels, self.interventions)
        yield Sample("mm_watchdog_cancelled", "counter", "Orders of dead epochs cancelled", labels, self.cancelled)
        yield Sample("mm_watchdog_orders_left", "gauge", "Resting orders of dead epochs", labels, self.left or 0)


def _end_of(epoch: int) -> int:
    """Return the first id after an epoch's."""
    return first_id_of(min(epoch, EPOCH_MAX) + 1)
