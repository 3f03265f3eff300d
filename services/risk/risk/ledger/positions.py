"""What a bot holds of an instrument, what it cost on average, and what it would fetch at a mark price."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow
from typing import NamedTuple

from common.events import InstrumentKey, PositionLine
from common.instruments import Outcome, payout_of, quantity_of, value_of

# Money has 12 decimals, which hold every price x lot of what we trade, and stays below 10^15: 27 digits, so that the
# 28 of the standard context add it exactly. Only products and quotients need the wider contexts.
QUANTUM = Decimal("1e-12")
AMOUNT_MAX = Decimal(10) ** 12
"""Of one entry."""
BALANCE_MAX = Decimal(10) ** 15
_WIDE = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow])
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
ZERO = Decimal(0)
ONE = Decimal(1)


def exact_money(amount: Decimal, name: str) -> Decimal:
    """Return an amount that 12 decimals hold exactly; ValueError names it and the rule otherwise."""
    if not amount.is_finite() or abs(amount) >= AMOUNT_MAX:
        raise ValueError(f"{name}: must be a finite amount below 10^12, is {amount}")
    try:
        return canonical(_EXACT.quantize(amount, QUANTUM))
    except (Inexact, InvalidOperation):
        raise ValueError(f"{name}: must have at most 12 decimals, is {amount}") from None


def rounded_product(amount: Decimal, factor: Decimal) -> Decimal:
    """Return a product rounded to 12 decimals, for what is converted."""
    return _rounded(_WIDE.multiply(amount, factor))


def divided(amount: Decimal, by: Decimal) -> Decimal:
    """Return a quotient rounded to 12 decimals, for what is shared or converted back."""
    return _rounded(_WIDE.divide(amount, by))


def _rounded(amount: Decimal) -> Decimal:
    return canonical(_WIDE.quantize(amount, QUANTUM))


def canonical(amount: Decimal) -> Decimal:
    """Return the one spelling of an amount, so that equal ledgers have equal bytes."""
    return _WIDE.normalize(amount) if amount else ZERO


def in_full(amount: Decimal) -> Decimal:
    """Return an amount spelled without an exponent, as people and programs read it: 1500, not 1.5E+3."""
    exponent = amount.as_tuple().exponent
    return _WIDE.quantize(amount, ONE) if isinstance(exponent, int) and exponent > 0 else amount


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return a sum in its one spelling."""
    return canonical(sum(amounts, start=ZERO))


def part_of(amount: Decimal, part: int, whole: int) -> Decimal:
    """Return `part / whole` of an amount, rounded to 12 decimals. `part_of(Decimal(10), 1, 3) == 3.333333333333`."""
    if part == whole:
        return amount
    return canonical(_WIDE.quantize(_WIDE.divide(_WIDE.multiply(amount, Decimal(part)), Decimal(whole)), QUANTUM))


@dataclass(slots=True)
class Stake:
    """Signed lots of one instrument and what was paid for them."""

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


class MarketKey(NamedTuple):
    """Whose business in what: bot, account, venue and symbol."""

    algo_id: str
    account: str
    venue: str
    symbol: str

    def lines(self) -> tuple[LineKey, ...]:
        """Return the keys of all lines that a market can have."""
        return tuple(LineKey(*self, outcome) for outcome in Outcome)


class LineKey(NamedTuple):
    """Whose holding of which instrument: YES and NO of a market are two, what has no outcomes is one."""

    algo_id: str
    account: str
    venue: str
    symbol: str
    outcome: Outcome

    @property
    def market(self) -> MarketKey:
        return MarketKey(*self[:4])

    @property
    def instrument(self) -> str:
        """Return the instrument as people name it: 'BTC-5M-1795223100 YES', 'BTCUSD'."""
        return instrument_name(self.symbol, self.outcome)


class Move(NamedTuple):
    """Lots of one instrument that come in or leave, and the cash paid for them, negative when received."""

    outcome: Outcome
    lots: int
    paid: Decimal


def instrument_name(symbol: str, outcome: Outcome) -> str:
    return symbol if outcome is Outcome.NONE else f"{symbol} {outcome.upper()}"


@dataclass(slots=True)
class Line:
    """A bot's holding of one instrument through one account. It stays when it is flat, for its fees and fills."""

    key: LineKey
    currency: str
    lot_size: Decimal
    multiplier: Decimal
    stake: Stake = field(default_factory=Stake)
    fees: Decimal = ZERO
    """Of those taken in `currency`; the bot's balances have all."""
    fills: int = 0
    last_sequence: int = 0
    """FILL sequence of the last entry booked on this line."""

    @property
    def lots(self) -> int:
        return self.stake.lots

    @property
    def quantity(self) -> Decimal:
        """Units held: shares, coins, face value."""
        return quantity_of(self.lots, self.lot_size)

    @property
    def cost(self) -> Decimal:
        return self.stake.cost

    @property
    def terms(self) -> tuple[str, Decimal, Decimal]:
        """Currency, lot size and multiplier: all lines of a market have the same."""
        return self.currency, self.lot_size, self.multiplier

    def payout(self, per_unit: Decimal) -> Decimal:
        """Return what all lots bring at `per_unit` cash a unit, exactly; ValueError when money cannot hold it."""
        try:
            payout = payout_of(self.lots, per_unit, self.lot_size)
        except Inexact:
            raise ValueError("payout: has more digits than money can have") from None
        return exact_money(payout, "payout")

    def unrealized(self, mark: float | None) -> Decimal:
        """Return what selling at a mark would bring beyond the cost; 0 without a mark.

        A mark is a price of the instrument's axis, as in `Instrument.value`, which this is to 12 decimals: 500 YES at
        a mark of 0.60 are worth 300, 100 NO are worth 40.
        """
        if mark is None:
            return ZERO
        price = Decimal(str(round(mark, 9)))
        worth = value_of(self.key.outcome, self.lots, price, self.lot_size, self.multiplier)
        return canonical(_rounded(worth) - self.cost)


def by_market(lines: Iterable[Line]) -> dict[MarketKey, list[Line]]:
    """Return lines by their market, in the order in which the markets come."""
    found: dict[MarketKey, list[Line]] = {}
    for line in lines:
        found.setdefault(line.key.market, []).append(line)
    return found


def published(line: Line) -> PositionLine:
    """Return what is held of an instrument as other services see it."""
    return PositionLine(
        account=line.key.account,
        instrument=InstrumentKey(line.key.venue, line.key.symbol, line.key.outcome),
        lots=line.lots,
        cost=line.cost,
        fees=line.fees,
        fills=line.fills,
    )
