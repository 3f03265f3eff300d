"""How often one user may ask: a bucket that fills at a steady rate and empties by one with each request."""

from __future__ import annotations

from common.clock import NS_PER_S

REQUESTS_PER_S = 50
REQUESTS_BURST = 200
USERS_MAX = 2_000
"""Buckets remembered; the one used longest ago goes."""


class Rates:
    """One bucket per user, in this replica."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, int]] = {}

    def admits(self, user_id: str, now_ns: int) -> bool:
        """Take one request out of a user's bucket; False when it is empty."""
        level, filled_ns = self._buckets.pop(user_id, (float(REQUESTS_BURST), now_ns))
        level = min(float(REQUESTS_BURST), level + (now_ns - filled_ns) / NS_PER_S * REQUESTS_PER_S)
        admitted = level >= 1.0
        self._buckets[user_id] = (level - 1.0 if admitted else level, now_ns)
        if len(self._buckets) > USERS_MAX:
            del self._buckets[next(iter(self._buckets))]
        return admitted
