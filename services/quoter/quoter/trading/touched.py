"""Markets to look at again before the turn ends: what the venue told of their orders or fills may change their quotes.

However many of its words came in one burst, each market is looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator

from quoter.trading.bot import Bot, QuotedMarket
from quoter.trading.trader import Trader


class Touched:
    """Markets in the order in which they were touched."""

    def __init__(self, trader: Trader) -> None:
        self._trader = trader
        self._markets: dict[tuple[str, str], None] = {}

    def __bool__(self) -> bool:
        return bool(self._markets)

    def touch(self, algo_id: str, symbol: str, holding_changed: bool) -> None:
        """Something has changed in a market; it matters at once when a holding has, or when something waits there."""
        quoted = self._trader.quoted_of(algo_id, symbol)
        if quoted is not None and (holding_changed or quoted.again):
            self._markets[algo_id, symbol] = None

    def add(self, bot: Bot, symbol: str) -> None:
        self._markets[bot.algo_id, symbol] = None

    def looked_at(self, bot: Bot, quoted: QuotedMarket) -> None:
        """A market has been looked at for another reason: it need not be again."""
        if self._markets:
            self._markets.pop((bot.algo_id, quoted.terms.symbol), None)

    def take(self) -> Iterator[tuple[Bot, QuotedMarket]]:
        """Yield the markets, each once, also those that are touched meanwhile."""
        while self._markets:
            algo_id, symbol = next(iter(self._markets))
            del self._markets[algo_id, symbol]
            bot, quoted = self._trader.bots.get(algo_id), self._trader.quoted_of(algo_id, symbol)
            if bot is not None and quoted is not None:
                yield bot, quoted
