"""What a running process checks of itself, beside its core: machine, spool, and whether JetStream answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from common.bus.jetstream import JetStreamApi
from common.core import Sample
from common.errors import BusError
from common.events import AlertLevel
from common.machine.needs import Machine
from common.running.outbox import Outbox

LOOK_S = 1.0
ASK_S = 2.0
ASKED_STREAM = "LEASE"
"""Any stream would do: what is asked is whether JetStream answers, which an open connection does not say."""
UNANSWERED_MAX = 2


class SelfCheck:
    """Looks at the machine every second and asks JetStream every other; alerts go out through the outbox.

    `set_away` is told 'disk' while fills cannot be put on disk: nothing may be begun then that could bring one.
    """

    def __init__(
        self, machine: Machine, api: JetStreamApi, outbox: Outbox, set_away: Callable[[str, bool], Awaitable[None]]
    ) -> None:
        self.machine = machine
        self._api, self._outbox, self._set_away = api, outbox, set_away
        self._unanswered = 0
        self.stepped = asyncio.Event()
        """Set when the machine's clock was stepped and the process has to restart."""

    async def run(self) -> None:
        """Look and ask for as long as the process works."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            group.create_task(self._ask())
            group.create_task(self._follow_spool())

    def unready(self) -> list[str]:
        faults = self.machine.unready()
        if self._unanswered >= UNANSWERED_MAX:
            faults.append("JetStream does not answer")
        if self._outbox.spool_fault:
            faults.append(f"fills cannot be written to {self._outbox.spool_fault}")
        return faults

    def samples(self) -> Iterable[Sample]:
        yield from self.machine.samples()
        answers = float(self._unanswered < UNANSWERED_MAX)
        yield Sample("mm_jetstream_answers", "gauge", "1 while JetStream answers", {}, answers)
        writable = float(not self._outbox.spool_fault)
        yield Sample("mm_spool_writable", "gauge", "1 while fills can be put on disk", {}, writable)

    async def _look(self) -> None:
        while True:
            for alert in self.machine.look():
                await self._outbox.send(alert)
            if self.machine.clock_stepped:
                self.stepped.set()
            await asyncio.sleep(LOOK_S)

    async def _ask(self) -> None:
        while True:
            try:
                await self._api.last_sequence(ASKED_STREAM)
                self._unanswered = 0
            except BusError:
                self._unanswered += 1
            await asyncio.sleep(ASK_S)

    async def _follow_spool(self) -> None:
        changed = self._outbox.spool_changed
        while True:
            await changed.wait()
            changed.clear()
            fault = self._outbox.spool_fault
            if fault:
                self.machine.note("spool_full", f"fills cannot be written to {fault}", AlertLevel.CRITICAL)
            await self._set_away("disk", bool(fault))
