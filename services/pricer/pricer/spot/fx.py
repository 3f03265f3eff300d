"""From the currency of a bot's source into the one it quotes in: a rate of two sides, direct or inverse.

A pair X/Y costs `bid` to `ask` units of Y per X. What is worth P in X costs, for whoever sells the source and then the
currency, P x bid in Y; for whoever buys, P x ask. Where the pair is the other way round, Y/X, its sides change places:

    direct  X/Y:  bid' = bid x fx_bid      ask' = ask x fx_ask
    inverse Y/X:  bid' = bid / fx_ask      ask' = ask / fx_bid

Example of an inverse one: ADA/BTC of 0.0000100 at 0.0000102 and ETH/BTC of 0.0500 at 0.0510: ADA/ETH of
0.0000100 / 0.0510 = 0.000196 at 0.0000102 / 0.0500 = 0.000204.
"""

from __future__ import annotations

from typing import NamedTuple


class Rate(NamedTuple):
    """Best prices of an FX pair, and which way it is used."""

    bid: float
    ask: float
    inverse: bool

    @property
    def middle(self) -> float:
        """Return what a unit of the source's currency is worth in the middle of what it sells and is bought for."""
        return 0.5 * (self.of_bid(1.0) + self.of_ask(1.0))

    def of_bid(self, price: float) -> float:
        """Return what a bid of the source is in the currency that the bot quotes in."""
        return price / self.ask if self.inverse else price * self.bid

    def of_ask(self, price: float) -> float:
        """Return what an ask of the source is in the currency that the bot quotes in."""
        return price / self.bid if self.inverse else price * self.ask
