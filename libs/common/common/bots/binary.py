"""The whole document of a bot that quotes YES/NO markets."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, ValidationError, model_validator

from common.bots.bot import VenueBot
from common.bots.pricing import BinaryInstrument, Combination, Pricing
from common.bots.protection import Exposure, Flow, Protection, Selection
from common.bots.quoting import Inventory, Quoting, Unwind
from common.bots.section import Section, Text, faults_of
from common.instruments import InstrumentKind


class Override(Section):
    """Fields that differ in some markets; those not named stay as they are."""

    quoting: dict[str, Any] = Field(default_factory=dict)
    inventory: dict[str, Any] = Field(default_factory=dict)


class Overrides(Section):
    """What differs by underlying, and by market, which comes last. The bot's limits hold all the same."""

    by_underlying: dict[Text, Override] = Field(default_factory=dict, max_length=100)
    by_market: dict[Text, Override] = Field(default_factory=dict, max_length=1_000)


class BinaryBot(VenueBot):
    """All sections of a bot that quotes YES/NO markets."""

    kind: ClassVar[str] = "binary"
    trades: ClassVar[tuple[InstrumentKind, ...]] = (InstrumentKind.BINARY,)

    instrument: BinaryInstrument
    combination: Combination = Combination()
    pricing: Pricing = Pricing()
    quoting: Quoting = Quoting()
    inventory: Inventory = Inventory()
    overrides: Overrides = Overrides()
    protection: Protection = Protection()
    """Of each market."""
    bot_protection: Protection = Protection(max_fills=100, max_volume=10_000, max_net=4_000)
    """Of all markets of the bot together."""
    exposure: Exposure = Exposure()
    flow: Flow = Flow()
    selection: Selection = Selection()
    unwind: Unwind = Unwind()

    @model_validator(mode="after")
    def _enough_sources(self) -> BinaryBot:
        for underlying, sources in self.instrument.sources.items():
            usable = sum(source.weight > 0 for source in sources)
            if sources and self.combination.min_agreeing > usable:
                raise ValueError(f"combination.min_agreeing: {underlying} has only {usable} sources with a weight")
        return self

    @model_validator(mode="after")
    def _usable_overrides(self) -> BinaryBot:
        for kind, found in (("by_underlying", self.overrides.by_underlying), ("by_market", self.overrides.by_market)):
            for name, override in found.items():
                try:
                    self._with(override)
                except ValidationError as error:
                    faults = "; ".join(faults_of(error))
                    raise ValueError(f"overrides.{kind}.{name}: {faults}") from None
        return self

    @property
    def max_position_lots(self) -> int | None:
        return self.inventory.max_position

    def in_market(self, underlying: str, symbol: str) -> BinaryBot:
        """Return the configuration as it is for one market."""
        found = self
        for override in (self.overrides.by_underlying.get(underlying), self.overrides.by_market.get(symbol)):
            if override is not None:
                found = found._with(override)
        return found

    def _with(self, override: Override) -> BinaryBot:
        quoting = Quoting.model_validate(self.quoting.model_dump() | override.quoting)
        inventory = Inventory.model_validate(self.inventory.model_dump() | override.inventory)
        return self.model_copy(update={"quoting": quoting, "inventory": inventory})
