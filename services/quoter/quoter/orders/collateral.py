"""Cash of the account, what its own bids lock of it, and how much is free at all."""

from __future__ import annotations

import math
from decimal import Decimal

from quoter.venues.base import CashBalance


class Collateral:
    """Cash of the account and what its own bids lock of it."""

    def __init__(self) -> None:
        self.cash: Decimal | None = None
        self._sequence = -1
        self.locked = 0.0

    def on_money(self, money: CashBalance) -> None:
        """Take in what the venue says; what is older than what is known changes nothing."""
        if money.account_sequence >= self._sequence:
            self.cash, self._sequence = money.cash_total, money.account_sequence

    @property
    def free(self) -> float:
        """Cash that no bid locks; without a word from the venue there is no bound but its own."""
        return math.inf if self.cash is None else float(self.cash) - self.locked
