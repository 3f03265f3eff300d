"""Opinions and intentions of a bot: fair values, source prices, and the quotes that should be resting."""

from __future__ import annotations

from decimal import Decimal
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


class BasePrice(msgspec.Struct, frozen=True, array_like=True):
    """The price of one configured size before factor and margin, unrounded; or why there is none."""

    price: float | None
    """In the instrument's currency, FX included; None where it cannot be said."""
    quantity: float
    """What it is the price of, in units of the base currency."""
    reason: str = ""
    """Why there is no price, for people."""


class SizedPrices(msgspec.Struct, frozen=True):
    """What each size that a configuration names costs; for levels copied from a book best first, quantities its own."""

    config_revision: int
    """Of the configuration whose sizes these are, in its order."""
    bids: list[BasePrice]
    asks: list[BasePrice]


class SourceBook(msgspec.Struct, frozen=True, array_like=True):
    """A book that a source price was asked of, as it was then."""

    venue: str
    symbol: str
    age_ns: int
    own_bids: float = 0.0
    """Quantity of our own orders that was taken out of its bids, in units of the base currency."""
    own_asks: float = 0.0
    reason: str = ""
    """Why it was not used: stale, crossed, empty; '' where it was."""


class FxRate(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What turned prices of the underlying into the instrument's currency, as its pair is quoted."""

    symbol: str
    bid: float
    ask: float
    bid_venue: str
    ask_venue: str
    inverse: bool
    """False: prices are multiplied, bid by bid. True: they are divided with sides crossed, bid by ask."""
    age_ns: int
    """Of the older side."""


@register
class SourcePrice(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What a bot's source books say an instrument costs, FX included, before any spread or margin of ours.

    `bid` and `ask` are what it is marked at: the best prices of all its books. A bot that quotes sizes finds in
    `sizes` what each of them costs.
    """

    subject: ClassVar[str] = "px.source.{algo_id}.{symbol}"

    algo_id: str
    venue: str
    symbol: str
    bid: float
    """In the instrument's currency; 0 where it was never known."""
    ask: float
    fx_rate: float = 1.0
    """Middle of what a unit of the underlying's currency costs in the instrument's."""
    age_ns: int
    """Of the oldest book or rate in it when this was published."""
    ts_event_ns: int = 0
    ts_received_ns: int = 0
    unusable: str = ""
    """Why nothing may be quoted from it, for people: `bid` and `ask` are then the last known. '' when it may."""
    sizes: SizedPrices | None = None
    """None where a bot has no sizes."""
    books: list[SourceBook] = msgspec.field(default_factory=list)
    """Every book it was asked of, those that could not be used too."""
    fx: FxRate | None = None
    """None where the underlying has the instrument's currency."""


class QuoteLevel(msgspec.Struct, frozen=True, array_like=True):
    """One level of a target, or of our own orders: price in ticks (of a YES share) and size in lots."""

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


@register
class OwnDepth(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The most that a public book may show of an account's own orders at each price of a market without outcomes.

    Orders are in it from before they are sent until some time after their end. Whoever prices from the book takes that
    much out of it. It is renewed while there are any, and stated once when there are none left.
    """

    subject: ClassVar[str] = "quote.own.{venue}.{account}.{symbol}"

    account: str
    venue: str
    symbol: str
    bids: list[QuoteLevel]
    asks: list[QuoteLevel]
    tick_size: Decimal
    lot_size: Decimal
    number: int
    """Counts the statements of one account and epoch, from 1: one that comes behind a later one counts for nothing."""
    too_many: bool = False
    """Orders have stood at more prices than are stated: what others show in this book is not known."""
