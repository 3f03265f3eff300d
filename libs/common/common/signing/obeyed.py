"""What has been obeyed under each subject, so that a genuine message stored again is not obeyed a second time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from common.signing.statement import Order, Signature
from common.streams import stream_of

SUBJECTS_MAX = 2_000
"""Remembered; the ones that have not spoken for longest go first: markets that are over."""
KEYS_MAX = 16
"""Remembered per subject: replicas and their predecessors."""


class Last(msgspec.Struct):
    """The newest message obeyed under one subject, and the newest number of every key that spoke there."""

    order: tuple[int, int]
    sequence: int
    """0 when it was read without."""
    value: str
    """Its signature's last characters: enough to know it again."""
    counts: dict[str, tuple[int, int]]


VALUE_CHARS = 24


class Obeyed:
    """Per subject what was obeyed last; `admits` and then `note`."""

    def __init__(self, subjects: Mapping[str, Last] | None = None) -> None:
        self._subjects: dict[str, Last] = dict(subjects or {})
        self.changes = 0
        """Counts what was noted, for whoever writes it down."""

    def knows(self, subject: str) -> bool:
        return subject in self._subjects

    def is_last(self, subject: str, signature: Signature) -> bool:
        """Say whether this very message is what was obeyed last under its subject."""
        last = self._subjects.get(subject)
        return last is not None and last.value == _mark(signature)

    def admits(self, subject: str, signature: Signature) -> str:
        """Return why a genuine message is not newer than what was obeyed, '' when it is, or is that very one."""
        last = self._subjects.get(subject)
        order = signature.order
        if last is None or _mark(signature) == last.value:
            return ""
        if not order.chained:
            counted = last.counts.get(signature.key_id)
            if counted is not None and order <= counted:
                return f"number {_text(order)} of {signature.key_id} is not after {_text(Order(*counted))}"
            return ""
        if last.sequence:
            if order.number < last.sequence:
                return f"it follows sequence {order.number}, and sequence {last.sequence} has been obeyed"
        elif last.order[0] == 0 and order.number <= last.order[1]:
            return f"it follows sequence {order.number}, what was obeyed follows {last.order[1]}"
        return ""

    def note(self, subject: str, signature: Signature, sequence: int) -> None:
        """Remember a message that is obeyed now."""
        last = self._subjects.pop(subject, None)
        counts = last.counts if last is not None else {}
        if not signature.order.chained:
            counts.pop(signature.key_id, None)
            counts[signature.key_id] = (signature.order.epoch, signature.order.number)
            if len(counts) > KEYS_MAX:
                del counts[next(iter(counts))]
        value = _mark(signature)
        if last is not None and last.value == value:
            sequence = sequence or last.sequence
        self._subjects[subject] = Last((signature.order.epoch, signature.order.number), sequence, value, counts)
        if len(self._subjects) > SUBJECTS_MAX:
            del self._subjects[next(iter(self._subjects))]
        self.changes += 1

    def forget_stream(self, stream: str) -> None:
        """Forget all of a stream that began anew: its sequences are given out again."""
        for subject in [each for each in self._subjects if stream_of(each).name == stream]:
            del self._subjects[subject]
        self.changes += 1

    def forget_sequences(self) -> None:
        """Forget where in the streams things were obeyed: a person has resumed, they may give sequences out again.

        What a key counts goes on, whatever becomes of the streams.
        """
        for subject in [each for each, last in self._subjects.items() if last.order[0] == 0]:
            del self._subjects[subject]
        self.changes += 1

    def document(self) -> dict[str, Any]:
        """Return what to write down."""
        documents: dict[str, Any] = msgspec.to_builtins(self._subjects)
        return documents

    @classmethod
    def restored(cls, document: object) -> Obeyed:
        """Return what was written down; ValueError when it is something else."""
        return cls(msgspec.convert(document, dict[str, Last]))


def _mark(signature: Signature) -> str:
    return signature.value[:VALUE_CHARS]


def _text(order: Order) -> str:
    return f"{order.epoch}.{order.number}"
