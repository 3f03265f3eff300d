"""Guessing passwords is slow: failed logins are counted by user and address, all logins by user."""

from __future__ import annotations

import hashlib

from gateway.auth.store import TokenStore

WINDOW_S = 300
FAILURES_PER_USER_AND_ADDRESS_MAX = 5
FAILURES_PER_ADDRESS_MAX = 30
FAILURES_PER_USER_MAX = 100
"""From many addresses; high, so that a stranger cannot lock a trader out from one or two."""
LOGINS_PER_USER_MAX = 600
"""Right ones included: two a second, for scripts that log in for every call."""


class Throttle:
    """Counts of attempts in windows of `WINDOW_S`, shared by all replicas."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    async def admits(self, user_id: str, address: str) -> bool:
        """Count one attempt before its password is looked at; False when there were too many.

        Counted before, not after, so that a thousand attempts at once are not all admitted. The first count that is
        full ends it: one address that goes on trying cannot fill a user's count for everybody else.
        """
        counts = (
            (_both(user_id, address), FAILURES_PER_USER_AND_ADDRESS_MAX),
            (_one("address", address), FAILURES_PER_ADDRESS_MAX),
            (_one("user", user_id), FAILURES_PER_USER_MAX),
            (_one("logins", user_id), LOGINS_PER_USER_MAX),
        )
        for key, count_max in counts:
            if await self._store.count(key, WINDOW_S) > count_max:
                return False
        return True

    async def succeeded(self, user_id: str, address: str) -> None:
        """Take back what the attempt counted as a failure: the password was right."""
        await self._store.delete(_both(user_id, address))
        await self._store.count(_one("address", address), WINDOW_S, -1)
        await self._store.count(_one("user", user_id), WINDOW_S, -1)


def _both(user_id: str, address: str) -> str:
    return _one("login", f"{user_id}\0{address}")


def _one(kind: str, text: str) -> str:
    # Names are hashed: what people type into a login form may be anything, sometimes their password.
    return f"attempts:{kind}:{hashlib.sha256(text.encode()).hexdigest()[:32]}"
