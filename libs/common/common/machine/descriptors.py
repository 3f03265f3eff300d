"""File descriptors: as many as the system lets us have, and some kept back for what must be written."""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator

RESERVED = 4
"""A file, its folder, and two for whatever the system opens on the way."""


def raise_limit() -> int:
    """Let this process open as many files as the system allows it; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # what is refused leaves the lower bound in force
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Reserve:
    """Descriptors held back since the start, lent to a write that must not fail because none is left."""

    def __init__(self, count: int = RESERVED) -> None:
        self._count = count
        self._held: list[int] = []
        self._take_back()

    @contextlib.contextmanager
    def lent(self) -> Iterator[None]:
        """Give the descriptors free for the body, then hold them again as far as there are any."""
        for held in self._held:
            os.close(held)
        self._held.clear()
        try:
            yield
        finally:
            self._take_back()

    def close(self) -> None:
        for held in self._held:
            os.close(held)
        self._held.clear()

    def _take_back(self) -> None:
        with contextlib.suppress(OSError):
            while len(self._held) < self._count:
                self._held.append(os.open(os.devnull, os.O_RDONLY))
