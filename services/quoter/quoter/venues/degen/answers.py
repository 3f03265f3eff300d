"""Frames of ours at the Degen Terminal and what their answers say: each has exactly one, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from quoter.venues.base import CancelRejected, NotFound, OrderRejected, OrderReport, Output, Unknown
from quoter.venues.degen.frames import ItemResult, WireError


@dataclass(slots=True)
class Waiting:
    """A frame of ours that has no answer yet."""

    op: str
    sent_ns: int
    cancels: Sequence[int] = ()
    places: Sequence[int] = ()


class Unanswered:
    """The frames that wait for their answer, oldest first."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiting] = {}
        self._next = 1

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, frame_id: object) -> bool:
        return frame_id in self._waiting

    def expect(self, waiting: Waiting) -> int:
        """Return the id for a frame that is about to be sent."""
        frame_id = self._next
        self._next += 1
        self._waiting[frame_id] = waiting
        return frame_id

    def take(self, frame_id: int | str | None) -> Waiting | None:
        """Return the frame that was answered, None when nobody waits for it."""
        return self._waiting.pop(frame_id, None) if isinstance(frame_id, int) else None

    def take_oldest(self) -> Waiting | None:
        return self.take(next(iter(self._waiting), None))

    def overdue(self, limit_ns: int) -> list[Waiting]:
        """Give up waiting for frames sent before a time."""
        late = []
        for frame_id, waiting in self._waiting.items():
            if waiting.sent_ns >= limit_ns:
                break
            late.append(frame_id)
        return [self._waiting.pop(frame_id) for frame_id in late]

    def clear(self) -> None:
        self._waiting.clear()


def refused_items(waiting: Waiting, error: WireError) -> list[ItemResult]:
    """Return what became of each item of a frame that was refused as a whole."""
    return [error] * (len(waiting.cancels) + len(waiting.places))


def outcomes(waiting: Waiting, items: Sequence[ItemResult], doubtful: list[int]) -> list[Output]:
    """Return what became of each order of a batch, in order; those without an outcome go among the doubtful."""
    told: list[Output] = []
    ids = [*waiting.cancels, *waiting.places]
    cancels = len(waiting.cancels)
    for index, order_id in enumerate(ids):
        found = items[index] if index < len(items) else None
        if isinstance(found, OrderReport):
            told.append(found)
        elif found is None or found.code == "internal_error":
            told.append(Unknown(order_id, "the venue cannot say what became of it"))
            doubtful.append(order_id)
        elif index >= cancels:
            told.append(OrderRejected(order_id, found.code, found.message))
        elif found.code == "unknown_order":
            # The order went out before its cancel on this or an ended connection: it never got there.
            told.append(NotFound(order_id))
        else:
            told.append(CancelRejected(order_id, found.code, found.message))
    return told
