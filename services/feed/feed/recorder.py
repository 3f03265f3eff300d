"""Raw frames as they came, kept on disk: lines of our receive time in ns, a space, the frame, gzipped.

The files have the form that replays read. Writing happens in a thread of its own behind a bounded queue, so that a
slow disk costs recorded frames, never fresh prices.
"""

from __future__ import annotations

import gzip
import queue
import re
import threading
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from common.clock import NS_PER_S
from common.core import Effects, HttpResponse, Receipt, Sample

from feed.connections.rest_requests import About
from feed.service import Feed
from feed.venue import VenueFeed

QUEUE_FRAMES_MAX = 50_000
FILE_BYTES_MAX = 512 * 1024 * 1024
"""Raw bytes after which a new file is begun."""
FLUSH_NS = 5 * NS_PER_S
"""A killed process loses at most this much of a recording."""
JOIN_S = 5.0


class RawFrame(NamedTuple):
    """One frame on its way to a file."""

    name: str
    received_ns: int
    frame: bytes


class Recorder:
    """Write frames to one file per name, up to a total size."""

    def __init__(self, directory: Path, bytes_max: int) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory, self._bytes_max = directory, bytes_max
        self.written_bytes = self.dropped = 0
        self._lines: queue.Queue[RawFrame | None] = queue.Queue(QUEUE_FRAMES_MAX)
        self._files: dict[str, tuple[gzip.GzipFile, int]] = {}
        """Open files and the raw bytes in them, by name."""
        self._flushed_ns = 0
        self._thread = threading.Thread(target=self._write_all, name="recorder", daemon=True)
        self._thread.start()

    def put(self, name: str, received_ns: int, frame: bytes) -> None:
        """Hand a frame over; it is dropped and counted when the disk cannot keep up or the total is reached."""
        try:
            self._lines.put_nowait(RawFrame(name, received_ns, frame))
        except queue.Full:
            self.dropped += 1

    def close(self) -> None:
        """Write what is waiting and close the files."""
        self._lines.put(None)
        self._thread.join(JOIN_S)

    def _write_all(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(line)
            except OSError:
                self.dropped += 1
        for file, _ in self._files.values():
            file.close()

    def _write(self, line: RawFrame) -> None:
        # A frame with line breaks in its JSON would not be one line.
        text = b"%d %b\n" % (line.received_ns, line.frame.replace(b"\r", b" ").replace(b"\n", b" "))
        if self.written_bytes + len(text) > self._bytes_max:
            self.dropped += 1
            return
        file, size = self._files.get(line.name) or (self._begin(line), 0)
        file.write(text)
        self.written_bytes += len(text)
        self._files[line.name] = (file, size + len(text))
        if size + len(text) > FILE_BYTES_MAX:
            self._files.pop(line.name)[0].close()
        if line.received_ns - self._flushed_ns > FLUSH_NS:
            self._flushed_ns = line.received_ns
            for opened, _ in self._files.values():
                opened.flush()

    def _begin(self, line: RawFrame) -> gzip.GzipFile:
        second, nanoseconds = divmod(line.received_ns, NS_PER_S)
        stamp = f"{datetime.fromtimestamp(second, UTC):%Y%m%dT%H%M%S}{nanoseconds // 1_000_000:03d}"
        safe = re.sub(r"[^A-Za-z0-9_-]", "-", line.name)[:100]
        return gzip.GzipFile(self._directory / f"{safe}_{stamp}.jsonl.gz", "ab", compresslevel=5)


class RecordedFeed(Feed):
    """The feed, with everything it hears written down."""

    def __init__(self, venues: Sequence[VenueFeed], recorder: Recorder) -> None:
        super().__init__(venues)
        self._recorder = recorder

    def on_frame(self, feed: VenueFeed, wire: str, frame: bytes, receipt: Receipt) -> Effects:
        self._recorder.put(f"{feed.venue}-{feed.adapter.recording_key(frame)}", receipt.now_ns, frame)
        return super().on_frame(feed, wire, frame, receipt)

    def on_answer(self, feed: VenueFeed, answer: HttpResponse, receipt: Receipt) -> Effects:
        question = feed.upkeep.asks.question(answer.request_id)
        if question is not None and question.about is About.SNAPSHOT and answer.status == 200:
            self._recorder.put(f"{feed.venue}-{question.symbol.lower()}", receipt.now_ns, answer.body)
        return super().on_answer(feed, answer, receipt)

    def stop(self, receipt: Receipt) -> Effects:
        self._recorder.close()
        return super().stop(receipt)

    def state(self, now_ns: int) -> dict[str, Any]:
        recording = {"written_bytes": self._recorder.written_bytes, "dropped": self._recorder.dropped}
        return {**super().state(now_ns), "recording": recording}

    def samples(self) -> Iterable[Sample]:
        yield from super().samples()
        recorder = self._recorder
        yield Sample("mm_feed_recorded_bytes", "counter", "Raw bytes recorded", {}, recorder.written_bytes)
        yield Sample("mm_feed_record_dropped", "counter", "Frames not recorded", {}, recorder.dropped)
