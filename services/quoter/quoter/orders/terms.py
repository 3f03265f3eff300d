"""What the orders of one market have to obey, whatever is traded there."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from common.clock import NS_PER_S
from common.events import FeeTerms, Market, MarketStatus
from common.instruments import Instrument, InstrumentKind, Outcome
from common.pretrade import BidFees, bid_fees


class Traded(Protocol):
    """What is traded in one market: one instrument, or both outcomes of it."""

    def of(self, outcome: Outcome) -> Instrument:
        """Return the instrument of an outcome; ValueError for one that is not traded there."""
        ...


@dataclass(frozen=True, slots=True)
class Terms:
    """A market as its orders see it; made once per `Market`."""

    symbol: str
    series: str
    status: MarketStatus
    instrument: Instrument
    """Whose price is the market's price axis: YES of a binary market."""
    opposite: Instrument | None
    """The other outcome; None where there is none."""
    open_ns: int
    """Venue time."""
    expiry_ns: int | None
    """Venue time; None for what never expires."""
    underlying: str
    fees: FeeTerms | None
    """As the venue publishes them for this market; None where it does not."""
    bid_fees: BidFees | None = field(init=False, repr=False, compare=False)
    """What of them has to be there when a bid is sent."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "bid_fees", bid_fees(self.fees))

    def of(self, outcome: Outcome) -> Instrument:
        instrument, opposite = self.instrument, self.opposite
        if outcome is instrument.outcome:
            return instrument
        if opposite is not None and outcome is opposite.outcome:
            return opposite
        traded = instrument.outcome.value if opposite is None else f"{instrument.outcome} or {opposite.outcome}"
        raise ValueError(f"outcome: {self.symbol} is traded as {traded}, not as {outcome.value}")

    @property
    def tick_size(self) -> Decimal:
        return self.instrument.tick_size

    @property
    def tick(self) -> float:
        """`tick_size` as a float: for people."""
        return self.instrument.axis_price(1)

    @property
    def min_lots(self) -> int:
        return self.instrument.min_lots

    def seconds_left(self, venue_now_ns: int) -> float | None:
        """Return the time to expiry; None for what never expires."""
        return None if self.expiry_ns is None else (self.expiry_ns - venue_now_ns) / NS_PER_S


def terms_of(market: Market, fees: FeeTerms | None = None) -> Terms:
    """Return the terms of a market, with an account's own fees where given; ValueError names what makes it unusable."""
    binary = market.kind is InstrumentKind.BINARY
    if binary and market.expiry_ns <= 0:
        raise ValueError("expiry_ns: a binary market must have one")
    if market.kind is InstrumentKind.BOND:
        raise ValueError("kind: the terms of a bond are not known here")
    instrument = market.instrument()
    return Terms(
        market.symbol,
        market.series,
        market.status,
        instrument,
        instrument.opposite() if binary else None,
        market.open_ns,
        market.expiry_ns or None,
        market.underlying,
        fees or market.fees,
    )


def unlisted_terms(venue: str, currency: str, tick_size: Decimal, lot_size: Decimal) -> Terms:
    """Return what stands for a market that we were not told about: a binary one on the grid of its venue."""
    yes = Instrument(
        venue, "", InstrumentKind.BINARY, currency, tick_size, Outcome.YES, lot_size=lot_size, price_max=Decimal(1)
    )
    return Terms("", "", MarketStatus.CLOSED, yes, yes.opposite(), 0, None, "", None)
