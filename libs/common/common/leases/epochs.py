"""The highest lease epochs a process has had, on its own disk: they never go back, whatever becomes of LEASE.

An order id begins with its epoch, and recovery cancels what is older than its own: an epoch that began again at 1 would
leave orders of before alone.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from common.machine.disk import write_durably


class LastEpochs:
    """The epochs of one process's leases."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._epochs: dict[str, int] = {}
        # Without it LEASE alone says where to go on, as it does for a new process.
        with contextlib.suppress(OSError, msgspec.DecodeError):
            self._epochs = msgspec.json.decode(file.read_bytes(), type=dict[str, int])

    def of(self, role: str, key: str) -> int:
        """Return the highest epoch known of a lease, 0 for none."""
        return self._epochs.get(f"{role}/{key}", 0)

    def note(self, role: str, key: str, epoch: int) -> None:
        self._epochs[f"{role}/{key}"] = max(epoch, self.of(role, key))

    def save(self) -> None:
        """Have it on disk; a disk that takes nothing keeps no service from working."""
        with contextlib.suppress(OSError):
            write_durably(self._file, msgspec.json.encode(self._epochs))
