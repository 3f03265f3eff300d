"""What others show in a market: the book without our own orders, nor those that it still shows when they are gone.

A price made from a book that we quote in ourselves follows ourselves: each quote moves the middle that the next one is
made from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from common.clock import NS_PER_S
from common.events import Level
from common.instruments import Instrument

OWN_NS = 2 * NS_PER_S
"""A book that we look at may be so old that it still shows own orders that are gone since."""
_NEVER = (0, 0)


@dataclass(slots=True)
class Own:
    """Our orders of the last moments on one side of a market: a book that still shows them shows no way out."""

    _rested: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Most shares and when they were last there, by price in ticks."""

    def note(self, levels: Mapping[int, int], now_ns: int) -> None:
        """Take in what rests now, shares by price in ticks; on the path of a tick, so it looks at nothing else."""
        rested = self._rested
        for ticks, lots in levels.items():
            most, last_ns = rested.get(ticks, _NEVER)
            rested[ticks] = (most if most > lots and now_ns - last_ns <= OWN_NS else lots), now_ns

    def update(self, levels: Mapping[int, int], now_ns: int) -> Mapping[int, int]:
        """Take in what rests now; return the most that has rested at each price within `OWN_NS`."""
        self.note(levels, now_ns)
        self._rested = {ticks: found for ticks, found in self._rested.items() if now_ns - found[1] <= OWN_NS}
        return {ticks: lots for ticks, (lots, _) in self._rested.items()}


@dataclass(slots=True)
class OwnLevels:
    """Our orders of the last moments in one market, on both sides."""

    bids: Own = field(default_factory=Own)
    asks: Own = field(default_factory=Own)

    def note(self, levels: tuple[Mapping[int, int], Mapping[int, int]], now_ns: int) -> None:
        """Take in what of ours rests now, bids and asks."""
        self.bids.note(levels[0], now_ns)
        self.asks.note(levels[1], now_ns)

    def update(
        self, levels: tuple[Mapping[int, int], Mapping[int, int]], now_ns: int
    ) -> tuple[Mapping[int, int], Mapping[int, int]]:
        """Take in what of ours rests now; return the most at each price, bids and asks, that a book may still show."""
        return self.bids.update(levels[0], now_ns), self.asks.update(levels[1], now_ns)


def best_of_others(best: float, levels: Sequence[Level], own: Mapping[int, int], instrument: Instrument) -> int:
    """Return the ticks of the best price that others show on a side, 0 when they show none.

    `best` is the newest best price of that side. Where nothing of ours has just stood there, it is theirs; elsewhere
    the book says how much there is beside ours. Example: 52 bid, 100 of them ours, and 50 bid below it: 50.
    """
    ticks = round(best / instrument.axis_price(1))
    if ticks not in own:
        return ticks
    for level in levels:
        ticks = round(level.price / instrument.axis_price(1))
        if instrument.whole_lots(level.size) > own.get(ticks, 0):
            return ticks
    return 0
