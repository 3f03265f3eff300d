"""Inside the venue money is whole units, of a dollar whole micros, and prices whole ticks; text is for others."""

from __future__ import annotations

import re
from typing import Final

DOLLAR: Final = "USD"
MICROS_PER_DOLLAR: Final = 1_000_000
MICROS_PER_TICK: Final = 10_000
TICKS_PER_DOLLAR: Final = 100
PRICE_TICKS_MIN: Final = 1
PRICE_TICKS_MAX: Final = 99
SIZE_MAX_SHARES: Final = 1_000_000
UNITS_PER_UNDERLYING: Final = 100_000_000  # underlying prices carry 8 decimals, as Binance prints them

_PRICE = re.compile(r"0\.(\d{1,2})(0{0,6})\Z")
_DECIMAL = re.compile(r"(\d{1,12})(?:\.(\d{1,8}))?\Z")

# The 99 price texts, so that the hot path never formats one.
PRICE_TEXT: Final = tuple(f"0.{ticks:02d}" for ticks in range(TICKS_PER_DOLLAR))


def ticks_of(text: object) -> int | None:
    """Price in ticks (cents) of a text like "0.52", or None when it is not on the grid."""
    if not isinstance(text, str) or (match := _PRICE.match(text)) is None:
        return None
    ticks = int(match[1].ljust(2, "0"))
    return ticks if PRICE_TICKS_MIN <= ticks <= PRICE_TICKS_MAX else None


def dollars_text(micros: int) -> str:
    """Money in micros as dollars with 6 decimals, "-48.000000"."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    return f"{sign}{micros // MICROS_PER_DOLLAR}.{micros % MICROS_PER_DOLLAR:06d}"


def micros_of(text: object) -> int | None:
    """Micros of a non-negative dollar text with at most 6 decimals, or None when it is none."""
    if not isinstance(text, str) or (match := _DECIMAL.match(text)) is None:
        return None
    fraction = match[2] or ""
    if len(fraction.rstrip("0")) > 6:
        return None
    return int(match[1]) * MICROS_PER_DOLLAR + int(fraction[:6].ljust(6, "0"))


def signed_micros_of(text: str) -> int:
    """Micros of a dollar text this venue wrote itself, sign included."""
    micros = micros_of(text.removeprefix("-"))
    assert micros is not None, text
    return -micros if text.startswith("-") else micros


def decimals_of(currency: str) -> int:
    """Decimals of an amount of a currency: 6 of dollars, 8 of every other; one unit is the last of them."""
    return 6 if currency == DOLLAR else 8


def amount_text(units: int, currency: str) -> str:
    """An amount in units of its currency as text with all its decimals, "-0.50000000"."""
    decimals = decimals_of(currency)
    sign, units = ("-", -units) if units < 0 else ("", units)
    whole, fraction = divmod(units, 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}d}"


def units_of(text: object, currency: str) -> int | None:
    """Units of a non-negative amount with at most the currency's decimals, or None when the text is none."""
    return micros_of(text) if currency == DOLLAR else underlying_of(text)


def signed_units_of(text: str, currency: str) -> int:
    """Units of an amount this venue wrote itself, sign included."""
    units = units_of(text.removeprefix("-"), currency)
    assert units is not None, text
    return -units if text.startswith("-") else units


def underlying_text(units: int) -> str:
    """Price of the underlying in units of 1e-8 as text with 8 decimals."""
    return f"{units // UNITS_PER_UNDERLYING}.{units % UNITS_PER_UNDERLYING:08d}"


def underlying_of(text: object) -> int | None:
    """Units of 1e-8 of an underlying's price text, or None when it is none."""
    if not isinstance(text, str) or (match := _DECIMAL.match(text)) is None:
        return None
    return int(match[1]) * UNITS_PER_UNDERLYING + int((match[2] or "").ljust(8, "0"))


def taker_fee_micros(price_ticks: int, size_shares: int, rate_ppm: int) -> int:
    """Fee of a taker in micros: rate × p × (1 - p) × size, rounded up.

    30 shares at 0.54 and a rate of 0.072 (72,000 ppm): 0.072 × 0.2484 × 30 = 0.536544, so 536,544 micros.
    """
    return -(-rate_ppm * price_ticks * (TICKS_PER_DOLLAR - price_ticks) * size_shares // 10_000)


def maker_rebate_micros(fee_micros: int, share_ppm: int) -> int:
    """The maker's share of the taker's fee in micros, rounded down: 20 % of 536,544 is 107,308."""
    return fee_micros * share_ppm // 1_000_000
