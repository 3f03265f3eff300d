"""What others show at a place where a hedge may be traded, and where our own orders stand there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from common.events import Level
from common.instruments import Instrument, Side

LEVELS_MAX = 50
"""Of a side that are looked at."""

Levels: TypeAlias = tuple[tuple[int, int], ...]
"""Price in ticks and size in lots, best first."""


class Depth(NamedTuple):
    """The book of others, and the best prices of our own orders, of all our accounts there."""

    bids: Levels
    asks: Levels
    own_bid_ticks: int = 0
    """0 for none."""
    own_ask_ticks: int = 0

    def of(self, side: Side) -> Levels:
        """Return the side of the book on which an order rests."""
        return self.bids if side is Side.BUY else self.asks

    def against(self, side: Side) -> Levels:
        """Return the side of the book that an order takes from."""
        return self.asks if side is Side.BUY else self.bids

    def own_against(self, side: Side) -> int:
        """Return the best price of our own orders that an order could trade with; 0 for none."""
        return self.own_ask_ticks if side is Side.BUY else self.own_bid_ticks


def others_of(
    bids: Sequence[Level],
    asks: Sequence[Level],
    shown: tuple[Mapping[int, int], Mapping[int, int]],
    resting: tuple[Mapping[int, int], Mapping[int, int]],
    instrument: Instrument,
) -> Depth:
    """Return the depth of others: a book less all of ours that it may still show, `shown` as `OwnLevels` has it.

    `resting` is what of ours is there now. Lots by price in ticks, bids and asks. A level of which others have less
    than a lot is left out.
    """
    sides = [_others(levels, own, instrument) for levels, own in zip((bids, asks), shown, strict=True)]
    return Depth(sides[0], sides[1], max(resting[0], default=0), min(resting[1], default=0))


def _others(levels: Sequence[Level], own: Mapping[int, int], instrument: Instrument) -> Levels:
    found = []
    for level in levels[:LEVELS_MAX]:
        ticks = round(level.price / instrument.axis_price(1))
        lots = instrument.whole_lots(level.size) - own.get(ticks, 0)
        if lots > 0:
            found.append((ticks, lots))
    return tuple(found)
