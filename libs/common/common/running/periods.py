"""Work beside the core: once, or again and again at a period without making up for a late turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any


class Guard:
    """Runs work beside the core; a broken invariant or an unforeseen error in it ends the process.

    The next start is a recovery.
    """

    def __init__(self) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done with the first error there was."""

    def run(self, work: Coroutine[Any, Any, None], kept: set[asyncio.Task[None]]) -> asyncio.Task[None]:
        """Run work, kept in a set until it is done."""
        task = asyncio.create_task(work)
        kept.add(task)
        task.add_done_callback(kept.discard)
        task.add_done_callback(self._note_failure)
        return task

    def fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_exception(error)

    def _note_failure(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.fail(error)


async def at_period(period_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work once every period, first after one of them, until cancelled; a late turn is not made up for."""
    loop = asyncio.get_running_loop()
    due = loop.time() + period_s
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        await work()
        due = next_due(due, period_s, loop.time())


def next_due(due: float, period_s: float, now: float) -> float:
    """Return when a timer is due after a turn that was due at `due` and has ended now, all in seconds.

    One period after the turn before, so that lateness does not add up; one period from now when that has passed, so
    that turns are not made up for.
    """
    after = due + period_s
    return after if after >= now else now + period_s
