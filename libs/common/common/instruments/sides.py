"""Direction and outcome of an order, a fill or a position."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """Direction of an order or fill, seen from us."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is BUY else -1

    @property
    def opposite(self) -> Side:
        return SELL if self is BUY else BUY


class Outcome(StrEnum):
    """Which share of a YES/NO market an order or position is in; NONE for spot instruments."""

    YES = "yes"
    NO = "no"
    NONE = "none"

    @property
    def opposite(self) -> Outcome:
        return _OPPOSITE[self]


# An enum's class is fifteen times slower to ask for a member than a module is, and every order of every tick asks.
BUY: Final = Side.BUY
SELL: Final = Side.SELL
YES: Final = Outcome.YES
NO: Final = Outcome.NO
NONE: Final = Outcome.NONE


def bids_on_axis(outcome: Outcome, side: Side) -> bool:
    """Say whether an order buys what its market's price axis prices: selling NO does as buying YES or a coin does."""
    return (side is BUY) is not (outcome is NO)


_OPPOSITE = {YES: NO, NO: YES, NONE: NONE}
