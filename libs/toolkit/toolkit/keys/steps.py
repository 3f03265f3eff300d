"""What a person does to a platform's keys: rotate one, revoke one, seal what streams held before there were any."""

from __future__ import annotations

import hashlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, Protocol

from common.bus.messages import StoredMessage
from common.events import REGISTRY
from common.signing import Seal
from common.streams import STREAMS, stream_of

from toolkit.keys.keyring import Keyring, role_of

SWITCH_S_MAX = 30.0
"""How long a running service may take to read a changed file."""
POLL_S = 0.2
SEALED = sorted({stream_of(cls.subject).name for cls in REGISTRY.values() if cls.signed and cls.acked})
"""Streams whose messages outlive the start of signing; the others hold values that are renewed at once."""


class KeyUse(NamedTuple):
    """What a running service works with."""

    key_id: str
    serial: int
    """Of the list of public keys it believes."""
    signed_before: int = 0
    """Messages on their way to the broker that it has sent with a key of before."""


class Running(Protocol):
    """The platform whose keys are changed."""

    def ends(self) -> Mapping[str, int]:
        """Return the newest sequence of every stream."""
        ...

    def uses(self, service: str) -> KeyUse | None:
        """Return what a service works with now; None when it does not run."""
        ...


class KeyChangeError(Exception):
    """A change could not be carried through; the message says what holds now."""


def rotate(keyring: Keyring, service: str, running: Running, sleep: Callable[[float], None] = time.sleep) -> str:
    """Give a service another key while it works and return the new key's id.

    In this order, so that no message is ever signed by a key its readers do not know: everybody reads the new public
    key, the service takes up the private one, the broker answers for what the old one has signed, which ends with that.
    """
    if service not in keyring.places.signing_keys:
        raise KeyChangeError(f"{service}: signs nothing; there are {', '.join(sorted(keyring.places.signing_keys))}")
    old = keyring.key_of(service)
    new = keyring.list_new(role_of(service), service, running.ends())
    serial = keyring.read().serial
    for reader in sorted(keyring.places.signing_keys):
        _until(
            lambda use: use is None or use.serial >= serial,
            running,
            reader,
            f"does not read the new list of public keys; {service} goes on with {old.key_id}",
            sleep,
        )
    keyring.place(new, keyring.places.signing_keys[service])
    _until(
        lambda use: use is None or use.key_id == new.key_id,
        running,
        service,
        f"does not switch to {new.key_id}; {old.key_id} still holds",
        sleep,
    )
    _until(
        lambda use: use is None or not use.signed_before,
        running,
        service,
        f"signs with {new.key_id}, and the broker has not answered for what {old.key_id} signed: it still holds",
        sleep,
    )
    keyring.end(old.key_id, running.ends())
    return new.key_id


def _until(
    wanted: Callable[[KeyUse | None], bool],
    running: Running,
    service: str,
    otherwise: str,
    sleep: Callable[[float], None],
) -> None:
    for _ in range(round(SWITCH_S_MAX / POLL_S)):
        if wanted(running.uses(service)):
            return
        sleep(POLL_S)
    raise KeyChangeError(f"{service} {otherwise}")


def revoke(keyring: Keyring, key_id: str, first: Mapping[str, int], ends: Mapping[str, int]) -> dict[str, int]:
    """Believe a key no longer: from the sequences given on, and in every other stream for nothing new.

    Return the first sequence per stream at which it is no longer believed.
    """
    unknown = sorted(set(first) - {stream.name for stream in STREAMS})
    if unknown:
        raise KeyChangeError(f"{unknown[0]}: no stream has this name; there are {', '.join(sorted(ends))}")
    revoked_from = {stream: end + 1 for stream, end in ends.items()} | dict(first)
    try:
        keyring.revoke(key_id, revoked_from)
    except KeyError:
        raise KeyChangeError(f"{key_id}: no key has this id (./mm keys list)") from None
    return revoked_from


async def seal_of(stream: str, messages: AsyncIterator[StoredMessage], who: str, reason: str) -> Seal | None:
    """Return the seal of a stream as it is now, None for an empty one."""
    digest, last = hashlib.sha256(), 0
    async for message in messages:
        last = message.sequence
        for part in (str(message.sequence).encode(), message.subject.encode(), message.data):
            digest.update(len(part).to_bytes(8, "big") + part)
    if not last:
        return None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Seal(stream=stream, last_sequence=last, sha256=digest.hexdigest(), who=who, reason=reason, sealed_at=now)


def parse_from(texts: Iterable[str]) -> dict[str, int]:
    """Return the sequences in STREAM=SEQ options; KeyChangeError names the one that is none."""
    found = {}
    for text in texts:
        stream, _, sequence = text.partition("=")
        if not sequence.isdigit() or int(sequence) < 1:
            raise KeyChangeError(f"--from {text}: must read STREAM=SEQUENCE, such as FILL=1200")
        found[stream.upper()] = int(sequence)
    return found
