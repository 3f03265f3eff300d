"""Something done again and again at a period, without making up for a late turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


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
