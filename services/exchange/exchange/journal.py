"""The venue's memory on disk: a snapshot, then one checked line per input, written before its frames leave.

One file holds both. A new snapshot is written beside it, gets what was appended meanwhile, and takes its place in one
step: a crash leaves either the old file or the new one, and both hold everything.
"""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from common.errors import MarketMakerError

TAIL_BYTES_MAX: Final = 64 << 20  # so much after a snapshot: then the next one; a start reads it in about two seconds
WAITING_BYTES_MAX: Final = 64 << 20  # so much that a full disk does not take: then the venue ends
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


class JournalFull(MarketMakerError):
    """The disk has taken nothing for so long that what waits for it has reached its bound."""


class Journal:
    """An append-only file; what a killed process had written is found again, a torn last line is cut off.

    What a full disk does not take waits in memory; `fault` says so until it is written, and nothing that cannot be
    taken back may happen meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self._fd: int | None = None
        self._dirty = False
        self._good_bytes = 0
        """Where the last whole write ended."""
        self._snapshot_bytes = 0
        self._waiting = bytearray()
        self._since: list[bytes] | None = None
        """What was appended since the snapshot that is being written; None while none is."""

    @property
    def tail_bytes(self) -> int:
        """Bytes appended since the last snapshot."""
        return self._good_bytes - self._snapshot_bytes

    @property
    def unsynced(self) -> bool:
        """Whether a power cut would take something that was appended."""
        return self._dirty

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
        """Replace the file by a snapshot, and go on appending to it; without room for one, to the file as it is."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.begin_snapshot()
        try:
            self.write_snapshot(lines)
            self.end_snapshot()
        except OSError as error:
            self._since = None
            if not self.path.exists():
                raise
            self._open()
            self._note(error)

    def begin_snapshot(self) -> None:
        """From here on what is appended belongs to the coming snapshot too."""
        self._since = []

    def write_snapshot(self, lines: Iterable[bytes]) -> None:
        """Write the state as it was at `begin_snapshot`, on the disk for good; may be called from a thread."""
        with self._fresh.open("wb") as out:
            for data in lines:
                out.write(encode_line(data))
            out.flush()
            os.fsync(out.fileno())

    def end_snapshot(self) -> None:
        """Add what came meanwhile and let the snapshot take the file's place."""
        assert self._since is not None
        since, self._since = self._since, None
        snapshot_bytes = self._fresh.stat().st_size
        if since:
            with self._fresh.open("ab") as out:
                out.write(b"".join(since))
                out.flush()
                os.fsync(out.fileno())
        self._fresh.replace(self.path)
        self._sync_folder()
        # What waited is part of the snapshot or came since.
        self._waiting.clear()
        self.fault = ""
        if self._fd is not None:
            os.close(self._fd)
        self._open()
        self._snapshot_bytes = snapshot_bytes

    def give_up_snapshot(self, error: OSError) -> None:
        """Go on with the file as it is: the disk has no room for a new one."""
        self._since = None
        self._fresh.unlink(missing_ok=True)
        self._note(error)

    def append(self, lines: list[bytes], *, durable: bool) -> None:
        """Hand lines to the operating system, which keeps them when this process is killed; `durable` also syncs."""
        data = b"".join(encode_line(line) for line in lines)
        if self._since is not None:
            self._since.append(data)
        self._waiting += data
        if len(self._waiting) > WAITING_BYTES_MAX:
            raise JournalFull(f"{self.path}: {self.fault}")
        self.write_waiting()
        if durable and not self.fault:
            self.sync()

    def write_waiting(self) -> None:
        """Write what waits; what the disk does not take whole is cut off again and goes on waiting."""
        assert self._fd is not None
        if not self._waiting and not self.fault:
            return
        try:
            data = memoryview(bytes(self._waiting))
            while data:
                data = data[os.write(self._fd, data) :]
        except OSError as error:
            os.ftruncate(self._fd, self._good_bytes)
            self._note(error)
            return
        self._good_bytes += len(self._waiting)
        self._waiting.clear()
        self._dirty, self.fault = True, ""

    def sync(self) -> None:
        """Make everything appended so far survive a power cut; called from a thread every SYNC_INTERVAL_S."""
        if self._dirty and self._fd is not None:
            self._dirty = False
            try:
                os.fsync(self._fd)
            except OSError as error:
                self._dirty = True
                self._note(error)

    def close(self) -> None:
        if self._fd is not None:
            self.sync()
            os.close(self._fd)
            self._fd = None

    @property
    def _fresh(self) -> Path:
        return self.path.with_suffix(".fresh")

    def _open(self) -> None:
        self._fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        self._good_bytes = self.path.stat().st_size
        self._snapshot_bytes = 0

    def _note(self, error: OSError) -> None:
        self.fault = error.strerror or errno.errorcode.get(error.errno or 0, "cannot be written")

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
