"""Orders that wait to be sent: each until the cancels of its market are answered, and not for long.

Where requests travel on their own, in no order, a new order could meet one of ours whose cancel left before it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple, TypeAlias

from common.clock import NS_PER_MS

from quoter.venues.base import Amendment, AmendRejected, OrderRejected, Output, Outputs, Placement

HELD_MAX_MS = 1_000
"""An order that had to wait longer for a cancel is given up: its price is old."""
Item: TypeAlias = Placement | Amendment


class Held(NamedTuple):
    """An order, or an amendment of one, that waits for cancels of its market."""

    item: Item
    symbol: str
    since_ns: int


class HeldOrders:
    """What waits for its turn at one session."""

    def __init__(self) -> None:
        self._held: list[Held] = []

    @property
    def held(self) -> int:
        """How many orders wait for cancels."""
        return len(self._held)

    def hold(self, places: Iterable[Placement], now_ns: int) -> None:
        """Take orders in; they leave with the next flush that finds their market free."""
        self._held += [Held(place, place.symbol, now_ns) for place in places]

    def hold_amendment(self, to: Amendment, symbol: str, now_ns: int) -> None:
        """Take an amendment in, which waits as an order does."""
        self._held.append(Held(to, symbol, now_ns))

    def give_up(self, why: str) -> Outputs:
        """Refuse everything that waits."""
        held, self._held = self._held, []
        return [refused(each.item, "not_sent", why) for each in held]

    def ready(self, now_ns: int, busy: Callable[[str], bool]) -> Generator[Output, None, list[Item]]:
        """Return what may leave now, its market having no cancel under way; what waited too long is given up."""
        held, self._held = self._held, []
        leaving: list[Item] = []
        for each in held:
            if now_ns - each.since_ns > HELD_MAX_MS * NS_PER_MS:
                yield refused(each.item, "late", "cancels before it were not answered in time")
            elif busy(each.symbol):
                self._held.append(each)
            else:
                leaving.append(each.item)
        return leaving


def refused(item: Item, code: str, why: str) -> Output:
    """Return that an order was not sent, or not amended."""
    return (OrderRejected if isinstance(item, Placement) else AmendRejected)(item.order_id, code, why)
