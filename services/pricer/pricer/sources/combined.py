"""What an underlying costs now, out of all sources that are fresh and agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from common.bots import Combination, PriceSource
from common.clock import NS_PER_MS, NS_PER_S, SECONDS_PER_YEAR
from common.core import Sample
from common.events import TopOfBook

from pricer.sources.aggregation import SETTLED_AFTER_NS, Source, mid_price
from pricer.sources.arbitrage import ArbitrageWatch, best_edge
from pricer.sources.basis import BasisParams, Offset
from pricer.sources.consensus import combine
from pricer.sources.episodes import Episode, Turn
from pricer.sources.spot import BASIS_POINT, News, PriceEstimate, name_of, price_of
from pricer.volatility import Volatility, VolatilityParams

COMPARED_EVERY_NS = 250 * NS_PER_MS
"""The reference is compared with a source at most so often: looks closer together say little new."""
NS_PER_YEAR = SECONDS_PER_YEAR * NS_PER_S


class SourceState:
    """One source as the combination sees it; prices are logarithms."""

    __slots__ = (
        "age_ns",
        "ask",
        "bid",
        "breaks",
        "compared_at_ns",
        "configured",
        "counts",
        "diverged",
        "error",
        "fees",
        "fresh",
        "fresh_since_ns",
        "level",
        "mid",
        "offset",
        "outside",
        "source",
        "top",
        "weight",
    )

    def __init__(self, configured: PriceSource, source: Source, offset: Offset, diverged_after_ns: int) -> None:
        self.source = source
        self.offset = offset
        self.configure(configured, diverged_after_ns)
        self.top: TopOfBook | None = None
        self.breaks = source.breaks
        self.level = self.mid = self.bid = self.ask = 0.0
        """`level` is of the price that was configured, `mid` of the middle; both without offset."""
        self.age_ns = 0
        """Of the price, while it is fresh."""
        self.fresh = False
        self.fresh_since_ns: int | None = None
        self.compared_at_ns = 0
        self.weight = 0.0
        """In the newest combination; all add up to 1."""
        self.outside = False
        self.error = offset.variance(0)
        """Variance of the price, moved by its offset, around the reference's true one, age left aside."""

    def configure(self, configured: PriceSource, diverged_after_ns: int) -> None:
        self.configured = configured
        self.counts = configured.weight
        self.fees = math.log1p(configured.taker_fee_bps * BASIS_POINT)
        self.diverged = Episode(diverged_after_ns)

    @property
    def tradable(self) -> bool:
        return self.counts > 0

    def read(self) -> float | None:
        """Take over a new price of the source; return its move since the last one, None without a new price."""
        top = self.source.top
        if top is self.top:
            return None
        missed = self.breaks != self.source.breaks or self.top is None
        self.top, self.breaks = top, self.source.breaks
        if top is None:
            return None
        before, self.mid = self.mid, math.log(mid_price(top))
        self.level = self.mid if self.configured.price == "mid" else math.log(price_of(self.configured, top))
        self.bid, self.ask = math.log(top.bid), math.log(top.ask)
        return 0.0 if missed else self.mid - before


class Combined:
    """The consensus of all sources, each moved to the reference's price by its own basis.

    Freshness is each source's own: a stale one drops out alone, one that comes back has to settle and then gains its
    weight bit by bit, its basis measured against the reference (or, without it, against the others) in the meantime.
    The volatility is that of a chained price: each move of a source counts by the weight it had before, so that no
    change of the weights is taken for a move.
    """

    def __init__(
        self,
        configured: Sequence[PriceSource],
        sources: Sequence[Source],
        combination: Combination,
        max_age_ns: int,
    ) -> None:
        self.sources = tuple(sources)
        marked = [place for place, each in enumerate(configured) if each.reference]
        self._explicit = bool(marked)
        self.reference = marked[0] if marked else 0
        """Place of the source whose price the belief is in."""
        basis = BasisParams(
            half_life_s=combination.basis_half_life_s,
            noise=combination.noise_bps * BASIS_POINT,
            prior=combination.basis_prior_bps * BASIS_POINT,
        )
        after_ns = int(combination.diverged_after_s * NS_PER_S)
        self.states = tuple(
            SourceState(each, source, _offset(each, basis, place == self.reference), after_ns)
            for place, (each, source) in enumerate(zip(configured, sources, strict=True))
        )
        self._chain = 0.0
        self._mid: float | None = None
        self._variance = 0.0
        self._back_at_ns: int | None = None
        self._outage = False
        self._reference_outside = False
        self._annual = 0.0
        self._now_ns = 0
        self._measured_by: VolatilityParams | None = None
        self.volatility: Volatility
        self._arbitrage = ArbitrageWatch(len(sources), 0)
        self._sound = False
        self.configure(configured, combination, max_age_ns)

    def configure(self, configured: Sequence[PriceSource], combination: Combination, max_age_ns: int) -> None:
        """Combine so from now on, with what is known of the same sources."""
        self._combination = combination
        self._max_age_ns = max_age_ns
        self._tolerance = combination.agree_bps * BASIS_POINT
        self._noise = (combination.noise_bps * BASIS_POINT) ** 2
        self._entry_ns = int(combination.entry_s * NS_PER_S)
        self._arbitrage.lasting(int(combination.arbitrage_after_s * NS_PER_S))
        after_ns = int(combination.diverged_after_s * NS_PER_S)
        for state, each in zip(self.states, configured, strict=True):
            if state.configured != each or after_ns != state.diverged.after_ns:
                state.configure(each, after_ns)

    def continues(self, configured: Sequence[PriceSource], sources: Sequence[Source], combination: Combination) -> bool:
        """Say whether what is known here serves another configuration: same sources, compared in the same way."""

        def compared(each: PriceSource) -> tuple[bool, float, float]:
            return each.reference, each.offset_bps, each.offset_deviation_bps

        basis = (combination.basis_half_life_s, combination.noise_bps, combination.basis_prior_bps)
        before = self._combination
        return (
            self.sources == tuple(sources)
            and [compared(state.configured) for state in self.states] == [compared(each) for each in configured]
            and (before.basis_half_life_s, before.noise_bps, before.basis_prior_bps) == basis
        )

    def keep(self, params: VolatilityParams) -> None:
        if params != self._measured_by:
            self._measured_by, self.volatility = params, Volatility(params)
        self._annual = self.volatility.annual

    def moved_by(self, source: Source) -> bool:
        return True

    def estimate(self, now_ns: int) -> PriceEstimate | None:
        self._now_ns = now_ns
        self._hear(now_ns)
        present, shares = self._present(now_ns)
        if not present:
            self._fall_silent()
            return None
        levels = [state.level + state.offset.mean for state in present]
        speed = self._annual * self._annual / NS_PER_YEAR
        doubts = [state.error + speed * state.age_ns for state in present]
        combination = self._combination
        found = combine(levels, doubts, shares, combination.agree_deviations, self._tolerance)
        raw = mid = variance = age_ns = 0.0
        newest = present[0]
        for state, weight, outside in zip(present, found.weights, found.outside, strict=True):
            state.weight, state.outside = weight, outside
            raw += weight * state.level
            mid += weight * (state.mid + state.offset.mean)
            variance += weight * weight * state.error
            age_ns += weight * state.age_ns
            if state.source.arrived_at_ns > newest.source.arrived_at_ns and weight > 0.0:
                newest = state
        self._mid, self._variance = mid, variance
        agreeing = len(present) - sum(found.outside)
        reference = self.states[self.reference]
        self._reference_outside = self._disagrees(reference, found.price)
        self._sound = (
            self._steady(now_ns)
            and agreeing >= combination.min_agreeing
            and 2 * agreeing > len(present)
            and not (self._explicit and self._reference_outside)
        )
        spot = math.exp(found.price)
        assert newest.top is not None, "a fresh source has a price"
        return PriceEstimate(
            spot=spot,
            basis=spot - math.exp(raw),
            variance=variance,
            age_ns=int(age_ns),
            ts_event_ns=newest.top.ts_event_ns,
            ts_received_ns=newest.top.ts_received_ns,
            sound=self._sound,
            annual=self._annual,
            observed_s=self.volatility.observed_s,
            memory=self.volatility.memory,
        )

    def in_terms_of(self, place: int | None, estimate: PriceEstimate) -> tuple[float, float, float]:
        if place is None or place == self.reference:
            return estimate.spot, estimate.basis, estimate.variance
        offset = self.states[place].offset
        spot = estimate.spot * math.exp(-offset.mean)
        variance = estimate.variance + offset.noise + offset.variance(self._now_ns)
        return spot, estimate.basis + spot - estimate.spot, variance

    def news(self, now_ns: int) -> Sequence[News]:
        # The timer's business: a gap too short for it could not be acted on anyway.
        self._arbitrage.see(best_edge(self.states))
        found = []
        for state in self.states:
            state.error = self._error(state, now_ns)
            turn = state.diverged.see(state.fresh and state.outside, now_ns)
            if turn is not None:
                found.append(News("source_divergence", self._divergence(state, turn), turn is Turn.ENDED))
        turn = self._arbitrage.turn(now_ns)
        if turn is not None:
            # Nothing to be done about it, only to be known.
            found.append(News("cross_venue_arbitrage", self._arbitrage.text(turn, self.sources), calm=True))
        return found

    def picture(self, now_ns: int) -> dict[str, Any]:
        heard = [state for state in self.states if state.weight > 0.0]
        leading = max(heard, key=lambda state: state.weight, default=None)
        age_ns = None if leading is None else leading.source.age_ns(now_ns)
        return {
            "source": None if leading is None else name_of(leading.source),
            "age_ms": None if age_ns is None else round(age_ns / NS_PER_MS, 3),
            "volatility": self._annual if heard else None,
            "observed_s": self.volatility.observed_s,
            "sound": self._sound,
            "reference": name_of(self.sources[self.reference]),
            "sources": {name_of(state.source): self._portrait(state, now_ns) for state in self.states},
            "arbitrage": self._arbitrage.picture(self.sources),
        }

    def samples(self, labels: dict[str, str]) -> Iterator[Sample]:
        for state in self.states:
            named = labels | {"source": name_of(state.source)}
            portrait = self._portrait(state, self._now_ns)
            yield Sample("mm_source_up", "gauge", "1 while a source has a price", named, state.source.top is not None)
            yield Sample("mm_source_weight", "gauge", "Share in the price", named, state.weight)
            yield Sample("mm_source_basis_bps", "gauge", "Added to reach the reference", named, portrait["basis_bps"])
            yield Sample("mm_source_noise_bps", "gauge", "Deviation around the basis", named, portrait["noise_bps"])
            if state.fresh:
                yield Sample("mm_source_age_seconds", "gauge", "Age of the price", named, state.age_ns / NS_PER_S)
            yield Sample("mm_source_diverged", "gauge", "1 while it disagrees", named, state.outside)
        yield from self._arbitrage.samples(labels, self.sources)

    def _hear(self, now_ns: int) -> None:
        """Take over what the sources have said: ages, moves, differences to the reference."""
        moved, counted_at_ns, ticked = 0.0, 0, []
        for state in self.states:
            move = state.read()
            age_ns = state.source.age_ns(now_ns)
            fresh = age_ns is not None and age_ns <= self._max_age_ns
            state.age_ns = age_ns or 0
            if fresh and not state.fresh:
                state.offset.reopen()
                state.error = self._error(state, now_ns)
            state.fresh = fresh
            if move is not None:
                ticked.append(state)
                if state.weight > 0.0:
                    moved += state.weight * move
                    counted_at_ns = max(counted_at_ns, state.source.arrived_at_ns)
        if counted_at_ns:
            self._chain += moved
            self.volatility.observe(math.exp(self._chain), counted_at_ns)
            self._annual = self.volatility.annual
        if ticked:
            self._compare(ticked, now_ns)

    def _compare(self, ticked: list[SourceState], now_ns: int) -> None:
        reference = self.states[self.reference]
        if reference.fresh:
            # A first source that only stands in for the reference must not drag the others along when it goes astray.
            if reference in ticked and (self._explicit or not self._reference_outside):
                for state in self.states:
                    if state is not reference and state.fresh:
                        self._observe(state, reference.mid + reference.offset.mean - state.mid, now_ns)
        elif self._mid is not None:
            for state in ticked:
                if state is not reference and state.fresh and state.weight == 0.0 and not state.outside:
                    self._observe(state, self._mid - state.mid, now_ns, self._variance)

    def _observe(self, state: SourceState, difference: float, now_ns: int, doubt: float = 0.0) -> None:
        if now_ns - state.compared_at_ns >= COMPARED_EVERY_NS:
            state.compared_at_ns = now_ns
            state.offset.observe(difference, now_ns, doubt)
            state.error = self._error(state, now_ns)

    def _present(self, now_ns: int) -> tuple[list[SourceState], list[float]]:
        """Return the fresh sources and how much each may count, apart from how sure it is."""
        entered, shares, waiting = [], [], []
        for state in self.states:
            state.weight = 0.0
            if not state.fresh:
                state.fresh_since_ns, state.outside = None, False
                continue
            if state.fresh_since_ns is None:
                state.fresh_since_ns = now_ns
            if not state.counts:
                continue
            entering_ns = now_ns - state.fresh_since_ns - SETTLED_AFTER_NS
            if entering_ns > 0:
                entered.append(state)
                shares.append(state.counts * min(1.0, entering_ns / self._entry_ns))
            else:
                state.outside = False
                waiting.append(state)
        if entered:
            return entered, shares
        # Nobody else is there to be disturbed: who is fresh counts in full at once.
        for state in waiting:
            state.fresh_since_ns = now_ns - SETTLED_AFTER_NS - self._entry_ns
        return waiting, [state.counts for state in waiting]

    def _error(self, state: SourceState, now_ns: int) -> float:
        """Return the variance of a source's price, moved by its basis, around the reference's true one."""
        if state is self.states[self.reference]:
            return self._noise + state.offset.variance(now_ns)
        # A difference has the noise of both.
        return max(self._noise, state.offset.noise - self._noise) + state.offset.variance(now_ns)

    def _disagrees(self, reference: SourceState, price: float) -> bool:
        if not reference.fresh:
            return False
        if reference.counts:
            return reference.outside
        # One that is not priced from is compared all the same.
        away = abs(reference.mid + reference.offset.mean - price)
        speed = self._annual * self._annual / NS_PER_YEAR
        doubt = reference.error + speed * reference.age_ns
        reference.outside = away > max(self._tolerance, self._combination.agree_deviations * math.sqrt(2.0 * doubt))
        return reference.outside

    def _steady(self, now_ns: int) -> bool:
        if self._outage:
            if self._back_at_ns is None:
                self._back_at_ns = now_ns
            if now_ns - self._back_at_ns < SETTLED_AFTER_NS:
                return False
            self._outage = False
        return True

    def _fall_silent(self) -> None:
        if self._mid is not None:
            self._outage, self._mid = True, None
        self._back_at_ns, self._sound = None, False
        self._reference_outside = False
        self.volatility.interrupt()

    def _divergence(self, state: SourceState, turn: Turn) -> str:
        if turn is Turn.ENDED:
            return f"{name_of(state.source)} agrees with the other sources again, or is gone"
        others = 0.0 if self._mid is None else self._mid
        away_bps = (state.mid + state.offset.mean - others) / BASIS_POINT
        return f"{name_of(state.source)} is {away_bps:+.1f} bp away from the other sources, net of basis"

    def _portrait(self, state: SourceState, now_ns: int) -> dict[str, Any]:
        age_ns = state.source.age_ns(now_ns)
        return {
            "age_ms": None if age_ns is None else round(age_ns / NS_PER_MS, 3),
            "weight": round(state.weight, 4),
            "basis_bps": state.offset.mean / BASIS_POINT,
            "basis_deviation_bps": math.sqrt(state.offset.variance(now_ns)) / BASIS_POINT,
            "noise_bps": math.sqrt(state.offset.noise) / BASIS_POINT,
            "diverged": state.outside,
        }


def _offset(configured: PriceSource, params: BasisParams, is_reference: bool) -> Offset:
    deviation = configured.offset_deviation_bps * BASIS_POINT
    mean = configured.offset_bps * BASIS_POINT
    return Offset(params, mean, deviation if is_reference or deviation else None)
