"""The configuration of a bot, section by section, as validated at the gateway and read by every service.

Every number of a binary bot's behaviour is here; unknown keys are refused with their name.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from common.errors import ConfigError
from common.events import BotConfig

SMILE_MAX = 4
"""Gatheral and Jacquier's bound against butterfly arbitrage."""
MARKOUT_HORIZONS_S = (0.1, 1.0, 5.0, 30.0)
"""Times after a fill at which it is judged."""
Text = Annotated[str, Field(min_length=1, max_length=64)]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
"""Of a file in the pricer's directory of models; a name, not a path."""


class Section(BaseModel):
    """One part of a bot's configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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


class Instrument(Section):
    """Which markets a binary bot quotes, where, and through which account."""

    venue: Text = "degen"
    account: Text = "mm1"
    series: list[Text] = Field(min_length=1, max_length=50)
    """Rolling series, e.g. BTC-5M."""
    sources: dict[Text, list[PriceSource]]
    """By underlying asset, best first, e.g. BTC = [{venue = "binance", symbol = "BTCUSDT"}]."""

    @model_validator(mode="after")
    def _usable_sources(self) -> Instrument:
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
    """A source disagrees when it is further from the middle than so many standard deviations of the difference..."""
    agree_bps: float = Field(default=5.0, gt=0, le=1_000)
    """... and than this, in basis points."""
    diverged_after_s: float = Field(default=5.0, ge=0, le=3_600)
    """A source that disagrees for so long is told of, and again when it has agreed for as long."""
    noise_bps: float = Field(default=0.2, gt=0, le=100)
    """Least deviation of a venue's price from its true one."""
    basis_half_life_s: float = Field(default=300.0, ge=1, le=86_400)
    """In which half of a lasting change between two sources is taken up."""
    basis_prior_bps: float = Field(default=20.0, gt=0, le=1_000)
    """How far a source may lie from the reference before the two have been compared."""
    entry_s: float = Field(default=5.0, gt=0, le=3_600)
    """A source that comes back gains its weight over this time."""
    arbitrage_after_s: float = Field(default=0.5, ge=0, le=3_600)
    """A bid above another venue's offer, basis and fees taken off, is told of when it has lasted for so long."""


class Pricing(Section):
    """How the fair value is formed."""

    interval_ms: int = Field(default=100, ge=10, le=10_000)
    """Fair values are renewed this often even when no price moves, because time itself moves them."""
    volatility_half_life_s: float = Field(default=600.0, gt=0, le=86_400)
    volatility_slow_half_life_s: float = Field(default=3_600.0, gt=0, le=604_800)
    """Of a second average, which steadies the first."""
    volatility_fast_share: float = Field(default=0.7, ge=0, le=1)
    """Of the variance, how much the first average makes; 1 is that average alone."""
    volatility_sample_s: float = Field(default=5.0, gt=0, le=300)
    """Returns are taken over at least this much time, so that bid-ask bounce does not count as movement."""
    volatility_floor: float = Field(default=0.10, gt=0, le=5)
    volatility_cap: float = Field(default=5.0, gt=0, le=20)
    volatility_prior: float = Field(default=0.50, gt=0, le=5)
    volatility_prior_s: float = Field(default=120.0, ge=0, le=86_400)
    """Weight of the prior, as seconds of observation."""
    ready_after_s: float = Field(default=0.0, ge=0, le=3_600)
    """Seconds of prices needed before quoting; the prior carries until the market speaks."""
    max_source_age_ms: int = Field(default=5_000, ge=100, le=60_000)
    """Older prices are not priced from: nothing out."""
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


class Quoting(Section):
    """Spread, size, levels and spacing of the ladder."""

    spread: float = Field(default=0.04, gt=0, lt=1)
    """Total distance between own best bid and own best ask, in price."""
    size: int = Field(default=100, ge=1, le=1_000_000)
    """Shares per level."""
    levels: int = Field(default=3, ge=1, le=20)
    spacing: float = Field(default=0.01, gt=0, lt=0.5)
    price_tolerance_ticks: int = Field(default=0, ge=0, le=10)
    """An order this close to its target price is left where it is, to keep its place in the queue."""
    size_tolerance: float = Field(default=0.25, ge=0, le=1)
    """Fraction by which a resting size may differ from its target before it is replaced."""
    target_life_ms: int = Field(default=1_000, ge=100, le=10_000)
    """A target that is not renewed for this long pulls its quotes."""
    staleness_ms: float = Field(default=0.0, ge=0, le=10_000)
    """Time from a price to our order at the venue, over which the fair value may move; 0 leaves it out."""
    staleness_factor: float = Field(default=1.0, ge=0, le=10)
    """Standard deviations of that move to add to each side."""
    uncertainty_factor: float = Field(default=1.0, ge=0, le=10)
    """Of the fair value's own standard error, how many to add to each side."""
    volatility_reference: float = Field(default=0.0, ge=0, le=5)
    """Annual volatility at which `spread` is meant; 0 leaves it as it is at any volatility."""
    tightest_factor: float = Field(default=0.75, gt=0, le=1)
    widest_factor: float = Field(default=2.5, ge=1, le=20)
    maker_rebate: float = Field(default=0.0, ge=0, le=0.5)
    """Rebate per share as a multiple of p (1 - p), handed on in the price: fee rate times our share of it."""
    max_spread: float = Field(default=1.0, gt=0, le=1)
    """With a wider one the market is not quoted: nobody trades there, and orders far out are only a risk."""
    dead_side_from: float = Field(default=0.85, ge=0, le=1)
    """Fraction of the life elapsed from which the side that has all but lost is no longer bid for."""
    dead_side_below: float = Field(default=0.10, ge=0, lt=0.5)
    """What its share is worth at most then; what only pairs off a holding is bid for all the same."""


class Inventory(Section):
    """How the bot leans against what it holds, over the life of a market."""

    max_position: int = Field(default=1_000, ge=1, le=10_000_000)
    """Shares of one outcome of one market."""
    skew_factor: float = Field(default=0.02, ge=0, le=0.5)
    """Shift of both quotes, in price, when |net| is `max_position`, in the first phase."""
    late_skew_factor: float = Field(default=0.10, ge=0, le=0.5)
    """The same at the end of the ramp."""
    lean_until: float = Field(default=0.25, ge=0, le=1)
    """Fraction of the life elapsed up to which a lean is tolerated."""
    model: Literal["linear", "cara", "avellaneda_stoikov", "glft"] = "linear"
    """How what is held moves the quotes: by `skew_factor`, or by what a further share is worth to a holder."""
    fill_decay: float = Field(default=50.0, gt=0, le=10_000)
    """For `glft`: the chance of a fill falls by e with every 1 / fill_decay of distance from fair value."""
    fill_intensity: float = Field(default=0.5, gt=0, le=1_000)
    """For `glft`: fills of a tenth of `max_position` per second at fair value."""
    terminal_penalty: float = Field(default=0.10, ge=0, le=1)
    """For `glft`: price at which the last share of a full position is given up when quoting stops."""
    risk_aversion: float = Field(default=1e-4, gt=0, le=1)
    """Per unit of money, for all models but `linear`; 1e-4 is 2.5 cents at 1,000 shares at the money."""
    aggressive_from: float = Field(default=0.35, ge=0, le=1)
    """Fraction elapsed from which the full late skew applies."""
    lean_net: int = Field(default=300, ge=1, le=10_000_000)
    """Shares of |net| towards which the size of the adding side shrinks, up to `lean_until`..."""
    late_net: int = Field(default=150, ge=1, le=10_000_000)
    """... at `aggressive_from`..."""
    final_net: int = Field(default=40, ge=1, le=10_000_000)
    """... and where the reduce-only window begins."""
    adding_min: int = Field(default=10, ge=0, le=10_000_000)
    """Shares that the adding side still shows beyond that, up to twice of it; 0 makes the quote one-sided at once."""
    max_settlement_loss: float = Field(default=500.0, gt=0, le=1e9)
    """Money that the worse result of one market may cost; what would lessen it may always be bought."""
    reduce_only_s: float = Field(default=80.0, ge=0, le=86_400)
    """Seconds before expiry from which only orders that reduce |net| may rest."""
    reduce_cost: float = Field(default=0.03, ge=0, lt=0.5)
    """How much worse than fair value a resting order may be then, to be rid of what is left."""
    close_threshold_s: float = Field(default=5.0, ge=0, le=86_400)
    """Seconds before expiry from which nothing rests."""
    min_life_s: float = Field(default=60.0, ge=0, le=86_400)
    """A market with less life left than this is not taken up newly."""

    @model_validator(mode="after")
    def _ordered_phases(self) -> Inventory:
        if self.lean_until > self.aggressive_from:
            raise ValueError("aggressive_from must not be below lean_until")
        if not self.lean_net >= self.late_net >= self.final_net:
            raise ValueError("lean_net, late_net and final_net must not grow")
        if self.close_threshold_s > self.reduce_only_s:
            raise ValueError("reduce_only_s must not be below close_threshold_s")
        return self


class Protection(Section):
    """When a market, or a bot, is pulled for a while because too much was taken too fast; 0 turns a limit off."""

    window_s: float = Field(default=5.0, gt=0, le=3_600)
    max_fills: int = Field(default=30, ge=0, le=100_000)
    max_volume: int = Field(default=3_000, ge=0, le=100_000_000)
    """Shares filled within the window."""
    max_net: int = Field(default=1_000, ge=0, le=100_000_000)
    """Shares by which YES less NO has moved within the window."""
    freeze_s: float = Field(default=5.0, ge=0, le=86_400)
    """With 0 the whole bot is halted until a person lifts it."""


class Exposure(Section):
    """How quotes lean against what is held in other markets of the same underlying, and how much that may be."""

    max_per_percent: float = Field(default=500.0, gt=0, le=1e9)
    """Money won or lost when the underlying moves by one per cent, at which the lean is at its full."""
    skew: float = Field(default=0.01, ge=0, le=0.5)
    """Shift of both quotes, in price, then; 0 turns it off."""
    shocks: list[float] = Field(default=[-0.02, -0.01, -0.005, 0.005, 0.01, 0.02], max_length=20)
    """Moves of the underlying, as fractions of its price, for which the loss is told."""
    max_scenario_loss: float = Field(default=1_000.0, ge=0, le=1e12)
    """Money: when the worst of the shocks would lose more, nothing that adds to it is bid for; 0 is no limit."""
    limit_per_percent: float = Field(default=0.0, ge=0, le=1e12)
    """The same for money lost to first order when the underlying moves by one per cent, which near a strike and expiry
    has no bound: hence off with 0."""

    @model_validator(mode="after")
    def _possible_shocks(self) -> Exposure:
        if not all(-0.9 <= shock <= 10 for shock in self.shocks):
            raise ValueError("shocks must lie between -0.9 and 10")
        return self


class Flow(Section):
    """How quotes stand back from those who seem to know more: by own markouts, one-sided flow, and VPIN."""

    markout_horizon_s: float = 1.0
    """Of MARKOUT_HORIZONS_S, the one whose losses widen a side."""
    markout_half_life_s: float = Field(default=1_800.0, gt=0, le=86_400)
    markout_prior: float = Field(default=500.0, gt=0, le=1e9)
    """Shares that did not move against us, as the belief before the first fill; with time it comes back."""
    markout_factor: float = Field(default=1.0, ge=0, le=10)
    half_life_s: float = Field(default=10.0, gt=0, le=3_600)
    """Of signed flow, and of VPIN while nothing is traded."""
    prior: float = Field(default=100.0, gt=0, le=1e9)
    """Shares of balanced flow, as the belief before the first trade."""
    imbalance_factor: float = Field(default=1.0, ge=0, le=10)
    vpin_bucket: float = Field(default=250.0, gt=0, le=1e9)
    """Shares."""
    vpin_buckets: int = Field(default=10, ge=4, le=1_000)
    vpin_factor: float = Field(default=1.0, ge=0, le=10)
    informed_ahead_s: float = Field(default=1.0, gt=0, le=3_600)
    """How far ahead those who know are taken to see; what that is worth grows as expiry comes near."""
    confidence: float = Field(default=1.5, ge=0, le=10)
    """Standard errors that a signal must exceed before it counts, and by which it is cut."""
    max_toxicity: float = Field(default=0.03, ge=0, le=0.5)
    """The most that a side moves away, in price; 0 turns all of it off."""

    @field_validator("markout_horizon_s")
    @classmethod
    def _kept_horizon(cls, value: float) -> float:
        if value not in MARKOUT_HORIZONS_S:
            raise ValueError(f"must be one of {', '.join(f'{each:g}' for each in MARKOUT_HORIZONS_S)}")
        return value


class Selection(Section):
    """Which markets a bot takes up when there are more than it may work on; 0 is no cap."""

    max_per_series: int = Field(default=0, ge=0, le=1_000)
    max_per_underlying: int = Field(default=0, ge=0, le=1_000)
    keep_bonus: float = Field(default=0.25, ge=0, le=1)
    """Fraction of a life by which another market must be better before one that is quoted is given up for it."""


class Unwind(Section):
    """How a holding is given up: pairs are merged into cash, and what is left near the end is crossed with the book."""

    merge_pairs: int = Field(default=200, ge=0, le=10_000_000)
    """So many YES and NO held together are merged through the venue; 0 leaves them until settlement."""
    merge_below_cash: float = Field(default=1_000.0, ge=0, le=1e12)
    """With less free cash than this every pair is merged, however few; 0 never."""
    merge_gap_s: float = Field(default=1.0, ge=0.05, le=3_600)
    """Time between two merges of an account."""
    cross_from_s: float = Field(default=30.0, ge=0, le=86_400)
    """Seconds before expiry from which |net| is taken down by orders that cross the book; 0 never crosses."""
    cross_tolerance: int = Field(default=10, ge=0, le=10_000_000)
    """Shares of |net| that are left alone."""
    max_cross_cost: float = Field(default=0.05, ge=0, lt=1)
    """At most so much worse than fair value per share, the taker's fee included."""
    cross_budget: float = Field(default=50.0, ge=0, le=1e9)
    """Money that crossing may cost in one market, measured in the same way."""
    cross_gap_ms: int = Field(default=250, ge=50, le=60_000)
    """Time between two such orders in a market."""
    taker_fee: float = Field(default=0.072, ge=0, le=0.5)
    """Fee per share taken, as a multiple of p (1 - p)."""
    sell_held: bool = False
    """Offer shares that are held instead of bidding for the other outcome, where that needs no collateral."""


class RiskLimits(Section):
    """Limits of a bot; a 0 or null falls back to the platform-wide limit, never to 'no limit'."""

    max_markets: int = Field(default=10, ge=1, le=1_000)
    max_daily_loss: Decimal | None = Field(default=Decimal(1_000), ge=0)
    min_spread: float = Field(default=0.02, ge=0, lt=1)
    max_net: int | None = Field(default=None, ge=0)
    max_order: int | None = Field(default=None, ge=0)
    max_open_orders: int | None = Field(default=None, ge=0)
    max_messages_per_s: int | None = Field(default=None, ge=0)
    price_collar: float | None = Field(default=None, ge=0, lt=1)
    book_collar: float | None = Field(default=None, ge=0, lt=1)
    """How far a price may reach into the other side of the public book."""
    max_order_notional: float | None = Field(default=None, ge=0, le=1e9)
    """Money in one order."""
    max_notional: float | None = Field(default=None, ge=0, le=1e9)
    """Money in all open bids and in what is held unpaired."""
    max_drawdown: Decimal | None = Field(default=None, ge=0)
    """From the day's highest profit."""
    max_bid: float | None = Field(default=None, ge=0, lt=1)
    """No bid for YES stands higher."""
    min_ask: float | None = Field(default=None, ge=0, lt=1)
    """YES is not offered lower."""
    max_side_orders: int | None = Field(default=None, ge=0)
    """Open orders on one side of one market."""
    min_quote_life_ms: int | None = Field(default=None, ge=0, le=60_000)
    """A quote that is cancelled younger than this is not replaced before."""
    max_cancels_per_s: int | None = Field(default=None, ge=0)
    """With more of them new orders wait; cancels never do."""
    max_orders_per_fill: int | None = Field(default=None, ge=0)
    """Over an hour."""


class Override(Section):
    """Fields that differ in some markets; those not named stay as they are."""

    quoting: dict[str, Any] = Field(default_factory=dict)
    inventory: dict[str, Any] = Field(default_factory=dict)


class Overrides(Section):
    """What differs by underlying, and by market, which comes last. The bot's limits hold all the same."""

    by_underlying: dict[Text, Override] = Field(default_factory=dict, max_length=100)
    by_market: dict[Text, Override] = Field(default_factory=dict, max_length=1_000)


class BinaryBot(Section):
    """All sections of a bot that quotes YES/NO markets. Without `risk_limits` it does not trade."""

    instrument: Instrument
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
    risk_limits: RiskLimits | None = None

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


KINDS: dict[str, type[BinaryBot]] = {"binary": BinaryBot}


def parse_bot(kind: str, sections: dict[str, Any]) -> BinaryBot:
    """Return the validated sections; ConfigError lists every field and the rule it breaks."""
    model = KINDS.get(kind)
    if model is None:
        raise ConfigError([f"kind: must be one of {', '.join(KINDS)}, is {kind!r}"])
    try:
        return model.model_validate(sections)
    except ValidationError as error:
        raise ConfigError(faults_of(error)) from None


def sections_of(config: BotConfig) -> BinaryBot:
    """Return the validated sections of a configuration event."""
    return parse_bot(config.kind, config.sections)


def faults_of(error: ValidationError) -> list[str]:
    """Return 'field.path: rule' for each fault pydantic found."""
    return [f"{'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg']}" for fault in error.errors()]
