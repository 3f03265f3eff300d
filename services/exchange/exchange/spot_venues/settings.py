"""What config/exchange.toml says of the world's currencies and of the named spot venues, checked as a whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from exchange.entry.order_entry import FAULT_ACCOUNT
from exchange.market.ledger import VENUE_ACCOUNT
from exchange.market.money import DOLLAR, decimals_of
from exchange.spot.terms import FEE_MAX_PPM, SpotTerms
from exchange.spot_venues.depth import MAKER_ACCOUNT, TAKER_ACCOUNT
from exchange.world.values import Currency

CurrencyName = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,20}$")]
VenueName = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,19}$")]
AccountName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
FeePpm = Annotated[int, Field(ge=-FEE_MAX_PPM, le=FEE_MAX_PPM)]
OWN_ACCOUNTS = frozenset({MAKER_ACCOUNT, TAKER_ACCOUNT, VENUE_ACCOUNT, FAULT_ACCOUNT, "admin"})
"""Accounts that are the venue's own."""


class Section(BaseModel):
    """A table of the file; a name it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CurrencySettings(Section):
    """How a currency's value moves where no price source says it."""

    value: float = Field(gt=0, lt=1e12)
    """Dollars of one unit at the first start."""
    volatility: float = Field(default=0.6, gt=0, le=10)
    """Annual."""
    market: float = Field(default=0.0, ge=-0.99, le=0.99)
    """Correlation with the market factor; that of two currencies is the product of theirs."""


class WorldSettings(Section):
    """The one session of prices behind all venues."""

    step_ms: int = Field(default=50, ge=10, le=1_000)
    currencies: dict[CurrencyName, CurrencySettings] = Field(min_length=1, max_length=100)
    """All but the dollar, in which the values are."""

    @field_validator("currencies")
    @classmethod
    def _all_but_the_dollar(cls, value: dict[str, CurrencySettings]) -> dict[str, CurrencySettings]:
        if DOLLAR in value:
            raise ValueError(f"must not name {DOLLAR}, in which the others are valued")
        return value

    def list_currencies(self) -> list[Currency]:
        """The currencies as the world takes them."""
        return [Currency(name, row.value, row.volatility, row.market) for name, row in self.currencies.items()]


class MakerSettings(Section):
    """How makers keep the books of a venue."""

    levels: int = Field(default=20, ge=1, le=200)
    """On each side."""
    half_spread_bps: float = Field(default=3.0, gt=0, le=1_000)
    step_bps: float = Field(default=2.0, gt=0, le=1_000)
    """From one level to the next."""
    level_value: float = Field(default=4_000.0, gt=0, le=1e9)
    """Dollars' worth of the first level."""
    growth: float = Field(default=0.15, ge=0, le=10)
    """By how much of the first level each further one is larger."""
    size_sigma: float = Field(default=0.3, ge=0, le=2)
    """Of the log size of each level, which wanders within some ten looks."""
    sticky_bps: float = Field(default=0.5, ge=0, le=100)
    """They leave their prices alone until what they believe has moved by so much."""
    delay_ms: int = Field(default=100, ge=0, le=5_000)
    """How old the price is that they quote from."""
    noise_bps: float = Field(default=0.5, ge=0, le=100)
    """Standard deviation of their error, which wanders within `noise_s`."""
    noise_s: float = Field(default=10.0, gt=0, le=3_600)
    refill_s: float = Field(default=5.0, gt=0, le=3_600)
    """In which all but 1/e of what was traded of a level is there again."""
    look_ms: int = Field(default=150, ge=20, le=5_000)


class TakerSettings(Section):
    """Who trades with the books of a venue: Poisson arrivals per symbol, lognormal size, a limit from the price.

    An arrival goes as far as a distance from the price that is exponential: what rests further away is hit less often,
    by 1/e for every `reach_bps`.
    """

    per_s: float = Field(default=0.3, ge=0, le=1_000)
    """Per symbol, both sides together."""
    reach_bps: float = Field(default=4.0, gt=0, le=1_000)
    value_median: float = Field(default=500.0, gt=0, le=1e9)
    """Dollars' worth."""
    value_sigma: float = Field(default=0.8, ge=0, le=3)
    informed_share: float = Field(default=0.0, ge=0, le=1)
    """Of the arrivals: these know the price `informed_lead_ms` ahead, and trade only where that pays after the fee."""
    informed_lead_ms: int = Field(default=500, ge=0, le=5_000)


class SymbolSettings(Section):
    """A symbol of a venue; what is left out is the venue's."""

    base: CurrencyName
    quote: CurrencyName
    tick: Decimal
    lot: Decimal
    min_lots: int = Field(default=1, ge=1, le=10**9)
    min_notional: Decimal = Decimal(0)
    """In the quote currency."""
    maker_fee_ppm: FeePpm | None = None
    taker_fee_ppm: FeePpm | None = None
    half_spread_bps: float | None = Field(default=None, gt=0, le=1_000)
    level_value: float | None = Field(default=None, gt=0, le=1e9)
    takers_per_s: float | None = Field(default=None, ge=0, le=1_000)
    mirror: str = Field(default="", pattern=r"^[A-Z0-9]{0,40}$")
    """The symbol of the public price source whose real book is shown here, while prices are live or replayed."""


class SpotVenueSettings(Section):
    """One named venue."""

    accounts: tuple[AccountName, ...] = ("mm1",)
    """They get keys of their own here, whatever the same name has elsewhere; MM_MAKERS may name others."""
    deposits: dict[CurrencyName, Decimal] = {}
    """What each account is given once of a currency."""
    maker_fee_ppm: FeePpm = 100
    taker_fee_ppm: FeePpm = 500
    """Of price × size; a negative one is a rebate."""
    fee_currency: Annotated[str, Field(pattern=r"^([A-Z0-9]{2,20})?$")] = ""
    """Fees are in it where it is neither base nor quote, as long as an account has enough; else in the quote."""
    orders_per_s: int = Field(default=500, ge=1, le=1_000_000)
    """Per key; cancels get twice as many, bursts are two seconds' worth."""
    orders_kept: int = Field(default=20_000, ge=100, le=10_000_000)
    latency_in_ms: float = Field(default=0, ge=0, le=5_000)
    """From a client's frame or request to the venue."""
    latency_out_ms: float = Field(default=0, ge=0, le=5_000)
    """From the venue to a client."""
    transfer_delay_s: float = Field(default=60, ge=0, le=86_400)
    """From the sending of money to another venue of the exchange to its arrival."""
    makers: MakerSettings = MakerSettings()
    takers: TakerSettings = TakerSettings()
    symbols: dict[str, SymbolSettings] = Field(min_length=1, max_length=200)

    @field_validator("accounts")
    @classmethod
    def _accounts_of_customers(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if taken := sorted(OWN_ACCOUNTS & set(value)):
            raise ValueError(f"must not name {', '.join(taken)}, which the venue has itself")
        if len(set(value)) != len(value):
            raise ValueError("must not name an account twice")
        return value

    @field_validator("deposits")
    @classmethod
    def _whole_units(cls, value: dict[str, Decimal]) -> dict[str, Decimal]:
        for currency, amount in value.items():
            if not (amount.is_finite() and 0 <= amount <= 10**12) or amount != round(amount, decimals_of(currency)):
                rule = f"0 or more with at most {decimals_of(currency)} decimals"
                raise ValueError(f"{currency} must be {rule}, is {amount:f}")
        return value

    @model_validator(mode="after")
    def _terms_hold(self) -> SpotVenueSettings:
        for name in self.symbols:
            try:
                self.terms(name)
            except ValueError as error:
                raise ValueError(f"symbols.{name}.{error}") from None
        return self

    def opening(self, accounts: tuple[str, ...]) -> SpotVenueSettings:
        """These with other accounts; as they are where none are given. ValidationError of one that cannot be opened."""
        return SpotVenueSettings.model_validate(dict(self) | {"accounts": accounts}) if accounts else self

    def terms(self, name: str) -> SpotTerms:
        """The terms of a symbol; ValueError names the field and the rule."""
        row = self.symbols[name]
        return SpotTerms(
            symbol=name,
            base=row.base,
            underlying=row.base,
            quote=row.quote,
            tick=row.tick,
            lot=row.lot,
            min_size=row.lot * row.min_lots,
            min_notional=row.min_notional,
            maker_fee_ppm=self.maker_fee_ppm if row.maker_fee_ppm is None else row.maker_fee_ppm,
            taker_fee_ppm=self.taker_fee_ppm if row.taker_fee_ppm is None else row.taker_fee_ppm,
            fee_currency="" if self.fee_currency in (row.base, row.quote) else self.fee_currency,
        )


class ExchangeFile(Section):
    """The whole file."""

    world: WorldSettings
    venues: dict[VenueName, SpotVenueSettings] = Field(min_length=1, max_length=20)

    @field_validator("venues")
    @classmethod
    def _known_currencies(
        cls, value: dict[str, SpotVenueSettings], info: ValidationInfo
    ) -> dict[str, SpotVenueSettings]:
        if "world" not in info.data:
            return value
        known = {DOLLAR, *info.data["world"].currencies}
        for name, venue in value.items():
            for symbol, row in venue.symbols.items():
                for field, currency in (("base", row.base), ("quote", row.quote)):
                    if currency not in known:
                        raise ValueError(
                            f"{name}.symbols.{symbol}.{field}: must be a currency of the world, is {currency}"
                        )
            if venue.fee_currency and venue.fee_currency not in known:
                raise ValueError(f"{name}.fee_currency: must be a currency of the world, is {venue.fee_currency}")
            for currency in venue.deposits:
                if currency not in known:
                    raise ValueError(f"{name}.deposits: must be currencies of the world, names {currency}")
        return value
