"""The public half: the list of keys and seals that every process holds, signed by the platform's root key."""

from __future__ import annotations

import re

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from common.errors import ContractError

_FIRST_LINE = re.compile(rb"mm-public-keys 1 ([0-9a-f]{128})")
_DOMAIN = b"market maker: public keys 1\x00"
LIST_BYTES_MAX = 1024 * 1024
KEYS_MAX = 1_000
WHERE = "public keys"


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A key others check signatures with, and for which messages of a stream it holds."""

    key_id: str
    role: str
    instance: str = ""
    """Which replica it was given to."""
    public_key: str
    """64 hex digits."""
    valid_from: dict[str, int] = {}
    """By stream: the last sequence there when the key was made; it signs what comes after."""
    valid_until: dict[str, int] = {}
    """By stream, once a successor has taken over: the last sequence it may have signed."""
    revoked_from: dict[str, int] = {}
    """By stream, once it is compromised: the first sequence it is no longer believed at; other streams wholly."""


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream held when signing began: up to here messages need no signature, never after."""

    stream: str
    last_sequence: int
    sha256: str
    """Over sequence, subject and bytes of every message held, in order."""
    who: str
    reason: str
    sealed_at: str
    """UTC, ISO 8601."""


class KeyList(msgspec.Struct, frozen=True, kw_only=True):
    """Every public key of a platform, old ones too: the ledger's first fill must verify forever."""

    platform_id: str
    serial: int
    """Grows with every change; a lower one than a process has seen is not believed."""
    keys: list[PublicKey]
    seals: list[Seal] = []

    def find(self, key_id: str) -> PublicKey | None:
        return next((key for key in self.keys if key.key_id == key_id), None)

    def sealed(self, stream: str) -> int:
        """Return the sequence up to which a stream needs no signatures; 0 for none."""
        return max((seal.last_sequence for seal in self.seals if seal.stream == stream), default=0)


def signed_list(keys: KeyList, root: SigningKey) -> bytes:
    """Return the content of the list's file: the root key's signature over the bytes that follow it."""
    document = msgspec.json.format(msgspec.json.encode(keys), indent=1) + b"\n"
    signature = root.sign(_DOMAIN + document).signature
    return b"mm-public-keys 1 " + signature.hex().encode() + b"\n" + document


def read_key_list(data: bytes, root: VerifyKey, platform_id: str) -> KeyList:
    """Return the list in a file's bytes; ContractError says why it is not this platform's."""
    first, _, document = data.partition(b"\n")
    found = _FIRST_LINE.fullmatch(first)
    if found is None or len(data) > LIST_BYTES_MAX:
        raise ContractError(WHERE, f"not a signed list of version 1 of at most {LIST_BYTES_MAX} bytes")
    try:
        root.verify(_DOMAIN + document, bytes.fromhex(found[1].decode()))
    except BadSignatureError:
        raise ContractError(WHERE, "not signed by this platform's root key") from None
    try:
        keys = msgspec.json.decode(document, type=KeyList)
    except msgspec.DecodeError as error:
        raise ContractError(WHERE, str(error)) from None
    if keys.platform_id != platform_id:
        raise ContractError(WHERE, f"belongs to platform {keys.platform_id!r}, this is {platform_id!r}")
    if len(keys.keys) > KEYS_MAX or len({key.key_id for key in keys.keys}) != len(keys.keys):
        raise ContractError(WHERE, f"keys: at most {KEYS_MAX}, each id once")
    return keys
