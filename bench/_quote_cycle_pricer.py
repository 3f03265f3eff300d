"""The pricer's share of a quote cycle: books in, source prices out, in one process and on a virtual clock.

An update is a decoded book of 20 levels a side, of one of three venues; a bot has an FX leg and five sizes a side. What
decodes books and encodes prices is not counted. Garbage collection is that of a running service.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from decimal import Decimal
from random import Random
from typing import NamedTuple

from _core_run import calm_collector
from common.clock import NS_PER_MS, NS_PER_S
from common.core import Receipt
from common.events import Book, BotConfig, FeedStatus, Level, Market, MarketStatus, SourcePrice
from common.instruments import InstrumentKind
from common.venues import Exchanges
from pricer.service import TIMER_PERIOD_MS, Pricer
from pricer.sources.venues import Venues

START_NS = 1_795_222_800 * NS_PER_S
SOURCES = ("kraken", "binance", "coinbase")
TARGET, SYMBOL, UNDERLYING, FX = "dltxmm", "BTCJPY", "BTCUSD", "USDJPY"
LEVELS = 20
TICK = 0.01
SIZES = "0.5 0.5 1 1 2"
COPIED = "5 [1 5]"
UPDATES = 20_000
UPDATE_EVERY_NS = NS_PER_S // 1_000
FEED_EVERY_NS = 200 * NS_PER_MS


class Cost(NamedTuple):
    """What some updates took."""

    updates: int
    stated: int
    cpu_ns: int

    @property
    def us_each(self) -> float:
        return self.cpu_ns / self.updates / 1_000


class PricerRun:
    """A pricer with spot bots of one configuration, and books as venues would send them."""

    def __init__(self, bots: int, how: str = "BEST_AGGREGATED", *, fx: bool = True, sizes: str = "") -> None:
        exchanges = Exchanges({name.upper(): name for name in (*SOURCES, TARGET)})
        self.pricer = Pricer(SOURCES, quoted_venues=[TARGET], venues=Venues(exchanges))
        self.now_ns = START_NS
        self._random = Random(7)
        self._told_ns = self._timed_ns = 0
        symbol, currency = (SYMBOL, "JPY") if fx else (UNDERLYING, "USD")
        for each in ((TARGET, symbol, currency), (TARGET, UNDERLYING, "USD")):
            list(self.pricer.on_market(_market(*each), self.receipt()))
        where = {"instrument": symbol, "exchange": TARGET.upper(), "source_exchange": ",".join(SOURCES).upper()}
        if fx:
            where |= {"underlyings": UNDERLYING, "fx_leg": FX, "fx_exchange": SOURCES[0].upper()}
        sizes = sizes or (COPIED if how == "REPLICATION" else SIZES)
        priced = {"buy_quote_sizes": sizes, "sell_quote_sizes": sizes, "source_aggregation": how}
        for number in range(bots):
            config = BotConfig(
                algo_id=str(number),
                kind="spot",
                revision=1,
                running=True,
                sections={"instrument": where, "pricer": priced},
                actor="bench",
                ts_ns=0,
            )
            assert list(self.pricer.on_bot(config, self.receipt())) == []
        self.hand_in([_book(SOURCES[0], FX, [(150.0, 1e6)], [(150.01, 1e6)])])
        for venue in SOURCES:
            self.hand_in([self.book(venue, 60_000.0)])

    def receipt(self) -> Receipt:
        return Receipt(self.now_ns)

    def hand_in(self, books: Sequence[Book]) -> int:
        """Give the pricer a burst of books; return how many prices came of it."""
        pricer, receipt = self.pricer, self.receipt()
        for book in books:
            for _ in pricer.on_book(book, receipt):
                raise AssertionError("prices wait for the end of the burst")
        return sum(isinstance(each, SourcePrice) for each in pricer.after_burst(receipt))

    def pass_by(self, ns: int) -> int:
        """Let time pass with its timers, and with feeds that live."""
        self.now_ns += ns
        stated = 0
        if self.now_ns - self._told_ns >= FEED_EVERY_NS:
            self._told_ns = self.now_ns
            for venue in (*SOURCES, TARGET):
                self.pricer.on_status(_status(venue), self.receipt())
        if self.now_ns - self._timed_ns >= TIMER_PERIOD_MS * NS_PER_MS:
            self._timed_ns = self.now_ns
            stated = sum(isinstance(each, SourcePrice) for each in self.pricer.on_timer(self.receipt()))
        return stated

    def book(self, venue: str, mid: float, behind: float = 0.0) -> Book:
        """Return a book around a mid; its last levels hold `behind` more."""
        random = Random(venue)
        sides: list[list[tuple[float, float]]] = []
        for sign in (-1.0, 1.0):
            price, levels = mid, list[tuple[float, float]]()
            for place in range(LEVELS):
                price += sign * TICK * random.choice((1, 1, 2, 3))
                size = 0.05 + random.random()
                levels.append((round(price, 2), size + (behind if place > LEVELS - 3 else 0.0)))
            sides.append(levels)
        return _book(venue, UNDERLYING, *sides)


def _book(venue: str, symbol: str, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]) -> Book:
    levels = [[Level(*level) for level in side] for side in (bids, asks)]
    return Book(venue=venue, symbol=symbol, bids=levels[0], asks=levels[1], ts_received_ns=START_NS)


def _status(venue: str) -> FeedStatus:
    return FeedStatus(venue=venue, connected=True, silent_ns=0, clock_offset_ns=0, clock_known=True)


def _market(venue: str, symbol: str, currency: str) -> Market:
    return Market(
        venue=venue,
        symbol=symbol,
        kind=InstrumentKind.SPOT,
        status=MarketStatus.OPEN,
        base="BTC",
        currency=currency,
        tick_size=Decimal("0.01"),
        ts_received_ns=0,
    )


def updates(run: PricerRun, count: int, *, moving: bool) -> Iterator[Book]:
    """Yield books of the venues in turn: with another size far behind, or a tick away with all levels."""
    kept = {
        (venue, step): run.book(venue, 60_000.0 + (step * TICK if moving else 0.0), 0.0 if moving else 0.1 * step)
        for venue in SOURCES
        for step in range(4)
    }
    for number in range(count):
        yield kept[SOURCES[number % len(SOURCES)], number // len(SOURCES) % 4]


def measured(run: PricerRun, count: int = UPDATES, *, moving: bool) -> Cost:
    """Hand updates in one by one, a thousand a second, and return what they took."""
    books = list(updates(run, count, moving=moving))
    stated = 0
    with calm_collector():
        begun_ns = time.process_time_ns()
        for book in books:
            stated += run.pass_by(UPDATE_EVERY_NS)
            stated += run.hand_in([book])
        cpu_ns = time.process_time_ns() - begun_ns
    return Cost(len(books), stated, cpu_ns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    for how in ("BEST_AGGREGATED", "BEST_SINGLE", "BBO", "REPLICATION"):
        for moving in (False, True):
            costs = [measured(PricerRun(1, how), moving=moving) for _ in range(rounds)]
            best = min(costs, key=lambda cost: cost.cpu_ns)
            kind = "moves every level" if moving else "changes no price"
            print(f"{how:16} {kind:18} {best.us_each:6.1f} us, {best.stated} prices of {best.updates} updates")
    for bots in (1, 10, 50, 200):
        count = max(UPDATES // bots // 2, 400)
        for moving in (False, True):
            costs = [measured(PricerRun(bots), count, moving=moving) for _ in range(rounds)]
            best = min(costs, key=lambda cost: cost.cpu_ns)
            kind = "moves every level" if moving else "changes no price"
            print(f"{bots:4} bots        {kind:18} {best.us_each / bots:6.1f} us per bot")


if __name__ == "__main__":
    main()
