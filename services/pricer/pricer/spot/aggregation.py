"""Base prices of a bot's quotes: what the books of its source venues pay for each of its sizes.

The sizes S_1, S_2, ... of a side are quoted one behind the other, so the i-th stands for the slice (C_{i-1}, C_i] of a
book, with C_i = S_1 + ... + S_i. Its price is the volume-weighted average of what lies in the slice,

    sum over levels of price x quantity in the slice / S_i,

and there is none where the book ends before C_i. Bids are made from bids and asks from asks. Example: bids of 3 at 100
and 2 at 99, sizes 2, 2 and 2: 100, then 1 at 100 and 1 at 99 are 99.5, and the third has no base: 1 of 2 is left.

All of them are functions of values: a side of a book is its levels, best first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from common.events import Level

Side: TypeAlias = Sequence[Level]
"""One side of one venue's book, best first."""
Bases: TypeAlias = list[float | None]
"""One for each size; None where the books do not suffice."""


class Sliced(NamedTuple):
    """Prices of slices, and how deep they reach."""

    bases: Bases
    last: float | None
    """The last price that was touched; None where a book was gone through to its end."""


Choose: TypeAlias = Callable[..., float]

SHORT = 1e-9
"""Share of a size that may be missing, as floats: sizes of 0.1 and 0.2 are filled by a level of 0.3."""
_PRICE = attrgetter("price")


def merged(sides: Sequence[Side], *, bids: bool) -> Side:
    """Return one side of all books together, best first."""
    if len(sides) == 1:
        return sides[0]
    levels: list[Level] = []
    for side in sides:
        levels += side
    # Each side is in order already, and the sort makes use of that: quicker than a heap of three.
    levels.sort(key=_PRICE, reverse=bids)
    return levels


def slices(levels: Side, sizes: Sequence[float]) -> Sliced:
    """Return the average price of each slice of a side; None from the first size on that the levels do not fill."""
    found: Bases = []
    following = iter(levels)
    price = left = 0.0
    for size in sizes:
        need, first, moved = size, 0.0, 0.0
        while need > 0.0:
            if not left > 0.0:
                level = next(following, None)
                if level is None:
                    break
                price, left = level.price, level.size
                continue
            if first == 0.0:
                first = price
            taken = left if left < need else need
            # Counted from the slice's first price, so that a slice at one price costs exactly that price.
            moved += (price - first) * taken
            left -= taken
            need -= taken
        base = first + moved / size
        if need > SHORT * size or not 0.0 < base < math.inf:
            return Sliced(found + [None] * (len(sizes) - len(found)), None)
        found.append(base)
    return Sliced(found, price)


def best_aggregated(sides: Sequence[Side], sizes: Sequence[float], *, bids: bool) -> Sliced:
    """Return the price of each slice of all books merged by price."""
    return slices(merged(sides, bids=bids), sizes)


def best_single(sides: Sequence[Side], sizes: Sequence[float], *, bids: bool) -> Sliced:
    """Return for each size the best price that one venue alone has for its slice, of those that fill it."""
    return _single(sides, sizes, max if bids else min, min if bids else max)


def worst_single(sides: Sequence[Side], sizes: Sequence[float], *, bids: bool) -> Sliced:
    """Return for each size the worst price that one venue alone has for its slice, of those that fill it."""
    return _single(sides, sizes, min if bids else max, min if bids else max)


def _single(sides: Sequence[Side], sizes: Sequence[float], choose: Choose, deeper: Choose) -> Sliced:
    found: Bases = [None] * len(sizes)
    deepest: list[float | None] = []
    for side in sides:
        bases, last = slices(side, sizes)
        deepest.append(last)
        for place, base in enumerate(bases):
            if base is None:
                break
            other = found[place]
            found[place] = base if other is None else choose(base, other)
    filled = [last for last in deepest if last is not None]
    return Sliced(found, deeper(*filled, *filled[:1]) if len(filled) == len(deepest) > 0 else None)


def down_to(side: Side, last: float | None, *, bids: bool) -> int:
    """Return how many levels of a side are at a price or better; all of them for None."""
    if last is None:
        return len(side)
    count = 0
    for level in side:
        if level.price < last if bids else level.price > last:
            break
        count += 1
    return count


def replicated(levels: Side, most_quantity: float, least: int, most: int) -> list[Level]:
    """Return the best levels as quotes of their own, with sizes cut in proportion to `most_quantity` together.

    Equal prices of several venues are one level. At most `most` levels; none at all where there are fewer than `least`.
    Example: 3 at 100, 1 at 99 and 2 at 99 with at most 3 in 2 levels: 1.5 at 100 and 1.5 at 99.
    """
    found: list[Level] = []
    for level in levels:
        if found and found[-1].price == level.price:
            found[-1] = Level(level.price, found[-1].size + level.size)
        elif len(found) < most:
            found.append(level)
        else:
            break
    if len(found) < least:
        return []
    total = sum(level.size for level in found)
    if total <= most_quantity:
        return found
    return [Level(level.price, level.size * most_quantity / total) for level in found]


def depth(levels: Side) -> float:
    """Return how much a side shows altogether."""
    return math.fsum(level.size for level in levels)
