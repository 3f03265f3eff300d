"""From bytes to an event that may be obeyed: verified, decoded, said by a role that may say it, and in its turn."""

from __future__ import annotations

from common.bus.messages import Message
from common.events import Event, received
from common.signing.obeyed import Obeyed
from common.signing.roles import fault_in
from common.signing.statement import Signature
from common.signing.verify import Fault, Refusal, Verifier


def read(verifier: Verifier, cls: type[Event], message: Message) -> tuple[Event | Refusal, Signature | None]:
    """Return the event, or why it is not its owner's, and its proven signature; None for one that needs none.

    ContractError when genuine bytes do not decode.
    """
    if not cls.signed:
        return received(cls, message.data, message.subject), None
    signature = verifier.check(message, cls)
    if isinstance(signature, Refusal):
        return signature, None
    event = received(cls, message.data, message.subject)
    if signature is None:
        return event, None
    fault = fault_in(signature.role, event, chained=signature.order.chained)
    return (Refusal(Fault.NOT_ENTITLED, fault) if fault else event), signature


def late(obeyed: Obeyed, cls: type[Event], message: Message, signature: Signature | None) -> Refusal | None:
    """Return why a genuine message is not newer than what was obeyed under its subject."""
    if not cls.in_turn or signature is None:
        return None
    reason = obeyed.admits(message.subject, signature)
    return Refusal(Fault.OUTDATED, reason) if reason else None


def take(verifier: Verifier, obeyed: Obeyed, cls: type[Event], message: Message) -> Event | Refusal:
    """Return what to obey of a message that comes behind those obeyed so far, and remember it."""
    event, signature = read(verifier, cls, message)
    refusal = event if isinstance(event, Refusal) else late(obeyed, cls, message, signature)
    if refusal is not None:
        return refusal
    if cls.in_turn and signature is not None:
        obeyed.note(message.subject, signature, message.sequence)
    return event
