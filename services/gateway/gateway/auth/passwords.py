"""Passwords: hashed with argon2id, compared without telling whether the name or the password was wrong."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 128
"""Longer ones would only cost time."""
PASSWORD_RULE = f"must have {PASSWORD_CHARS_MIN} to {PASSWORD_CHARS_MAX} characters"
CHECKS_AT_ONCE_MAX = 2
"""Each check takes 64 MiB and a core for some 50 ms."""


class Passwords:
    """Hash and check, off the event loop and few at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        # The library's defaults are RFC 9106's second recommendation: argon2id, 3 passes, 64 MiB, 4 lanes.
        self._hasher = hasher or PasswordHasher()
        self._turns = asyncio.Semaphore(CHECKS_AT_ONCE_MAX)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """Return the argon2id hash to keep."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password_hash: str, password: str) -> bool:
        """Say whether the password is right; an empty hash costs the same time and is never right."""
        if len(password) > PASSWORD_CHARS_MAX:
            return False
        async with self._turns:
            return await asyncio.to_thread(self._verify, password_hash, password)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash or self._nobody, password) and bool(password_hash)
        except (VerificationError, InvalidHashError):
            return False


def generate_password() -> str:
    """Return a new password with 144 random bits."""
    return secrets.token_urlsafe(18)
