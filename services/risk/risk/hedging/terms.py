"""What a hedger is told: whose exposure it brings back, by which instrument, where and within which bounds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from common.bots.spot import Band, HedgeSection, SpotHedger
from common.events import BOT_SCOPE
from common.instruments import Instrument

from risk.hedging.amounts import ONE, smallest_order


class Scope(NamedTuple):
    """Whose exposure is watched, in units of one currency."""

    name: str
    """As in `OrderCommand.scope`."""
    currency: str
    venue: str = ""
    """Only what is traded there counts; '' for everything."""
    algo_id: str = ""
    """Only what this bot trades counts; '' for everything."""

    @property
    def of_bot(self) -> bool:
        """Whether it is a bot's own position, which no hedges but its own change."""
        return self.name.startswith(BOT_SCOPE)


class Place(NamedTuple):
    """Where a hedge may be traded."""

    account: str
    instrument: Instrument
    holder: str
    """The process that holds the account; '' while none does."""
    taker_rate: Decimal = Decimal(0)
    """Of the money of an order, what the venue takes as a fee at most."""


class DeltaTerms(NamedTuple):
    """How YES and NO shares count as exposure of their underlying's currency."""

    band: Band
    """In place of the hedger's own, in units of the underlying."""
    age_max_ns: int
    """An older delta is not known."""
    stop_ns: int
    """Within so much of its expiry a market's exposure stays as it is, until what is held of it is settled."""
    most: Decimal
    """The exposure of all markets together counts as no more than this, long or short."""


@dataclass(frozen=True)
class Hedger:
    """One hedger as it is configured now."""

    scope: Scope
    section: HedgeSection
    places: tuple[Place, ...]
    """Markets of the hedge instrument, all of one pair of currencies; empty while none is known."""
    revision: int
    """Of the configuration."""
    running: bool
    """The hedger, and what it belongs to."""
    term: str = ""
    """Of a bot: the currency in which its figures are kept, that of its instrument's price."""
    spared: frozenset[str] = frozenset()
    """Reasons for which its bot is halted and it goes on all the same."""
    delta: DeltaTerms | None = None

    @property
    def name(self) -> str:
        return self.scope.name

    @property
    def band(self) -> Band:
        return self.section.position_max_norm_size if self.delta is None else self.delta.band

    @property
    def factor(self) -> Decimal:
        """Return how much of the figure a unit hedged changes; 1 for a currency."""
        return self.section.hedge_qty_factor if isinstance(self.section, SpotHedger) else ONE

    @property
    def parameters(self) -> dict[str, str]:
        return self.section.custom_order_parameters if isinstance(self.section, SpotHedger) else {}

    @cached_property
    def pair(self) -> tuple[str, str]:
        """Return base and term of the hedge instrument; empty texts while no market of it is known."""
        if not self.places:
            return "", ""
        instrument = self.places[0].instrument
        return instrument.base, instrument.currency

    @property
    def in_term(self) -> bool:
        """Whether what is hedged is what the hedge instrument is paid in: side and quantity turn at its price."""
        base, term = self.pair
        return self.scope.currency == term != base

    @cached_property
    def step(self) -> Decimal:
        """Return the finest lot of its places, in units of the base currency."""
        return min(place.instrument.lot_size for place in self.places)

    def smallest(self, price: Decimal | None) -> Decimal:
        """Return the smallest order that one of its places takes, in units of the base currency."""
        return min(smallest_order(place.instrument, price) for place in self.places)


def faults_of(hedger: Hedger) -> Iterator[str]:
    """Yield 'field: rule' for what keeps its hedges from ever reducing the figure that it watches."""
    scope, section, places = hedger.scope, hedger.section, hedger.places
    if not places:
        return
    pairs = sorted({(each.instrument.base, each.instrument.currency) for each in places})
    if len(pairs) > 1:
        named = ", ".join("/".join(each) for each in pairs)
        yield f"hedge_instrument: must be one pair of currencies at all its venues, is {named}"
        return
    # A bot's position counts whatever its hedger trades, by the factor: ADR 0028.
    if scope.currency not in pairs[0] and not scope.of_bot:
        yield f"hedge_instrument: must be a pair of {scope.currency}, is {'/'.join(pairs[0])}"
    elsewhere = sorted({each.instrument.venue for each in places} - {scope.venue}) if scope.venue else []
    if elsewhere:
        yield (
            f"venues_list: must be {scope.venue} alone, whose {scope.currency} it watches: trades elsewhere do not"
            f" change that, is {', '.join(elsewhere)}"
        )
    most = section.max_order_size
    if most is not None and most < hedger.smallest(None):
        yield f"max_order_size: must be at least the smallest order, {hedger.smallest(None):f}, is {most:f}"


def undone_by(hedger: Hedger, others: list[Hedger]) -> str:
    """Return 'field: rule' where another hedger of the same pair watches its other currency; '' where none does.

    Each hedge of one would move the other's figure by its whole money, and be hedged back in the same pair.
    """
    if hedger.scope.of_bot or not hedger.places:
        return ""
    for other in others:
        if other.scope.of_bot or set(other.pair) != set(hedger.pair) or other.scope.currency == hedger.scope.currency:
            continue
        return (
            f"hedge_instrument: must not be the pair in which {other.name} hedges {other.scope.currency}: each would"
            f" undo what the other has done, is {'/'.join(hedger.pair)}"
        )
    return ""
