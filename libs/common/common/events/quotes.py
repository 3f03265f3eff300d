"""Opinions and intentions of a bot: fair values, source prices, and the quotes that should be resting."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from common.events.base import Event, register


@register
class FairValue(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What a bot believes one YES share of a market is worth."""

    subject: ClassVar[str] = "px.fair.{algo_id}.{symbol}"

    algo_id: str
    venue: str
    symbol: str
    fair: float
    """Probability of YES, 0 to 1."""
    delta: float
    """dV/dS: change of `fair` per unit of the underlying's price."""
    volatility: float
    """Annualised, 365 days of 24 hours."""
    spot: float
    """Price of the underlying the value was computed from."""
    seconds_left: float
    """To expiry, in venue time, at `ts_priced_ns`."""
    ready: bool
    """False while the volatility has not seen enough: do not quote from it."""
    age_ns: int
    """Age of what it was made from when this was published: the price's, or of several prices by their weight."""
    ts_event_ns: int = 0
    """Venue time of the newest price it used."""
    ts_received_ns: int = 0
    """Our time when that price arrived at the feed; follows a tick through to its order."""
    uncertainty: float = 0.0
    """Standard deviation of `fair` for reasons other than time: basis between venues, error of the volatility."""
    basis: float = 0.0
    """What was added to the sources' price to get `spot`, the price the market settles on; in the price's unit."""


@register
class SourcePrice(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The consolidated price of a spot bot's source books, FX leg included."""

    subject: ClassVar[str] = "px.source.{algo_id}.{symbol}"

    algo_id: str
    venue: str
    symbol: str
    bid: float
    ask: float
    fx_rate: float = 1.0
    age_ns: int
    ts_event_ns: int = 0
    ts_received_ns: int = 0


class QuoteLevel(msgspec.Struct, frozen=True, array_like=True):
    """One level of a target: price in ticks of a YES share and size in lots."""

    price_ticks: int
    quantity_lots: int


@register
class QuoteTarget(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The quotes of one market that should be resting until `valid_until_ns`, best first, in YES terms."""

    subject: ClassVar[str] = "quote.target.{algo_id}.{symbol}"

    algo_id: str
    account: str
    venue: str
    symbol: str
    bids: list[QuoteLevel]
    asks: list[QuoteLevel]
    fair: float
    skew: float = 0.0
    """Shift of both sides against inventory, in price; negative lowers the quotes."""
    reason: str = ""
    """Why a side is missing, for people."""
    state: str = ""
    """quoting, reduce_only, frozen, pulled, waiting, not_taken_up."""
    valid_until_ns: int
    ts_received_ns: int = 0
