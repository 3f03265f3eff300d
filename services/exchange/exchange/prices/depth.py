"""The underlying's order book in Binance's terms: absolute quantities per price, told by snapshots and diffs."""

from __future__ import annotations

import heapq
from collections import deque
from typing import Any, Final

from exchange.market.tape import Json

RECENT_DIFFS_MAX: Final = 1_000
SIDE_LEVELS_MAX: Final = 20_000

_SIDES: Final = (("b", "bids"), ("a", "asks"))


class DepthBook:
    """One symbol's book, kept so that a client that follows Binance's rules for a local book can join at any time."""

    def __init__(self) -> None:
        self.last_update_id = 0
        self._levels: dict[str, dict[str, str]] = {"bids": {}, "asks": {}}
        self._recent: deque[Json] = deque(maxlen=RECENT_DIFFS_MAX)
        self._real = False  # False while only the ticker is known

    def on_snapshot(self, snapshot: Json) -> None:
        """Take a REST snapshot; diffs seen already that are newer than it are applied again on top."""
        self._real = True
        self._levels = {name: dict(snapshot[name]) for _, name in _SIDES}
        self.last_update_id = snapshot["lastUpdateId"]
        for diff in self._recent:
            if diff["u"] > self.last_update_id:
                self._apply(diff)

    def on_diff(self, diff: Json) -> None:
        """Take a depthUpdate event; one that is older than the book changes nothing."""
        if not self._real:
            self._real = True
            self._levels = {"bids": {}, "asks": {}}
        self._recent.append(diff)
        if diff["u"] > self.last_update_id:
            self._apply(diff)

    def _apply(self, diff: Json) -> None:
        for short, name in _SIDES:
            levels = self._levels[name]
            for price, size in diff[short]:
                if float(size) == 0.0:
                    levels.pop(price, None)
                else:
                    levels[price] = size
            if len(levels) > SIDE_LEVELS_MAX:
                self._levels[name] = dict(_best_first(name, levels)[: SIDE_LEVELS_MAX // 2])
        self.last_update_id = diff["u"]

    def on_ticker(self, ticker: Json) -> None:
        """Without any diff or snapshot the best bid and ask are all that is known."""
        if self._real:
            return
        self._levels = {"bids": {ticker["b"]: ticker["B"]}, "asks": {ticker["a"]: ticker["A"]}}
        self.last_update_id = max(self.last_update_id, ticker["u"])

    def best(self) -> tuple[str, str] | None:
        """Best bid and ask price texts, or None while a side is empty."""
        bids, asks = self._levels["bids"], self._levels["asks"]
        return (max(bids, key=float), min(asks, key=float)) if bids and asks else None

    def nearest(self, name: str, count: int) -> list[tuple[str, str]]:
        """The best `count` levels of "bids" or "asks", best first."""
        levels = self._levels[name]
        pick = heapq.nlargest if name == "bids" else heapq.nsmallest
        return [(price, levels[price]) for price in pick(count, levels, key=float)]

    def snapshot(self, limit: int) -> dict[str, Any]:
        """The body of GET /api/v3/depth."""
        sides = {name: [list(row) for row in _best_first(name, self._levels[name])[:limit]] for _, name in _SIDES}
        return {"lastUpdateId": self.last_update_id, **sides}


def _best_first(name: str, levels: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(levels.items(), key=lambda row: float(row[0]), reverse=name == "bids")
