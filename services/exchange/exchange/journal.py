"""The venue's memory on disk: one checked line per input, written before its frames leave, and its keys."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

JOURNAL_BYTES_MAX: Final = 1 << 30  # then the journal is written anew from the present state
SYNC_INTERVAL_S: Final = 0.05
_WRITE_CHUNK_LINES: Final = 1_000


class CorruptJournal(Exception):
    """A line in the middle of the journal is damaged; nobody but a person may decide what to do."""


def encode_line(data: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(data), data)


def decode_line(line: bytes) -> bytes | None:
    """The content of a whole, undamaged line, else None."""
    check, _, data = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or len(check) != 8:
        return None
    return data if b"%08x" % zlib.crc32(data) == check else None


class Journal:
    """An append-only file; what a killed process had written is found again, a torn last line is cut off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: int | None = None
        self._dirty = False
        self.bytes_written = 0

    def read(self) -> Iterator[bytes]:
        """The lines of earlier runs; cuts off a last one that was torn by a crash."""
        if not self.path.exists():
            return
        good_bytes = 0
        with self.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                data = decode_line(line)
                if data is None:
                    if lines.read(1):
                        raise CorruptJournal(f"{self.path} line {number} is damaged and not the last one")
                    break
                good_bytes += len(line)
                yield data
        os.truncate(self.path, good_bytes)

    def begin(self, lines: Iterable[bytes]) -> None:
        """Replace the file by one that holds these lines, safely, and go on appending to it."""
        fresh = self.path.with_suffix(".fresh")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as out:
            for data in lines:
                out.write(encode_line(data))
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self.path)
        self._sync_folder()
        if self._fd is not None:
            os.close(self._fd)
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self.bytes_written = self.path.stat().st_size

    def append(self, lines: list[bytes], *, durable: bool) -> None:
        """Hand lines to the operating system, which keeps them when this process is killed; `durable` also syncs."""
        assert self._fd is not None
        data = memoryview(b"".join(encode_line(line) for line in lines))
        self.bytes_written += len(data)
        while data:
            data = data[os.write(self._fd, data) :]
        self._dirty = True
        if durable:
            self.sync()

    def sync(self) -> None:
        """Make everything appended so far survive a power cut; called from a thread every SYNC_INTERVAL_S."""
        if self._dirty and self._fd is not None:
            self._dirty = False
            os.fsync(self._fd)

    def close(self) -> None:
        if self._fd is not None:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = None

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
