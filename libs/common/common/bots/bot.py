"""What every bot has, whatever it trades: where, through which account, and within which limits."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import ValidationError, model_validator

from common.bots.limits import RiskLimits
from common.bots.section import Section, Text, faults_of
from common.errors import ConfigError
from common.instruments import InstrumentKind


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
    trades: ClassVar[tuple[InstrumentKind, ...]]
    """The kinds of instrument it may trade: it has limits for each of them."""

    instrument: InstrumentSection
    risk_limits: RiskLimits | None = None

    @property
    def max_position_lots(self) -> int | None:
        """Lots of one outcome of one market that its own sections allow; None where they do not say."""
        return None

    @model_validator(mode="after")
    def _limits_of_what_it_trades(self) -> Self:
        limits = self.risk_limits
        if limits is not None and limits.spot is not None and InstrumentKind.SPOT not in self.trades:
            raise ValueError(f"risk_limits.spot: a {self.kind} bot trades no spot instruments, leave it out")
        return self

    @classmethod
    def parse(cls, sections: dict[str, Any]) -> Self:
        """Return the validated sections; ConfigError lists every field and the rule it breaks."""
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise ConfigError(faults_of(error)) from None
