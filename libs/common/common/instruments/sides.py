"""Direction and outcome of an order, a fill or a position."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """Direction of an order or fill, seen from us."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class Outcome(StrEnum):
    """Which share of a YES/NO market an order or position is in; NONE for spot instruments."""

    YES = "yes"
    NO = "no"
    NONE = "none"

    @property
    def opposite(self) -> Outcome:
        return _OPPOSITE[self]


def bids_on_axis(outcome: Outcome, side: Side) -> bool:
    """Say whether an order buys what its market's price axis prices: selling NO does as buying YES or a coin does."""
    return (side is Side.BUY) is not (outcome is Outcome.NO)


_OPPOSITE = {Outcome.YES: Outcome.NO, Outcome.NO: Outcome.YES, Outcome.NONE: Outcome.NONE}
