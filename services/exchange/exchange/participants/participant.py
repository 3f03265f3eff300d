"""Who trades at the venue without a connection of his own: what the core asks of each."""

from __future__ import annotations

from typing import Protocol


class Participant(Protocol):
    """A simulated maker or taker; a function of its seed and of what it is asked."""

    def start(self, now_ns: int) -> None:
        """Begin; after it `next_due_ns` says when."""
        ...

    def next_due_ns(self) -> int:
        """When `advance` must be called at the latest."""
        ...

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        ...

    def sit_out(self, now_ns: int) -> None:
        """Let what is due pass, while the venue takes no orders."""
        ...
