"""One thing that can be traded and held, and the only place that turns its ticks and lots into money and back.

A price is a whole number of ticks, a quantity a whole number of lots; both are exact. Money is

    price_ticks x tick_size x quantity_lots x lot_size x multiplier

in the instrument's currency: exact as a Decimal for whatever is booked, a float for whatever is only compared with
limits on the path of a tick.

YES and NO of one market are two instruments on one price axis, that of YES: buying NO at 0.58 is selling YES at 0.42.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from common.instruments.grid import exact_ticks, floor_ticks
from common.instruments.held import EXACT, quantity_of
from common.instruments.sides import BUY, NO, NONE, SELL, Outcome, Side

_PER_CENT = Decimal("0.01")
_DAYS_OF_YEAR = 360
_DAYS_OF_MONTH = 30


class InstrumentKind(StrEnum):
    """What kind of thing an instrument is; it decides which inventory, limits and prices it has."""

    BINARY = "binary"
    """One outcome of a YES/NO market: a price of 0 to 1, worth its multiplier when it wins."""
    SPOT = "spot"
    """A base currency bought with another one."""
    BOND = "bond"
    """A debt security: a price in per cent of par, accrued interest on top."""


class OnAxis(NamedTuple):
    """An order as it stands on the price axis that all instruments of its market share."""

    bids: bool
    """Whether it buys what the axis prices."""
    price_ticks: int


class Accrual(NamedTuple):
    """The interest that a buyer owes the seller beside the price, by the 30/360 bond basis (ISDA 2006, 4.16(f))."""

    coupon: Decimal
    """Per cent of par and year."""
    since: date
    """When the running coupon period began."""

    def accrued(self, settled: date) -> Decimal:
        """Return the interest accrued at settlement, in per cent of par; ValueError before the period began."""
        if settled < self.since:
            raise ValueError(f"settled: must be {self.since} or later, is {settled}")
        first_day = min(self.since.day, _DAYS_OF_MONTH)
        last_day = _DAYS_OF_MONTH if settled.day > _DAYS_OF_MONTH and first_day == _DAYS_OF_MONTH else settled.day
        months = 12 * (settled.year - self.since.year) + settled.month - self.since.month
        return self.coupon * (_DAYS_OF_MONTH * months + last_day - first_day) / _DAYS_OF_YEAR


@dataclass(frozen=True, slots=True)
class Instrument:
    """What can be traded and held at one venue. ValueError of a wrong one names the field and the rule."""

    venue: str
    symbol: str
    kind: InstrumentKind
    currency: str
    """What its price is in, and what is paid."""
    tick_size: Decimal
    """Step of its price."""
    outcome: Outcome = NONE
    """YES or NO for a binary one, NONE for every other."""
    base: str = ""
    """What is bought: a currency, or the asset a binary market is about."""
    lot_size: Decimal = Decimal(1)
    """Units of one lot: shares, base currency, face value."""
    multiplier: Decimal = Decimal(1)
    """Money per unit and price of 1; 0.01 where the price is in per cent of what a unit is worth."""
    min_lots: int = 1
    """Smallest order."""
    min_notional: Decimal = Decimal(0)
    """Smallest money of an order; 0 for none."""
    price_max: Decimal | None = None
    """Every price lies above 0 and below this; None where there is no highest price."""
    accrual: Accrual | None = None
    """Interest that is paid beside the price of a bond."""
    max_ticks: int = field(init=False, repr=False, compare=False, default=0)
    """Of `price_max`; 0 where there is no highest price."""
    _highest: float = field(init=False, repr=False, compare=False, default=0.0)
    """`price_max`; 0 where there is none."""
    _tick: float = field(init=False, repr=False, compare=False, default=0.0)
    _money: float = field(init=False, repr=False, compare=False, default=0.0)
    """Of one tick of one lot."""
    _exact_money: Decimal = field(init=False, repr=False, compare=False, default=Decimal(0))
    _lot: float = field(init=False, repr=False, compare=False, default=0.0)
    """Units of one lot."""
    _lot_money: float = field(init=False, repr=False, compare=False, default=0.0)
    """Of one lot at a price of 1."""

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size", "multiplier"):
            number: Decimal = getattr(self, name)
            if not number.is_finite() or number <= 0:
                raise ValueError(f"{name}: must be above 0, is {number}")
        if (self.outcome is NONE) is (self.kind is InstrumentKind.BINARY):
            raise ValueError(f"outcome: must be yes or no for binary and none for others, is {self.outcome}")
        if self.min_lots < 1:
            raise ValueError(f"min_lots: must be 1 or more, is {self.min_lots}")
        if not self.min_notional.is_finite() or self.min_notional < 0:
            raise ValueError(f"min_notional: must be 0 or more, is {self.min_notional}")
        if self.kind is InstrumentKind.BINARY and self.price_max != 1:
            raise ValueError(f"price_max: a share costs less than 1, is {self.price_max}")
        if self.price_max is not None:
            ticks = self.price_max / self.tick_size
            if ticks != ticks.to_integral_value() or ticks <= 1:
                raise ValueError(f"tick_size: must divide {self.price_max}, is {self.tick_size}")
            object.__setattr__(self, "max_ticks", int(ticks))
            object.__setattr__(self, "_highest", float(self.price_max))
        unit = EXACT.multiply(EXACT.multiply(self.tick_size, self.lot_size), self.multiplier)
        object.__setattr__(self, "_exact_money", unit)
        object.__setattr__(self, "_money", float(unit))
        object.__setattr__(self, "_tick", float(self.tick_size))
        object.__setattr__(self, "_lot", float(self.lot_size))
        object.__setattr__(self, "_lot_money", float(self.lot_size * self.multiplier))

    # --- prices and sizes ---------------------------------------------------------------------------------------

    def price(self, ticks: int) -> Decimal:
        """Return the exact price of some ticks."""
        return ticks * self.tick_size

    def axis_price(self, ticks: int) -> float:
        """Return the price of some ticks of the axis as a float: for comparing it with opinions."""
        return ticks * self._tick

    def ticks(self, price: str | Decimal) -> int:
        """Return the ticks of a price; ValueError when it is off the grid."""
        return exact_ticks(price, self.tick_size)

    def quantity(self, lots: int) -> Decimal:
        """Return the exact quantity of some lots, in units."""
        return quantity_of(lots, self.lot_size)

    def lots(self, quantity: str | Decimal) -> int:
        """Return the lots of a quantity in units; ValueError when it is no whole number of them."""
        try:
            exact = Decimal(quantity)
            lots = int(exact / self.lot_size)
        except (ArithmeticError, ValueError):
            raise ValueError(f"quantity {quantity!r} is not a decimal number") from None
        # Multiplied back: the quotient itself is rounded to 28 digits.
        if lots * self.lot_size != exact:
            raise ValueError(f"quantity {quantity} is not a multiple of the lot {self.lot_size}")
        return lots

    def lots_within(self, quantity: Decimal) -> int:
        """Return the most lots that a limit in units allows: 15 where a lot is 0.1 and the limit 1.59."""
        return int(quantity // self.lot_size)

    def whole_lots(self, quantity: float) -> int:
        """Return the whole lots in a quantity that is only looked at, as in a public book; never more than it has."""
        return floor_ticks(quantity, self._lot)

    def units(self, lots: float) -> float:
        """Return the units of some lots as a float: for figures beside those of public trades."""
        return lots * self._lot

    def in_bounds(self, ticks: int) -> bool:
        """Say whether a price is one that an order may have."""
        return ticks > 0 and (not self.max_ticks or ticks < self.max_ticks)

    # --- money --------------------------------------------------------------------------------------------------

    def notional(self, ticks: int, lots: int) -> Decimal:
        """Return the exact money of a quantity at a price, without interest, in `currency`."""
        return EXACT.multiply(self._exact_money, Decimal(ticks * lots))

    def cost(self, side: Side, ticks: int, lots: int) -> Decimal:
        """Return the exact cash that an execution takes, fees apart; negative for what it brings."""
        return self.notional(ticks, side.sign * lots)

    def accrued(self, lots: int, settled: date) -> Decimal:
        """Return the interest that a buyer of some lots pays beside the price; 0 where there is none."""
        if self.accrual is None:
            return Decimal(0)
        return self.accrual.accrued(settled) * self.quantity(lots) * _PER_CENT

    def money(self, ticks: float, lots: float) -> float:
        """Return `notional` as a float: for limits and figures on the path of a tick, never for what is booked."""
        return ticks * lots * self._money

    def value(self, lots: float, mark: float) -> float:
        """Return what a signed position is worth at a mark price on the instrument's axis, in `currency`.

        `mark` is a price of the axis: 60 NO shares at a mark of 0.7 for YES are worth 60 x 0.3 = 18.
        """
        return lots * (self._highest - mark if self.outcome is NO else mark) * self._lot_money

    # --- the axis -----------------------------------------------------------------------------------------------

    def on_axis(self, side: Side, ticks: int) -> OnAxis:
        """Return an order as it stands on the axis: buying NO at q ticks of 100 asks 100 - q for YES."""
        # Made for every own order of every pass: OnAxis(...) is the same and takes twice as long.
        if self.outcome is NO:
            return tuple.__new__(OnAxis, (side is SELL, self.max_ticks - ticks))
        return tuple.__new__(OnAxis, (side is BUY, ticks))

    def with_tick(self, tick_size: Decimal | None) -> Instrument:
        """Return the instrument on another grid: an order sent before a market changed its tick; None is its own."""
        return self if tick_size is None or tick_size == self.tick_size else replace(self, tick_size=tick_size)

    def is_same(self, other: Instrument) -> bool:
        """Say whether another one is the same thing in the same units, whatever its grid and its minimums."""
        return (self.venue, self.symbol, self.outcome, self.kind, self.currency, self.lot_size, self.multiplier) == (
            (other.venue, other.symbol, other.outcome, other.kind, other.currency, other.lot_size, other.multiplier)
        )

    def opposite(self) -> Instrument:
        """Return the other outcome of the same market; ValueError where there is none."""
        if self.outcome is NONE:
            raise ValueError(f"outcome: {self.symbol} has no other one")
        return replace(self, outcome=self.outcome.opposite)
