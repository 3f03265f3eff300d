"""Where the exchanges are that spot bots name, and how their symbols are written there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from common.venues import Exchanges

_DIVIDERS = re.compile(r"[/_.:-]")


def plain(symbol: str) -> str:
    """Return a symbol without what divides its currencies: 'BTCUSD' for 'BTC/USD' and 'btc-usd'."""
    return _DIVIDERS.sub("", symbol).upper()


class Venues:
    """What config/venues.toml says of exchanges and symbols."""

    def __init__(
        self,
        exchanges: Exchanges | None = None,
        symbols: Mapping[str, Iterable[str]] | None = None,
        names: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        """`symbols` are those that the feed follows, by venue; `names` say what bots call some of them."""
        self.exchanges = exchanges or Exchanges()
        self._symbols = {
            venue: {plain(symbol): symbol for symbol in written} for venue, written in (symbols or {}).items()
        }
        for venue, called in (names or {}).items():
            self._symbols.setdefault(venue, {}).update({plain(name): symbol for name, symbol in called.items()})

    def symbol(self, venue: str, name: str) -> str:
        """Return how a venue writes a symbol, 'BTC/USD' for 'BTCUSD'; as it is named where nothing else is known."""
        return self._symbols.get(venue, {}).get(plain(name), name)
