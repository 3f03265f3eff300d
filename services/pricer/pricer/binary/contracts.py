"""What there is to price: an open YES/NO market as far as its value depends on it."""

from __future__ import annotations

from dataclasses import dataclass

from common.events import Market, SettlementRule, TieRule

from pricer.sources.aggregation import VenueFeed


@dataclass(frozen=True, slots=True)
class Contract:
    """An open YES/NO market as far as its value depends on it."""

    venue: str
    symbol: str
    underlying: str
    series: str
    strike: float
    """What the settlement price has to exceed, the tie rule included."""
    expiry_ns: int
    """Venue time."""
    feed: VenueFeed
    """Of its venue, whose clock says how much time is left."""
    window_s: float = 0.0
    """Above 0: the average over these seconds before expiry decides, not the last price."""
    settles_on: str = ""
    """The source whose price decides, as 'venue:symbol'; empty where the market does not say."""


def contract_of(market: Market, feed: VenueFeed) -> Contract | None:
    """Return what there is to price; None for a market that is not open or says no usable strike or expiry."""
    strike = 0.0 if market.strike is None else float(market.strike)
    if not 0.0 < strike < float("inf") or market.expiry_ns <= 0:
        return None
    if market.settlement is SettlementRule.UNKNOWN:
        return None
    averaged = market.settlement is SettlementRule.AVERAGE
    if averaged and not market.settlement_window_s > 0.0:
        return None
    return Contract(
        venue=market.venue,
        symbol=market.symbol,
        underlying=market.underlying,
        series=market.series,
        strike=threshold(strike, market.settlement_step, market.tie_rule),
        expiry_ns=market.expiry_ns,
        feed=feed,
        window_s=market.settlement_window_s if averaged else 0.0,
        settles_on=market.settlement_source,
    )


def threshold(strike: float, step: float, tie_rule: TieRule) -> float:
    """Return the price that a continuous settlement price has to exceed to be worth the same as one on a grid.

    On a grid of `step` a price that must exceed the strike is at least one step above it, one that may equal it is not:
    half a step up, or half a step down; one that pays half lies between them. 0 is no grid: a tie then has no
    probability.

    Example: strike 100, step 0.5: strictly above 100.25, at or above 99.75, half each 100.
    """
    if not 0.0 < step < 2.0 * strike or tie_rule is TieRule.SPLIT:
        return strike
    return strike + (0.5 * step if tie_rule is TieRule.STRICTLY_ABOVE else -0.5 * step)
