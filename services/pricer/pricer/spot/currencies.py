"""Whether a bot's FX pair is used directly or the other way round, as the currencies of its symbols have it."""

from __future__ import annotations

from collections.abc import Mapping

from common.instruments import CurrencyPair, CurrencyPairs, is_inverse

from pricer.sources.venues import plain


def check_same(underlying: str, target: CurrencyPair, known: Mapping[str, CurrencyPair]) -> None:
    """Raise ValueError where an underlying without an FX pair is not in the target's currency."""
    source = _source(underlying, target, known)
    if source.term != target.term:
        raise ValueError(f"fx_leg: must convert {source.term} into {target.term}, the currency of {target}, is missing")


def used_inversely(fx: str, underlying: str, target: CurrencyPair, known: Mapping[str, CurrencyPair]) -> bool:
    """Say whether prices are to be divided by an FX pair; `known` are the pairs of markets by their symbols.

    BTC/JPY from BTCUSD by USDJPY is not, ADA/ETH from ADABTC by ETHBTC is. ValueError where the pair does not lead from
    the underlying's currency to the target's.
    """
    source = _source(underlying, target, known)
    pair = CurrencyPairs(known, (source.term, target.term)).of(fx)
    if pair is None:
        raise ValueError(f"fx_leg: must be of {source.term} and {target.term}, is {fx!r}")
    return is_inverse(pair, source, target)


def _source(underlying: str, target: CurrencyPair, known: Mapping[str, CurrencyPair]) -> CurrencyPair:
    """Return the pair of an underlying: as a market of that symbol has it, else what follows the target's base."""
    found = CurrencyPairs(known).of(underlying)
    if found is None and plain(underlying).startswith(target.base):
        found = CurrencyPair(target.base, plain(underlying).removeprefix(target.base))
    if found is None or found.base != target.base or not target.base:
        raise ValueError(f"underlyings: must be of {target.base or 'a known base currency'}, is {underlying!r}")
    return found
