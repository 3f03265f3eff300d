"""Which markets a bot quotes, from which prices, and how the fair value is formed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from common.bots.bot import InstrumentSection
from common.bots.section import FileName, Section, Text

SMILE_MAX = 4
"""Gatheral and Jacquier's bound against butterfly arbitrage."""


HalfLife = Annotated[float, Field(ge=5, le=86_400)]
"""Seconds."""


class PriceSource(Section):
    """A public market whose price drives the fair value."""

    venue: Text = "binance"
    symbol: Text
    price: Literal["mid", "micro"] = "mid"
    """Markets settle on the mid; the micro-price leans towards the thinner side and leads it by a moment."""
    weight: float = Field(default=1.0, ge=0, le=100)
    """How much it counts beside others; 0 is not priced from, only compared with."""
    reference: bool = False
    """Markets settle on this one, unless they say otherwise; without any it is the first of the list."""
    offset_bps: float = Field(default=0.0, ge=-1_000, le=1_000)
    """What is added to its price before anything has been measured, in basis points of it."""
    offset_deviation_bps: float = Field(default=0.0, ge=0, le=1_000)
    """How unsure that is; 0 is sure of a single source or a reference, and `basis_prior_bps` for others."""
    taker_fee_bps: float = Field(default=10.0, ge=0, le=1_000)
    """Cost of taking there, for telling an arbitrage from a difference."""


class BinaryInstrument(InstrumentSection):
    """Which markets a binary bot quotes, where, and through which account."""

    series: list[Text] = Field(min_length=1, max_length=50)
    """Rolling series, e.g. BTC-5M."""
    sources: dict[Text, list[PriceSource]]
    """By underlying asset, best first, e.g. BTC = [{venue = "binance", symbol = "BTCUSDT"}]."""

    @model_validator(mode="after")
    def _usable_sources(self) -> BinaryInstrument:
        for underlying, sources in self.sources.items():
            named = [(source.venue, source.symbol) for source in sources]
            if len(set(named)) < len(named):
                raise ValueError(f"sources.{underlying}: a source comes twice")
            if sum(source.reference for source in sources) > 1:
                raise ValueError(f"sources.{underlying}: more than one is the reference")
            if sources and not any(source.weight > 0 for source in sources):
                raise ValueError(f"sources.{underlying}: none has a weight")
        return self


class Combination(Section):
    """How several sources of an underlying become one price; a single one is taken as it comes."""

    method: Literal["consensus", "first"] = "consensus"
    """All that agree, by their precision; or the first of the list that is fresh."""
    min_agreeing: int = Field(default=1, ge=1, le=16)
    """With fewer fresh sources that agree nothing is quoted; nor without a majority, nor when the reference differs."""
    agree_deviations: float = Field(default=4.0, ge=1, le=100)
    """A source disagrees when it is further from the middle than this many standard deviations of the difference..."""
    agree_bps: float = Field(default=5.0, gt=0, le=1_000)
    """... and than this, in basis points."""
    diverged_after_s: float = Field(default=5.0, ge=0, le=3_600)
    """A source that disagrees for this long is reported, and again when it has agreed for as long."""
    noise_bps: float = Field(default=0.2, gt=0, le=100)
    """Least deviation of a venue's price from its true one."""
    basis_half_life_s: float = Field(default=300.0, ge=1, le=86_400)
    """In which half of a lasting change between two sources is taken up."""
    basis_prior_bps: float = Field(default=20.0, gt=0, le=1_000)
    """How far a source may lie from the reference before the two have been compared."""
    entry_s: float = Field(default=5.0, gt=0, le=3_600)
    """A source that comes back gains its weight over this time."""
    arbitrage_after_s: float = Field(default=0.5, ge=0, le=3_600)
    """A bid above another venue's offer, basis and fees taken off, is reported when it has lasted this long."""


class Pricing(Section):
    """How the fair value is formed."""

    interval_ms: int = Field(default=100, ge=10, le=10_000)
    """Fair values are renewed this often even when no price moves, because time itself moves them."""
    volatility_half_life_s: float = Field(default=600.0, gt=0, le=86_400)
    volatility_slow_half_life_s: float = Field(default=3_600.0, gt=0, le=604_800)
    """Of a second average, which steadies the first."""
    volatility_fast_share: float = Field(default=0.7, ge=0, le=1)
    """Of the calm variance, how much the first average makes; 1 is that average alone."""
    volatility_quick_half_lives_s: list[HalfLife] = Field(default=[30.0, 120.0], max_length=4)
    """Of averages that are believed as far as the latest returns were what they said; none leaves the calm two."""
    volatility_quick_share: float = Field(default=0.3, ge=0, le=0.9)
    """What they weigh together while returns speak for none of them."""
    volatility_quick_fade_s: float = Field(default=14_400.0, ge=60, le=86_400)
    """In which half of what returns have said for or against them is forgotten."""
    volatility_sample_s: float = Field(default=5.0, gt=0, le=300)
    """Returns are taken over at least this much time, so that bid-ask bounce does not count as movement."""
    volatility_floor: float = Field(default=0.10, gt=0, le=5)
    volatility_cap: float = Field(default=5.0, gt=0, le=20)
    volatility_prior: float = Field(default=0.50, gt=0, le=5)
    volatility_prior_s: float = Field(default=120.0, ge=0, le=86_400)
    """Weight of the prior, as seconds of observation."""
    ready_after_s: float = Field(default=0.0, ge=0, le=3_600)
    """Seconds of prices needed before quoting; the prior carries until the market speaks."""
    max_source_age_ms: int = Field(default=1_000, ge=100, le=60_000)
    """Prices whose venue has not been heard for longer are not priced from: nothing out. A quiet symbol of a venue
    that is heard, by its heartbeats too, is not old; where those come once a second this must be twice as long."""
    distribution: Literal["diffusion", "student", "jumps", "surface"] = "student"
    """Shape of the log price at expiry; its variance is the estimate's with each."""
    student_df: float = Field(default=12.0, gt=2, le=1_000)
    """Degrees of freedom for `student`: few are a high middle and long tails, many are the diffusion."""
    jumps_per_day: float = Field(default=48.0, ge=0, le=10_000)
    jump_mean: float = Field(default=0.0, ge=-0.1, le=0.1)
    """In log price, for `jumps`."""
    jump_deviation: float = Field(default=0.001, ge=0, le=0.1)
    smile_rho: float = Field(default=0.0, gt=-1, lt=1)
    """Skew for `surface`: below 0 when falls are feared more than rises."""
    smile_eta: float = Field(default=0.5, gt=0, le=2)
    """Curvature for `surface`."""
    smiles: dict[Text, FileName] = Field(default_factory=dict)
    """By underlying, a file of option quotes that `surface` takes its shape from instead."""
    smile_max_age_s: float = Field(default=86_400.0, ge=60, le=31_536_000)
    """With older quotes nothing is quoted."""
    smile_level_from_s: float = Field(default=86_400.0, ge=60, le=31_536_000)
    """Life from which the options give the volatility's level too; from half of it on they do so in part."""
    time_of_day: dict[Text, FileName] = Field(default_factory=dict)
    """By underlying, a file of how much prices move at each time of the day."""

    @model_validator(mode="after")
    def _floor_below_cap(self) -> Pricing:
        if not self.volatility_floor <= self.volatility_prior <= self.volatility_cap:
            raise ValueError("volatility_prior must lie between volatility_floor and volatility_cap")
        if self.smile_eta**2 * (1 + abs(self.smile_rho)) > SMILE_MAX:
            raise ValueError(
                f"smile_eta: smile_eta^2 (1 + |smile_rho|) must be at most {SMILE_MAX}, or it has arbitrage"
            )
        return self
