"""What a bot holds of one market, what it cost on average, and what it would fetch at fair value."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import NamedTuple

from common.events import PositionLine

# Money has 12 decimals, which hold every price x lot of what we trade, and stays below 10^15: 27 digits, so that the
# 28 of the standard context add it exactly. Only products and quotients need the wider contexts.
QUANTUM = Decimal("1e-12")
AMOUNT_MAX = Decimal(10) ** 12
"""Of one entry."""
BALANCE_MAX = Decimal(10) ** 15
_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
ZERO = Decimal(0)


def exact_money(amount: Decimal, name: str) -> Decimal:
    """Return an amount that 12 decimals hold exactly; ValueError names it and the rule otherwise."""
    if not amount.is_finite() or abs(amount) >= AMOUNT_MAX:
        raise ValueError(f"{name}: must be a finite amount below 10^12, is {amount}")
    try:
        return canonical(_EXACT.quantize(amount, QUANTUM))
    except (Inexact, InvalidOperation):
        raise ValueError(f"{name}: must have at most 12 decimals, is {amount}") from None


def exact_product(name: str, *factors: Decimal | int) -> Decimal:
    """Return a product as money; ValueError when it is too large or too fine to be exact."""
    product = Decimal(1)
    try:
        for factor in factors:
            product = _EXACT.multiply(product, Decimal(factor))
    except Inexact:
        raise ValueError(f"{name}: has more digits than money can have") from None
    return exact_money(product, name)


def rounded_product(amount: Decimal, factor: Decimal) -> Decimal:
    """Return a product rounded to 12 decimals, for what is converted or marked."""
    return canonical(_WIDE.quantize(_WIDE.multiply(amount, factor), QUANTUM))


def canonical(amount: Decimal) -> Decimal:
    """Return the one spelling of an amount, so that equal ledgers have equal bytes."""
    return _WIDE.normalize(amount) if amount else ZERO


def part_of(amount: Decimal, part: int, whole: int) -> Decimal:
    """Return `part / whole` of an amount, rounded to 12 decimals. `part_of(Decimal(10), 1, 3) == 3.333333333333`."""
    if part == whole:
        return amount
    return canonical(_WIDE.quantize(_WIDE.divide(_WIDE.multiply(amount, Decimal(part)), Decimal(whole)), QUANTUM))


@dataclass(slots=True)
class Stake:
    """Signed shares of one outcome (or of a spot instrument) and what was paid for them."""

    lots: int = 0
    cost: Decimal = ZERO

    def move(self, lots: int, paid: Decimal) -> Decimal:
        """Change the stake by `lots` for `paid` cash (negative when received); return the profit of what it closed.

        What is closed leaves at average cost: 100 bought for 40, then 50 sold for 30, makes a profit of 10 and
        leaves 50 at a cost of 20.
        """
        if not lots:
            return ZERO
        if self.lots * lots >= 0:
            self.lots += lots
            self.cost = canonical(self.cost + paid)
            return ZERO
        closing = min(abs(lots), abs(self.lots))
        paid_closing = part_of(paid, closing, abs(lots))
        released = part_of(self.cost, closing, abs(self.lots))
        self.lots += lots
        self.cost = canonical(self.cost - released + (paid - paid_closing))
        return canonical(-paid_closing - released)


class LineKey(NamedTuple):
    """Whose shares of what: bot, account, venue and symbol."""

    algo_id: str
    account: str
    venue: str
    symbol: str


@dataclass(slots=True)
class Line:
    """A bot's holding of one market through one account."""

    key: LineKey
    currency: str
    lot_size: Decimal
    multiplier: Decimal
    yes: Stake = field(default_factory=Stake)
    no: Stake = field(default_factory=Stake)
    fees: Decimal = ZERO
    fills: int = 0
    last_sequence: int = 0
    """FILL sequence of the last entry booked on this line; a settlement names what it covers by it."""

    @property
    def cost(self) -> Decimal:
        return canonical(self.yes.cost + self.no.cost)

    @property
    def net_lots(self) -> int:
        return self.yes.lots - self.no.lots

    def published(self) -> PositionLine:
        """Return the line as other services see it."""
        key = self.key
        return PositionLine(
            account=key.account,
            venue=key.venue,
            symbol=key.symbol,
            yes_lots=self.yes.lots,
            no_lots=self.no.lots,
            cost=self.cost,
            fees=self.fees,
            fills=self.fills,
        )

    def unrealized(self, fair: float | None) -> Decimal:
        """Return what selling at fair value would bring beyond the cost; 0 without a fair value.

        500 YES and 100 NO at fair 0.60 are worth 500 x 0.60 + 100 x 0.40 = 340.
        """
        if fair is None:
            return ZERO
        price = Decimal(str(round(fair, 9)))
        shares = self.yes.lots * price + self.no.lots * (1 - price)
        return canonical(rounded_product(shares, self.lot_size * self.multiplier) - self.cost)
