"""What a bot shows, how it leans against what it holds, and how it gives that up."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from common.bots.section import Section


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
    end_net: int = Field(default=15, ge=0, le=10_000_000)
    """Shares of |net| that may be left when the market ends: so much may be held however few takers will come."""
    adding_min: int = Field(default=10, ge=0, le=10_000_000)
    """Shares that the adding side still shows beyond that, up to twice of it, and then one lot, until perhaps nobody
    comes any more to take it again; 0 makes the quote one-sided at once."""
    flow_caution: float = Field(default=4.0, ge=0, le=10)
    """What takers will surely bring is this many standard deviations below what they bring on average; no more may be
    held, whatever the bounds above allow. 0 trusts those alone."""
    flow_prior_per_min: float = Field(default=3.0, ge=0, le=10_000)
    """Takers of each direction in a minute, before any have been seen..."""
    flow_prior_s: float = Field(default=120.0, ge=0, le=86_400)
    """... and as many seconds of having seen them as that counts for."""
    flow_prior_size: float = Field(default=40.0, ge=0, le=10_000)
    """Shares each of them takes."""
    max_settlement_loss: float = Field(default=500.0, gt=0, le=1e9)
    """Money that the worse result of one market may cost; what would lessen it may always be bought."""
    reduce_only_s: float = Field(default=30.0, ge=0, le=86_400)
    """Seconds before expiry from which only orders that reduce |net| may rest."""
    reduce_cost: float = Field(default=0.03, ge=0, lt=0.5)
    """How much worse than fair value a resting order may be then, to be rid of what is left."""
    close_threshold_s: float = Field(default=5.0, ge=0, le=86_400)
    """Seconds before expiry from which nothing rests."""
    min_life_s: float = Field(default=60.0, ge=0, le=86_400)
    """A market with less life left than this is not selected newly."""

    @model_validator(mode="after")
    def _ordered_phases(self) -> Inventory:
        if self.lean_until > self.aggressive_from:
            raise ValueError("aggressive_from must not be below lean_until")
        if not self.lean_net >= self.late_net >= self.final_net:
            raise ValueError("lean_net, late_net and final_net must not grow")
        if self.close_threshold_s > self.reduce_only_s:
            raise ValueError("reduce_only_s must not be below close_threshold_s")
        return self


class Unwind(Section):
    """How a holding is given up: pairs are merged into cash, and what is left near the end is crossed with the book."""

    merge_pairs: int = Field(default=200, ge=0, le=10_000_000)
    """Pairs of YES and NO held at which they are merged through the venue; 0 leaves them until settlement."""
    merge_below_cash: float = Field(default=1_000.0, ge=0, le=1e12)
    """With less free cash than this every pair is merged, however few; 0 never."""
    merge_gap_s: float = Field(default=1.0, ge=0.05, le=3_600)
    """Time between two conversions of an account."""
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
    seed_pairs: int = Field(default=0, ge=0, le=10_000_000)
    """With `sell_held`, pairs of each market that are split from cash to have something to sell, and not merged."""
