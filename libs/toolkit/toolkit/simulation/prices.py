"""Public prices of the underlyings in the simulation: a seeded diffusion, told in Binance's combined-stream frames."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from random import Random

from common.clock import SECONDS_PER_YEAR

TICK = 0.01
LEVELS = 10


@dataclass(frozen=True, slots=True)
class Underlying:
    """One asset: its symbol at the public venue, first price, volatility and jumps."""

    asset: str
    symbol: str
    price: float
    volatility: float = 0.5
    """Annualised."""
    jumps_per_hour: float = 0.0
    jump_size: float = 0.001
    """Standard deviation of a jump's log return."""


class PricePath:
    """The mid of one underlying on a fixed grid of time, made as far as it is asked for."""

    def __init__(self, underlying: Underlying, random: Random, start_ns: int, step_ns: int) -> None:
        self.underlying, self.start_ns, self.step_ns = underlying, start_ns, step_ns
        self._random = random
        self._mids = [underlying.price]

    def mid(self, now_ns: int) -> float:
        """Return the price at the last grid point at or before a time; future times are allowed."""
        step = max(0, (now_ns - self.start_ns) // self.step_ns)
        while len(self._mids) <= step:
            self._mids.append(self._next(self._mids[-1]))
        return self._mids[step]

    def _next(self, mid: float) -> float:
        step_s = self.step_ns / 1e9
        move = self.underlying.volatility * math.sqrt(step_s / SECONDS_PER_YEAR) * self._random.gauss(0, 1)
        if self._random.random() < self.underlying.jumps_per_hour * step_s / 3600:
            move += self._random.gauss(0, self.underlying.jump_size)
        return max(TICK * 10, round(mid * math.exp(move) / TICK) * TICK)


class BinanceTape:
    """Binance-shaped frames and REST answers of one path; update ids count up without gaps."""

    def __init__(self, path: PricePath) -> None:
        self.path = path
        self.symbol = path.underlying.symbol
        self._update_id = 1_000
        self._trade_id = 0
        self._book: tuple[dict[str, str], dict[str, str]] = ({}, {})

    def frames(self, now_ns: int, *, trade: bool) -> list[tuple[str, bytes]]:
        """Return (stream name, frame) of what happened at this instant: best prices, depth, perhaps a trade."""
        mid = self.path.mid(now_ns)
        bid, ask = f"{mid - TICK:.8f}", f"{mid + TICK:.8f}"
        bids = {f"{mid - TICK * (1 + level):.8f}": f"{1 + level:.8f}" for level in range(LEVELS)}
        asks = {f"{mid + TICK * (1 + level):.8f}": f"{1 + level:.8f}" for level in range(LEVELS)}
        changed = [_changes(before, after) for before, after in zip(self._book, (bids, asks), strict=True)]
        self._book = (bids, asks)
        first = self._update_id + 1
        self._update_id += 2
        now_ms = now_ns // 1_000_000
        stream = self.symbol.lower()
        found = [
            (
                f"{stream}@bookTicker",
                {"u": first, "s": self.symbol, "b": bid, "B": "1.00000000", "a": ask, "A": "1.00000000"},
            ),
            (
                f"{stream}@depth@100ms",
                {
                    "e": "depthUpdate",
                    "E": now_ms,
                    "s": self.symbol,
                    "U": first,
                    "u": self._update_id,
                    "b": changed[0],
                    "a": changed[1],
                },
            ),
        ]
        if trade:
            self._trade_id += 1
            found.append(
                (
                    f"{stream}@trade",
                    {
                        "e": "trade",
                        "E": now_ms,
                        "s": self.symbol,
                        "t": self._trade_id,
                        "p": bid,
                        "q": "0.01000000",
                        "T": now_ms,
                        "m": True,
                        "M": True,
                    },
                )
            )
        return [(name, json.dumps({"stream": name, "data": data}).encode()) for name, data in found]

    def snapshot(self) -> bytes:
        """Return the body of the REST depth snapshot."""
        bids, asks = ([[price, size] for price, size in side.items()] for side in self._book)
        return json.dumps({"lastUpdateId": self._update_id, "bids": bids, "asks": asks}).encode()


def _changes(before: dict[str, str], after: dict[str, str]) -> list[list[str]]:
    gone = [[price, "0.00000000"] for price in before if price not in after]
    return gone + [[price, size] for price, size in after.items() if before.get(price) != size]
