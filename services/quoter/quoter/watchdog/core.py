"""When the quoter of an account dies, its orders die: the watchdog cancels them at the venue until none rests.

It follows the beats of the account's lease on its own clock. It acts on orders of an epoch whose holder has not beaten
for the lease's ttl, has given the lease back, or has been followed by a newer epoch; orders of a living epoch it never
touches. When the bus is away no beat reaches it, and it cannot tell a dead bus from a dead quoter: then it cancels too,
which is what the quoter itself does, because nobody may quote without limits. Its key can only cancel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from common.clock import NS_PER_MS
from common.core import Answer, Command, Core, Effect, Effects, Every, Http, Input, Newest, Receipt, Sample
from common.events import AlertLevel, Lease
from common.orders import EPOCH_MAX, ORDER_ID_MAX, first_id_of

from quoter.news import PLATFORM, alert
from quoter.venues.base import Output, Trouble
from quoter.venues.conversation import Backoff, Conversations, Pause, Script
from quoter.venues.degen_rest import ApiKey, DegenRest

TIMER_MS = 100
LOOK_AGAIN_NS = 2_000 * NS_PER_MS
"""While an epoch is over, the venue is asked this often: a frame of the dead may have been on its way."""
LOOKS_AT_REST = 5
"""So many times in a row nothing rested: then the epoch is done with."""
BACKOFF_FIRST_MS = 100.0
BACKOFF_MOST_MS = 2_000.0
SOURCE = "watchdog"
HTTP = "venue"


class Watchdog(Core):
    """Cancel what a dead quoter left behind."""

    def __init__(self, account: str, key: ApiKey, url: str, seed: int = 0) -> None:
        random = Random(seed)
        self.account = account
        self._rest = DegenRest(key, random)
        self._talks: Conversations[Output] = Conversations(HTTP, url, self._rest.headers)
        self._backoff = Backoff(BACKOFF_FIRST_MS, BACKOFF_MOST_MS, random)
        self._lease: Lease | None = None
        self._beat_at_ns = 0
        self._below = 0
        """Orders with ids below are to be cancelled; 0 when none are."""
        self._looks = 0
        self._looked_at_ns: int | None = None
        self._everything = False
        self._news: list[Effect] = []
        self._now_ns = 0
        self.cancelled = 0
        self.interventions = 0
        self.left: int | None = None
        """Orders that rested below the bound when the venue was last asked."""

    def inputs(self) -> Sequence[Input]:
        return [
            Newest(Lease, self.on_lease, {"role": "quoter", "key": self.account}),
            Every(TIMER_MS, self.on_timer),
            Http(HTTP, self.on_answer),
            Command("cancel-all", self.on_cancel_all_command),
        ]

    # --- what it hears ------------------------------------------------------------------------------------------

    def on_lease(self, lease: Lease, receipt: Receipt) -> Effects:
        known = self._lease
        if known is not None and (lease.epoch, lease.beat) <= (known.epoch, known.beat):
            return
        self._lease = lease
        self._beat_at_ns = receipt.now_ns - receipt.age_ns
        if known is not None and lease.epoch > known.epoch:
            yield from self._intervene(first_id_of(lease.epoch), f"epoch {known.epoch} was followed", receipt.now_ns)
        if not lease.holder:
            yield from self._intervene(_end_of(lease.epoch), f"epoch {lease.epoch} was given back", receipt.now_ns)
        elif self._below > first_id_of(lease.epoch):
            # It was only slow or cut off, and lives: its orders are its own again.
            self._below = first_id_of(lease.epoch)
            self._talks.abandon("cancel")

    def on_timer(self, receipt: Receipt) -> Effects:
        now_ns = self._now_ns = receipt.now_ns
        yield from self._relay(self._talks.on_timer(now_ns))
        lease = self._lease
        if lease is not None and self._overdue(lease, now_ns) and self._below < _end_of(lease.epoch):
            silent_ms = (now_ns - self._beat_at_ns) // NS_PER_MS
            text = f"epoch {lease.epoch} has not beaten for {silent_ms} ms"
            yield from self._intervene(_end_of(lease.epoch), text, now_ns)
        if self._due(now_ns):
            self._looked_at_ns = now_ns
            yield from self._relay(self._talks.begin("cancel", self._cancelling(), now_ns))

    def _overdue(self, lease: Lease, now_ns: int) -> bool:
        return now_ns - self._beat_at_ns > lease.ttl_ms * NS_PER_MS

    def _due(self, now_ns: int) -> bool:
        if (not self._below and not self._everything) or self._talks.open("cancel"):
            return False
        if self._looked_at_ns is None:
            return True
        return self._looks < LOOKS_AT_REST and now_ns - self._looked_at_ns >= LOOK_AGAIN_NS

    def on_answer(self, answer: Answer, receipt: Receipt) -> Effects:
        self._now_ns = receipt.now_ns
        return self._relay(self._talks.on_answer(answer, receipt.now_ns))

    def on_cancel_all_command(self, document: Mapping[str, Any], receipt: Receipt) -> Effects:
        """Cancel every order of the account, whoever lives: {"actor"}; the scope must be global or this account."""
        unknown = sorted(set(document) - {"actor", "scope"})
        if unknown:
            raise ValueError(f"{unknown[0]}: unknown field; known are actor, scope")
        if document.get("scope", "global") not in ("global", f"account-{self.account}"):
            raise ValueError(f"scope: the watchdog cancels the whole account: global or account-{self.account}")
        self._everything = True
        self._looked_at_ns, self._looks = None, 0
        yield self._alert(AlertLevel.WARNING, "cancel_all", "cancels all orders of the account", receipt.now_ns)
        yield from self.on_timer(receipt)

    # --- what it does -------------------------------------------------------------------------------------------

    def _intervene(self, below: int, why: str, now_ns: int) -> Effects:
        """Begin to cancel everything with an id below, unless that is being done or has been."""
        if below <= self._below:
            return
        self._below = below
        self._looked_at_ns, self._looks = None, 0
        self.interventions += 1
        yield self._alert(AlertLevel.WARNING, "intervenes", f"{why}: cancels orders of ids below {below}", now_ns)

    def _cancelling(self) -> Script[None]:
        """Cancel and look until the venue shows none; the bound may rise meanwhile."""
        if not self._rest.token:
            yield from self._rest.login()
        while True:
            everything, below = self._everything, ORDER_ID_MAX if self._everything else self._below
            gone = yield from self._rest.cancel_below(below)
            self.cancelled += len(gone)
            resting = yield from self._rest.orders("open", 0)
            self.left = sum(report.order_id < below for report in resting)
            if not self.left:
                self._backoff.reset()
                self._looks = 0 if gone else self._looks + 1
                self._everything = self._everything and not everything
                return
            yield Trouble(AlertLevel.CRITICAL, "orders_left", f"{self.left} orders still rest")
            yield Pause(self._backoff.next_ms())

    def _relay(self, outputs: Iterable[Output]) -> Effects:
        """Pass effects on and turn trouble into alerts; a cancelled order is the venue's news, not ours."""
        for output in outputs:
            if isinstance(output, Trouble):
                yield self._alert(output.level, output.kind, output.text, self._now_ns)
            elif isinstance(output, Effect):
                yield output

    def _alert(self, level: AlertLevel, kind: str, text: str, now_ns: int) -> Effect:
        return alert(level, PLATFORM, kind, f"account {self.account}: {text}"[:500], now_ns, SOURCE)

    # --- what people see ----------------------------------------------------------------------------------------

    def unready(self, now_ns: int) -> list[str]:
        if self._lease is None:
            return [f"no lease quoter/{self.account} has been seen"]
        return []

    def state(self, now_ns: int) -> dict[str, Any]:
        lease = self._lease
        return {
            "account": self.account,
            "lease": None
            if lease is None
            else {
                "epoch": lease.epoch,
                "holder": lease.holder,
                "beat": lease.beat,
                "silent_ms": (now_ns - self._beat_at_ns) // NS_PER_MS,
                "alive": bool(lease.holder) and not self._overdue(lease, now_ns),
            },
            "cancels_below": str(self._below),
            "interventions": self.interventions,
            "cancelled": self.cancelled,
            "left_at_venue": self.left,
        }

    def samples(self) -> Iterable[Sample]:
        labels = {"account": self.account}
        yield Sample("mm_watchdog_interventions", "counter", "Epochs found dead", labels, self.interventions)
        yield Sample("mm_watchdog_cancelled", "counter", "Orders cancelled for the dead", labels, self.cancelled)
        yield Sample("mm_watchdog_orders_left", "gauge", "Resting orders of dead epochs", labels, self.left or 0)


def _end_of(epoch: int) -> int:
    """Return the first id after an epoch's."""
    return first_id_of(min(epoch, EPOCH_MAX) + 1)
