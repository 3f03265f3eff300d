"""Creations that are sent again: the second answer is the first one's, and nothing is created twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from gateway.auth.store import TokenStore, TokensUnavailable

KEPT_S = 86_400
KEY_CHARS_MAX = 200


class Made(msgspec.Struct, frozen=True):
    """What was answered to a creation."""

    body: str
    revision: str
    """Its ETag."""


class _Kept(msgspec.Struct, frozen=True):
    sent: str
    answer: Made | None = None
    """None while the creation is under way, and where nobody knows whether it was made."""


class AnotherBody(Exception):
    """The key was used for a creation of something else."""


class OutcomeUnknown(Exception):
    """The creation of this key is under way, or its outcome is not known."""


class Repeat:
    """One creation under a key of the caller's."""

    def __init__(self, store: TokenStore, user_id: str, path: str, key: str, body: Mapping[str, Any]) -> None:
        self._store = store
        self._key = f"created:{_hash(json.dumps([user_id, path, key]))}"
        self._sent = _hash(json.dumps(body, sort_keys=True))

    async def begin(self) -> Made | None:
        """Return what the first creation was answered with; None where this is the first.

        AnotherBody and OutcomeUnknown say why it can be neither; TokensUnavailable while the store is away.
        """
        if await self._store.claim(f"{self._key}:begun", KEPT_S):
            await self._store.put({self._key: msgspec.json.encode(_Kept(self._sent))}, KEPT_S)
            return None
        (stored,) = await self._store.get(self._key)
        kept = msgspec.json.decode(stored, type=_Kept) if stored else None
        if kept is not None and kept.sent != self._sent:
            raise AnotherBody
        if kept is None or kept.answer is None:
            raise OutcomeUnknown
        return kept.answer

    async def made(self, answer: Made) -> None:
        """Keep the answer; where the store is away the creation has been made all the same."""
        with contextlib.suppress(TokensUnavailable):
            await self._store.put({self._key: msgspec.json.encode(_Kept(self._sent, answer))}, KEPT_S)

    async def refused(self) -> None:
        """Let the key be used again: nothing was created."""
        with contextlib.suppress(TokensUnavailable):
            await self._store.delete(f"{self._key}:begun", self._key)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
