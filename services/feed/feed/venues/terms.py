"""The terms of a spot symbol as venues write them, checked and in our words."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal

from common.errors import ContractError
from common.events import FeeCurrency, FeeTerms, MarketStatus, TieRule
from common.instruments import InstrumentKind

from feed.messages import Listing

AMOUNT_MAX = Decimal(10) ** 15
LOTS_MAX = 2**63
NAME_CHARS_MAX = 20


def spot_listing(
    symbol: str,
    *,
    base: str,
    quote: str,
    tick: Decimal,
    lot: Decimal,
    smallest: Decimal,
    min_notional: Decimal,
    trading: bool,
    ts_ns: int,
    fees: FeeTerms | None = None,
    underlying: str = "",
) -> Listing:
    """Return what a symbol is listed as; ContractError names the term that cannot be.

    `smallest` is the smallest order in units of the base currency, and is rounded up to whole lots.
    """
    for name, currency in (("base", base), ("quote", quote)):
        if not 0 < len(currency) <= NAME_CHARS_MAX or not currency.isascii() or not currency.isalnum():
            raise ContractError(symbol, f"{name}: must be the name of a currency, is {currency[:40]!r}")
    for name, value in (("tick", tick), ("lot", lot)):
        if not (value.is_finite() and 0 < value < AMOUNT_MAX):
            raise ContractError(symbol, f"{name}: must be above 0 and finite, is {value}")
    for name, value in (("min_size", smallest), ("min_notional", min_notional)):
        if not (value.is_finite() and 0 <= value < AMOUNT_MAX):
            raise ContractError(symbol, f"{name}: must be 0 or more and finite, is {value}")
    lots = (smallest / lot).to_integral_value(ROUND_CEILING)
    if lots >= LOTS_MAX:
        raise ContractError(symbol, f"min_size: {smallest} is too many lots of {lot}")
    return Listing(
        symbol=symbol,
        # One that does not trade is not quoted either; it may trade again.
        status=MarketStatus.OPEN if trading else MarketStatus.LISTED,
        underlying=underlying or base,
        series="",
        title=f"{base} for {quote}",
        strike=None,
        tie_rule=TieRule.STRICTLY_ABOVE,
        tick_size=_short(tick),
        min_lots=max(1, int(lots)),
        open_ns=0,
        expiry_ns=0,
        result="",
        settlement_price=None,
        ts_event_ns=ts_ns,
        lot_size=_short(lot),
        kind=InstrumentKind.SPOT,
        base=base,
        currency=quote,
        min_notional=_short(min_notional),
        fees=fees,
    )


def fee_terms(symbol: str, maker: Decimal, taker: Decimal, currency: FeeCurrency) -> FeeTerms:
    """Return the fees of a symbol, as rates of price x size; ContractError for what is no rate."""
    for name, rate in (("maker_fee", maker), ("taker_fee", taker)):
        if not (rate.is_finite() and -1 < rate < 1):
            raise ContractError(symbol, f"{name}: must be a rate between -1 and 1, is {rate}")
    return FeeTerms(maker_rate=maker, taker_rate=taker, currency=currency)


def _short(number: Decimal) -> Decimal:
    """Return a number without needless zeros and without an exponent."""
    return Decimal(f"{number.normalize():f}")
