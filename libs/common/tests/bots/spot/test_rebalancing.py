"""The document of a rebalancer: what may stand in it, and the rule that everything else breaks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.bots.spot import DOCUMENTS, Measure, Rebalancer
from common.errors import ConfigError

SHARES = [
    {"account": "mm1-kraken", "target": "60 %", "band": "10 %"},
    {"account": "mm1-dltxmm", "target": "40%", "band": "5.5 %"},
]
DOCUMENT: dict[str, Any] = {
    "currency": "btc",
    "accounts": SHARES,
    "smallest": "0.1",
    "largest": 1,
    "daily_limit": "3",
}


def test_it_is_off_unless_it_says_otherwise() -> None:
    parsed = Rebalancer.parse(DOCUMENT)
    assert DOCUMENTS["rebalancer"] is Rebalancer
    assert (parsed.running, parsed.currency, parsed.interval_s) == (False, "BTC", 600)
    assert [each.target for each in parsed.accounts] == [Measure(Decimal(60), True), Measure(Decimal(40), True)]


def test_shares_are_of_the_sum_and_amounts_are_what_they_are() -> None:
    assert Measure(Decimal(60), True).units(Decimal(4)) == Decimal("2.4")
    assert Measure(Decimal("1.5"), False).units(Decimal(4)) == Decimal("1.5")


def holders(**changed: Any) -> list[dict[str, Any]]:
    return [SHARES[0] | changed, SHARES[1]]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"accounts": SHARES[:1]}, "accounts: must be 2 to 20 accounts, are 1"),
        ({"accounts": holders(account="mm1-dltxmm")}, "accounts: mm1-dltxmm is named twice"),
        (
            {"accounts": holders(target="50 %")},
            "accounts: targets must be all in units of the currency, or all in per cent and 100 in all",
        ),
        (
            {"accounts": holders(target="1.5", band="0.1")},
            "accounts: targets must be all in units of the currency, or all in per cent and 100 in all",
        ),
        (
            {"accounts": holders(band="0.1")},
            "accounts.0: band: must be in per cent where the target is, and in units of the currency where it is",
        ),
        (
            {"accounts": holders(target="101 %")},
            "accounts.0.target: must be 0 or more, in per cent at most 100, is '101 %'",
        ),
        ({"accounts": holders(target="-1")}, "accounts.0.target: must be 0 or more, in per cent at most 100, is '-1'"),
        ({"accounts": holders(target="%")}, "accounts.0.target: must be a number, is ''"),
        (
            {"accounts": holders(account="a b")},
            "accounts.0.account: must be an account's name: 1 to 64 of A-Z, a-z, 0-9, _ and -, is 'a b'",
        ),
        ({"smallest": "0"}, "smallest: must be greater than 0, is '0'"),
        ({"largest": "0.05"}, "document: largest: must be at least smallest, 0.1, is 0.05"),
        ({"daily_limit": "0.05"}, "document: daily_limit: must be at least smallest, 0.1, is 0.05"),
        ({"interval_s": 0}, "interval_s: must be a whole number of 1 to 86400, is 0"),
    ],
)
def test_what_cannot_be_names_its_field_and_rule(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Rebalancer.parse(DOCUMENT | changes)
    assert list(refused.value.faults) == [fault]
