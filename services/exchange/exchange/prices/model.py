"""Made-up underlying prices from a seed: a diffusion with jumps, told in Binance's tickers, trades and book diffs."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from exchange.market.tape import Json
from exchange.prices.binance import Message

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
YEAR_S: Final = 365 * 86_400
DEPTH_INTERVAL_NS: Final = 100 * NS_PER_MS
LEVELS: Final = 20
UNIT_DECIMALS: Final = 2

FIRST_PRICES: Final = {"BTCUSDT": 60_000.0, "ETHUSDT": 2_600.0, "SOLUSDT": 150.0}


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How the made-up prices move, per symbol."""

    ticks_per_s: float = 10.0
    trades_per_s: float = 3.0
    volatility: float = 0.6  # annual
    jumps_per_hour: float = 20.0
    jump_sd: float = 0.0006  # of the log price


class ModelSymbol:
    """One symbol's price path and book."""

    def __init__(self, symbol: str, first_price: float, settings: ModelSettings, seed: int, start_ns: int) -> None:
        self.symbol, self.settings = symbol, settings
        self._random = Random(f"model/{symbol}/{seed}")
        self._log_price = math.log(first_price)
        self._moved_ns = start_ns
        # Ids begin with the time so that they also grow over restarts, as a real venue's do.
        self._update_id = self._depth_id = start_ns // NS_PER_MS
        self._trade_id = start_ns // NS_PER_MS
        self._tick = 10.0**-UNIT_DECIMALS
        self._step = max(self._tick, round(first_price * 0.00003, UNIT_DECIMALS))
        self._book: dict[str, dict[str, str]] = {"b": {}, "a": {}}
        self._best = (0.0, 0.0)

    def events(self, start_ns: int) -> Iterator[Message]:
        """The symbol's events forever, in order of time."""
        ticker_ns, trade_ns, depth_ns = start_ns, start_ns + self._wait(self.settings.trades_per_s), start_ns
        while True:
            now_ns = min(ticker_ns, trade_ns, depth_ns)
            self._move(now_ns)
            if now_ns == ticker_ns:
                yield self._message(now_ns, "bookTicker", self._ticker())
                ticker_ns += self._wait(self.settings.ticks_per_s)
            elif now_ns == depth_ns:
                yield self._message(now_ns, "depth@100ms", self._diff(now_ns))
                depth_ns += DEPTH_INTERVAL_NS
            else:
                yield self._message(now_ns, "trade", self._trade(now_ns))
                trade_ns += self._wait(self.settings.trades_per_s)

    def _wait(self, rate_per_s: float) -> int:
        return max(1, int(self._random.expovariate(rate_per_s) * NS_PER_S))

    def _message(self, now_ns: int, suffix: str, data: Json) -> Message:
        return Message(now_ns, self.symbol, f"{self.symbol.lower()}@{suffix}", data)

    def _move(self, now_ns: int) -> None:
        elapsed_s = (now_ns - self._moved_ns) / NS_PER_S
        self._moved_ns = now_ns
        settings = self.settings
        self._log_price += self._random.gauss(0.0, 1.0) * settings.volatility * math.sqrt(elapsed_s / YEAR_S)
        if self._random.random() < settings.jumps_per_hour * elapsed_s / 3_600:
            self._log_price += self._random.gauss(0.0, settings.jump_sd)
        bid = math.floor(math.exp(self._log_price) / self._tick) * self._tick
        self._best = bid, bid + self._tick

    def _ticker(self) -> Json:
        self._update_id += 1
        bid, ask = self._best
        return {
            "u": self._update_id,
            "s": self.symbol,
            "b": _text(bid),
            "B": self._size(),
            "a": _text(ask),
            "A": self._size(),
        }

    def _trade(self, now_ns: int) -> Json:
        self._trade_id += 1
        seller_took = self._random.random() < 0.5
        return {
            "e": "trade",
            "E": now_ns // NS_PER_MS,
            "s": self.symbol,
            "t": self._trade_id,
            "p": _text(self._best[0 if seller_took else 1]),
            "q": self._size(),
            "T": now_ns // NS_PER_MS,
            "m": seller_took,
            "M": True,
        }

    def _diff(self, now_ns: int) -> Json:
        first_id = self._depth_id + 1
        self._update_id += 1
        self._depth_id = self._update_id
        bid, ask = self._best
        changes = {
            side: self._change(side, [_text(best + sign * level * self._step) for level in range(LEVELS)])
            for side, best, sign in (("b", bid, -1), ("a", ask, 1))
        }
        head = {"e": "depthUpdate", "E": now_ns // NS_PER_MS, "s": self.symbol, "U": first_id, "u": self._depth_id}
        return {**head, **changes}

    def _change(self, side: str, wanted: list[str]) -> list[list[str]]:
        present = self._book[side]
        rows = [[price, "0.00000000"] for price in present if price not in wanted]
        target: dict[str, str] = {}
        for price in wanted:
            # Levels that stay change their size only now and then, as real ones do.
            stays = price in present and self._random.random() < 0.7
            target[price] = present[price] if stays else self._size()
            if target[price] != present.get(price):
                rows.append([price, target[price]])
        self._book[side] = target
        return rows

    def _size(self) -> str:
        return f"{self._random.lognormvariate(-0.5, 1.0) + 0.001:.5f}000"


def model_events(
    first_prices: dict[str, float], settings: ModelSettings, seed: int, start_ns: int
) -> Iterator[Message]:
    """The events of several symbols, each from its first price on, merged in order of time."""
    paths = [
        ModelSymbol(symbol, price, settings, seed, start_ns).events(start_ns) for symbol, price in first_prices.items()
    ]
    return heapq.merge(*paths, key=lambda message: message.due_ns)


def _text(price: float) -> str:
    return f"{price:.{UNIT_DECIMALS}f}000000"
