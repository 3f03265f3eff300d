"""Acked events on their way to the broker: sent at once, repeated until confirmed, the precious ones kept on disk."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from structlog.stdlib import BoundLogger

from common.bus.nats import NatsConnection
from common.errors import BusUnavailable, ContractError, PublishRefused
from common.events import REGISTRY, Event, decode, encode

UNCONFIRMED_MAX = 20_000
"""More acked events than this waiting for the broker end the process: memory has a bound."""

Confirmed = Callable[[Event, int], Awaitable[None]]
Refused = Callable[[Event, str], Awaitable[None]]


class Outbox:
    """Deliver acked events; each is first sent in the order given, repeats may overtake.

    An event whose class says `spooled` is written to a file of its own before it is sent and removed when the broker
    has it, so that a fill survives the death of the process that received it. The file is not forced to the platter:
    what a power failure takes, the venue still knows, and recovery asks it.
    """

    def __init__(
        self, connection: NatsConnection, spool_dir: Path, confirmed: Confirmed, refused: Refused, log: BoundLogger
    ) -> None:
        self._connection, self._spool_dir = connection, spool_dir
        self._confirmed, self._refused = confirmed, refused
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()
        self._stamp_ns = 0

    @property
    def unconfirmed(self) -> int:
        return len(self._tasks)

    def send(self, event: Event, expected_last_sequence: int | None = None) -> asyncio.Task[None]:
        """Begin to deliver an event; the task ends when the broker has confirmed or refused it."""
        if len(self._tasks) >= UNCONFIRMED_MAX:
            raise RuntimeError(f"outbox: {UNCONFIRMED_MAX} events wait for the broker")
        path = self._spool(event) if event.spooled else None
        task = asyncio.create_task(self._deliver(event, expected_last_sequence, path))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver(self, event: Event, expected_last_sequence: int | None, path: Path | None) -> None:
        while True:
            try:
                sequence = await self._connection.publish_acked(event, expected_last_sequence=expected_last_sequence)
            except BusUnavailable as error:
                # A condition may have been met by the try whose ack was lost; the message id makes a repeat safe.
                self._log.warning("unconfirmed, trying again", subject=event.address(), why=str(error))
                continue
            except (PublishRefused, ContractError) as error:
                self._log.error("refused by the broker", subject=event.address(), why=str(error))
                # A spooled event stays on disk: a person frees the stream, the next start sends it.
                await self._refused(event, str(error))
                return
            if path is not None:
                path.unlink(missing_ok=True)
            await self._confirmed(event, sequence)
            return

    def _spool(self, event: Event) -> Path:
        self._spool_dir.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(event.message_id().encode()).hexdigest()[:32]
        path = self._spool_dir / f"{type(event).__name__}-{name}"
        draft = path.with_suffix(".draft")
        draft.write_bytes(encode(event))
        # The file system's own stamps are milliseconds apart, and a burst of fills is not: the order would be lost.
        self._stamp_ns = max(self._stamp_ns + 1, time.time_ns())
        os.utime(draft, ns=(self._stamp_ns, self._stamp_ns))
        draft.rename(path)
        return path

    def left_behind(self) -> list[Event]:
        """Return what a predecessor wrote to disk and did not see confirmed, oldest first."""
        if not self._spool_dir.is_dir():
            return []
        events = []
        paths = [path for path in self._spool_dir.iterdir() if path.suffix != ".draft"]
        for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name)):
            cls = REGISTRY.get(path.name.split("-")[0])
            if cls is None:
                raise ContractError(str(path), "spooled event of an unknown class")
            events.append(decode(cls, path.read_bytes(), str(path)))
        return events

    async def drain(self, timeout_s: float) -> int:
        """Wait until all is confirmed, at most so long; return how many are left."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_s)
        return len(self._tasks)
