"""Documents of the whole platform that spot bots are watched and hedged by: account currency, currencies, their limits.

They travel as `PlatformConfig`, each under its type and id; a currency and what belongs to it share one id.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, PlainValidator, ValidationError, ValidationInfo, field_validator

from common.bots.known import Known
from common.bots.section import Section, faults_of
from common.bots.spot.forms import optional, otherwise, read_band, read_currency, read_exchange_or_bot, whole
from common.bots.spot.rules import exchange_faults
from common.bots.spot.sections import HOUR_MS, Flag, HedgeSection, Limit
from common.bots.spot.values import Band
from common.errors import ConfigError
from common.instruments import can_contain

DAY_MS = 86_400_000
DELTA_AGE_MS = 2_000
DELTA_STOP_MS = 30_000
GIVEN_WITH_DELTA: Any = Field(default=None, validate_default=True)
ALGO_KEY = "MM"
"""The one algorithm there is: the id of its RISK document."""


class PlatformDocument(Section):
    """A document about the platform, not about one bot."""

    type: ClassVar[str]

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """Return the validated document; ConfigError lists every field and the rule it breaks."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ConfigError(faults_of(error)) from None

    def faults_among(self, known: Known) -> list[str]:
        """Return 'field: rule' for what it names and the platform does not have."""
        return []


class AccountRisk(PlatformDocument):
    """RISK: in what profit is told, and when the day of a spot bot ends."""

    type: ClassVar[str] = "risk"

    account_currency: Annotated[str, PlainValidator(read_currency)]
    cutoff_time: Annotated[int, PlainValidator(otherwise(whole(0, DAY_MS - 1), 0))] = 0
    """Since midnight UTC, in ms."""
    last_reset_time: Annotated[int | None, PlainValidator(optional(whole(0, 10**14)))] = None
    """Of the last cutoff, in ms since 1970; shown, never obeyed."""


class CurrencyScope(PlatformDocument):
    """RISK_CURRENCY: a currency that is watched, over all, at one exchange, or of one bot."""

    type: ClassVar[str] = "risk_currency"

    currency: Annotated[str, PlainValidator(read_currency)]
    exchange_algo_id: Annotated[str | None, PlainValidator(optional(read_exchange_or_bot))] = None
    """Digits are a bot's id, all else is an exchange; None is over all."""

    @property
    def algo_id(self) -> str | None:
        """Return the bot that is watched, None where it is not one alone."""
        named = self.exchange_algo_id
        return named if named is not None and named.isdecimal() else None

    @property
    def exchange(self) -> str | None:
        """Return the exchange that is watched, None where it is not one alone."""
        return None if self.algo_id is not None else self.exchange_algo_id

    def faults_among(self, known: Known) -> list[str]:
        if self.algo_id is not None and self.algo_id not in known.algo_ids:
            return [f"exchange_algo_id: must name a bot that exists, is {self.algo_id!r}"]
        named = [self.exchange] if self.exchange is not None else []
        return list(exchange_faults("exchange_algo_id", named, known.exchanges.venue))


class CurrencyRiskLimits(PlatformDocument):
    """CURRENCY_RISK_LIMITS: how much of a currency may be held, open orders included; None is the platform's."""

    type: ClassVar[str] = "currency_risk_limits"

    max_long_exposure: Limit = None
    """In units of the currency."""
    max_short_exposure: Limit = None


class CurrencyHedger(HedgeSection, PlatformDocument):
    """RISK_HEDGER: how the exposure of a currency is brought back."""

    type: ClassVar[str] = "risk_hedger"

    binary_delta: Flag = False
    """Ours: whether the delta of bots' YES/NO shares counts as exposure of the currency, their underlying's."""
    binary_position_max_norm_size: Annotated[Band | None, PlainValidator(optional(read_band))] = GIVEN_WITH_DELTA
    """The band with it, in place of the other one."""
    binary_delta_max: Limit = GIVEN_WITH_DELTA
    """The shares count as no more than this, long or short, in units of the currency."""
    binary_delta_max_age: Annotated[int, PlainValidator(otherwise(whole(100, HOUR_MS), DELTA_AGE_MS))] = DELTA_AGE_MS
    """With an older delta nothing is hedged, in ms."""
    binary_delta_stop: Annotated[int, PlainValidator(otherwise(whole(0, HOUR_MS), DELTA_STOP_MS))] = DELTA_STOP_MS
    """So long before a market's expiry what was hedged of it stays, in ms."""

    @field_validator("binary_position_max_norm_size", "binary_delta_max")
    @classmethod
    def _given(cls, value: Band | Decimal | None, info: ValidationInfo) -> Band | Decimal | None:
        if value is None and info.data.get("binary_delta"):
            raise ValueError("must be given with binary_delta")
        return value

    def faults_among(self, known: Known) -> list[str]:
        return list(exchange_faults("venues_list", self.venues_list, known.exchanges.trading_venue))

    def faults_for(self, scope: CurrencyScope, known: Known) -> list[str]:
        """Return 'field: rule' where its hedges could not reduce the exposure that it watches."""
        faults = []
        pair = known.pairs.of(self.hedge_instrument)
        if scope.currency not in pair if pair is not None else not can_contain(self.hedge_instrument, scope.currency):
            faults.append(f"hedge_instrument: must be a pair of {scope.currency}, is {self.hedge_instrument!r}")
        elsewhere = [each for each in self.venues_list if scope.exchange not in (None, each)]
        if elsewhere:
            faults.append(
                f"venues_list: must be {scope.exchange} alone, whose {scope.currency} it watches: trades elsewhere do"
                f" not change that, is {', '.join(self.venues_list)!r}"
            )
        return faults
