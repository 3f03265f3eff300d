"""What one input caused, in order: facts for the journal, frames for the people concerned, books that moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]
Channel = Literal["orders", "fills", "account", "trades", "markets", "spot_trades", "symbols", "none"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened for good; its frame is what the journal keeps and what subscribers receive."""

    channel: Channel
    account: str | None
    market: str | None
    frame: Json
    durable: bool = False  # must be on the disk, not only on its way, before anything else is sent


class Tape:
    """The facts of the present input, until the exchange has written and sent them."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.moved_books: dict[str, None] = {}  # a dict, because a set would have no fixed order

    def add(self, fact: Fact) -> None:
        self.facts.append(fact)

    def moved(self, market: str) -> None:
        self.moved_books[market] = None

    def take(self) -> tuple[list[Fact], list[str]]:
        facts, moved = self.facts, list(self.moved_books)
        self.facts, self.moved_books = [], {}
        return facts, moved


class Ids:
    """Counters for everything the venue names; a block is reserved on disk before its first number is used."""

    BLOCK = 1_000_000

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.last = {"order": 0, "trade": 0, "entry": 0}
        self.reserved = {"order": 0, "trade": 0, "entry": 0}

    def next(self, kind: Literal["order", "trade", "entry"]) -> int:
        number = self.last[kind] + 1
        self.last[kind] = number
        if number > self.reserved[kind]:
            self.reserve(kind)
        return number

    def reserve(self, kind: Literal["order", "trade", "entry"]) -> None:
        self.reserved[kind] = self.last[kind] + self.BLOCK
        frame = {"type": "ids", "kind": kind, "reserved": self.reserved[kind]}
        self.tape.add(Fact("none", None, None, frame, durable=True))

    def skip_reserved(self) -> None:
        """After a restart the rest of the old blocks is left unused: some of it may have been shown and lost."""
        self.last = dict(self.reserved)
