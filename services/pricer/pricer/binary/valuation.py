"""What one bot thinks the open markets of one underlying are worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.bots import BinaryBot, PriceSource, Pricing
from common.clock import NS_PER_MS, NS_PER_S, SECONDS_PER_YEAR
from common.core import Sample
from common.events import FairValue

from pricer.binary.contracts import Contract
from pricer.binary.models import Diffusion, Jumps, Model, Student, Surface, Value
from pricer.binary.settlement import Terms, WindowAverage, on_average, on_last
from pricer.binary.smiles import Shape, Smiles
from pricer.kind import Output
from pricer.library import Library
from pricer.sources.aggregation import Source
from pricer.sources.combined import Combined
from pricer.sources.spot import FirstFresh, News, PriceEstimate, Spot, name_of
from pricer.time_of_day import DayCurve
from pricer.volatility import VolatilityParams

DAYS_PER_YEAR = 365
DECIDED = Value(1.0, 0.0)


def volatility_params(pricing: Pricing) -> VolatilityParams:
    """Return the part of a bot's configuration that says how volatility is measured."""
    return VolatilityParams(
        half_life_s=pricing.volatility_half_life_s,
        sample_s=pricing.volatility_sample_s,
        floor=pricing.volatility_floor,
        cap=pricing.volatility_cap,
        prior=pricing.volatility_prior,
        prior_s=pricing.volatility_prior_s,
        slow_half_life_s=pricing.volatility_slow_half_life_s,
        fast_share=pricing.volatility_fast_share,
        quick_half_lives_s=tuple(pricing.volatility_quick_half_lives_s),
        quick_share=pricing.volatility_quick_share,
        quick_fade_s=pricing.volatility_quick_fade_s,
    )


def model_of(pricing: Pricing) -> Model:
    """Return the distribution that a bot's configuration asks for."""
    if pricing.distribution == "student":
        return Student(pricing.student_df)
    if pricing.distribution == "jumps":
        return Jumps(pricing.jumps_per_day * DAYS_PER_YEAR, pricing.jump_mean, pricing.jump_deviation)
    if pricing.distribution == "surface":
        return Surface(pricing.smile_rho, pricing.smile_eta)
    return Diffusion()


def spot_of(sections: BinaryBot, configured: list[PriceSource], sources: list[Source], before: Spot | None) -> Spot:
    """Return how the sources become one price, carrying on what is known of the same sources."""
    pricing, combination = sections.pricing, sections.combination
    max_age_ns = pricing.max_source_age_ms * NS_PER_MS
    spot: Spot
    if len(sources) < 2 or combination.method == "first":
        spot = FirstFresh(configured, sources, max_age_ns)
    elif isinstance(before, Combined) and before.continues(configured, sources, combination):
        before.configure(configured, combination, max_age_ns)
        spot = before
    else:
        spot = Combined(configured, sources, combination, max_age_ns)
    spot.keep(volatility_params(pricing))
    return spot


@dataclass(slots=True)
class PricedMarket:
    """A contract as one bot prices it."""

    contract: Contract
    settles_at: int | None
    """Place of the source that decides it among the bot's; None where that is not one of them."""
    window: WindowAverage | None
    model: Model

    def terms(self, spot: float, seconds_left: float) -> Terms:
        """Return what the contract comes to."""
        contract = self.contract
        if self.window is None:
            return on_last(spot, contract.strike, seconds_left)
        return on_average(spot, contract.strike, seconds_left, contract.window_s, self.window.average())


@dataclass(slots=True)
class Valuation(Output):
    """The fair values of one bot in the markets of one underlying."""

    algo_id: str
    underlying: str
    pricing: Pricing
    spot: Spot
    model: Model
    """Of contracts without a smile of their own."""
    smiles: Smiles | None
    curve: DayCurve | None
    lines: tuple[PricedMarket, ...] = ()
    priced_at_ns: int = 0
    silent: str = "no price yet"
    note: str = ""
    """Why values may not be quoted from, for people."""
    newest: dict[str, FairValue] = field(default_factory=dict)
    """Last value of each contract, by symbol."""
    annual: float | None = None
    """Volatility it last priced with."""

    @classmethod
    def of(
        cls,
        algo_id: str,
        underlying: str,
        sections: BinaryBot,
        sources: list[Source],
        library: Library,
        before: Valuation | None = None,
    ) -> Valuation:
        """Return the valuation of a configuration; what the one `before` has learnt stays where it still applies.

        ConfigError when a file it needs cannot be used.
        """
        pricing = sections.pricing
        smiles = pricing.smiles.get(underlying) if pricing.distribution == "surface" else None
        curve = pricing.time_of_day.get(underlying)
        configured = sections.instrument.sources[underlying]
        made = cls(
            algo_id=algo_id,
            underlying=underlying,
            pricing=pricing,
            smiles=None if smiles is None else library.smiles(smiles),
            curve=None if curve is None else library.curve(curve),
            spot=spot_of(sections, configured, sources, None if before is None else before.spot),
            model=model_of(pricing),
        )
        if before is not None and before.spot.sources == made.spot.sources:
            # What is known of averages that are being made is not known again.
            made.lines = before.lines
        return made

    @property
    def name(self) -> str:
        return self.underlying

    @property
    def sources(self) -> Sequence[Source]:
        return self.spot.sources

    def volatility(self) -> VolatilityParams:
        return volatility_params(self.pricing)

    def news(self, now_ns: int) -> Sequence[News]:
        return self.spot.news(now_ns)

    def forget(self) -> None:
        self.newest.clear()

    def samples(self, labels: dict[str, str]) -> Iterable[Sample]:
        if self.annual is not None:
            yield Sample("mm_volatility", "gauge", "Annualised volatility", labels, self.annual)
        yield from self.spot.samples(labels)
        for symbol, value in self.newest.items():
            market = {"algo_id": self.algo_id, "symbol": symbol}
            yield Sample("mm_fair_value", "gauge", "Probability of YES", market, value.fair)

    def hold(self, contracts: tuple[Contract, ...]) -> None:
        """Price these contracts from now on and forget the others."""
        windows = {market.contract: market.window for market in self.lines}
        self.lines = tuple(self._line(contract, windows.get(contract)) for contract in contracts)
        self.newest = {
            contract.symbol: self.newest[contract.symbol] for contract in contracts if contract.symbol in self.newest
        }

    def due(self, now_ns: int) -> bool:
        """Say whether time alone has moved the values enough to state them again."""
        return now_ns - self.priced_at_ns >= self.pricing.interval_ms * NS_PER_MS

    def prices_from(self, source: Source) -> bool:
        """Say whether a new price of this source moves the values."""
        return self.spot.moved_by(source)

    def values(self, now_ns: int, epoch: int) -> list[FairValue]:
        """Return the fair values; nothing without a fresh price or while the time at the venue is unknown."""
        self.priced_at_ns = now_ns
        estimate = self.spot.estimate(now_ns)
        if estimate is None:
            self.silent, self.annual = "no fresh source", None
            return []
        ready = estimate.sound and estimate.observed_s >= self.pricing.ready_after_s
        self.silent = "" if self.lines else "no open market"
        self.annual = estimate.annual
        self.note = ""
        if self.smiles is not None and now_ns - self.smiles.as_of_ns > self.pricing.smile_max_age_s * NS_PER_S:
            ready, self.note = False, "option quotes too old"
        values = []
        for market in self.lines:
            contract = market.contract
            venue_now_ns = contract.feed.venue_time_ns(now_ns)
            if venue_now_ns is None:
                self.silent = f"clock of {contract.venue} unknown"
                continue
            seconds_left = (contract.expiry_ns - venue_now_ns) / NS_PER_S
            if seconds_left <= 0.0:
                # The venue decides by its last price before expiry; ours after it says nothing about that.
                continue
            spot, basis, variance = self.spot.in_terms_of(market.settles_at, estimate)
            line_ready = ready
            if market.window is not None:
                market.window.observe(spot, venue_now_ns)
                line_ready = ready and market.window.reliable(venue_now_ns)
            x, seconds = market.terms(spot, seconds_left)
            annual = self._level(market, estimate, venue_now_ns, seconds_left)
            if x == math.inf:
                worth = DECIDED
            else:
                movement = annual * annual * (seconds / SECONDS_PER_YEAR)
                worth = market.model.value(x, movement, seconds_left / SECONDS_PER_YEAR)
            value = FairValue(
                epoch=epoch,
                algo_id=self.algo_id,
                venue=contract.venue,
                symbol=contract.symbol,
                fair=worth.probability,
                delta=worth.slope / spot,
                volatility=annual,
                spot=spot,
                seconds_left=seconds_left,
                ready=line_ready,
                age_ns=estimate.age_ns,
                ts_event_ns=estimate.ts_event_ns,
                ts_received_ns=estimate.ts_received_ns,
                uncertainty=worth.slope * math.sqrt(variance),
                basis=basis,
            )
            self.newest[contract.symbol] = value
            values.append(value)
        return values

    def picture(self, now_ns: int) -> dict[str, Any]:
        """Return a JSON-able view for people."""
        return self.spot.picture(now_ns) | {
            "silent": self.silent,
            "note": self.note,
            "smiles": None if self.smiles is None else self.smiles.picture(now_ns),
            "time_of_day": None if self.curve is None else self.curve.at(now_ns),
            "markets": {
                symbol: {
                    "fair": value.fair,
                    "delta": value.delta,
                    "spot": value.spot,
                    "basis": value.basis,
                    "uncertainty": value.uncertainty,
                    "seconds_left": value.seconds_left,
                    "ready": value.ready,
                }
                for symbol, value in self.newest.items()
            },
        }

    def _level(self, market: PricedMarket, estimate: PriceEstimate, venue_now_ns: int, seconds_left: float) -> float:
        """Return the annual volatility of a contract's remaining life."""
        level = estimate.annual
        if self.curve is not None:
            behind = sum(weight * self.curve.seen(venue_now_ns, half_life_s) for half_life_s, weight in estimate.memory)
            level *= math.sqrt(self.curve.mean(venue_now_ns, market.contract.expiry_ns) / behind)
        if isinstance(market.model, Shape):
            listed = min(1.0, max(0.0, 2.0 * seconds_left / self.pricing.smile_level_from_s - 1.0))
            if listed > 0.0:
                level = math.sqrt((1.0 - listed) * level**2 + listed * market.model.annual**2)
        return level

    def _line(self, contract: Contract, window: WindowAverage | None) -> PricedMarket:
        names = [name_of(source) for source in self.spot.sources]
        settles_at = names.index(contract.settles_on) if contract.settles_on in names else None
        if window is None and contract.window_s:
            window = WindowAverage(contract.window_s, contract.expiry_ns)
        model = self.model if self.smiles is None else self.smiles.shape(contract.expiry_ns)
        return PricedMarket(contract, settles_at, window, model)
