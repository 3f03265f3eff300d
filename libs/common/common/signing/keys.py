"""The private half: a key that only its one process has, and the signing done with it."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

from nacl.signing import SigningKey

from common.signing.roles import ROLES
from common.signing.statement import Order, Signature, statement

_FILE = re.compile(rf"mm-signing-key 1 ({'|'.join(ROLES)}) ([a-z0-9-]{{1,64}}) ([0-9a-f]{{64}})\n?")


class PrivateKey(NamedTuple):
    """A key that signs for a role."""

    role: str
    key_id: str
    signing: SigningKey

    @property
    def public(self) -> str:
        """Return the public half, 64 hex digits."""
        return self.signing.verify_key.encode().hex()

    def text(self) -> str:
        """Return the content of its file."""
        return f"mm-signing-key 1 {self.role} {self.key_id} {self.signing.encode().hex()}\n"

    def __repr__(self) -> str:
        return f"PrivateKey({self.key_id})"


def parse_private_key(text: str, role: str) -> PrivateKey:
    """Return the key in the text of a file; ValueError names the rule, never the content."""
    found = _FILE.fullmatch(text)
    if found is None:
        raise ValueError("holds no signing key of version 1")
    if found[1] != role:
        raise ValueError(f"holds a key of {found[1]}, this is {role}")
    return PrivateKey(found[1], found[2], SigningKey(bytes.fromhex(found[3])))


class Signer:
    """Signs what one process publishes, each message once, under numbers that grow strictly."""

    def __init__(self, key: PrivateKey, platform_id: str, epoch: int) -> None:
        assert epoch >= 1, "0 is the epoch of those that name their predecessor"
        self.key, self._platform_id, self._epoch = key, platform_id, epoch
        self._count = 0

    def sign(self, subject: str, event: str, message_id: str, data: bytes, after: int | None = None) -> Signature:
        """Return the signature of a message; `after` is the predecessor's sequence of a compare-and-set publish."""
        if after is None:
            self._count += 1
            order = Order(self._epoch, self._count)
        else:
            order = Order(0, after)
        role, key_id, signing = self.key
        said = statement(self._platform_id, subject, event, message_id, role, key_id, order, data)
        return Signature(role, key_id, order, base64.b64encode(signing.sign(said).signature).decode())
