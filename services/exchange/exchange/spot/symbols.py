"""One spot symbol as it trades: its terms, its book, its newest trades."""

from __future__ import annotations

from collections import deque
from typing import Any

from exchange.market.book import OrderBook, PriceLadder
from exchange.market.markets import TRADES_KEPT
from exchange.spot.orders import SpotOrder
from exchange.spot.terms import SpotTerms


class SpotBook(OrderBook[SpotOrder]):
    """The resting orders of one symbol."""

    buying: PriceLadder[SpotOrder]
    selling: PriceLadder[SpotOrder]

    def __init__(
        self, buying: PriceLadder[SpotOrder] | None = None, selling: PriceLadder[SpotOrder] | None = None
    ) -> None:
        super().__init__(buying or PriceLadder(highest_first=True), selling or PriceLadder(highest_first=False))


class Symbol:
    """A spot symbol the venue lists; it trades as long as the venue is open."""

    def __init__(self, terms: SpotTerms, book: SpotBook | None = None) -> None:
        self.terms = terms
        self.book = book or SpotBook()
        self.trades: deque[dict[str, Any]] = deque(maxlen=TRADES_KEPT)
        self.last_ticks: int | None = None
        self.listed = True
        """False for one that only an earlier run traded: its orders are kept."""

    @property
    def id(self) -> str:
        return self.terms.symbol

    def levels(self, depth: int) -> tuple[list[list[str]], list[list[str]]]:
        """Best `depth` levels of both sides as `[price text, size text]`."""
        return self._texts(self.book.buying.levels(depth)), self._texts(self.book.selling.levels(depth))

    def _texts(self, levels: list[tuple[int, int]]) -> list[list[str]]:
        prices, sizes = self.terms.prices, self.terms.sizes
        return [[prices.text(ticks), sizes.text(lots)] for ticks, lots in levels]

    def as_json(self) -> dict[str, Any]:
        return {
            **self.terms.as_json(),
            "status": "TRADING" if self.listed else "DELISTED",
            "bid": self._price(self.book.best_bid_ticks()),
            "ask": self._price(self.book.best_ask_ticks()),
            "last_price": self._price(self.last_ticks),
        }

    def _price(self, ticks: int | None) -> str | None:
        return None if ticks is None else self.terms.prices.text(ticks)
