"""What a unit of one currency is worth in another now: by the books of pairs, direct, inverse, or over one cross."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import NamedTuple

from common.clock import NS_PER_S
from common.events import FeedStatus, Market, SourcePrice, TopOfBook
from common.instruments import CurrencyPair, InstrumentKind

from risk.hedging.amounts import Touch
from risk.ledger.positions import ONE

AGE_NS_MAX = 30 * NS_PER_S
"""An older price is no rate. A quiet book is not old while its venue is heard of."""
MARKETS_MAX = 2_000
SIGNIFICANT = 15
"""Digits of a rate: what a book's price has as a float."""
_RATES = Context(prec=SIGNIFICANT, traps=[InvalidOperation, DivisionByZero, Overflow])

_Key = tuple[str, str]
"""Venue and symbol."""


class _Priced(NamedTuple):
    mid: Decimal
    at_ns: int


class Rates:
    """The newest middle of each market of two currencies, and of each bot's source price."""

    def __init__(self) -> None:
        self._markets: dict[CurrencyPair, list[_Key]] = {}
        self._pairs: dict[_Key, CurrencyPair] = {}
        self._mids: dict[_Key, _Priced] = {}
        self._tops: dict[_Key, tuple[float, float]] = {}
        """Best bid and best ask."""
        self._sources: dict[tuple[str, _Key], _Priced] = {}
        """By bot and market."""
        self._sourced: dict[CurrencyPair, _Priced] = {}
        self._heard_ns: dict[str, int] = {}
        """By venue: until when it is known to have been alive."""
        self._stale: dict[str, frozenset[str]] = {}
        """By venue: symbols whose books cannot be believed."""
        self._neighbours: dict[str, set[str]] = {}
        """Currencies that some pair has together with one."""

    def on_market(self, market: Market) -> None:
        """Learn which currencies a spot symbol is of."""
        key = market.venue, market.symbol
        if market.kind is not InstrumentKind.SPOT or not market.base or market.base == market.currency:
            return
        if key in self._pairs or len(self._pairs) >= MARKETS_MAX:
            return
        pair = self._pairs[key] = CurrencyPair(market.base, market.currency)
        self._markets.setdefault(pair, []).append(key)
        self._neighbours.setdefault(pair.base, set()).add(pair.term)
        self._neighbours.setdefault(pair.term, set()).add(pair.base)

    def on_feed_status(self, status: FeedStatus, at_ns: int) -> None:
        """Take what a venue's connection says of itself: a book that did not change is as old as the last word."""
        self._stale[status.venue] = frozenset(status.stale_symbols)
        if status.connected:
            self._heard_ns[status.venue] = at_ns - status.silent_ns

    def on_top(self, top: TopOfBook, at_ns: int) -> None:
        """Take the middle of a market's best prices; what is no price of a known pair says nothing."""
        key = top.venue, top.symbol
        if key in self._pairs and 0.0 < top.bid <= top.ask < math.inf:
            self._mids[key] = _Priced(_middle(top.bid, top.ask), at_ns)
            self._tops[key] = top.bid, top.ask

    def on_source(self, price: SourcePrice, at_ns: int) -> None:
        """Take the middle of a bot's source price, unless nothing may be quoted from it."""
        key = price.venue, price.symbol
        if key in self._pairs and not price.unusable and 0.0 < price.bid <= price.ask < math.inf:
            priced = _Priced(_middle(price.bid, price.ask), at_ns - price.age_ns)
            self._sources[price.algo_id, key] = self._sourced[self._pairs[key]] = priced
            if len(self._sources) > MARKETS_MAX:
                del self._sources[next(iter(self._sources))]

    def mark(self, algo_id: str, venue: str, symbol: str, now_ns: int) -> Decimal | None:
        """Return what a bot's instrument costs: by its source price, else by its market, else by others of the pair."""
        source = self._sources.get((algo_id, (venue, symbol)))
        if source is not None and now_ns - source.at_ns <= AGE_NS_MAX:
            return source.mid
        return self.mid(venue, symbol, now_ns)

    def mid(self, venue: str, symbol: str, now_ns: int) -> Decimal | None:
        """Return the middle of a market, by others of its pair where it has not spoken lately; None without any."""
        own = self._fresh((venue, symbol), now_ns)
        if own is not None:
            return own.mid
        pair = self._pairs.get((venue, symbol))
        return self.rate(pair.base, pair.term, now_ns) if pair is not None else None

    def touch(self, base: str, term: str, now_ns: int) -> Touch | None:
        """Return best bid and best ask of a pair where it was heard of last; None where no market of it is fresh."""
        fresh = {
            key: found.at_ns
            for key in self._markets.get(CurrencyPair(base, term), ())
            if (found := self._fresh(key, now_ns)) is not None
        }
        if not fresh:
            return None
        bid, ask = self._tops[max(fresh, key=lambda key: fresh[key])]
        return Touch(_RATES.create_decimal_from_float(bid), _RATES.create_decimal_from_float(ask))

    def rate(self, currency: str, into: str, now_ns: int) -> Decimal | None:
        """Return what a unit of a currency is worth in another; None where no pair, and no two of them, say it.

        With BTC/USD at 60,000 and USD/JPY at 150 a BTC is worth 9,000,000 JPY, and 1 JPY 1/150 USD. Of several crosses
        the one whose older price is newest counts, and of equal ones the first by its name.
        """
        if currency == into:
            return ONE
        direct = self._one(currency, into, now_ns)
        if direct is not None:
            return direct.mid
        found = max(self._crosses(currency, into, now_ns), key=lambda each: each.at_ns, default=None)
        return None if found is None else found.mid

    def _crosses(self, currency: str, into: str, now_ns: int) -> Iterator[_Priced]:
        between = self._neighbours.get(currency, set()) & self._neighbours.get(into, set())
        for cross in sorted(between):
            first, second = self._one(currency, cross, now_ns), self._one(cross, into, now_ns)
            if first is not None and second is not None:
                yield _Priced(_RATES.multiply(first.mid, second.mid), min(first.at_ns, second.at_ns))

    def _one(self, currency: str, into: str, now_ns: int) -> _Priced | None:
        """Return the rate by one pair, direct or inverse, whichever spoke last."""
        direct = self._of(CurrencyPair(currency, into), now_ns)
        inverse = self._of(CurrencyPair(into, currency), now_ns)
        if inverse is not None and (direct is None or inverse.at_ns > direct.at_ns):
            return _Priced(_RATES.divide(ONE, inverse.mid), inverse.at_ns)
        return direct

    def _of(self, pair: CurrencyPair, now_ns: int) -> _Priced | None:
        """Return a pair's newest middle, by source prices where no book of it is known."""
        fresh = [found for key in self._markets.get(pair, ()) if (found := self._fresh(key, now_ns)) is not None]
        if fresh:
            return max(fresh, key=lambda each: each.at_ns)
        sourced = self._sourced.get(pair)
        return sourced if sourced is not None and now_ns - sourced.at_ns <= AGE_NS_MAX else None

    def _fresh(self, key: _Key, now_ns: int) -> _Priced | None:
        found = self._mids.get(key)
        venue, symbol = key
        if found is None or symbol in self._stale.get(venue, ()):
            return None
        known_ns = max(found.at_ns, self._heard_ns.get(venue, 0))
        return found if now_ns - known_ns <= AGE_NS_MAX else None


def _middle(bid: float, ask: float) -> Decimal:
    return _RATES.create_decimal_from_float(0.5 * (bid + ask))
