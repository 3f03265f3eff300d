"""Is this message what its one publisher said, here and now? Decided on the bytes, before anything is decoded."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from common.bus.messages import Message
from common.events import Event
from common.signing.public import KeyList, PublicKey
from common.signing.roles import entitled
from common.signing.statement import HEADER, Signature, parse_header, statement
from common.streams import stream_of

MESSAGE_ID = "Nats-Msg-Id"


class Fault(StrEnum):
    """What kind of doubt a message is in."""

    UNSIGNED = "unsigned"
    """No signature, or none of a form we know."""
    NOT_ENTITLED = "not_entitled"
    """Claimed for a role that may not say this: nobody's money depends on it."""
    UNPROVEN = "unproven"
    """Claimed for the right role, but the key is unknown, out of its range or revoked, or the bytes are not those."""
    OUTDATED = "outdated"
    """Genuine, and stored again: not newer than what was obeyed."""

    @property
    def forged(self) -> bool:
        """Say whether its owner never said it, so that trading need not stop for it."""
        return self in (Fault.UNSIGNED, Fault.NOT_ENTITLED)


class Refusal(NamedTuple):
    """Why a message is not obeyed."""

    fault: Fault
    reason: str


class Verifier:
    """Checks signatures against one list of public keys."""

    def __init__(self, keys: KeyList) -> None:
        self.keys = keys
        self._known = {key.key_id: (key, VerifyKey(bytes.fromhex(key.public_key))) for key in keys.keys}
        self._sealed = {seal.stream: keys.sealed(seal.stream) for seal in keys.seals}

    def check(self, message: Message, event: type[Event]) -> Signature | Refusal | None:
        """Return the proven signature; None for a message that needs none, being older than its stream's seal."""
        stream = stream_of(message.subject).name
        text = message.headers.get(HEADER)
        if text is None:
            if 0 < message.sequence <= self._sealed.get(stream, 0):
                return None
            return Refusal(Fault.UNSIGNED, "no signature")
        signature = parse_header(text)
        if signature is None:
            return Refusal(Fault.UNSIGNED, f"no signature of a known form: {text[:80]!r}")
        if not entitled(signature.role, event):
            return Refusal(Fault.NOT_ENTITLED, f"{signature.role} may not sign a {event.__name__}")
        found = self._known.get(signature.key_id)
        if found is None or found[0].role != signature.role:
            return Refusal(Fault.UNPROVEN, f"{signature.key_id} is no known key of {signature.role}")
        key, public = found
        fault = _out_of_range(key, stream, message.sequence)
        if fault:
            return Refusal(Fault.UNPROVEN, fault)
        said = statement(
            self.keys.platform_id,
            message.subject,
            event.__name__,
            message.headers.get(MESSAGE_ID, ""),
            signature.role,
            signature.key_id,
            signature.order,
            message.data,
        )
        try:
            public.verify(said, signature.raw())
        except BadSignatureError:
            return Refusal(Fault.UNPROVEN, f"not what {signature.key_id} signed for {message.subject}")
        return signature


def _out_of_range(key: PublicKey, stream: str, sequence: int) -> str:
    """Return why a key says nothing at a sequence; 0 is a message that has just arrived, beyond all that is stored."""
    revoked_from = key.revoked_from.get(stream, 0)
    if key.revoked_from and (sequence == 0 or sequence >= revoked_from):
        return f"{key.key_id} is revoked from {stream} sequence {revoked_from} on"
    until = key.valid_until.get(stream)
    if until is not None and (sequence == 0 or sequence > until):
        return f"{key.key_id} held until {stream} sequence {until}"
    if 0 < sequence <= key.valid_from.get(stream, 0):
        return f"{key.key_id} holds after {stream} sequence {key.valid_from[stream]}"
    return ""
