"""Cash by currency: what bids of one lock is not taken from another, and what nobody has said is not known."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from quoter.orders.collateral import CURRENCIES_MAX, Collateral
from quoter.venues.base import CashBalance

currencies = st.sampled_from(("USD", "EUR", "BTC"))
amounts = st.decimals(0, 10**6, places=6)


@given(
    st.lists(st.tuples(currencies, amounts, st.integers(0, 20)), max_size=12),
    st.dictionaries(currencies, amounts),
    st.lists(st.tuples(currencies, amounts), max_size=6),
)
def test_each_currency_has_its_newest_cash_less_its_own_bids(
    told: list[tuple[str, Decimal, int]], locked: dict[str, Decimal], since: list[tuple[str, Decimal]]
) -> None:
    collateral = Collateral()
    newest: dict[str, tuple[int, Decimal]] = {}
    for currency, cash, sequence in told:
        collateral.on_money(CashBalance(currency, cash, sequence))
        if sequence >= newest.get(currency, (0, cash))[0]:
            newest[currency] = sequence, cash
    collateral.relock({currency: float(cover) for currency, cover in locked.items()})
    for currency, cover in since:
        collateral.lock(currency, float(cover))
    for currency in ("USD", "EUR", "BTC"):
        held = locked.get(currency, Decimal(0)) + sum(cover for each, cover in since if each == currency)
        free = collateral.free(currency)
        assert collateral.cash(currency) == newest.get(currency, (0, None))[1]
        if currency not in newest:
            assert free is None
        else:
            assert free == pytest.approx(float(newest[currency][1] - held), abs=1e-6)


def test_no_more_balances_are_kept_than_an_account_can_have() -> None:
    collateral = Collateral()
    for number in range(CURRENCIES_MAX + 1):
        collateral.on_money(CashBalance(f"C{number}", Decimal(1), 1))
    assert collateral.free("C0") == 1.0
    assert collateral.free(f"C{CURRENCIES_MAX}") is None
