"""Frames that take effect together: what a client sends within a transaction is held until its COMMIT."""

from __future__ import annotations

from stompframes.errors import ProtocolError, shown
from stompframes.frames import Frame

HELD = frozenset(("SEND", "ACK", "NACK"))
"""What a transaction can cover."""
FRAME_BYTES = 64
"""Added for each frame that is held, so that empty ones count too."""


class Transactions:
    """The open transactions of a connection, with a limit on their number and on what they hold."""

    def __init__(self, most: int, id_chars: int, held_bytes: int) -> None:
        self._most = most
        self._id_chars = id_chars
        self._held_bytes_max = held_bytes
        self._held_bytes = 0
        self._open: dict[str, list[Frame]] = {}

    def begin(self, name: str) -> None:
        """Open a transaction."""
        if len(name) > self._id_chars:
            raise ProtocolError("id too long", f"a transaction's id must have at most {self._id_chars} characters")
        if name in self._open:
            raise ProtocolError("transaction in use", f"{shown(name)} has begun already")
        if len(self._open) >= self._most:
            raise ProtocolError("too many transactions", f"a connection must have at most {self._most} open")
        self._open[name] = []

    def hold(self, name: str, frame: Frame) -> None:
        """Keep a frame until the transaction's end."""
        held = self._of(name)
        self._held_bytes += _bytes_of(frame)
        if self._held_bytes > self._held_bytes_max:
            raise ProtocolError("transactions too large", f"they must hold at most {self._held_bytes_max} bytes")
        held.append(frame)

    def end(self, name: str) -> list[Frame]:
        """Close a transaction and return what it held, in order."""
        held = self._of(name)
        del self._open[name]
        self._held_bytes -= sum(_bytes_of(frame) for frame in held)
        return held

    def clear(self) -> None:
        """Abort all."""
        self._open.clear()
        self._held_bytes = 0

    def _of(self, name: str) -> list[Frame]:
        held = self._open.get(name)
        if held is None:
            raise ProtocolError("unknown transaction", f"{shown(name)} has not begun")
        return held


def _bytes_of(frame: Frame) -> int:
    return FRAME_BYTES + len(frame.body) + sum(FRAME_BYTES + len(name) + len(value) for name, value in frame.headers)
