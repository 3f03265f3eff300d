"""What can be traded and held: its grid of prices and sizes, its money, its direction on a price axis."""

from common.instruments.currencies import (
    CurrencyPair,
    CurrencyPairs,
    can_contain,
    can_convert,
    is_inverse,
    plain_symbol,
)
from common.instruments.grid import ceil_ticks, exact_ticks, floor_ticks, opposite_ticks, price_of
from common.instruments.held import payout_of, quantity_of, value_of
from common.instruments.instrument import Accrual, Instrument, InstrumentKind, OnAxis
from common.instruments.pair import OutcomePair, market_lots, pair_lots
from common.instruments.sides import BUY, NO, NONE, SELL, YES, Outcome, Side, bids_on_axis
from common.instruments.tokens import NAME_CHARS_MAX, TOKEN_CHARS_MAX, escape_token, unescape_token

__all__ = [
    "BUY",
    "NAME_CHARS_MAX",
    "NO",
    "NONE",
    "SELL",
    "TOKEN_CHARS_MAX",
    "YES",
    "Accrual",
    "CurrencyPair",
    "CurrencyPairs",
    "Instrument",
    "InstrumentKind",
    "OnAxis",
    "Outcome",
    "OutcomePair",
    "Side",
    "bids_on_axis",
    "can_contain",
    "can_convert",
    "ceil_ticks",
    "escape_token",
    "exact_ticks",
    "floor_ticks",
    "is_inverse",
    "market_lots",
    "opposite_ticks",
    "pair_lots",
    "payout_of",
    "plain_symbol",
    "price_of",
    "quantity_of",
    "unescape_token",
    "value_of",
]
