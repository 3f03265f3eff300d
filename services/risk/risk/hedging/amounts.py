"""How much a hedger trades to bring a figure back: formulas on exact numbers.

A figure is a position in units of the currency that is hedged. Quantities traded are signed, above 0 to buy, in units
of the hedge instrument's base currency. Nothing is rounded but towards less.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from typing import NamedTuple

from common.bots.spot import Band
from common.instruments import Instrument

ZERO, ONE = Decimal(0), Decimal(1)
_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
_DOWN = Context(prec=60, rounding=ROUND_DOWN, traps=_TRAPS)
_WIDE = Context(prec=80, rounding=ROUND_CEILING, traps=_TRAPS)


class Touch(NamedTuple):
    """Best bid and best ask of a pair now."""

    bid: Decimal
    ask: Decimal

    def paid(self, sign: int) -> Decimal:
        """Return what is paid to buy (sign above 0), or got for what is sold."""
        return self.ask if sign > 0 else self.bid


def beyond(figure: Decimal, band: Band) -> bool:
    """Say whether a figure has to be brought back: strictly beyond the band's maximum, long or short."""
    return abs(figure) > band.max


def change_to_norm(figure: Decimal, band: Band) -> Decimal:
    """Return the change that brings a figure to its norm: -(|figure| - norm) with its sign, 0 within the norm.

    With a norm of 5 a figure of 12 has to change by -7, one of -12 by 7.
    """
    excess = abs(figure) - band.norm
    if excess <= 0:
        return ZERO
    return -excess if figure > 0 else excess


def quantity_for(change: Decimal, factor: Decimal) -> Decimal:
    """Return what to trade for a change of the figure where its currency is the base: change / factor.

    A change of -7 with a factor of 2 sells 3.5; with a factor of -2 it buys 3.5.
    """
    return _DOWN.divide(change, factor)


def quantity_in_term(change: Decimal, factor: Decimal, touch: Touch) -> Decimal:
    """Return what to trade where the figure's currency is the term: side and quantity turn at the current price.

    A change of -600 USD buys 600 / 60,000 = 0.01 BTC at an ask of 60,000; one of 600 USD sells 600 / 59,990.
    """
    sign = 1 if (change < 0) == (factor > 0) else -1
    return _DOWN.divide(-change, _WIDE.multiply(factor, touch.paid(sign)))


def change_by(quantity: Decimal, factor: Decimal) -> Decimal:
    """Return what a quantity traded changes in a figure whose currency is the base."""
    return _WIDE.multiply(quantity, factor)


def change_in_term(quantity: Decimal, factor: Decimal, touch: Touch) -> Decimal:
    """Return what a quantity traded changes in a figure whose currency is the term: what is bought is paid with it."""
    return -_WIDE.multiply(_WIDE.multiply(quantity, factor), touch.paid(1 if quantity > 0 else -1))


def whole(quantity: Decimal, step: Decimal) -> Decimal:
    """Return a quantity as whole steps of it, never more: 1.59 in steps of 0.1 is 1.5, -1.59 is -1.5."""
    return _WIDE.multiply(_WIDE.divide_int(quantity, step), step)


def smallest_order(instrument: Instrument, price: Decimal | None) -> Decimal:
    """Return the smallest order in units of the base currency: by lots, and by money where a price is known.

    With lots of 0.001, 2 of them at least and 10 USD at least, at a price of 2,000 it is 0.005.
    """
    lots = Decimal(instrument.min_lots)
    if price is not None and price > 0 and instrument.min_notional:
        of_lot = price * instrument.lot_size * instrument.multiplier
        lots = max(lots, _WIDE.divide(instrument.min_notional, of_lot).to_integral_value(ROUND_CEILING))
    return lots * instrument.lot_size


def scaled(quantity: Decimal, part: Decimal, of: Decimal) -> Decimal:
    """Return `part / of` of a quantity, rounded towards 0."""
    return quantity if part == of else _DOWN.divide(_WIDE.multiply(quantity, part), of)


def split(quantity: Decimal, rooms: Sequence[Decimal], step: Decimal, smallest: Decimal) -> list[Decimal]:
    """Return the parts of a quantity (above 0) for several holders: equal where each has room, in whole steps.

    A part below the smallest order goes to those before it. 1.0 in steps of 0.1 for rooms of 5, 0.2 and 5 is 0.4, 0.2
    and 0.4; what no room is left for is given to nobody.
    """
    parts = [ZERO for _ in rooms]
    whole_rooms = [max(ZERO, whole(room, step)) for room in rooms]
    left = whole(quantity, step)
    open_ = [place for place, room in enumerate(whole_rooms) if room >= smallest]
    while open_ and left >= max(step, smallest):
        share = max(whole(left / len(open_), step), step, smallest)
        for place in open_:
            given = min(share, whole_rooms[place] - parts[place], left)
            if given < step or (not parts[place] and given < smallest):
                continue
            parts[place] += given
            left -= given
        filled = [place for place in open_ if whole_rooms[place] - parts[place] < step]
        if not filled:
            break
        open_ = [place for place in open_ if place not in filled]
    # Steps that no equal share holds go to the first who has room for them.
    for place in [place for place in open_ if parts[place]]:
        given = min(left, whole_rooms[place] - parts[place])
        parts[place] += given
        left -= given
    return parts
