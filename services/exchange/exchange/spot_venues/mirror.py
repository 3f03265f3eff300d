"""A real venue's book as the makers' levels of a symbol: shown as it is, less what was traded of it here.

What was traded of a level is gone until the real one has another size: then somebody there changed it, and it is whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from exchange.prices.depth import DepthBook
from exchange.spot.symbols import Symbol
from exchange.spot.terms import SpotTerms
from exchange.spot_venues.depth import DeepLadder

Levels = tuple[list[int], list[int], list[int]]
"""Prices in ticks, best first, lots, and the makers' own name of each level."""

ROWS_PER_LEVEL: Final = 10
"""Real levels that are looked at for one of ours, whose ticks may be wider."""
EDGE: Final = 1e-6
"""Of a tick or lot: the last bit of a float must not move a price or a size by a whole one."""


class Mirror:
    """The real books of some symbols; a level's own name is its price in ticks."""

    def __init__(self, sources: Mapping[str, str], levels: int) -> None:
        """`sources` are the price source's symbols by ours."""
        self._sources, self._levels = sources, levels
        self.depth_of: Callable[[str], DepthBook | None] = lambda symbol: None
        """The real book of a symbol of the price source; None while there is none that is real."""
        self._traded: dict[tuple[str, str], dict[int, tuple[int, int]]] = {}
        """By symbol and side, by price: the real lots when something of them was last traded, and how many were."""

    def book_of(self, symbol: Symbol) -> DepthBook | None:
        """The real book that this symbol shows now."""
        source = self._sources.get(symbol.id, "")
        return self.depth_of(source) if source else None

    def levels(self, symbol: Symbol, book: DepthBook, ladders: tuple[DeepLadder, DeepLadder]) -> tuple[Levels, Levels]:
        """Both sides as they are to be shown."""
        bids, asks = (self._side(symbol, book, ladder) for ladder in ladders)
        if bids[0] and asks[0] and asks[0][0] <= bids[0][0]:
            # The real book is torn between two messages; it will not be at the next look.
            return ([], [], []), ([], [], [])
        return bids, asks

    def _side(self, symbol: Symbol, book: DepthBook, ladder: DeepLadder) -> Levels:
        name = "bids" if ladder.side == "bid" else "asks"
        real = real_lots(book.nearest(name, self._levels * ROWS_PER_LEVEL), symbol.terms, name, self._levels)
        traded = self._traded.setdefault((symbol.id, name), {})
        for ticks, lots in ladder.taken.items():
            known, before = traded.get(ticks, (real.get(ticks, 0), 0))
            traded[ticks] = known, before + lots
        ladder.taken.clear()
        for ticks in [ticks for ticks, (known, _) in traded.items() if real.get(ticks) != known]:
            del traded[ticks]
        shown = {ticks: lots - traded[ticks][1] if ticks in traded else lots for ticks, lots in real.items()}
        left = [(ticks, lots) for ticks, lots in shown.items() if lots > 0]
        return [ticks for ticks, _ in left], [lots for _, lots in left], [ticks for ticks, _ in left]


def real_lots(rows: list[tuple[str, str]], terms: SpotTerms, name: str, levels: int) -> dict[int, int]:
    """The best real levels on our grid, best first: prices rounded outwards, sizes down, those of one tick together.

    Bids 60,000.07 of 0.5 and 60,000.02 of 0.25 with a tick of 0.1 and a lot of 0.0001: 7,500 lots at 600,000 ticks.
    """
    tick, lot = float(terms.tick), float(terms.lot)
    sizes: dict[int, float] = {}
    for price, size in rows:
        in_ticks = float(price) / tick
        ticks = math.floor(in_ticks + EDGE) if name == "bids" else math.ceil(in_ticks - EDGE)
        if ticks not in sizes and len(sizes) == levels:
            break
        sizes[ticks] = sizes.get(ticks, 0.0) + float(size)
    whole = {ticks: int(size / lot + EDGE) for ticks, size in sizes.items() if ticks > 0}
    return {ticks: lots for ticks, lots in whole.items() if lots}
