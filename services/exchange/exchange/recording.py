"""Recordings on disk: gzipped lines of a receive time and a raw message, several files read as one."""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from exchange.replay import Line, UnusableRecording

LINE_BYTES_MAX: Final = 4_000_000


def read_recordings(paths: Sequence[Path]) -> Iterator[Line]:
    """The lines of all files in order of their receive time; within a file the order is kept."""
    return heapq.merge(*(_read(path) for path in paths), key=lambda line: line[0])


def _read(path: Path) -> Iterator[Line]:
    opener = gzip.open if path.suffix == ".gz" else open
    last_ns = 0
    with opener(path, "rb") as lines:
        for number, line in enumerate(lines, 1):
            stamp, _, raw = line.partition(b" ")
            if not stamp.isdigit() or len(line) > LINE_BYTES_MAX:
                raise UnusableRecording(f"{path} line {number}: must be a time in ns, a space and a message")
            # A receive clock that was set back must not tear the order of a file apart.
            last_ns = max(last_ns, int(stamp))
            yield last_ns, raw
