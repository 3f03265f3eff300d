"""What is sent between accounts: by numbers worked by hand, and for any stocks and bounds."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from risk.transfers.planning import Bounds, Plan, Stock, plan

UNIT = Decimal("0.00000001")


def stock(account: str, total: str, target: str, band: str = "0.5", available: str = "") -> Stock:
    return Stock(account, Decimal(total), Decimal(available or total), Decimal(target), Decimal(band))


def bounds(**changed: str) -> Bounds:
    told = {"smallest": "0.1", "largest": "5", "left_today": "10", "kept": "0.2", "unit": "0.00000001"} | changed
    return Bounds(**{name: Decimal(text) for name, text in told.items()})


SHORT = [stock("a", "4", "2.5"), stock("b", "0.4", "2"), stock("c", "2.1", "2")]
"""a has 1.5 more than its target, b 1.6 less."""


@pytest.mark.parametrize(
    ("stocks", "bound", "found"),
    [
        (SHORT, {}, Plan("a", "b", Decimal("1.5"))),
        (SHORT, {"largest": "1"}, Plan("a", "b", Decimal(1))),
        (SHORT, {"left_today": "0.3"}, Plan("a", "b", Decimal("0.3"))),
        (SHORT, {"kept": "3"}, Plan("a", "b", Decimal(1))),
        (
            [stock("a", "4", "2.5", available="0.7"), *SHORT[1:]],
            {},
            Plan("a", "b", Decimal("0.5")),
        ),
        (SHORT, {"unit": "0.4"}, Plan("a", "b", Decimal("1.2"))),
        (
            SHORT,
            {"left_today": "0.05"},
            Plan(why="what the daily limit leaves, 0.05, is less than the smallest transfer, 0.1"),
        ),
        (
            SHORT,
            {"kept": "5"},
            Plan(why="what a has available above what it keeps, -1, is less than the smallest transfer, 0.1"),
        ),
        ([stock("a", "2.5", "2"), stock("b", "1.5", "2")], {}, Plan(why="every account is within its band")),
        ([stock("a", "2", "2"), stock("b", "1", "2")], {}, Plan(why="no account has more than its target")),
        ([stock("a", "3", "2"), stock("b", "2", "2")], {}, Plan(why="no account has less than its target")),
    ],
)
def test_by_hand(stocks: list[Stock], bound: dict[str, str], found: Plan) -> None:
    assert plan(stocks, bounds(**bound)) == found


def test_the_example_of_the_guide() -> None:
    held = [stock("kraken", "3.5", "2.4", "0.4", available="3.2"), stock("dltxmm", "0.5", "1.6", "0.4")]
    told = bounds(largest="1", left_today="3", kept="0.1")
    assert plan(held, told) == Plan("kraken", "dltxmm", Decimal(1))
    held = [stock("kraken", "2.5", "2.4", "0.4"), stock("dltxmm", "1.5", "1.6", "0.4")]
    assert plan(held, told) == Plan(why="every account is within its band")


AMOUNTS = st.decimals(0, 1_000, places=2)


@st.composite
def stocks(draw: st.DrawFn) -> list[Stock]:
    return [
        Stock(f"a{number}", total := draw(AMOUNTS), draw(st.decimals(0, total, places=2)), draw(AMOUNTS), draw(AMOUNTS))
        for number in range(draw(st.integers(2, 5)))
    ]


BOUNDS = st.builds(
    Bounds,
    st.decimals("0.01", 50, places=2),
    st.decimals(50, 2_000, places=2),
    st.decimals(-10, 500, places=2),
    AMOUNTS,
    st.sampled_from([UNIT, Decimal("0.01"), Decimal(1)]),
)


@given(found=stocks(), bound=BOUNDS)
def test_a_transfer_keeps_every_bound_and_brings_both_accounts_nearer(found: list[Stock], bound: Bounds) -> None:
    by_name = {each.account: each for each in found}
    sent = plan(found, bound)
    if not sent.amount:
        assert sent.why
        return
    source, target = by_name[sent.source], by_name[sent.target]
    assert any(each.beyond for each in found)
    assert bound.smallest <= sent.amount <= min(bound.largest, bound.left_today)
    assert source.available - sent.amount >= bound.kept
    assert sent.amount % bound.unit == 0
    assert 0 <= source.deviation - sent.amount < source.deviation
    assert target.deviation < target.deviation + sent.amount <= 0


@given(found=stocks(), bound=BOUNDS)
def test_nothing_ever_goes_back_and_it_comes_to_an_end(found: list[Stock], bound: Bounds) -> None:
    """With nothing else happening: who pays never receives, and after a few transfers nothing is sent."""
    paid: set[str] = set()
    received: set[str] = set()
    left = [sum((abs(each.deviation) for each in found), Decimal(0))]
    for _ in range(1_000):
        sent = plan(found, bound)
        if not sent.amount:
            break
        paid.add(sent.source)
        received.add(sent.target)
        found = [
            each._replace(total=each.total + change, available=each.available + change)
            for each in found
            for change in [sent.amount * ((each.account == sent.target) - (each.account == sent.source))]
        ]
        left.append(sum((abs(each.deviation) for each in found), Decimal(0)))
    else:
        assume(bound.smallest * 2_000 < left[0])
    assert not paid & received
    assert all(after < before for before, after in pairwise(left))
