"""Scripts of a market's end: something is held, little time is left, and the book may offer a way out."""

from __future__ import annotations

from typing import Any, TypeAlias

from common.events import Book, Level

from quoter.testing.script import MARKET, START_NS, S, Script, config, position

Rows: TypeAlias = list[tuple[float, float]]
"""Price and size, best first."""


def near_expiry(yes: int, no: int, seconds_left: float = 10.0, **sections: Any) -> Script:
    """Return a quoter that holds so much so close to the end, all of it quoted in the reduce-only way."""
    script = Script()
    script.start(config(**sections))
    script.now_ns = START_NS + 300 * S - round(seconds_left * S) - 500_000_000
    script.carry(script.core.on_position(position(1, yes, no), script.receipt()))
    script.wait(500, fair=0.50)
    script.told.clear()
    return script


def book_of(script: Script, bids: Rows, asks: Rows) -> Book:
    rows = [[Level(price, size) for price, size in side] for side in (bids, asks)]
    return Book(venue="degen", symbol=MARKET, bids=rows[0], asks=rows[1], ts_received_ns=script.now_ns)


def show(script: Script, bids: Rows, asks: Rows) -> None:
    """Let the quoter see the market's book."""
    script.carry(script.core.on_book(book_of(script, bids, asks), script.receipt()))


def crossings(script: Script) -> list[dict[str, Any]]:
    """Return the orders that take at once, as the venue received them."""
    batches = [frame["items"] for frame in script.venue.received if frame["op"] == "batch"]
    return [item for items in batches for item in items if item.get("time_in_force") == "ioc"]
