"""What forbids a hedge at a place: a halt, an account that nobody holds, funds that are not there."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple, Protocol

from common.events import Distance

from risk.hedging.amounts import ONE, ZERO, Touch
from risk.hedging.terms import Hedger, Place

BPS = Decimal(10_000)


class Funds(Protocol):
    """What accounts have free."""

    def get(self, key: tuple[str, str, str], /) -> Decimal | None:
        """Return what is free by account, venue and currency; None of what nobody has said."""
        ...


def halt_of(hedger: Hedger, place: Place, halts: Sequence[str]) -> str:
    """Return the first halt, as 'scope:reason', that keeps a hedger from trading at a place; '' without one."""
    instrument = place.instrument
    scopes = {
        "global",
        f"venue-{instrument.venue}",
        f"account-{place.account}",
        f"currency-{instrument.base}",
        f"currency-{instrument.currency}",
    }
    for halt in halts:
        scope, _, reason = halt.partition(":")
        if scope in scopes or (scope == hedger.name and hedger.scope.of_bot and reason not in hedger.spared):
            return halt
    return ""


def worst_price(touch: Touch, sign: int, hedger: Hedger) -> Decimal:
    """Return the price that a hedge pays at most, or gets at least, by today's best price, offset and bounds."""
    section, price = hedger.section, touch.paid(sign)
    offset = offset_of(section.max_offset, price)
    if sign > 0:
        return min(price + offset, section.max_bid) if section.max_bid is not None else price + offset
    return max(price - offset, section.min_ask) if section.min_ask is not None else price - offset


def offset_of(distance: Distance, price: Decimal) -> Decimal:
    """Return a distance in units of the price: 20 bps of 60,000 are 120."""
    return price * distance.amount / BPS if distance.in_bps else distance.amount


class Affordable(NamedTuple):
    """How much the funds at a place pay for, in units of the base currency, and why not more."""

    quantity: Decimal
    why: str = ""


def affordable_at(hedger: Hedger, place: Place, sign: int, touch: Touch | None, funds: Funds) -> Affordable:
    """Return how much the account's free funds pay for there: money for what is bought, coins for what is sold.

    With 6,006 USD free, an ask of 60,000, no offset and a fee of 0.1 %, 0.1 BTC can be bought.
    """
    instrument = place.instrument
    currency = instrument.currency if sign > 0 else instrument.base
    free = funds.get((place.account, instrument.venue, currency))
    where = f"{place.account} at {instrument.venue}"
    if free is None:
        return Affordable(ZERO, f"{where}: what it has of {currency} is not known")
    with_fee = ONE + max(ZERO, place.taker_rate)
    if sign < 0:
        return Affordable(max(ZERO, free / with_fee), f"{where} has {free:f} {currency} free")
    if touch is None:
        return Affordable(ZERO, f"no price of {instrument.base}/{instrument.currency}")
    price = worst_price(touch, sign, hedger)
    return Affordable(max(ZERO, free / (price * with_fee)), f"{where} has {free:f} {currency} free")
