"""When unreadable frames are too many for their connection to be of use."""

from __future__ import annotations

from common.clock import NS_PER_S

UNREADABLE_MAX = 50
WINDOW_NS = 10 * NS_PER_S


class Flood:
    """More than UNREADABLE_MAX unreadable frames within the window, and more of them than of readable ones.

    A venue that begins to send one new kind of frame wrongly, however often, does not cost the rest of what it sends.
    """

    def __init__(self) -> None:
        self._unreadable: list[tuple[int, int]] = []
        """Of those within the window: when, and the how manieth frame it was."""

    def on_unreadable(self, frames: int, now_ns: int) -> bool:
        """Take note of an unreadable frame, the last of `frames` received so far; True when it is one too many."""
        self._unreadable = [each for each in self._unreadable if now_ns - each[0] < WINDOW_NS]
        self._unreadable.append((now_ns, frames))
        readable = frames - self._unreadable[0][1] + 1 - len(self._unreadable)
        if len(self._unreadable) <= max(UNREADABLE_MAX, readable):
            return False
        self._unreadable = []
        return True
