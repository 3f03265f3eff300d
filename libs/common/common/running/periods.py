"""Something done again and again at a period, without making up for a late turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def at_period(period_s: float, work: Callable[[], Awaitable[None]]) -> None:
    """Do some work every so many seconds, first after one period, until cancelled; a late turn is not made up for."""
    loop = asyncio.get_running_loop()
    due = loop.time() + period_s
    while True:
        await asyncio.sleep(max(0.0, due - loop.time()))
        await work()
        due += period_s
        if due < loop.time():
            due = loop.time() + period_s
