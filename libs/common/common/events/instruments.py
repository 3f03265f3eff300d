"""Instruments as events name them, and as the ledger needs them: with the terms under which something happened."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

import msgspec

from common.events.base import demand_finite
from common.instruments import Instrument, InstrumentKind, Outcome


class InstrumentKey(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which instrument: YES and NO of a market are two, what has no outcomes is one."""

    venue: str
    symbol: str
    outcome: Outcome = Outcome.NONE


class InstrumentTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An instrument with all that made money of its ticks and lots when something happened."""

    venue: str
    symbol: str
    outcome: Outcome = Outcome.NONE
    kind: InstrumentKind
    base: str = ""
    currency: str
    """What its price is in, and what is paid."""
    tick_size: Decimal
    lot_size: Decimal = Decimal(1)
    multiplier: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        demand_finite(tick_size=self.tick_size, lot_size=self.lot_size, multiplier=self.multiplier)

    @classmethod
    def of(cls, instrument: Instrument) -> InstrumentTerms:
        """Return the terms of an instrument, without its bounds and minimums, which change no money."""
        return cls(
            venue=instrument.venue,
            symbol=instrument.symbol,
            outcome=instrument.outcome,
            kind=instrument.kind,
            base=instrument.base,
            currency=instrument.currency,
            tick_size=instrument.tick_size,
            lot_size=instrument.lot_size,
            multiplier=instrument.multiplier,
        )

    @property
    def key(self) -> InstrumentKey:
        return InstrumentKey(self.venue, self.symbol, self.outcome)

    def instrument(self) -> Instrument:
        """Return what was traded; ValueError names the term that cannot be."""
        return _instrument(self)


@lru_cache(maxsize=4_096)
def _instrument(terms: InstrumentTerms) -> Instrument:
    return Instrument(
        terms.venue,
        terms.symbol,
        terms.kind,
        terms.currency,
        terms.tick_size,
        terms.outcome,
        base=terms.base,
        lot_size=terms.lot_size,
        multiplier=terms.multiplier,
        price_max=Decimal(1) if terms.kind is InstrumentKind.BINARY else None,
    )
