"""The platform-wide limits: what holds where a bot states nothing, validated from a file or a stored configuration."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from common.bots import faults_of
from common.bots.section import Text
from common.errors import ConfigError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PLATFORM_TYPE = "risk"
PLATFORM_ID = "limits"
"""Address of the platform-wide limits: config.platform.risk.limits."""
_MONEY_MAX = Decimal(10) ** 12


class _Limits(BaseModel):
    """Every figure must be given and positive."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BinaryPlatformLimits(_Limits):
    """In YES/NO markets."""

    max_position_lots: int = Field(gt=0, le=10_000_000)
    """Lots of one outcome of one market; also the most a bot may ask for itself."""
    max_net_lots: int = Field(gt=0, le=10_000_000)
    max_order_lots: int = Field(gt=0, le=1_000_000)
    min_spread: float = Field(gt=0, lt=1)
    price_collar: float = Field(gt=0, lt=1)
    book_collar: float = Field(gt=0, lt=1)
    max_bid: float = Field(gt=0, lt=1)
    min_ask: float = Field(gt=0, lt=1)


class PositionPlatformLimits(_Limits):
    """Of one base currency, in units of it."""

    max_position: Decimal = Field(gt=0, lt=_MONEY_MAX)
    """Long or short, in one market; also the most a bot may ask for itself."""
    max_order: Decimal = Field(gt=0, lt=_MONEY_MAX)


class NotionalPlatformLimits(_Limits):
    """Money of one currency."""

    max_order_notional: float = Field(gt=0, le=1e9)
    max_notional: float = Field(gt=0, le=1e9)
    """Per bot."""
    max_account_notional: float = Field(gt=0, le=1e9)
    """Per account, all its bots together."""


class SpotPlatformLimits(_Limits):
    """In spot markets; distances are in basis points of a price."""

    min_spread_bps: float = Field(gt=0, lt=10_000)
    price_collar_bps: float = Field(gt=0, lt=10_000)
    book_collar_bps: float = Field(gt=0, lt=10_000)
    reference_bounds_bps: Annotated[float, Field(gt=0, lt=10_000)] | Literal["none"]
    """How far a bid may stand above the market's reference price, and an ask below it; "none" is no such bound."""
    positions: dict[Text, PositionPlatformLimits] = Field(min_length=1, max_length=100)
    """By base currency; one that is not listed is not traded."""
    currencies: dict[Text, NotionalPlatformLimits] = Field(default_factory=dict, max_length=100)
    """By the currency that is paid, where it is not the account's."""


class ExposurePlatformLimits(_Limits):
    """How far a currency may be long and short, open orders executed, in units of it."""

    max_long_exposure: Decimal = Field(gt=0, lt=_MONEY_MAX)
    max_short_exposure: Decimal = Field(gt=0, lt=_MONEY_MAX)


class BasePlatformLimits(PositionPlatformLimits, ExposurePlatformLimits):
    """Of a spot bot whose instrument has this base currency, in units of it."""

    max_quoter_position_size: Decimal = Field(gt=0, lt=_MONEY_MAX)
    max_hedger_position_size: Decimal = Field(gt=0, lt=_MONEY_MAX)


class TermPlatformLimits(NotionalPlatformLimits):
    """Of a spot bot whose instrument is paid in this currency, in units of it."""

    max_day_loss: Decimal = Field(gt=0, lt=_MONEY_MAX)
    """From its cutoff on."""
    max_drawdown: Annotated[Decimal, Field(gt=0, lt=_MONEY_MAX)] | None = None
    """From the highest profit since its cutoff; as much as `max_day_loss` in documents that do not say it."""


class SpotBotsPlatformLimits(_Limits):
    """Of the kind `spot`, under the names of its documents; a currency that is not listed is not traded."""

    min_buy_quote_active_ms: int = Field(ge=0, le=3_600_000)
    """0 is at once: no venue of ours asks for it."""
    min_sell_quote_active_ms: int = Field(ge=0, le=3_600_000)
    bases: dict[Text, BasePlatformLimits] = Field(min_length=1, max_length=100)
    terms: dict[Text, TermPlatformLimits] = Field(min_length=1, max_length=100)
    exposures: dict[Text, ExposurePlatformLimits] = Field(default_factory=dict, max_length=100)
    """By currency: of a currency document that states none."""
    low_funds: dict[Text, Annotated[Decimal, Field(gt=0, lt=_MONEY_MAX)]] = Field(default_factory=dict, max_length=100)
    """By currency: an account that has less available is alerted."""


class PlatformLimits(NotionalPlatformLimits):
    """What holds where a bot states nothing: whatever it trades, and by kind of instrument.

    Notional limits are in account currency.
    """

    max_open_orders: int = Field(gt=0, le=2_000)
    max_side_orders: int = Field(gt=0, le=2_000)
    max_messages_per_s: int = Field(gt=0, le=100_000)
    max_cancels_per_s: int = Field(gt=0, le=100_000)
    max_orders_per_fill: int = Field(gt=0, le=1_000_000_000)
    min_quote_life_ms: int = Field(ge=0, le=60_000)
    """The only one that may be 0: no venue of ours asks for it, and to wait with a new quote has a risk of its own."""
    max_daily_loss: Decimal = Field(gt=0, lt=_MONEY_MAX)
    """In account currency, per bot."""
    max_drawdown: Decimal = Field(gt=0, lt=_MONEY_MAX)
    """From the highest profit of the day, per bot."""
    max_clock_offset_ms: int = Field(gt=0, le=60_000)
    """A venue whose clock differs from ours by more is halted: expiry is judged by it."""
    binary: BinaryPlatformLimits
    spot: SpotPlatformLimits | None = None
    """None where no spot instruments are traded."""
    spot_bots: SpotBotsPlatformLimits | None = None
    """None where no bots of the kind `spot` trade."""


def parse_platform_limits(document: Mapping[str, Any]) -> PlatformLimits:
    """Return the validated platform-wide limits; ConfigError names each field and the rule it breaks.

    A document without a table `binary` is of before limits had kinds: its binary limits stand beside the common ones.
    """
    found = dict(document)
    flat = "binary" not in found
    names = [name for name in BinaryPlatformLimits.model_fields if name in found]
    if flat:
        found["binary"] = {name: found.pop(name) for name in names}
    elif names:
        raise ConfigError([f"{name}: belongs into the table binary, leave it out here" for name in names])
    try:
        return PlatformLimits.model_validate(found)
    except ValidationError as error:
        faults = faults_of(error)
        raise ConfigError([each.removeprefix("binary.") for each in faults] if flat else faults) from None
