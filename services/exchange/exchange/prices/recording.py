"""Recordings on disk: gzipped lines of a receive time and a raw message, several files read as one.

A recording that was cut off, as by a recorder that was killed, ends where it was cut: what came before is whole. One
that is damaged within is refused, because nobody knows what the damage has made of the lines around it.
"""

from __future__ import annotations

import gzip
import heapq
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog

from exchange.prices.replay import RawFrame, UnusableRecording

LINE_BYTES_MAX: Final = 4_000_000
STAMP_DIGITS_MAX: Final = 19

log = structlog.get_logger("exchange")


def read_recordings(paths: Sequence[Path]) -> Iterator[RawFrame]:
    """The lines of all files in order of their receive time; within a file the order is kept."""
    return heapq.merge(*(_read(path) for path in paths), key=lambda line: line[0])


def _read(path: Path) -> Iterator[RawFrame]:
    opener = gzip.open if path.suffix == ".gz" else open
    last_ns = number = 0
    with opener(path, "rb") as lines:
        while line := _next_line(lines, path, number):
            number += 1
            stamp, _, raw = line.partition(b" ")
            if not line.endswith(b"\n") and not _whole(raw):
                log.warning("recording was cut off", path=str(path), line=number)
                return
            if not stamp.isdigit() or len(stamp) > STAMP_DIGITS_MAX or len(line) > LINE_BYTES_MAX:
                raise UnusableRecording(f"{path} line {number}: must be a time in ns, a space and a message")
            # A receive clock that was set back must not tear the order of a file apart.
            last_ns = max(last_ns, int(stamp))
            yield last_ns, raw


def _next_line(lines: gzip.GzipFile | io.BufferedReader, path: Path, number: int) -> bytes:
    """Return the next line; empty at the end, which a file that was cut off has where it was cut."""
    try:
        return lines.readline(LINE_BYTES_MAX + 1)
    except EOFError:
        log.warning("recording was cut off", path=str(path), lines=number)
        return b""
    except (gzip.BadGzipFile, zlib.error) as error:
        raise UnusableRecording(f"{path}: damaged after line {number}: {error}") from None
    except OSError as error:
        raise UnusableRecording(f"{path}: cannot be read after line {number}: {error.strerror or error}") from None


def _whole(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
