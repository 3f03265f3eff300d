"""What a spot bot's configuration means in one market: ticks, lots and plain numbers, made once for many ticks."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

from common.bots.spot import SourceAggregation, SpotBot, SpotBotLimits
from common.clock import NS_PER_MS
from common.events import Distance
from common.instruments import Instrument

from quoter.trading.strategy import ANYWHERE

BPS = 10_000
HIGHEST_TICKS = ANYWHERE.most_bid_ticks
"""A bound that bounds nothing."""


class Change(NamedTuple):
    """How far two numbers may be apart and still count as the same: at most `numerator / denominator` of the first."""

    numerator: int
    denominator: int

    @classmethod
    def of(cls, bps: Decimal | None) -> Change:
        """Return what a configuration says in bps; None is no difference at all."""
        return cls(*((bps or Decimal(0)) / BPS).as_integer_ratio())

    def allows(self, working: int, wanted: int) -> bool:
        """Say whether what works may stay: beyond 5 bps of 10,000 is 10,006, and 10,005 is not."""
        return abs(working - wanted) * self.denominator <= working * self.numerator


class LeastSpread(NamedTuple):
    """How near a bid and an ask may be: a part of their middle, or so much price."""

    of_price: float = 0.0
    price: float = 0.0
    bid_share: float = 0.5
    """Which part of what is missing the bid gives way; the ask gives the rest."""

    def at(self, middle: float) -> float:
        """Return the least distance around a middle: 6 bps of 60,000 are 36."""
        return self.price + self.of_price * middle


class Away(NamedTuple):
    """A distance from a price: a part of it, or so much."""

    of_price: float
    price: float

    @classmethod
    def of(cls, distance: Distance) -> Away:
        amount = float(distance.amount)
        return cls(amount / BPS, 0.0) if distance.in_bps else cls(0.0, amount)

    def below(self, price: float) -> float:
        return price * (1.0 - self.of_price) - self.price

    def above(self, price: float) -> float:
        return price * (1.0 + self.of_price) + self.price


class TakeRule(NamedTuple):
    """When another's order is taken, and how much of it."""

    away: Away
    most_lots: int
    """Of one order."""


class SideRules(NamedTuple):
    """One side's quotes."""

    lots: tuple[int, ...]
    """Of each size; none where levels are copied."""
    amounts: tuple[float, ...]
    """The same in units, as its source price repeats them."""
    factor: float
    margins: tuple[float, ...]
    """One for each size, or one for all levels that are copied; of a bid they lower the price, of an ask they raise it.
    """
    per_tick: tuple[float, ...]
    """Ticks of the quote by the base price, factor and margin included."""
    active_ns: int
    """How long a quote stays at least."""

    def multiplier(self, place: int) -> float:
        """Return what turns a base price into the ticks of the quote of its size."""
        return self.per_tick[place] if place < len(self.per_tick) else self.per_tick[-1]

    def margin(self, place: int) -> float:
        return self.margins[place] if place < len(self.margins) else self.margins[-1]


class Exposure(NamedTuple):
    """The most that may be held, in lots; None where the bot states none."""

    long_lots: int | None
    """With open bids."""
    short_lots: int | None
    """With open asks."""
    quoted_lots: int | None
    """Of what its quotes alone have traded, either way."""


class Rules(NamedTuple):
    """One bot's rules in one market."""

    running: bool
    """Of PRICER."""
    aggressive: bool
    copies: bool
    """Levels and sizes are those of the source's book."""
    buys: SideRules
    sells: SideRules
    least: LeastSpread
    max_bid_ticks: int
    min_ask_ticks: int
    price_change: Change
    size_change: Change
    exposure: Exposure
    take: TakeRule | None


def rules_of(config: SpotBot, instrument: Instrument) -> Rules:
    """Return a configuration as it holds for an instrument."""
    pricer, limits = config.pricer, config.risk_limits or SpotBotLimits()
    copies = pricer.source_aggregation is SourceAggregation.REPLICATION
    buys = _side(
        instrument,
        () if copies else pricer.buy_quote_sizes.amounts,
        pricer.bid_price_factor,
        [-each for each in pricer.buy_margins_bps],
        limits.min_buy_quote_active_time,
    )
    sells = _side(
        instrument,
        () if copies else pricer.sell_quote_sizes.amounts,
        pricer.ask_price_factor,
        pricer.sell_margins_bps,
        limits.min_sell_quote_active_time,
    )
    take = pricer.take_out
    return Rules(
        running=pricer.running,
        aggressive=pricer.aggressive_mode,
        copies=copies,
        buys=buys,
        sells=sells,
        least=_least(config),
        max_bid_ticks=HIGHEST_TICKS if pricer.max_bid is None else int(pricer.max_bid // instrument.tick_size),
        min_ask_ticks=0 if pricer.min_ask is None else _ticks_up(pricer.min_ask, instrument.tick_size),
        price_change=Change.of(pricer.min_price_change),
        size_change=Change.of(pricer.min_size_change),
        exposure=Exposure(
            *(
                None if each is None else instrument.lots_within(each)
                for each in (limits.max_long_exposure, limits.max_short_exposure, limits.max_quoter_position_size)
            )
        ),
        take=None
        if take is None
        else TakeRule(
            Away.of(take.distance), HIGHEST_TICKS if take.quantity is None else instrument.lots_within(take.quantity)
        ),
    )


def _side(
    instrument: Instrument,
    amounts: Sequence[Decimal],
    factor: Decimal,
    margins_bps: Sequence[Decimal],
    active_ms: int | None,
) -> SideRules:
    """Return a side's rules; margins are signed, so that each is added to its price."""
    exact = [Fraction(factor) * (1 + Fraction(each) / BPS) for each in margins_bps]
    return SideRules(
        lots=tuple(instrument.lots_within(each) for each in amounts),
        amounts=tuple(float(each) for each in amounts),
        factor=float(factor),
        margins=tuple(float(each / BPS) for each in margins_bps),
        # Divided before it is rounded once: with each base price one product is left that can be a bit off.
        per_tick=tuple(float(each / Fraction(instrument.tick_size)) for each in exact),
        active_ns=(active_ms or 0) * NS_PER_MS,
    )


def _least(config: SpotBot) -> LeastSpread:
    found = config.pricer.min_spread
    if found is None:
        return LeastSpread()
    away = Away.of(found.distance)
    return LeastSpread(away.of_price, away.price, float(found.bid_weight) / 100)


def _ticks_up(price: Decimal, tick_size: Decimal) -> int:
    whole = int(price // tick_size)
    return whole + (whole * tick_size != price)
