"""What the texts of a spot bot's configuration mean, as values that services compute with."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from common.events import Distance

HALF = Decimal(50)


class SourceAggregation(StrEnum):
    """How one price a size is made of the books of several exchanges."""

    BEST_AGGREGATED = "BEST_AGGREGATED"
    """The average price of the size in all books merged."""
    BEST_SINGLE = "BEST_SINGLE"
    """Of the average prices on each exchange alone, the best."""
    WORST_SINGLE = "WORST_SINGLE"
    """Of the average prices on each exchange alone, the worst."""
    BBO = "BBO"
    """Best bid and best ask of all books, whatever the size."""
    MID_PT = "MID_PT"
    """The middle of those, for both sides."""
    REPLICATION = "REPLICATION"
    """The levels of the merged book, each a quote of its own."""


class FxAggregation(StrEnum):
    """How one rate is made of the books of several FX exchanges."""

    BBO = "BBO"


class HedgeStrategy(StrEnum):
    """With which orders hedges are executed."""

    LIMIT = "LIMIT"


class OnDayLoss(StrEnum):
    """What still works when the day's loss has reached its limit."""

    STOP = "stop"
    """Nothing."""
    REDUCE = "reduce"
    """The hedger, to reduce the position."""


class MinSpread(NamedTuple):
    """Least distance between the base prices of both sides, and how it is shared where they are nearer."""

    distance: Distance
    bid_weight: Decimal = HALF
    """Per cent of what is missing that the bid gives way; the ask gives the rest."""


class TakeOut(NamedTuple):
    """How much better than the base price another's order must be to be taken, and how much of it."""

    distance: Distance
    quantity: Decimal | None = None
    """In units of the base currency; None is all that is shown."""


class Band(NamedTuple):
    """Beyond `max` a position is brought back to `norm`, long or short alike; in units of the base currency."""

    max: Decimal
    norm: Decimal


class Levels(NamedTuple):
    """How many levels of a source book are copied."""

    least: int
    """With fewer of them nothing is quoted."""
    most: int


class QuoteSizes(NamedTuple):
    """Sizes of one side's quotes, in units of the base currency; each follows the one before in depth."""

    amounts: tuple[Decimal, ...] = ()
    levels: Levels | None = None
    """For replication: the one amount is then the most that is quoted on the side."""
