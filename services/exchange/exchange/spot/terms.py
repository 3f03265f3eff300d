"""What one spot symbol is: its currencies, the grid of its prices and sizes, its minimums and fees."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from exchange.market.money import DOLLAR, UNITS_PER_UNDERLYING, amount_text, decimals_of

PPM: Final = 1_000_000
FEE_MAX_PPM: Final = 500_000
PRICE_MAX: Final = Decimal(10**9)
SIZE_MAX: Final = Decimal(10**9)

_NAME = re.compile(r"[A-Z0-9]{2,20}\Z")
_DECIMAL = re.compile(r"\d{1,10}(?:\.\d{1,8})?\Z")


class Grid:
    """Decimal texts on a step: "60000.00" on a step of 0.01 is 6,000,000 steps, and back."""

    __slots__ = ("_decimals", "_scale", "_step", "highest", "step")

    def __init__(self, step: Decimal, highest: Decimal) -> None:
        self.step = step
        self.highest = int(highest // step)
        """Most steps of an order."""
        exponent = step.as_tuple().exponent
        assert isinstance(exponent, int)
        self._decimals = max(0, -exponent)
        self._scale = 10**self._decimals
        self._step = int(step * self._scale)

    def steps_of(self, text: object) -> int | None:
        """Return the steps of a positive decimal text, None when it is none or off the grid."""
        if not isinstance(text, str) or _DECIMAL.match(text) is None:
            return None
        whole, remainder = divmod(Decimal(text), self.step)
        return int(whole) if not remainder and 1 <= whole <= self.highest else None

    def text(self, steps: int) -> str:
        """Return steps as a decimal text with the decimals of the step."""
        if not self._decimals:
            return str(steps * self._step)
        whole, fraction = divmod(steps * self._step, self._scale)
        return f"{whole}.{fraction:0{self._decimals}d}"


@dataclass(frozen=True, slots=True)
class SpotTerms:
    """The terms of one symbol. ValueError of wrong ones names the field and the rule."""

    symbol: str
    base: str
    """The currency that is bought."""
    underlying: str
    """The asset whose price moves it."""
    tick: Decimal
    """Step of its price, in the quote currency."""
    lot: Decimal
    """Step of its size, in the base currency."""
    min_size: Decimal
    min_notional: Decimal
    """Smallest price × size of an order, in the quote currency."""
    maker_fee_ppm: int = 0
    """Of price × size; negative for a rebate."""
    taker_fee_ppm: int = 0
    quote: str = DOLLAR
    """The currency that is paid, and that fees are in unless `fee_currency` is set."""
    fee_currency: str = ""
    """A third currency that fees are in, worth as much at the time of the fill, while the account has enough of it."""
    prices: Grid = field(init=False, repr=False, compare=False)
    sizes: Grid = field(init=False, repr=False, compare=False)
    lot_units: int = field(init=False, repr=False, compare=False)
    """Units of the base currency in one lot."""
    tick_units: int = field(init=False, repr=False, compare=False)
    """Units of the quote currency in one tick of one lot."""
    min_lots: int = field(init=False, repr=False, compare=False)
    min_notional_units: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("symbol", "base", "quote", "underlying"):
            if _NAME.match(getattr(self, name)) is None:
                raise ValueError(f"{name}: must be 2 to 20 of A-Z 0-9, is {getattr(self, name)!r}")
        if self.base == self.quote:
            raise ValueError(f"base: must be another currency than {self.quote}, is {self.base}")
        for name in ("tick", "lot", "min_size"):
            number: Decimal = getattr(self, name)
            if not number.is_finite() or number <= 0:
                raise ValueError(f"{name}: must be above 0, is {number}")
        if self.min_size % self.lot:
            raise ValueError(f"min_size: must be a multiple of the lot {self.lot}, is {self.min_size}")
        if not -FEE_MAX_PPM <= self.maker_fee_ppm <= self.taker_fee_ppm <= FEE_MAX_PPM:
            taker = self.taker_fee_ppm
            raise ValueError(f"maker_fee_ppm: must be at most the taker's {taker}, is {self.maker_fee_ppm}")
        if self.fee_currency:
            if self.fee_currency in (self.base, self.quote) or _NAME.match(self.fee_currency) is None:
                raise ValueError(f"fee_currency: must be another than {self.base} and {self.quote}, or none")
            if self.maker_fee_ppm < 0:
                raise ValueError(f"fee_currency: a rebate is paid in {self.quote}, so there must be none")
        if self.maker_fee_ppm + self.taker_fee_ppm < 0:
            raise ValueError(f"maker_fee_ppm: a rebate is paid from the taker's fee, is {self.maker_fee_ppm}")
        object.__setattr__(self, "prices", Grid(self.tick, PRICE_MAX))
        object.__setattr__(self, "sizes", Grid(self.lot, SIZE_MAX))
        object.__setattr__(self, "lot_units", _whole("lot", self.lot, self.base))
        object.__setattr__(self, "tick_units", _whole("tick", self.tick * self.lot, self.quote))
        object.__setattr__(self, "min_lots", int(self.min_size / self.lot))
        object.__setattr__(self, "min_notional_units", _whole("min_notional", self.min_notional, self.quote))

    def notional_units(self, price_ticks: int, lots: int) -> int:
        """Return price × size in units of the quote currency, exactly."""
        return price_ticks * lots * self.tick_units

    def fee_units(self, price_ticks: int, lots: int, ppm: int) -> int:
        """Return the fee of a fill in units of the quote currency, rounded up; a rebate is negative, rounded down.

        0.1 BTC at 60,000 and a rate of 0.0005 (500 ppm): 6,000 × 0.0005 = 3 dollars, so 3,000,000 micros.
        """
        return -(-self.notional_units(price_ticks, lots) * ppm // PPM)

    def cover_units(self, price_ticks: int, lots: int, ppm: int) -> int:
        """Return what a bid may cost at most, in units of the quote currency, with a fee that is not a rebate.

        The fee per lot is rounded up before it is multiplied, so the cover holds for any split into fills.
        """
        return lots * (price_ticks * self.tick_units + max(0, self.fee_units(price_ticks, 1, ppm)))

    def ticks_of_underlying(self, units: int) -> float:
        """Return a price of the underlying, in units of 1e-8, as ticks."""
        return units / float(self.tick * UNITS_PER_UNDERLYING)

    def same_grid(self, other: SpotTerms) -> bool:
        """Say whether orders of the other terms can be read with these."""
        mine = (self.symbol, self.base, self.quote, self.tick, self.lot)
        return mine == (other.symbol, other.base, other.quote, other.tick, other.lot)

    def as_json(self) -> dict[str, Any]:
        return {
            "symbol": self.symbol,
            "kind": "spot",
            "base": self.base,
            "quote": self.quote,
            "underlying": self.underlying,
            "tick": f"{self.tick:f}",
            "lot": f"{self.lot:f}",
            "min_size": f"{self.min_size:f}",
            "min_notional": amount_text(self.min_notional_units, self.quote),
            "maker_fee": rate_text(self.maker_fee_ppm),
            "taker_fee": rate_text(self.taker_fee_ppm),
            **({"fee_currency": self.fee_currency} if self.fee_currency else {}),
        }

    @classmethod
    def from_json(cls, body: dict[str, Any]) -> SpotTerms:
        """Terms as the journal kept them."""
        return cls(
            symbol=body["symbol"],
            base=body["base"],
            quote=body["quote"],
            underlying=body["underlying"],
            tick=Decimal(body["tick"]),
            lot=Decimal(body["lot"]),
            min_size=Decimal(body["min_size"]),
            min_notional=Decimal(body["min_notional"]),
            maker_fee_ppm=int(Decimal(body["maker_fee"]) * PPM),
            taker_fee_ppm=int(Decimal(body["taker_fee"]) * PPM),
            fee_currency=body.get("fee_currency", ""),
        )


def rate_text(ppm: int) -> str:
    """A rate in parts per million as a decimal text with 6 decimals, "-0.000100"."""
    return f"{Decimal(ppm).scaleb(-6):f}"


def _whole(name: str, amount: Decimal, currency: str) -> int:
    """Return the units of an amount, which must be a whole number of them for money to be exact."""
    units = amount.scaleb(decimals_of(currency))
    if not units.is_finite() or units < 0 or units != units.to_integral_value():
        raise ValueError(f"{name}: must come to whole units of {currency}, is {amount} {currency}")
    return int(units)


_GRIDS: Final = {
    "BTC": ("0.01", "0.0001"),
    "ETH": ("0.01", "0.001"),
    "SOL": ("0.01", "0.01"),
}
_OTHER_GRID: Final = ("0.01", "0.01")
MIN_NOTIONAL: Final = Decimal(1)


def dollar_symbol(asset: str, maker_fee_ppm: int, taker_fee_ppm: int) -> SpotTerms:
    """The symbol that trades an asset for dollars, "BTCUSD"."""
    tick, lot = (Decimal(text) for text in _GRIDS.get(asset, _OTHER_GRID))
    return SpotTerms(f"{asset}{DOLLAR}", asset, asset, tick, lot, lot, MIN_NOTIONAL, maker_fee_ppm, taker_fee_ppm)
