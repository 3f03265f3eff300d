"""The whole document of a spot bot, as its source writes it."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar, Self

from common.bots.bot import Bot, Place
from common.bots.known import Known
from common.bots.spot.rules import faults_among, instrument_faults, pricer_faults
from common.bots.spot.sections import SpotBotLimits, SpotHedger, SpotInstrument, SpotPlace, SpotPricer
from common.errors import ConfigError
from common.instruments import InstrumentKind


class SpotBot(Bot):
    """All sections of a bot that quotes an instrument by what it costs on other exchanges, and hedges what it holds."""

    kind: ClassVar[str] = "spot"
    trades: ClassVar[tuple[InstrumentKind, ...]] = (InstrumentKind.SPOT,)
    place: ClassVar[type[Place]] = SpotPlace
    parts: ClassVar[tuple[str, ...]] = ("pricer", "hedger")

    instrument: SpotInstrument
    pricer: SpotPricer
    hedger: SpotHedger | None = None
    risk_limits: SpotBotLimits | None = None

    @classmethod
    def parse(cls, sections: Mapping[str, Any]) -> Self:
        """Return the validated sections; ConfigError lists every field, the rule it breaks and what was sent.

        What sections must be to each other is looked at once each of them is right.
        """
        bot = super().parse(sections)
        faults = [*instrument_faults(bot.instrument), *pricer_faults(bot.pricer)]
        if faults:
            raise ConfigError(faults)
        return bot

    def faults_among(self, known: Known) -> list[str]:
        return list(faults_among(self.instrument, self.hedger, known))

    @classmethod
    def document(cls, sections: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sections as they were sent, once they can be read; nothing is added and nothing written anew."""
        cls.parse(sections)
        return deepcopy(dict(sections))
