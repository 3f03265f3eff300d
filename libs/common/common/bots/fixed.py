"""The whole document of a bot that quotes a fixed spread around the middle of the venue's own book."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field, model_validator

from common.bots.bot import InstrumentSection, VenueBot
from common.bots.section import Section, Text
from common.instruments import InstrumentKind


class FixedInstrument(InstrumentSection):
    """Which markets it quotes: every open one of a series, and those with a name."""

    series: list[Text] = Field(default=[], max_length=50)
    symbols: list[Text] = Field(default=[], max_length=200)

    @model_validator(mode="after")
    def _some_market(self) -> FixedInstrument:
        if not self.series and not self.symbols:
            raise ValueError("series or symbols: name one at least")
        return self


class FixedQuoting(Section):
    """What holds wherever it quotes."""

    max_age_ms: int = Field(default=1_000, ge=100, le=60_000)
    """Of the book that the middle is taken from; with an older one nothing rests."""
    target_life_ms: int = Field(default=1_000, ge=100, le=10_000)


class FixedBinary(Section):
    """What it shows in YES/NO markets."""

    half_spread: float = Field(default=0.02, gt=0, lt=1)
    """From the middle to either quote, in price."""
    size: int = Field(default=100, ge=1, le=1_000_000)
    """Lots of either quote."""
    max_position: int = Field(default=1_000, ge=1, le=10_000_000)
    """Lots of |YES - NO| in one market."""
    price_tolerance_ticks: int = Field(default=0, ge=0, le=10)
    """An order this close to its price is left where it is."""
    stop_s: float = Field(default=15.0, ge=0, le=86_400)
    """Seconds before expiry from which nothing rests."""


class FixedSpot(Section):
    """What it shows in spot markets; distances are in basis points of the middle."""

    half_spread_bps: float = Field(default=5.0, gt=0, lt=10_000)
    size: Decimal = Field(default=Decimal("0.01"), gt=0, le=1_000_000)
    """Of either quote, in units of the base currency."""
    max_position: Decimal = Field(default=Decimal("0.1"), gt=0, le=100_000_000)
    """The most that is held in one market, in units of the base currency."""
    price_tolerance_bps: float = Field(default=0.5, ge=0, lt=1_000)
    """An order this close to its price is left where it is."""


class FixedBot(VenueBot):
    """All sections of a bot that quotes a fixed spread."""

    kind: ClassVar[str] = "fixed"
    trades: ClassVar[tuple[InstrumentKind, ...]] = (InstrumentKind.BINARY, InstrumentKind.SPOT)

    instrument: FixedInstrument
    quoting: FixedQuoting = FixedQuoting()
    binary: FixedBinary = FixedBinary()
    spot: FixedSpot = FixedSpot()

    @property
    def max_position_lots(self) -> int | None:
        return self.binary.max_position
