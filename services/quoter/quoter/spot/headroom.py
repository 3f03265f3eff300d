"""How much may rest on each side, and a ladder cut to it: exposure, funds, the venue's smallest order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from common.events import QuoteLevel
from common.pretrade import LotBounds

from quoter.spot.rules import Exposure

NO_EXPOSURE = Exposure(None, None, None)


class SideHeadroom(NamedTuple):
    """Lots that may rest on a side, and what allows no more of them."""

    lots: int
    bound: str


class BothSides(NamedTuple):
    """The headroom to buy and to sell."""

    buys: SideHeadroom
    sells: SideHeadroom


class Stand(NamedTuple):
    """What is held, in lots: the least and the most of it, as far as nobody can say more."""

    least: int
    most: int
    quoted_least: int
    """Of what the bot's quotes alone have traded."""
    quoted_most: int


def exposure_headroom(
    held: Stand, exposure: Exposure, most_lots: int, short_lots: int, net: LotBounds | None = None
) -> BothSides:
    """Return how much may be bid for and offered so that no execution leads beyond a limit.

    `most_lots` is the platform's limit of a position, `short_lots` how far it may be short. Example: 2 held of at most
    3 long and 3 short: 1 to buy, 5 to sell. `net` is what risk makes of the bot's limits by its hedges and by other
    bots, which nobody knows here: where it is given, `exposure` is in it already.
    """
    long_lots, short, quoted = exposure if net is None else NO_EXPOSURE
    buys = [SideHeadroom(most_lots - held.most, "the limit of the position")]
    sells = [SideHeadroom(min(short_lots, most_lots) + held.least, "the limit of the position")]
    if net is not None:
        buys.append(SideHeadroom(net.most - held.most, net.why_most))
        sells.append(SideHeadroom(held.least - net.least, net.why_least))
    if long_lots is not None:
        buys.append(SideHeadroom(long_lots - held.most, "max_long_exposure"))
    if short is not None:
        sells.append(SideHeadroom(short + held.least, "max_short_exposure"))
    if quoted is not None:
        buys.append(SideHeadroom(quoted - held.quoted_most, "max_quoter_position_size"))
        sells.append(SideHeadroom(quoted + held.quoted_least, "max_quoter_position_size"))
    return BothSides(_least(buys), _least(sells))


def _least(headrooms: Iterable[SideHeadroom]) -> SideHeadroom:
    found = min(headrooms, key=lambda each: each.lots)
    return found if found.lots > 0 else SideHeadroom(0, found.bound)


class Allowed(NamedTuple):
    """What the orders of a side may be."""

    headroom: SideHeadroom
    most_lots: int
    """Of one order."""
    most_ticks_lots: int
    """Price times size of one order, in ticks and lots: its money."""
    least_lots: int
    least_ticks_lots: int
    orders: int
    """Orders on the side."""


class Cut(NamedTuple):
    """A side's quotes, best first and each price once, and what kept some of them out or small."""

    levels: list[QuoteLevel]
    why: str


def cut(
    ticks: Sequence[int], lots: Sequence[int], allowed: Allowed, *, bids: bool, bound_ticks: int, bound: str
) -> Cut:
    """Return the quotes of a side: equal prices as one, none beyond a bound, no more than there is headroom for.

    The best have it first. Example: 3 lots at 100 and 4 at 99 with headroom for 5: 3 and 2.
    """
    by_price: dict[int, int] = {}
    why = ""
    for price, size in zip(ticks, lots, strict=True):
        if price <= 0:
            continue
        if price > bound_ticks if bids else price < bound_ticks:
            why = bound
        else:
            by_price[price] = by_price.get(price, 0) + size
    left = allowed.headroom.lots
    found: list[QuoteLevel] = []
    prices = sorted(by_price, reverse=True) if bids else sorted(by_price)
    for price in prices:
        size = by_price[price]
        if size > allowed.most_lots or price * size > allowed.most_ticks_lots:
            size, why = min(allowed.most_lots, allowed.most_ticks_lots // price), why or "the limit of one order"
        if size > left:
            size, why = left, why or allowed.headroom.bound
        if len(found) == allowed.orders:
            why = why or "the limit of orders on a side"
            break
        if size < allowed.least_lots or price * size < allowed.least_ticks_lots:
            why = why or "the venue's smallest order"
            continue
        left -= size
        found.append(QuoteLevel(price, size))
    return Cut(found, why)
