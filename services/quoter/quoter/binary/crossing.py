"""The last way to be flat at expiry: an order that takes from the book what is offered at a bearable price.

Long YES is given up by buying NO from those who bid for YES (or by selling to them), long NO the other way round. What
it costs against fair value, the taker's fee included, is bounded per share and per market. The bound per share grows
from nothing at the start of the window to its full size at its end: quotes that wait for somebody come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from common.bots import Unwind
from common.clock import NS_PER_MS
from common.events import Book, Fill, Level, Liquidity
from common.instruments import Instrument, Outcome, Side
from common.pretrade import Held

from quoter.signals.share import Offer, taker_fee

COST_EPSILON = 1e-9


class Taking(NamedTuple):
    """An order that crosses the book at once or not at all."""

    outcome: Outcome
    side: Side
    price_ticks: int
    """Of `outcome`; every share costs this or less."""
    quantity_lots: int
    cost: float
    """What all of it costs against fair value, fees included, at the prices shown; may be below 0."""


@dataclass(slots=True)
class Crossing:
    """What one market has come to in giving up what is left."""

    book: Book | None = None
    taking: Taking | None = None
    """What is to be taken now: until it is, nothing else of ours rests in the market."""
    why: str = ""
    """Why nothing is taken although something is to be given up."""
    next_at_ns: int = 0
    spent: float = 0.0
    """What it has cost against fair value, fees included, since this process knows the market."""
    orders: int = 0

    def on_fill(self, fill: Fill, instrument: Instrument, fair: float) -> None:
        """Count what a fill of a taking order cost."""
        if fill.liquidity is Liquidity.TAKER:
            self.spent += paid_beyond(fill, instrument, fair)

    def sent(self, now_ns: int, unwind: Unwind) -> None:
        """An order went out, or was refused: the next one waits."""
        self.taking = None
        self.next_at_ns = now_ns + unwind.cross_gap_ms * NS_PER_MS


def bound(seconds_left: float, close_s: float, unwind: Unwind) -> float:
    """Return what a share may cost against fair value now: 0 at `cross_from_s`, `max_cross_cost` at `close_s`.

    Below 0 means that nothing is taken.
    """
    window_s = unwind.cross_from_s - close_s
    if window_s <= 0 or not close_s < seconds_left <= unwind.cross_from_s:
        return -1.0
    return unwind.max_cross_cost * (unwind.cross_from_s - seconds_left) / window_s


def to_give_up(held: Held) -> int:
    """Return by how much YES less NO is certainly above 0, or below; 0 in doubt."""
    surely_long = held.yes_lots - held.unconfirmed_yes_lots - held.no_lots
    surely_short = held.no_lots - held.unconfirmed_no_lots - held.yes_lots
    return surely_long if surely_long > 0 else -max(0, surely_short)


def offers(levels: Sequence[Level], yes: Instrument, own: Mapping[int, int]) -> list[Offer]:
    """Return a side of the book for YES, best first, in ticks and whole lots and without what is our own."""
    found = []
    for level in levels:
        ticks = round(level.price * yes.max_ticks)
        lots = yes.whole_lots(level.size) - own.get(ticks, 0)
        if yes.in_bounds(ticks) and lots > 0:
            found.append(Offer(ticks, lots))
    return found


def taking(
    net: int,
    fair: float,
    book: Iterable[Offer],
    yes: Instrument,
    *,
    cost_max: float,
    budget: float,
    lots_max: int,
    sellable_lots: int,
    unwind: Unwind,
) -> Taking | None:
    """Return the order that takes |net| down, or None when there is none worth its price.

    `book` is the side to take from, best first: bids for YES when long, asks when short. `sellable_lots` of the outcome
    held too much may be sold; otherwise the other outcome is bought. `cost_max` is per share, `budget` in money.
    """
    if abs(net) <= unwind.cross_tolerance or cost_max < 0.0:
        return None
    left, limit_ticks, lots, cost = min(abs(net), lots_max), 0, 0, 0.0
    ticks_per_unit = yes.max_ticks
    for offer in book:
        price = offer.yes_ticks / ticks_per_unit
        per_share = (fair - price if net > 0 else price - fair) + taker_fee(price, unwind.taker_fee)
        if per_share > cost_max + COST_EPSILON:
            break
        taken, per_lot = min(left - lots, offer.lots), yes.value(1, per_share)
        if per_share > 0.0:
            taken = min(taken, int((budget - cost + COST_EPSILON) / per_lot))
        if taken <= 0:
            break
        lots, cost, limit_ticks = lots + taken, cost + taken * per_lot, offer.yes_ticks
    if not lots:
        return None
    outcome, other = (Outcome.YES, Outcome.NO) if net > 0 else (Outcome.NO, Outcome.YES)
    own_ticks, other_ticks = limit_ticks, ticks_per_unit - limit_ticks
    if net < 0:
        own_ticks, other_ticks = other_ticks, own_ticks
    if unwind.sell_held and sellable_lots >= lots:
        return Taking(outcome, Side.SELL, own_ticks, lots, cost)
    return Taking(other, Side.BUY, other_ticks, lots, cost)


def paid_beyond(fill: Fill, instrument: Instrument, fair: float) -> float:
    """Return what a fill cost against a fair value of YES, its fee included; below 0 when it was a bargain."""
    lots = fill.side.sign * fill.quantity_lots
    return instrument.money(fill.price_ticks, lots) - instrument.value(lots, fair) + float(fill.fee)
