"""What lots are, pay and are worth where no more is known of their instrument than a ledger's line keeps of it."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, Inexact, InvalidOperation, Overflow

from common.instruments.sides import Outcome

# Wide enough for every product of a price, a quantity and a multiplier; a product that is not exact in it is refused.
EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow, Inexact])
# For what is compared and shown: a mark is an opinion, and no digits of it may end a process.
_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, Overflow])


def quantity_of(lots: int, lot_size: Decimal) -> Decimal:
    """Return the exact units of some lots: 150 of 0.0001 are 0.0150 of a coin. ArithmeticError beyond 80 digits."""
    return EXACT.multiply(lots, lot_size)


def payout_of(lots: int, per_unit: Decimal, lot_size: Decimal) -> Decimal:
    """Return the exact cash that some lots bring at `per_unit` a unit; ArithmeticError beyond 80 digits.

    Example: 250 lots of 0.01 share at 1 pay 2.50.
    """
    return EXACT.multiply(quantity_of(lots, lot_size), per_unit)


def value_of(outcome: Outcome, lots: int, mark: Decimal, lot_size: Decimal, multiplier: Decimal) -> Decimal:
    """Return what some lots are worth at a mark price of their axis, to 80 digits: `Instrument.value`, not in floats.

    Example: 60 NO at a mark of 0.7 for YES are worth 60 x 0.3 = 18.
    """
    price = _WIDE.subtract(1, mark) if outcome is Outcome.NO else mark
    return _WIDE.multiply(_WIDE.multiply(_WIDE.multiply(lots, price), lot_size), multiplier)
