"""Cash and coins of the account by currency, what its own orders lock of them, and how much is free."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from quoter.venues.base import CashBalance

CURRENCIES_MAX = 1_000
"""Balances of further ones are not kept: nothing is bid there."""


class Collateral:
    """What the account has and what its own orders lock of it, each currency by itself: of a coin its asks too."""

    def __init__(self) -> None:
        self._cash: dict[str, Decimal] = {}
        self._amounts: dict[str, float] = {}
        """The same as floats: what is free is compared on the path of a tick."""
        self._sequences: dict[str, int] = {}
        self._locked: dict[str, float] = {}

    def on_money(self, money: CashBalance) -> None:
        """Take in what the venue says; what is older than what is known changes nothing."""
        currency = money.currency
        if currency not in self._cash and len(self._cash) >= CURRENCIES_MAX:
            return
        if money.account_sequence >= self._sequences.get(currency, -1):
            self._cash[currency], self._sequences[currency] = money.cash_total, money.account_sequence
            self._amounts[currency] = float(money.cash_total)

    def cash(self, currency: str) -> Decimal | None:
        """Return all cash of a currency; None before the venue has said."""
        return self._cash.get(currency)

    def locked(self, currency: str) -> float:
        """Return what open orders lock of a currency."""
        return self._locked.get(currency, 0.0)

    def free(self, currency: str) -> float | None:
        """Return what there is of a currency that no order locks; None before the venue has said what there is."""
        amount = self._amounts.get(currency)
        return None if amount is None else amount - self._locked.get(currency, 0.0)

    def total(self, currency: str) -> float | None:
        """Return all there is of a currency as a float; None before the venue has said."""
        return self._amounts.get(currency)

    def lock(self, currency: str, cover: float) -> None:
        """Count an order that goes out before all of them are added up again."""
        self._locked[currency] = self._locked.get(currency, 0.0) + cover

    def relock(self, covers: Mapping[str, float]) -> None:
        """Take over what all open orders lock, by currency."""
        self._locked = dict(covers)

    @property
    def currencies(self) -> list[str]:
        """Currencies of which something is known or locked, in order."""
        return sorted(self._cash.keys() | self._locked.keys())
