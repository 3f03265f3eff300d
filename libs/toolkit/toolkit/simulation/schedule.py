"""Virtual time: one queue of things to do, ordered by time and then by the order they were planned in."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from common.clock import ManualClock


class Schedule:
    """A discrete-event queue on a manual clock."""

    def __init__(self, start_ns: int) -> None:
        self.clock = ManualClock(start_ns)
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._planned = 0
        self.done = 0

    @property
    def now_ns(self) -> int:
        return self.clock.now_ns()

    def at(self, time_ns: int, action: Callable[[], None]) -> None:
        """Plan an action; one for the past happens now, after what is already planned for now."""
        self._planned += 1
        heapq.heappush(self._queue, (max(time_ns, self.now_ns), self._planned, action))

    def after(self, delay_ns: int, action: Callable[[], None]) -> None:
        self.at(self.now_ns + delay_ns, action)

    def run_until(self, end_ns: int) -> None:
        """Do everything planned up to a time, including what gets planned on the way."""
        while self._queue and self._queue[0][0] <= end_ns:
            time_ns, _, action = heapq.heappop(self._queue)
            self.clock.advance_to(time_ns)
            self.done += 1
            action()
        self.clock.advance_to(end_ns)
