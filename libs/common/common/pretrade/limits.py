"""A bot's limits as they hold in one market: in its lots and on its price axis, whatever kind of instrument it is of.

They are made once whenever risk changes them, not with every order; each kind of instrument has its own function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple, TypeAlias

from common.events import BinaryLimits, BotLimits, CommonLimits, NetBounds, NotionalLimits, SpotLimits
from common.instruments import Instrument, InstrumentKind

BPS_PER_UNIT = 10_000


class Distance(NamedTuple):
    """How far two prices may be, or have to be, from each other: so much price, and such a part of the one looked at.

    `Distance(0.02)` is two cents; `Distance(of_price=0.005)` is 50 bps, 300 at a price of 60,000.
    """

    price: float = 0.0
    of_price: float = 0.0

    def at(self, price: float) -> float:
        """Return the distance from a price. `Distance(of_price=0.005).at(60_000) == 300`."""
        return self.price + self.of_price * price


class Bounds(NamedTuple):
    """The highest bid and the lowest ask there may be."""

    max_bid: float
    min_ask: float
    of_reference: bool = False
    """Whether they are parts of the market's reference price; otherwise prices."""


class LotBounds(NamedTuple):
    """The least and the most lots that may be held, and which limits those are."""

    least: int
    most: int
    why_least: str
    why_most: str


@dataclass(frozen=True, slots=True)
class MarketLimits:
    """Limits of a bot in one market."""

    common: CommonLimits
    notional: NotionalLimits
    """In the instrument's currency."""
    max_position_lots: int
    max_net_lots: int
    max_order_lots: int
    min_spread: Distance
    """Between own bid and own ask; its part is of fair value."""
    price_collar: Distance
    """Around fair value."""
    book_collar: Distance
    """Into the other side of the public book."""
    bounds: Bounds | None
    """None where a price has none."""
    net: LotBounds | None = None
    """Of what is held, all that is open executed; None where the other limits say all."""
    min_buy_quote_ms: int = 0
    """Least time that a bid stays for other reasons than safety."""
    min_sell_quote_ms: int = 0


_Made: TypeAlias = MarketLimits | str


def limits_in(given: BotLimits, instrument: Instrument, account_currency: str) -> MarketLimits | str:
    """Return a bot's limits in the market of an instrument; a text says why it has none there."""
    for own in given.kinds:
        if own.kind is instrument.kind:
            return _OF_KIND[own.kind](own, given.common, instrument, account_currency)
    return f"risk publishes no limits for {instrument.kind.value} instruments"


def _binary(own: BinaryLimits, common: CommonLimits, instrument: Instrument, account_currency: str) -> _Made:
    if instrument.currency != account_currency:
        return f"risk publishes no limits in {instrument.currency}"
    return MarketLimits(
        common,
        common.notional,
        own.max_position_lots,
        own.max_net_lots,
        own.max_order_lots,
        Distance(own.min_spread),
        Distance(own.price_collar),
        Distance(own.book_collar),
        Bounds(own.max_bid, own.min_ask),
    )


def _spot(own: SpotLimits, common: CommonLimits, instrument: Instrument, account_currency: str) -> _Made:
    position = own.positions.get(instrument.base)
    if position is None:
        return f"risk publishes no limits for {instrument.base or 'an unknown base'}"
    notional = own.currencies.get(instrument.currency)
    if notional is None:
        if instrument.currency != account_currency:
            return f"risk publishes no limits in {instrument.currency}"
        notional = common.notional
    max_position_lots = instrument.lots_within(position.max_position)
    bound = own.reference_bounds_bps
    beyond = 0.0 if bound is None else bound / BPS_PER_UNIT
    return MarketLimits(
        common,
        notional,
        max_position_lots,
        max_position_lots,
        instrument.lots_within(position.max_order),
        Distance(of_price=own.min_spread_bps / BPS_PER_UNIT),
        Distance(of_price=own.price_collar_bps / BPS_PER_UNIT),
        Distance(of_price=own.book_collar_bps / BPS_PER_UNIT),
        None if bound is None else Bounds(1.0 + beyond, 1.0 - beyond, of_reference=True),
        _lots(own.net, instrument),
        own.min_buy_quote_ms,
        own.min_sell_quote_ms,
    )


def _lots(net: NetBounds | None, instrument: Instrument) -> LotBounds | None:
    """Return bounds in lots, never wider; None in a market that is not theirs."""
    if net is None or (net.venue, net.symbol) != (instrument.venue, instrument.symbol):
        return None
    lot = instrument.lot_size
    return LotBounds(-_whole_lots(-net.least, lot), _whole_lots(net.most, lot), net.why_least, net.why_most)


def _whole_lots(quantity: Decimal, lot: Decimal) -> int:
    """Return the next whole lots at or below a signed quantity: -16 where a lot is 0.1 and the quantity -1.59."""
    lots = int(quantity // lot)
    return lots - 1 if quantity % lot < 0 else lots


_OF_KIND: Mapping[InstrumentKind, Callable[[Any, CommonLimits, Instrument, str], _Made]] = {
    InstrumentKind.BINARY: _binary,
    InstrumentKind.SPOT: _spot,
}
"""How the limits of a kind become those of a market; a kind that is added has one line here."""
