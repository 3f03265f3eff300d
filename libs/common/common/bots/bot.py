"""What every bot has, whatever it trades: where, through which account, and within which limits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import ValidationError, model_validator

from common.bots.known import Known
from common.bots.limits import RiskLimits
from common.bots.section import Section, Text, faults_of
from common.errors import ConfigError
from common.instruments import InstrumentKind
from common.venues import Exchanges


class Place(Section):
    """Where a bot trades and through which account, however its kind names that."""

    account: Text = "mm1"

    @abstractmethod
    def venue_by(self, exchanges: Exchanges) -> str:
        """Return our name of the venue; ValueError when the exchange it names is none of ours."""


class InstrumentSection(Place):
    """Where a bot trades; each kind of bot adds what it trades there."""

    venue: Text = "degen"
    account: Text = "mm1"

    def venue_by(self, exchanges: Exchanges) -> str:
        return self.venue


class Bot(Section):
    """The sections that every kind of bot has. Without `risk_limits` it does not trade.

    Whether it runs is not in its sections but in the `BotConfig` that holds them.
    """

    kind: ClassVar[str]
    """The word for it in a configuration."""
    trades: ClassVar[tuple[InstrumentKind, ...]]
    """The kinds of instrument it may trade: it has limits for each of them."""
    place: ClassVar[type[Place]] = InstrumentSection
    """How its section `instrument` says where it trades."""
    parts: ClassVar[tuple[str, ...]] = ()
    """Sections with a `running` of their own, which holds while the bot runs."""

    instrument: Place
    risk_limits: Section | None = None

    @property
    def max_position_lots(self) -> int | None:
        """Lots of one outcome of one market that its own sections allow; None where they do not say."""
        return None

    @classmethod
    def parse(cls, sections: Mapping[str, Any]) -> Self:
        """Return the validated sections; ConfigError lists every field and the rule it breaks."""
        try:
            return cls.model_validate(sections)
        except ValidationError as error:
            raise ConfigError(faults_of(error)) from None

    def faults_among(self, known: Known) -> list[str]:
        """Return 'section.field: rule' for what it names and the platform does not have; an own check of its kind."""
        return []

    @classmethod
    def document(cls, sections: Mapping[str, Any]) -> dict[str, Any]:
        """Return the sections as they are stored, every default written out; ConfigError as above."""
        return cls.parse(sections).model_dump(mode="json")


class VenueBot(Bot):
    """A bot whose sections are of our making: it names its venue, and states limits by the platform's names."""

    instrument: InstrumentSection
    risk_limits: RiskLimits | None = None

    @model_validator(mode="after")
    def _limits_of_what_it_trades(self) -> Self:
        limits = self.risk_limits
        if limits is not None and limits.spot is not None and InstrumentKind.SPOT not in self.trades:
            raise ValueError(f"risk_limits.spot: a {self.kind} bot trades no spot instruments, leave it out")
        return self
