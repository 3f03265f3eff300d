"""From base prices to the ticks of quotes: spread, factor, margin, rounding, the spread again, bounds.

    missing = least spread of the best base prices - (ask - bid), where that is above 0
    bid_i   = floor((base_bid_i - missing x w) x bid_factor x (1 - margin_i / 10,000) / tick)
    ask_i   = ceil((base_ask_i + missing x (1 - w)) x ask_factor x (1 + margin_i / 10,000) / tick)

with w the bid's share of what is missing. Prices of all sizes of a side give way alike, so that a size never costs less
than the one before it. Where factors or margins below 0 have brought the best two nearer than the least spread, they
are moved apart by the same shares, and what stood nearer joins them. Source: the market maker's configuration, PRICER.

Example: 59,998 bid and 60,002 asked, `6 bps [30]`: 36 are wanted around 60,000 and 32 are missing, so that the bases
are 59,988.4 and 60,024.4. With factors of 1 and margins of 5 bps, 59,958.4058 and 60,054.4122: on a tick of 0.01 the
quotes are 59,958.40 and 60,054.42.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from common.instruments.grid import QUOTIENT_EPSILON, TICK_EPSILON

from quoter.spot.rules import LeastSpread, Rules, SideRules

NO_PRICE = 0
"""Ticks of a size that has none."""


class Bases(NamedTuple):
    """Base prices by size, best first, None for a size without; and the best prices of all books."""

    bids: Sequence[float | None]
    asks: Sequence[float | None]
    best_bid: float
    best_ask: float


class Prices(NamedTuple):
    """Ticks by size, `NO_PRICE` for a size without one, before bounds."""

    bids: list[int]
    asks: list[int]
    down: float
    """By how much the bids' bases gave way for the least spread, in price."""
    up: float


def prices(bases: Bases, rules: Rules, tick: float, least_ticks: int) -> Prices:
    """Return where each size stands; own bid and ask stay at least `least_ticks` apart, whatever the rules say."""
    down, up = given_way(
        next(filter(None, bases.bids), bases.best_bid), next(filter(None, bases.asks), bases.best_ask), rules.least
    )
    bids = _rounded(bases.bids, -down, rules.buys, up=False)
    asks = _rounded(bases.asks, up, rules.sells, up=True)
    best_bid, best_ask = max(bids, default=NO_PRICE), min(filter(None, asks), default=NO_PRICE)
    if best_bid and best_ask:
        bid, ask = apart(best_bid, best_ask, rules.least, tick, least_ticks)
        if bid < best_bid:
            bids = [bid if each > bid else each for each in bids]
        if ask > best_ask:
            asks = [ask if NO_PRICE < each < ask else each for each in asks]
    return Prices(bids, asks, down, up)


def given_way(bid: float, ask: float, least: LeastSpread) -> tuple[float, float]:
    """Return by how much a bid goes down and an ask up so that they are as far apart as they must be.

    Example: 59,998 and 60,002 with 6 bps and a share of 0.3: 9.6 and 22.4.
    """
    missing = least.at(0.5 * (bid + ask)) - (ask - bid)
    if missing <= 0.0:
        return 0.0, 0.0
    down = missing * least.bid_share
    return down, missing - down


def _rounded(bases: Sequence[float | None], moved: float, side: SideRules, *, up: bool) -> list[int]:
    """Return the ticks of a side's bases, rounded to the safe side; a float's last bits move none across a tick."""
    found, multipliers = [], side.per_tick
    last = len(multipliers) - 1
    for place, base in enumerate(bases):
        if base is None:
            found.append(NO_PRICE)
            continue
        ticks = (base + moved) * multipliers[place if place < last else last]
        bits = ticks * QUOTIENT_EPSILON
        if bits < TICK_EPSILON:
            bits = TICK_EPSILON
        whole = math.ceil(ticks - bits) if up else math.floor(ticks + bits)
        found.append(whole if whole > 0 else NO_PRICE)
    return found


def apart(bid: int, ask: int, least: LeastSpread, tick: float, least_ticks: int) -> tuple[int, int]:
    """Return the best bid and ask in ticks, moved apart where they are too near.

    Example: 100 and 101 with 4 ticks at least and a share of 0.5: 3 are missing, so that they are 99 and 103.
    """
    missing = _least_ticks(bid, ask, least, tick, least_ticks) - (ask - bid)
    if missing <= 0:
        return bid, ask
    down = int(missing * least.bid_share)
    bid, ask = bid - down, ask + missing - down
    # Where the ask gives more the middle is higher, and a part of it too: by less than a tick for each.
    while ask - bid < _least_ticks(bid, ask, least, tick, least_ticks):
        ask += 1
    return max(bid, NO_PRICE), ask


def _least_ticks(bid: int, ask: int, least: LeastSpread, tick: float, least_ticks: int) -> int:
    own = least.of_price * 0.5 * (bid + ask) + least.price / tick
    return max(least_ticks, math.ceil(own - max(TICK_EPSILON, own * QUOTIENT_EPSILON)))


class Step(NamedTuple):
    """How one quote came to its price; all but `price` add up to it."""

    base: float
    spread: float
    """What the base gave way for the least spread."""
    factor: float
    margin: float
    rounding: float
    """To whole ticks, and apart where the quotes were too near."""
    price: float


def step(base: float, moved: float, side: SideRules, place: int, ticks: int, tick: float) -> Step:
    """Return the parts of a price, in price."""
    given = base + moved
    factored = given * side.factor
    price = ticks * tick
    full = given * side.multiplier(place) * tick
    return Step(base, moved, factored - given, full - factored, price - full, price)
