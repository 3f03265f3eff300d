"""What every bot has, whatever it trades: where, through which account, and within which limits."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import ValidationError

from common.bots.protection import RiskLimits
from common.bots.section import Section, Text, faults_of
from common.errors import ConfigError


class InstrumentSection(Section):
    """Where a bot trades; each kind of bot adds what it trades there."""

    venue: Text = "degen"
    account: Text = "mm1"


class Bot(Section):
    """The sections that every kind of bot has. Without `risk_limits` it does not trade.

    Whether it runs is not in its sections but in the `BotConfig` that holds them.
    """

    kind: ClassVar[str]
    """The word for it in a configuration."""

    instrument: InstrumentSection
    risk_limits: RiskLimits | None = None

    @classmethod
    def parse(cls, sections: dict[str, Any]) -> Self:
        """Return the validated sections; ConfigError lists every field and the rule it breaks."""
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise ConfigError(faults_of(error)) from None
