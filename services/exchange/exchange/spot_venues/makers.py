"""Makers of one venue: whole books around what they believe of the price, all symbols in one pass."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from exchange.market.lifecycle import NEVER_NS
from exchange.market.orders import Side
from exchange.market.refusals import Refusal
from exchange.spot.orders import SpotTicket
from exchange.spot.symbols import Symbol
from exchange.spot.trading import SpotTrading
from exchange.spot_venues.depth import MAKER_ACCOUNT, DeepBook, DeepLadder
from exchange.spot_venues.mirror import EDGE, Levels, Mirror
from exchange.spot_venues.settings import MakerSettings
from exchange.world.values import Vector
from exchange.world.world import World

NS_PER_MS: Final = 1_000_000
BPS: Final = 10_000
SIZE_LOOKS: Final = 10
"""Looks within which the size of a level wanders."""

Ticks = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class MadeSymbol:
    """A symbol that makers keep, and how wide and deep."""

    name: str
    half_spread_bps: float
    level_value: float


class Makers:
    """Levels on both sides of every symbol, renewed at each look."""

    def __init__(
        self,
        spot: SpotTrading,
        world: World,
        settings: MakerSettings,
        symbols: Sequence[MadeSymbol],
        mirror: Mirror,
        seed: str,
    ) -> None:
        self.spot, self.world, self.settings, self.mirror = spot, world, settings, mirror
        self._made = tuple(symbols)
        # Streams of random numbers must differ by venue, and be the same in every process.
        self._random = np.random.default_rng(list(seed.encode()))
        self._due_ns = NEVER_NS
        count, levels = len(self._made), settings.levels
        self._error = np.zeros(count)
        self._quoted = np.full(count, np.inf)
        """Log prices around which their levels stand."""
        self._size_noise = np.zeros((count, 2, levels))
        self._taken = np.zeros((count, 2, levels))
        """Lots of each level that were traded and are not there again."""
        self._mirrored = [False] * count
        """Whose levels of the last look were those of a real book."""
        away = np.arange(levels) * settings.step_bps / BPS
        self._away = np.array([each.half_spread_bps / BPS for each in self._made])[:, None] + away
        """Distance of each level from the price they believe in, as a share of it."""
        self._shape = np.array([each.level_value for each in self._made])[:, None] * (
            1 + settings.growth * np.arange(levels)
        )
        """Dollars' worth of each level."""

    def start(self, now_ns: int) -> None:
        self._symbols: list[Symbol] = [self.spot.trading.symbols[each.name] for each in self._made]
        place = self.world.place
        self._base = np.array([place[symbol.terms.base] for symbol in self._symbols], dtype=np.intp)
        self._quote = np.array([place[symbol.terms.quote] for symbol in self._symbols], dtype=np.intp)
        self._tick = np.array([float(symbol.terms.tick) for symbol in self._symbols])[:, None]
        self._lot = np.array([float(symbol.terms.lot) for symbol in self._symbols])
        self.world.start(now_ns)
        self._due_ns = now_ns if self._made else NEVER_NS

    def next_due_ns(self) -> int:
        return self._due_ns

    def sit_out(self, now_ns: int) -> None:
        """Let a look that is due pass; their levels stay."""
        while self._due_ns <= now_ns:
            self._due_ns += self.settings.look_ms * NS_PER_MS

    def advance(self, now_ns: int) -> None:
        """Renew all levels when it is time to."""
        if now_ns < self._due_ns:
            return
        # One look however late it is, with as many steps of the noise as if none had been missed.
        looks = 0
        while self._due_ns <= now_ns:
            self._due_ns += self.settings.look_ms * NS_PER_MS
            looks += 1
        self.world.advance(now_ns)
        row = self.world.row(now_ns - self.settings.delay_ms * NS_PER_MS)
        self._wander(looks)
        self._note_taken(looks)
        prices = self._prices(row)
        bids, asks = self._ticks(prices)
        lots = self._lots(row)
        for place, symbol in enumerate(self._symbols):
            real = self.mirror.book_of(symbol)
            self._mirrored[place] = real is not None
            if not (self.world.knows(symbol.terms.base, now_ns) and self.world.knows(symbol.terms.quote, now_ns)):
                shown: tuple[Levels, Levels] = ([], [], []), ([], [], [])
            elif real is not None:
                shown = self.mirror.levels(symbol, real, _ladders(symbol))
            else:
                shown = levels_of(bids[place], lots[place, 0]), levels_of(asks[place], lots[place, 1])
            show_depth(self.spot, symbol, *shown, now_ns)

    def _wander(self, looks: int) -> None:
        """Let error and sizes go on: the stationary AR(1) with a standard deviation and a time constant each."""
        settings = self.settings
        kept = math.exp(-looks * settings.look_ms / 1_000 / settings.noise_s)
        fresh = settings.noise_bps / BPS * math.sqrt(1 - kept * kept)
        self._error = kept * self._error + fresh * self._random.standard_normal(len(self._error))
        kept = math.exp(-looks / SIZE_LOOKS)
        fresh = settings.size_sigma * math.sqrt(1 - kept * kept)
        self._size_noise = kept * self._size_noise + fresh * self._random.standard_normal(self._size_noise.shape)

    def _note_taken(self, looks: int) -> None:
        self._taken *= math.exp(-looks * self.settings.look_ms / 1_000 / self.settings.refill_s)
        for place, symbol in enumerate(self._symbols):
            if self._mirrored[place]:
                continue
            for side, ladder in enumerate(_ladders(symbol)):
                for level, lots in ladder.taken.items():
                    self._taken[place, side, level] += lots
                ladder.taken.clear()

    def _prices(self, row: Vector) -> Vector:
        """What they quote around: what they believe, or what they believed while it has hardly moved."""
        believed = row[self._base] - row[self._quote] + self._error
        still = np.abs(believed - self._quoted) <= self.settings.sticky_bps / BPS
        self._quoted = np.where(still, self._quoted, believed)
        prices: Vector = np.exp(self._quoted)
        return prices

    def _ticks(self, prices: Vector) -> tuple[Ticks, Ticks]:
        """Prices of all levels, rounded outwards, a tick apart or more: the first bid 3 bps from 60,000 is 59,982."""
        order = np.arange(self.settings.levels)
        in_ticks = prices[:, None] / self._tick
        bids = np.floor(in_ticks * (1 - self._away) + EDGE).astype(np.int64) + order
        asks = np.ceil(in_ticks * (1 + self._away) - EDGE).astype(np.int64) - order
        return np.minimum.accumulate(bids, axis=1) - order, np.maximum.accumulate(asks, axis=1) + order

    def _lots(self, row: Vector) -> Ticks:
        per_lot = np.exp(row[self._base]) * self._lot
        wanted = self._shape[:, None, :] * np.exp(self._size_noise) / per_lot[:, None, None]
        lots: Ticks = np.rint(wanted - self._taken).astype(np.int64)
        return lots


def levels_of(ticks: Ticks, lots: Ticks) -> Levels:
    """The levels that can be shown: with a price above 0 and something in them."""
    kept = np.flatnonzero((ticks > 0) & (lots > 0))
    return ticks[kept].tolist(), lots[kept].tolist(), kept.tolist()


def show_depth(spot: SpotTrading, symbol: Symbol, bids: Levels, asks: Levels, now_ns: int) -> None:
    """Put makers' levels in the place of those before; where others stand in their way, they trade with them first.

    A price that moves past a resting order trades with it, as the customers of a real venue would have.
    """
    book = symbol.book
    assert isinstance(book, DeepBook), symbol.id
    bids, buys = _without_crossing(bids, book.selling)
    asks, sells = _without_crossing(asks, book.buying)
    book.buying.show(*bids)
    book.selling.show(*asks)
    spot.trading.ledger.tape.moved(symbol.id)
    if buys is not None:
        _trade(spot, symbol, "bid", *buys, now_ns)
    if sells is not None:
        _trade(spot, symbol, "ask", *sells, now_ns)


def _without_crossing(levels: Levels, opposite: DeepLadder) -> tuple[Levels, tuple[int, int] | None]:
    """Levels that meet none of others' orders; of the rest the furthest price that still does, and all their lots."""
    best = opposite.best_of_others()
    if best is None:
        return levels, None
    ticks, lots, keys = levels
    first = 0
    while first < len(ticks) and (ticks[first] <= best if opposite.side == "bid" else ticks[first] >= best):
        first += 1
    if not first:
        return levels, None
    return (ticks[first:], lots[first:], keys[first:]), (ticks[0], sum(lots[:first]))


def _trade(spot: SpotTrading, symbol: Symbol, side: Side, price_ticks: int, lots: int, now_ns: int) -> None:
    account = spot.trading.ledger.account(MAKER_ACCOUNT)
    spot.provide(account, symbol.terms, side, price_ticks, lots, now_ns)
    number = spot.trading.ledger.ids.last["order"] + 1
    try:
        spot.place(account, SpotTicket(number, symbol.id, side, price_ticks, lots, "ioc"), now_ns)
    except Refusal:
        # Fewer lots than the symbol's smallest order: the order stands, and the makers behind it.
        return


def _ladders(symbol: Symbol) -> tuple[DeepLadder, DeepLadder]:
    assert isinstance(symbol.book, DeepBook), symbol.id
    return symbol.book.buying, symbol.book.selling
