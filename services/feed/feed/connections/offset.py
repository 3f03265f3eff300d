"""How far a venue's clock is from ours, and how late its frames reach us."""

from __future__ import annotations

from collections import deque
from statistics import median

from common.clock import NS_PER_S

from feed.connections.steady import FUTURE_MAX_NS

BUCKETS_MAX = 30
"""Seconds of stream stamps looked at."""
BUCKETS_MIN = 3
"""Seconds of stream stamps needed before the stream alone says what the offset is."""
ANSWERS_MAX = 5
ANSWER_AGE_MAX_NS = 120 * NS_PER_S
ROUND_TRIP_MAX_NS = 2 * NS_PER_S
RECENT_BUCKETS = 3


class ClockOffset:
    """Estimate venue clock minus ours from stamps in frames and from asked times.

    A frame stamped s and received r gives s - r = offset - latency. Latency only ever takes away, so the greatest
    s - r of a second is the least delayed frame, and the median of those over half a minute is the estimate:
    one wild stamp or one slow second does not move it. An asked time is better, because its error is at most half
    the round trip: stamped t between asking a and answer b, offset = t - (a + b) / 2.
    Worked: s = 100.20, r = 100.00 and s = 100.10, r = 100.00 in one second give 0.20.
    """

    def __init__(self) -> None:
        self._buckets: deque[int] = deque(maxlen=BUCKETS_MAX)
        self._second = 0
        self._best: int | None = None
        self._stream: int | None = None
        self._answers: deque[tuple[int, int, int]] = deque(maxlen=ANSWERS_MAX)
        """(received_ns, offset_ns, round_trip_ns)"""

    def on_stamp(self, ts_event_ns: int, received_ns: int) -> None:
        """Take in the venue's stamp of a frame."""
        if ts_event_ns > received_ns + FUTURE_MAX_NS:
            return
        difference = ts_event_ns - received_ns
        second = received_ns // NS_PER_S
        if self._best is None or second != self._second:
            if self._best is not None:
                self._buckets.append(self._best)
                if len(self._buckets) >= BUCKETS_MIN:
                    self._stream = round(median(self._buckets))
            self._second, self._best = second, difference
        elif difference > self._best:
            self._best = difference

    def on_answer(self, venue_ns: int, asked_ns: int, received_ns: int) -> None:
        """Take in the venue's time asked over REST."""
        round_trip_ns = received_ns - asked_ns
        if 0 <= round_trip_ns <= ROUND_TRIP_MAX_NS:
            self._answers.append((received_ns, venue_ns - (asked_ns + received_ns) // 2, round_trip_ns))

    def forget_stream(self) -> None:
        """Drop what the frames of an ended connection said."""
        self._buckets.clear()
        self._best = self._stream = None

    def asked_ns(self, now_ns: int) -> int | None:
        """Return the offset by asked times of the last two minutes, from the quicker answers; None without any."""
        fresh = [(trip, offset) for at, offset, trip in self._answers if now_ns - at <= ANSWER_AGE_MAX_NS]
        if not fresh:
            return None
        quick_ns = 2 * min(fresh)[0]
        return round(median(offset for trip, offset in fresh if trip <= quick_ns))

    def estimate(self, now_ns: int) -> tuple[int, bool]:
        """Return the offset and whether it is known; an unknown one is 0."""
        asked = self.asked_ns(now_ns)
        if asked is not None:
            return asked, True
        if self._stream is not None:
            return self._stream, True
        return 0, False

    def astray_ns(self, now_ns: int) -> int:
        """Return by how much all of the last seconds' quickest frames trail the asked time, or are ahead of it.

        The former come late; the latter cannot be unless the venue's clock was moved. 0 while unknown.
        """
        asked = self.asked_ns(now_ns)
        if asked is None or len(self._buckets) < RECENT_BUCKETS:
            return 0
        recent = [self._buckets[-index] for index in range(1, RECENT_BUCKETS + 1)]
        return max(0, asked - max(recent), min(recent) - asked)
