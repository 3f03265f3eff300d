"""When a bot stands back: from those who know more, and from what it holds in all."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from common.bots.section import Section

MARKOUT_HORIZONS_S = (0.1, 1.0, 5.0, 30.0)
"""Times after a fill at which it is judged."""


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
