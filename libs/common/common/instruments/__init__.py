"""What can be traded and held: its grid of prices and sizes, its money, its direction on a price axis."""

from common.instruments.grid import ceil_ticks, exact_ticks, floor_ticks, notional, opposite_ticks, price_of
from common.instruments.instrument import Accrual, Instrument, InstrumentKind, OnAxis
from common.instruments.sides import Outcome, Side
from common.instruments.tokens import NAME_CHARS_MAX, TOKEN_CHARS_MAX, escape_token, unescape_token

__all__ = [
    "NAME_CHARS_MAX",
    "TOKEN_CHARS_MAX",
    "Accrual",
    "Instrument",
    "InstrumentKind",
    "OnAxis",
    "Outcome",
    "Side",
    "ceil_ticks",
    "escape_token",
    "exact_ticks",
    "floor_ticks",
    "notional",
    "opposite_ticks",
    "price_of",
    "unescape_token",
]
