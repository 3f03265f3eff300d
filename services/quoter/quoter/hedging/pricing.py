"""The limit price of a hedge's child: by its style, never beyond its bounds, never against our own orders.

`max_offset` counts from the first price of the parent: of LEAN and CROSS_MARKET the best price of the other side when
it began, of PASSIVE its first own price.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from common.events import Distance, ExecutionStyle, OrderCommand
from common.instruments import Instrument, Side

from quoter.hedging.depth import Depth

BPS = Decimal(10_000)


class Limit(NamedTuple):
    """How a child would be sent to a place."""

    price_ticks: int
    post_only: bool
    immediate: bool
    held: str = ""
    """What keeps it from the price that its style asks for, for people."""
    behind_own: bool = False
    """Whether that is an order of our own of the other side."""


class Bound(NamedTuple):
    """The farthest that a limit may go at a place."""

    price_ticks: int
    name: str
    """What bounds it, for people."""


def passive_ticks(side: Side, depth: Depth) -> int:
    """Return the own side's best price, one tick better where that does not cross; 0 where nobody is there to join.

    Bid 100, ask 103: a buyer bids 101. Bid 100, ask 101: it joins at 100.
    """
    own, other = depth.of(side), depth.against(side)
    if not own:
        return 0
    joined = own[0][0]
    improved = joined + side.sign
    crosses = bool(other) and side.sign * (improved - other[0][0]) >= 0
    return joined if crosses or improved < 1 else improved


def first_ticks(style: ExecutionStyle, side: Side, depth: Depth) -> int:
    """Return the price that `max_offset` counts from, were the parent to begin at this place now; 0 for none."""
    if style is ExecutionStyle.PASSIVE:
        return passive_ticks(side, depth)
    other = depth.against(side)
    return other[0][0] if other else 0


def offset_of(distance: Distance, price: Decimal) -> Decimal:
    """Return a distance in units of the price: 20 bps of 60,000 are 120."""
    return price * distance.amount / BPS if distance.in_bps else distance.amount


def bound_of(command: OrderCommand, first: Decimal, instrument: Instrument) -> Bound:
    """Return the farthest limit: the first price and the offset, or `max_bid` and `min_ask` where they are nearer.

    Rounded to the safe side. Buying at first for 60,000 with 20 bps and a max_bid of 60,100: 60,100, not 60,120.
    """
    buys = command.side is Side.BUY
    most = first + command.side.sign * offset_of(command.max_offset, first)
    name = f"max_offset, {first.normalize():f} at first"
    hard = command.max_bid if buys else command.min_ask
    if hard is not None and command.side.sign * (hard - most) < 0:
        most, name = hard, f"{'max_bid' if buys else 'min_ask'} {hard.normalize():f}"
    return Bound(_safe_ticks(most, command.side, instrument), name)


def _safe_ticks(price: Decimal, side: Side, instrument: Instrument) -> int:
    """Return the ticks of a price that an order goes no farther than: down to buy, up to sell."""
    rounding = ROUND_FLOOR if side is Side.BUY else ROUND_CEILING
    return int((price / instrument.tick_size).to_integral_value(rounding))


def limit_of(
    command: OrderCommand, depth: Depth, bound: Bound, instrument: Instrument, *, passive_first: bool
) -> Limit | str:
    """Return the limit at which the next child goes, or why none does now.

    LEAN leans on the best price of the other side, its first child one tick before it; PASSIVE joins or improves its
    own side; CROSS_MARKET goes through the best price of the other side by the offset, and never rests.
    """
    side, style = command.side, command.style
    other = depth.against(side)
    if style is ExecutionStyle.PASSIVE:
        wanted = passive_ticks(side, depth)
        if not wanted:
            return f"the book has no {_SIDE[side]}s to join"
    elif not other:
        return f"the book has no {_SIDE[side.opposite]}s"
    elif style is ExecutionStyle.LEAN:
        wanted = other[0][0] - side.sign if passive_first else other[0][0]
    else:
        best = instrument.price(other[0][0])
        wanted = _safe_ticks(best + side.sign * offset_of(command.max_offset, best), side, instrument)
    ticks, held = wanted, ""
    if side.sign * (ticks - bound.price_ticks) > 0:
        ticks, held = bound.price_ticks, f"held at {bound.name}"
    own = depth.own_against(side)
    behind_own = bool(own) and side.sign * (ticks - own) >= 0
    if behind_own:
        ticks, held = own - side.sign, f"an own {_SIDE[side.opposite]} is in the way"
    if ticks < 1:
        return held or "the price would be 0"
    immediate = style is ExecutionStyle.CROSS_MARKET
    if immediate and side.sign * (ticks - other[0][0]) < 0:
        return held or f"the best {_SIDE[side.opposite]} is beyond {bound.name}"
    post_only = style is ExecutionStyle.PASSIVE or passive_first
    return Limit(ticks, post_only, immediate, held, behind_own and style is not ExecutionStyle.PASSIVE)


def cost_of(limit: Limit, lots: int, side: Side, depth: Depth, maker_rate: float, taker_rate: float) -> float:
    """Return what a unit costs in ticks, or brings where it is sold, after fees, were all of it to be traded.

    What the book shows up to the limit is taken at its prices, the rest is made at the limit. 2 lots at 100 and 3 at
    102 for 5 lots with a limit of 102 and a fee of 10 bps: (200 + 306) / 5 x 1.001 = 101.3012.
    """
    left, money = lots, 0.0
    for ticks, there in () if limit.post_only else depth.against(side):
        if not left or side.sign * (ticks - limit.price_ticks) > 0:
            break
        taken = min(left, there)
        money += taken * ticks * (1.0 + side.sign * taker_rate)
        left -= taken
    rate = taker_rate if limit.immediate else maker_rate
    return (money + left * limit.price_ticks * (1.0 + side.sign * rate)) / lots


_SIDE = {Side.BUY: "bid", Side.SELL: "ask"}
"""What an order of a side is called in the book."""
