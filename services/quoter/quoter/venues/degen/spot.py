"""The venue's spot symbols: the grids by which its decimal strings become ticks and lots.

Orders and fills of a symbol say prices and sizes as decimals; which ticks and lots these are stands in the list of
symbols alone. It is asked for at every login, and again when something speaks of a symbol that it did not have.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal

import msgspec
from common.errors import ContractError
from common.instruments import Instrument, InstrumentKind, Outcome

DOLLAR = "USD"
LOTS_MAX = 10**12
TICKS_MAX = 10**12
_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,18})?")
"""What the venue writes; a number with an exponent could have a million digits."""


class WireSymbol(msgspec.Struct):
    """A spot symbol's terms."""

    symbol: str
    kind: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_size: str
    min_notional: Decimal


class SymbolsDocument(msgspec.Struct):
    """The list of symbols; a row stays as it came: each is read on its own."""

    symbols: list[msgspec.Raw]


class Symbols:
    """The spot symbols that the venue has listed."""

    def __init__(self, listed: Iterable[Instrument] = ()) -> None:
        self._listed = {each.symbol: each for each in listed}
        self.missed = False
        """Something spoke of a symbol that is not here, since the list was last asked for."""

    def __bool__(self) -> bool:
        return bool(self._listed)

    def currencies(self) -> list[str]:
        """Return what is bought and paid in its symbols, but for the dollar, in the order of the names."""
        return sorted({name for each in self._listed.values() for name in (each.base, each.currency)} - {DOLLAR})

    def take(self, listed: Iterable[Instrument]) -> None:
        """Take in a list; what it has no longer is still known, for what was traded before."""
        self._listed |= {each.symbol: each for each in listed}

    def of(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol; ValueError for one that was never listed."""
        found = self._listed.get(symbol)
        if found is None:
            self.missed = True
            raise ValueError(f"symbol: {symbol[:40]!r} is not in the venue's list")
        return found


def read_symbol(venue: str, raw: bytes) -> Instrument:
    """Return the instrument of a row of the list; ContractError for one that cannot be traded by."""
    try:
        row = msgspec.json.decode(raw, type=WireSymbol)
        if row.kind != "spot":
            raise ValueError(f"kind: must be spot, is {row.kind[:40]!r}")
        found = Instrument(
            venue,
            row.symbol,
            InstrumentKind.SPOT,
            row.quote,
            row.tick,
            Outcome.NONE,
            row.base,
            row.lot,
            min_notional=row.min_notional,
        )
        lots_of(found, row.min_size)
    except (msgspec.DecodeError, ValueError, ArithmeticError) as error:
        raise ContractError("degen symbol", f"{type(error).__name__}: {error}") from None
    return found


def ticks_of(instrument: Instrument, price: str) -> int:
    """Return the ticks of a price; ValueError for one that no order can have."""
    ticks = instrument.ticks(price) if _DECIMAL.fullmatch(price) else 0
    if not 0 < ticks <= TICKS_MAX:
        raise ValueError(f"price: must be above 0 and a multiple of {instrument.tick_size}, is {price[:40]!r}")
    return ticks


def lots_of(instrument: Instrument, size: int | str, least: int = 1) -> int:
    """Return the lots of a size; ValueError for less than `least` and for what is no decimal string."""
    lots = instrument.lots(size) if isinstance(size, str) and _DECIMAL.fullmatch(size) else -1
    if not least <= lots <= LOTS_MAX:
        raise ValueError(f"size: must be a decimal string of {least} lots or more, is {str(size)[:40]!r}")
    return lots
