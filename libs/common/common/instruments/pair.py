"""The two instruments of a YES/NO market, for all that holds or trades both of them."""

from __future__ import annotations

from typing import NamedTuple

from common.instruments.instrument import Instrument
from common.instruments.sides import NO, NONE, YES, Outcome


class OutcomePair(NamedTuple):
    """YES and NO of one market; a lot of each together pays the multiplier of a lot whatever happens."""

    yes: Instrument
    no: Instrument

    def of(self, outcome: Outcome) -> Instrument:
        """Return the instrument of an outcome; ValueError for NONE, which this market does not trade."""
        if outcome is YES:
            return self.yes
        if outcome is NO:
            return self.no
        raise ValueError(f"outcome: {self.yes.symbol} is traded as yes or no, not as {outcome.value}")


def pair_lots(outcome: Outcome, lots: int) -> tuple[int, int]:
    """Return lots of one outcome as lots of YES and of NO; ValueError for NONE, which is neither."""
    if outcome is NONE:
        raise ValueError("outcome: must be yes or no where a pair is held, is none")
    return market_lots(outcome, lots)


def market_lots(outcome: Outcome, lots: int) -> tuple[int, int]:
    """Return lots of an instrument as its market holds them: on the axis and against it.

    On the axis are YES and what has no outcomes, which may be short; against it is NO. In this form a holding of any
    market is a pair of numbers, and the sum of its instruments is theirs.
    """
    return (0, lots) if outcome is NO else (lots, 0)
