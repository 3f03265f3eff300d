"""Guessing passwords is slow, and a right one is never shut out for longer than a few seconds.

Wrong passwords are counted by user and address together. After a few of them only one attempt is let in per pause, and
the pause grows to a bound of seconds. Nothing is counted by address alone or by user alone: somebody who tries names
at random would lock out everybody at his address, and strangers would lock out a user everywhere.
"""

from __future__ import annotations

import hashlib

from gateway.auth.store import TokenStore

WINDOW_S = 300
"""Wrong passwords are forgotten after that."""
FREE_FAILURES = 3
"""Wrong passwords that cost nothing."""
PAUSE_MAX_S = 4
LOGINS_PER_USER_MAX = 600
"""Right passwords alone, in a window: two a second, for scripts that log in for every call."""


class Throttle:
    """Counts of wrong passwords, and the pauses they cost, shared by all replicas."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    async def pause_s(self, user_id: str, address: str) -> int:
        """Count one attempt before its password is looked at; return how long to wait instead, 0 when it is let in.

        Counted before, not after, so that a thousand attempts at once are not all let in.
        """
        both = _key("login", user_id, address)
        failures = await self._store.count(both, WINDOW_S) - 1
        if failures < FREE_FAILURES:
            return 0
        pause_s = min(PAUSE_MAX_S, 1 << min(failures - FREE_FAILURES, PAUSE_MAX_S))
        if await self._store.claim(_key("pause", user_id, address), pause_s):
            return 0
        # One that was not looked at makes the pause no longer.
        await self._store.count(both, WINDOW_S, -1)
        return pause_s

    async def succeeded(self, user_id: str, address: str) -> bool:
        """Forget the wrong passwords, as this one was right; False when there were too many right ones lately."""
        await self._store.delete(_key("login", user_id, address), _key("pause", user_id, address))
        return await self._store.count(_key("logins", user_id), WINDOW_S) <= LOGINS_PER_USER_MAX


def _key(kind: str, *parts: str) -> str:
    # Names are hashed: what people type into a login form may be anything, sometimes their password.
    return f"attempts:{kind}:{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"
