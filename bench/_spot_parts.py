"""What an hour has earned, divided by what earned it; the parts add up to the whole.

With S dollars of a coin and R yen of a dollar, q coins and D dollars gained by trading so far, all in yen:

* spread: of each quote executed, coins bought x (S R - price), so what it was better than the true price;
* slippage: of each hedge, coins bought x (S - price) x R, and dollars bought x (R - price);
* fees: what is paid, in yen at the moment;
* inventory: q x (S' - S) x R with each move of the coin;
* fx: (q S' + D) x (R' - R) with each move of the dollar.

The wealth is W = yen + (q S + D) R. An execution changes it by its spread or slippage less its fee, and a move by
q (S' R' - S R) + D (R' - R) = q (S' - S) R + (q S' + D) (R' - R), which are the last two.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NAMES = ("spread", "slippage", "inventory", "fees", "fx")


@dataclass(slots=True)
class Parts:
    """Sums of one maker's hour; `spot` and `yen_rate` are the true prices now."""

    spot: float
    yen_rate: float
    beyond_coins: float
    """A net beyond this, strictly, counts as beyond the hedger's maximum."""
    spread: float = 0.0
    slippage: float = 0.0
    inventory: float = 0.0
    fees: float = 0.0
    fx: float = 0.0
    coins: float = 0.0
    dollars: float = 0.0
    yen: float = 0.0
    quoter_fills: int = 0
    hedge_fills: int = 0
    quoter_coins: float = 0.0
    """Traded by quotes, whatever the side."""
    hedge_coins: float = 0.0
    dollar_fills: int = 0
    hedge_dollars: float = 0.0
    steps: int = 0
    steps_beyond: int = 0
    nets: list[float] = field(default_factory=list)
    """Coins held at the end of each minute."""

    def on_fill(self, coins: float, price: float, fee: float, *, hedge: bool) -> None:
        """Enter an execution: coins bought (below 0 when sold) at yen, or dollars for a hedge, and its fee in them."""
        rate = self.yen_rate
        self.coins += coins
        if hedge:
            self.slippage += coins * (self.spot - price) * rate
            self.fees -= fee * rate
            self.dollars -= coins * price + fee
            self.hedge_fills += 1
            self.hedge_coins += abs(coins)
        else:
            self.spread += coins * (self.spot * rate - price)
            self.fees -= fee
            self.yen -= coins * price + fee
            self.quoter_fills += 1
            self.quoter_coins += abs(coins)

    def on_move(self, spot: float, yen_rate: float) -> None:
        """Enter the next step's prices."""
        self.inventory += self.coins * (spot - self.spot) * self.yen_rate
        self.fx += (self.coins * spot + self.dollars) * (yen_rate - self.yen_rate)
        self.spot, self.yen_rate = spot, yen_rate
        self.steps += 1
        self.steps_beyond += abs(self.coins) > self.beyond_coins

    def on_dollars(self, dollars: float, price: float, fee: float) -> None:
        """Enter a hedge of the dollar: dollars bought (below 0 when sold) at yen, and its fee in yen."""
        self.slippage += dollars * (self.yen_rate - price)
        self.fees -= fee
        self.dollars += dollars
        self.yen -= dollars * price + fee
        self.dollar_fills += 1
        self.hedge_dollars += abs(dollars)

    @property
    def total(self) -> float:
        """Return the sum of the parts, in yen."""
        return self.spread + self.slippage + self.inventory + self.fees + self.fx

    @property
    def wealth(self) -> float:
        """Return what has been gained, at today's prices, in yen: as money and coins say it."""
        return self.yen + (self.coins * self.spot + self.dollars) * self.yen_rate
