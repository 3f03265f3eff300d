"""What one bot thinks the open markets of one underlying are worth, from one source at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from common.bots import PriceSource, Pricing
from common.clock import NS_PER_MS, NS_PER_S, SECONDS_PER_YEAR
from common.events import FairValue, Market, TopOfBook

from pricer.aggregation import Source, SourceChoice, VenueFeed, micro_price, mid_price
from pricer.models import Diffusion, Jumps, Model, Student, Surface
from pricer.volatility import TwoSpeeds, VolatilityParams

DAYS_PER_YEAR = 365


@dataclass(frozen=True, slots=True)
class Contract:
    """An open YES/NO market as far as its value depends on it."""

    venue: str
    symbol: str
    underlying: str
    series: str
    strike: float
    expiry_ns: int
    """Venue time."""
    feed: VenueFeed
    """Of its venue, whose clock says how much time is left."""


def contract_of(market: Market, feed: VenueFeed) -> Contract | None:
    """Return what there is to price; None for a market that is not open or says no usable strike or expiry."""
    strike = 0.0 if market.strike is None else float(market.strike)
    if not 0.0 < strike < float("inf") or market.expiry_ns <= 0:
        return None
    return Contract(
        venue=market.venue,
        symbol=market.symbol,
        underlying=market.underlying,
        series=market.series,
        strike=strike,
        expiry_ns=market.expiry_ns,
        feed=feed,
    )


def volatility_params(pricing: Pricing) -> tuple[VolatilityParams, VolatilityParams]:
    """Return the parts of a bot's configuration that make its fast and its slow average."""
    fast = VolatilityParams(
        half_life_s=pricing.volatility_half_life_s,
        sample_s=pricing.volatility_sample_s,
        floor=pricing.volatility_floor,
        cap=pricing.volatility_cap,
        prior=pricing.volatility_prior,
        prior_s=pricing.volatility_prior_s,
    )
    return fast, fast._replace(half_life_s=pricing.volatility_slow_half_life_s)


def model_of(pricing: Pricing) -> Model:
    """Return the distribution that a bot's configuration asks for."""
    if pricing.distribution == "student":
        return Student(pricing.student_df)
    if pricing.distribution == "jumps":
        return Jumps(pricing.jumps_per_day * DAYS_PER_YEAR, pricing.jump_mean, pricing.jump_deviation)
    if pricing.distribution == "surface":
        return Surface(pricing.smile_rho, pricing.smile_eta)
    return Diffusion()


@dataclass(slots=True)
class Valuation:
    """The fair values of one bot in the markets of one underlying."""

    algo_id: str
    underlying: str
    pricing: Pricing
    configured: tuple[PriceSource, ...]
    choice: SourceChoice
    model: Model
    volatilities: tuple[TwoSpeeds, ...]
    """One for each source, so that a change of source is not taken for a move of the price."""
    contracts: tuple[Contract, ...] = ()
    priced_at_ns: int = 0
    silent: str = "no price yet"
    """Why nothing goes out, for people; empty while values do."""
    newest: dict[str, FairValue] = field(default_factory=dict)
    """Last value of each contract, by symbol."""

    @classmethod
    def of(
        cls, algo_id: str, underlying: str, pricing: Pricing, configured: list[PriceSource], sources: list[Source]
    ) -> Valuation:
        fast, slow = volatility_params(pricing)
        share = pricing.volatility_fast_share
        return cls(
            algo_id=algo_id,
            underlying=underlying,
            pricing=pricing,
            configured=tuple(configured),
            choice=SourceChoice(sources, pricing.max_source_age_ms * NS_PER_MS),
            model=model_of(pricing),
            volatilities=tuple(
                TwoSpeeds(source.volatility(fast), source.volatility(slow), share) for source in sources
            ),
        )

    def hold(self, contracts: tuple[Contract, ...]) -> None:
        """Price these contracts from now on and forget the others."""
        self.contracts = contracts
        self.newest = {
            contract.symbol: self.newest[contract.symbol] for contract in contracts if contract.symbol in self.newest
        }

    def due(self, now_ns: int) -> bool:
        """Say whether time alone has moved the values enough to state them again."""
        return now_ns - self.priced_at_ns >= self.pricing.interval_ms * NS_PER_MS

    def prices_from(self, source: Source) -> bool:
        """Say whether a new price of this source moves the values."""
        current = self.choice.current
        return current is None or self.choice.sources[current] is source

    def values(self, now_ns: int, epoch: int) -> list[FairValue]:
        """Return the fair values; nothing without a fresh price or while the time at the venue is unknown."""
        self.priced_at_ns = now_ns
        place = self.choice.pick(now_ns)
        if place is None:
            self.silent = "no fresh source"
            return []
        source = self.choice.sources[place]
        top, age_ns = source.top, source.age_ns(now_ns)
        assert top is not None and age_ns is not None, "a picked source has a price"
        spot = _price(self.configured[place], top)
        volatility = self.volatilities[place]
        ready = self.choice.steady and volatility.observed_s >= self.pricing.ready_after_s
        self.silent = "" if self.contracts else "no open market"
        annual = volatility.annual
        values = []
        for contract in self.contracts:
            venue_now_ns = contract.feed.venue_time_ns(now_ns)
            if venue_now_ns is None:
                self.silent = f"clock of {contract.venue} unknown"
                continue
            seconds_left = (contract.expiry_ns - venue_now_ns) / NS_PER_S
            if seconds_left <= 0.0:
                # The venue decides by its last price before expiry; ours after it says nothing about that.
                continue
            years_left = seconds_left / SECONDS_PER_YEAR
            probability, slope = self.model.value(
                math.log(spot / contract.strike), annual * annual * years_left, years_left
            )
            value = FairValue(
                epoch=epoch,
                algo_id=self.algo_id,
                venue=contract.venue,
                symbol=contract.symbol,
                fair=probability,
                delta=slope / spot,
                volatility=annual,
                spot=spot,
                seconds_left=seconds_left,
                ready=ready,
                age_ns=age_ns,
                ts_event_ns=top.ts_event_ns,
                ts_received_ns=top.ts_received_ns,
            )
            self.newest[contract.symbol] = value
            values.append(value)
        return values

    def picture(self, now_ns: int) -> dict[str, Any]:
        """Return a JSON-able view for people."""
        current = self.choice.current
        source = None if current is None else self.choice.sources[current]
        age_ns = None if source is None else source.age_ns(now_ns)
        return {
            "source": None if source is None else f"{source.feed.venue}:{source.symbol}",
            "age_ms": None if age_ns is None else round(age_ns / NS_PER_MS, 3),
            "volatility": None if current is None else self.volatilities[current].annual,
            "observed_s": 0.0 if current is None else self.volatilities[current].observed_s,
            "silent": self.silent,
            "markets": {
                symbol: {
                    "fair": value.fair,
                    "delta": value.delta,
                    "spot": value.spot,
                    "seconds_left": value.seconds_left,
                    "ready": value.ready,
                }
                for symbol, value in self.newest.items()
            },
        }


def _price(configured: PriceSource, top: TopOfBook) -> float:
    return micro_price(top) if configured.price == "micro" else mid_price(top)
