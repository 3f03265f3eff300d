"""The keys of a run: made from its seed, so that one seed gives one history; verified as everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from common.bus.messages import StoredMessage, message_of
from common.errors import ContractError
from common.events import Event, class_of, decode, encode
from common.signing import HEADER, Fault, KeyList, Obeyed, PrivateKey, PublicKey, Refusal, Signer, Verifier
from common.signing.judge import read, take
from common.signing.roles import ROLES
from common.signing.verify import MESSAGE_ID
from nacl.signing import SigningKey

PLATFORM_ID = "simulation"


@lru_cache(maxsize=1)
def keys_of_runs() -> tuple[dict[str, PrivateKey], Verifier]:
    """Return a key per role and what verifies them."""
    private = {role: PrivateKey(role, f"{role}-run", SigningKey(_seed(role))) for role in ROLES}
    public = [PublicKey(key_id=key.key_id, role=key.role, public_key=key.public) for key in private.values()]
    return private, Verifier(KeyList(platform_id=PLATFORM_ID, serial=1, keys=public))


def _seed(role: str) -> bytes:
    return hashlib.sha256(f"simulation/{role}".encode()).digest()


class Letter(NamedTuple):
    """An event as it is sent, and sent again: the same bytes under the same signature."""

    event: Event
    data: bytes
    headers: Mapping[str, str]
    after: int | None


class Hand:
    """What one process of a run signs with, and how it judges what it reads; its memory outlives its lives."""

    def __init__(self, role: str) -> None:
        private, self._verifier = keys_of_runs()
        self._key = private[role]
        self._obeyed = Obeyed()
        self._signer = Signer(self._key, PLATFORM_ID, 1)

    def begin_life(self, life: int) -> None:
        """Number what is signed from here on behind everything of earlier lives."""
        self._signer = Signer(self._key, PLATFORM_ID, life)

    def forget(self, anew: Iterable[str]) -> None:
        """Begin with another generation of the stores: sequences of streams may be given out again."""
        for stream in anew:
            self._obeyed.forget_stream(stream)
        self._obeyed.forget_sequences()

    def headers(self, event: Event, data: bytes, after: int | None = None) -> dict[str, str]:
        """Return what goes beside the bytes of an event."""
        headers = {MESSAGE_ID: event.message_id()} if event.acked else {}
        if event.signed:
            signature = self._signer.sign(
                event.address(), type(event).__name__, headers.get(MESSAGE_ID, ""), data, after
            )
            headers[HEADER] = signature.header()
        return headers

    def letter(self, event: Event, after: int | None = None) -> Letter:
        """Return an event as it is sent, under a condition or none."""
        data = encode(event)
        return Letter(event, data, self.headers(event, data, after), after)

    def read(self, cls: type[Event], stored: StoredMessage) -> Event | None:
        """Return the event in a message, None for one that a newer has overtaken; ContractError when it is forged."""
        if not cls.signed:
            return decode(cls, stored.data, stored.subject)
        found = take(self._verifier, self._obeyed, cls, message_of(stored))
        if isinstance(found, Refusal):
            if found.fault is Fault.OUTDATED:
                return None
            raise ContractError(stored.subject, f"{found.fault}: {found.reason}")
        return found

    def check(self, stored: StoredMessage) -> Refusal | None:
        """Judge a message of the ledger's history as risk's recovery asks."""
        cls = class_of(stored.subject)
        assert cls is not None
        found, _ = read(self._verifier, cls, message_of(stored))
        return found if isinstance(found, Refusal) else None
