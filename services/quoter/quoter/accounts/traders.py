"""All traders of the process together: what one account's orders must know of the others'."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from common.instruments import Instrument, Outcome

from quoter.orders.own_orders import Orders
from quoter.trading.trader import Trader


class Traders:
    """The trader of each account; no order of one may trade with an order of another."""

    def __init__(self) -> None:
        self._traders: dict[str, Trader] = {}
        self._left: dict[str, tuple[Orders, Callable[[], bool]]] = {}
        """Of an account: what the trader before this one has left, while that may rest."""

    def join(self, trader: Trader, emptying: Callable[[], bool]) -> None:
        """Take in the trader of an account, in place of the one it had; `emptying` says whether it still cancels."""
        before = self._traders.get(trader.account)
        if before is not None:
            self._left[trader.account] = (before.orders, emptying)
        self._traders[trader.account] = trader
        there = self.at(trader.venue)
        for each in there if len(there) > 1 else ():
            each.orders.others = partial(self.best_of_others, each.account, each.venue)

    def at(self, venue: str) -> list[Trader]:
        """Return the traders at a venue."""
        return [each for each in self._traders.values() if each.venue == venue]

    def best_of_others(
        self, account: str, venue: str, symbol: str, instrument_of: Callable[[Outcome], Instrument]
    ) -> tuple[int, int]:
        """Return the highest price that other accounts bid in a market, and the lowest they offer, in ticks; 0 is none.

        Both are on the market's axis. An order counts until the venue says that it has ended: it came on another
        connection, so that a cancel on its way may arrive behind ours.
        """
        bid = ask = 0
        for trader in self.at(venue):
            if trader.account == account:
                continue
            for orders in (trader.orders, *self._left_at(trader.account)):
                highest, lowest = orders.best(symbol, instrument_of)
                bid = max(bid, highest)
                ask = min(ask, lowest) if ask and lowest else ask or lowest
        return bid, ask

    def _left_at(self, account: str) -> list[Orders]:
        left = self._left.get(account)
        return [left[0]] if left is not None and left[1]() else []
