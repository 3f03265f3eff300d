"""The delta of YES and NO shares as exposure of their underlying's currency.

A YES share gains dV/dS for each unit that the underlying's price rises and a NO share loses it, so that

    exposure = sum over markets of (YES lots - NO lots) x lot size x multiplier x dV/dS

units of the underlying move the account as much as the shares do: 500 YES at a delta of 0.004 are as 2 BTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeAlias

from common.clock import NS_PER_S
from common.events import FairValue
from common.instruments import Outcome

from risk.hedging.amounts import ZERO
from risk.hedging.counting import Figure
from risk.hedging.terms import DeltaTerms
from risk.ledger.positions import Line, MarketKey, by_market

MARKETS_MAX = 10_000
DIGITS = 12
"""Decimals that are kept of a delta."""

Business: TypeAlias = tuple[str, str]
"""Bot and symbol."""


class _Delta(NamedTuple):
    """The newest delta of a market for a bot."""

    delta: Decimal
    ready: bool
    fresh_at_ns: int
    """When the oldest input of it was fresh."""
    expiry_ns: int
    """By our clock."""


class Deltas:
    """The newest delta of every market that is priced, and the exposures that stay as they are near expiry."""

    def __init__(self) -> None:
        self._deltas: dict[Business, _Delta] = {}
        self._last: dict[MarketKey, Decimal] = {}
        """Exposure by market when it was last looked at; near its expiry it stays."""
        self._since_ns = 0
        """When it was first looked at any."""

    def on_fair(self, fair: FairValue, heard_at_ns: int) -> None:
        """Take in what a pricer says of a market."""
        key = (fair.algo_id, fair.symbol)
        self._deltas.pop(key, None)
        delta = Decimal(str(round(fair.delta, DIGITS)))
        expiry_ns = heard_at_ns + round(fair.seconds_left * NS_PER_S)
        self._deltas[key] = _Delta(delta, fair.ready, heard_at_ns - fair.age_ns, expiry_ns)
        if len(self._deltas) > MARKETS_MAX:
            del self._deltas[next(iter(self._deltas))]

    def exposures(
        self, lines: Iterable[Line], underlyings: Mapping[str, str], terms: Mapping[str, DeltaTerms], now_ns: int
    ) -> dict[str, Figure]:
        """Return the exposure of each underlying that has terms, from what the ledger holds now.

        `underlyings` are those of the symbols. A market of which nothing is held counts for nothing, so that what is
        settled leaves in the same step. Where one delta is not known, neither is the exposure.
        """
        markets = {
            key: held for key, held in by_market(lines).items() if any(line.lots for line in held) and _binary(held)
        }
        self._last = {key: exposure for key, exposure in self._last.items() if key in markets}
        self._since_ns = self._since_ns or now_ns
        totals = {underlying: Figure(ZERO) for underlying in terms}
        for key, held in markets.items():
            underlying = underlyings.get(key.symbol, "")
            if underlying not in terms:
                continue
            found = self._exposure(key, held, terms[underlying], now_ns)
            before = totals[underlying]
            if found.value is None or before.value is None:
                totals[underlying] = before if before.value is None else found
            else:
                totals[underlying] = Figure(before.value + found.value)
        return {underlying: _capped(figure, terms[underlying].most) for underlying, figure in totals.items()}

    def _exposure(self, key: MarketKey, held: Sequence[Line], terms: DeltaTerms, now_ns: int) -> Figure:
        known = self._deltas.get((key.algo_id, key.symbol))
        if known is None:
            return Figure(None, f"no delta of {key.symbol} for bot {key.algo_id}")
        stopped_at_ns = known.expiry_ns - terms.stop_ns
        if now_ns >= stopped_at_ns:
            return self._stopped(key, stopped_at_ns)
        age_ns = now_ns - known.fresh_at_ns
        if not known.ready or age_ns > terms.age_max_ns:
            text = (
                f"the delta of {key.symbol} is {age_ns // 1_000_000} ms old, limit {terms.age_max_ns // 1_000_000} ms"
            )
            return Figure(None, text if known.ready else f"the delta of {key.symbol} is not ready")
        self._last[key] = exposure = _exposure_of(held, known.delta)
        return Figure(exposure)

    def _stopped(self, key: MarketKey, stopped_at_ns: int) -> Figure:
        """Return what was hedged when hedging stopped: nothing of what was only traded since."""
        if key not in self._last and stopped_at_ns <= self._since_ns:
            return Figure(None, f"what was hedged of {key.symbol} before its last seconds is not known")
        return Figure(self._last.get(key, ZERO))


def _binary(held: Sequence[Line]) -> bool:
    return held[0].key.outcome is not Outcome.NONE


def _exposure_of(held: Sequence[Line], delta: Decimal) -> Decimal:
    units = ZERO
    for line in held:
        sign = 1 if line.key.outcome is Outcome.YES else -1
        units += sign * line.lots * line.lot_size * line.multiplier
    return units * delta


def _capped(figure: Figure, most: Decimal) -> Figure:
    if figure.value is None:
        return figure
    return Figure(max(-most, min(most, figure.value)))
