"""Log lines on their way out of the process: what cannot be written, or not soon enough, is lost and counted."""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
import time
from collections import deque
from typing import IO

ENCODING = "utf-8"
WAITING_BYTES_MAX = 1024 * 1024
"""Lines that wait for who reads them; further ones are lost."""
END_WAIT_S = 1.0
"""What the end of the process gives its last lines."""


class Unfailing:
    """A text stream for a log, which neither ends nor holds up what it reports on.

    A thread of its own writes: a reader of our pipe that stands still, a stopped terminal or a disk that stalls make
    a write last for as long as they like. The descriptor is not made non-blocking, because others may share it.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._descriptor = _own_descriptor(stream)
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None
        self.lost = 0
        """Lines that were not written, since start."""
        if self._descriptor is not None:
            # A child of a fork has the lines, but not the thread that would write them; they are its parent's.
            os.register_at_fork(after_in_child=self._begin_anew)
            atexit.register(self.drain, END_WAIT_S)

    def write(self, text: str) -> int:
        """Take a line; never waits."""
        if self._descriptor is None:
            return self._write_here(text)
        line = text.encode(ENCODING, "backslashreplace")
        with self._changed:
            if self._bytes + len(line) > WAITING_BYTES_MAX:
                self.lost += 1
                return len(text)
            self._waiting.append(line)
            self._bytes += len(line)
            self._changed.notify_all()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_on, name="log", daemon=True)
                self._writer.start()
        return len(text)

    def flush(self) -> None:
        """Nothing to do: every line is on its way as soon as it was taken."""

    def isatty(self) -> bool:
        """Say whether a person reads it."""
        return self._stream.isatty()

    @property
    def encoding(self) -> str:
        return ENCODING

    def drain(self, within_s: float) -> bool:
        """Wait until everything taken so far is written or lost, and say whether it is."""
        until_s = time.monotonic() + within_s
        with self._changed:
            while self._waiting:
                left_s = until_s - time.monotonic()
                if left_s <= 0:
                    return False
                self._changed.wait(left_s)
        return True

    def _write_on(self) -> None:
        assert self._descriptor is not None
        while True:
            with self._changed:
                while not self._waiting:
                    self._changed.wait()
                # It stays in line until it is written: who drains waits for it too.
                line = self._waiting[0]
            written = _write_all(self._descriptor, line)
            with self._changed:
                self.lost += not written
                self._waiting.popleft()
                self._bytes -= len(line)
                self._changed.notify_all()

    def _write_here(self, text: str) -> int:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # a stream that is closed
            self.lost += 1
        return len(text)

    def _begin_anew(self) -> None:
        self._waiting.clear()
        self._bytes, self._writer = 0, None
        self._changed = threading.Condition()


def _own_descriptor(stream: IO[str]) -> int | None:
    """Return a descriptor of our own for what a stream writes to; None for a stream that has none.

    Of our own, so that nobody's close gives its number to another file, into which log lines would then go.
    """
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
    try:
        return os.dup(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return None


def _write_all(descriptor: int, line: bytes) -> bool:
    """Write a whole line, and say whether that went well: a full disk, a reader that is gone."""
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    except OSError:
        return False
    return True
