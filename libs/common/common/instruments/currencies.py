"""Which currencies a spot symbol is of, and how an FX pair leads from one term currency to another."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

CODE_CHARS_MIN = 2
_DIVIDERS = re.compile(r"[/_.:-]")


class CurrencyPair(NamedTuple):
    """What is bought, and what it is paid in."""

    base: str
    term: str

    def __str__(self) -> str:
        return f"{self.base}/{self.term}"


def is_inverse(fx: CurrencyPair, underlying: CurrencyPair, instrument: CurrencyPair) -> bool:
    """Say whether an FX pair converts the underlying's term currency into the instrument's the other way round.

    BTC/JPY from BTC/USD by USD/JPY is direct, ADA/ETH from ADA/BTC by ETH/BTC inverse; ValueError where it is neither.
    """
    if fx == (underlying.term, instrument.term):
        return False
    if fx == (instrument.term, underlying.term):
        return True
    raise ValueError(f"{fx} does not convert {underlying.term}, in which {underlying} is paid, into {instrument.term}")


class CurrencyPairs:
    """What is known of the currencies of symbols: by the markets there are, else by a list of currencies."""

    def __init__(self, markets: Mapping[str, CurrencyPair] | None = None, currencies: Collection[str] = ()) -> None:
        """Take the pairs of symbols by any spelling, 'BTC/USD' and 'BTCUSD' alike, and codes of currencies."""
        self._pairs = {plain_symbol(symbol): pair for symbol, pair in (markets or {}).items()}
        self._currencies = frozenset(currencies)

    def of(self, symbol: str) -> CurrencyPair | None:
        """Return the pair of a symbol; None where no market has it and no two currencies, or several, make it up."""
        known = self._pairs.get(plain_symbol(symbol))
        if known is not None:
            return known
        found = [each for each in splits(symbol) if self._currencies.issuperset(each)]
        return found[0] if len(found) == 1 else None


def plain_symbol(symbol: str) -> str:
    """Return a symbol without what divides its currencies: 'BTCUSD' for 'BTC/USD' and 'btc-usd'."""
    return _DIVIDERS.sub("", symbol).upper()


def splits(symbol: str) -> Iterator[CurrencyPair]:
    """Yield every two codes that a symbol can be made of: one where it is divided, 'BTC/USD'."""
    first, *others = _DIVIDERS.split(symbol.upper())
    if len(others) == 1:
        yield CurrencyPair(first, others[0])
    elif not others:
        for place in range(CODE_CHARS_MIN, len(first) - CODE_CHARS_MIN + 1):
            yield CurrencyPair(first[:place], first[place:])


def can_convert(fx: str, underlying: str, instrument: str) -> bool:
    """Say whether some currencies that the three symbols can be of make an FX pair lead from one to the other."""
    rates = set(splits(fx))
    return any(
        from_.base == into.base and ({(from_.term, into.term), (into.term, from_.term)} & rates)
        for from_ in splits(underlying)
        for into in splits(instrument)
    )


def can_contain(symbol: str, currency: str) -> bool:
    """Say whether a symbol can be of a pair with a currency."""
    return any(currency in pair for pair in splits(symbol))
