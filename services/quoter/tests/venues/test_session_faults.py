"""Every venue's session under what venues really send: short ends, half rows, old holdings, huge numbers, odd words."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from common.events import Halt
from common.orders import OrderState
from quoter.testing.stage import Stage
from quoter.testing.stages import STAGES, WITHOUT_OUTCOMES
from quoter.venues.base import pair_holdings

LONG_MS = 30_000
"""By then every session has found out what there is to find out."""
PICTURE_MS = 12_000
"""By then the next snapshot is there."""
OF_OUTCOMES = sorted(STAGES.keys() - WITHOUT_OUTCOMES)


@pytest.fixture(params=sorted(STAGES))
def stage(request: pytest.FixtureRequest) -> Stage:
    return STAGES[request.param]()


@pytest.fixture
def up(stage: Stage) -> Stage:
    stage.start()
    assert stage.session.reconciled
    return stage


def changing(stage: Stage, change: Callable[[str, list[Any]], None]) -> None:
    """Change the rows of every list from now on."""

    def changed(route: str, document: Any) -> Any:
        document = copy.deepcopy(document)
        rows = stage.rows_in(route, document)
        if rows is not None:
            change(route, rows)
        return document

    stage.tiny.change = changed


def as_it_is(stage: Stage) -> None:
    stage.tiny.change = None


@pytest.mark.parametrize("told", [True, False], ids=["told", "untold"])
def test_r4_an_order_that_the_venue_ended_short_is_over_whatever_is_left_of_it(up: Stage, told: bool) -> None:
    (order_id,) = up.place(40)
    up.end_short(order_id, up.lots // 4, told=told)
    up.wait(PICTURE_MS)
    order = up.orders.get(order_id)
    assert order is not None and order.state.terminal and order.leaves_lots == 0
    assert up.filled(order_id) == up.lots // 4
    asked = up.asked()
    up.cancel(order_id)
    up.cut()
    up.wait(LONG_MS)
    assert up.session.reconciled and order.state.terminal and up.filled(order_id) == up.lots // 4
    assert up.asked() - asked < 100, "recovery asks once and not without end"


def test_r5_a_fill_whose_numbers_are_missing_at_first_is_counted_when_they_are_there(up: Stage) -> None:
    (order_id,) = up.place(40)
    spoilt = up.lists()[1]
    changing(up, lambda route, rows: up.spoil_fills(rows) if route == spoilt else None)
    up.fill(order_id, up.lots // 4, told=False)
    up.wait(LONG_MS)
    assert up.filled(order_id) == 0
    as_it_is(up)
    up.wait(LONG_MS)
    assert up.filled(order_id) == up.lots // 4
    assert not [event for event in up.told if isinstance(event, Halt)]


def test_r5_a_fill_that_stays_unreadable_is_told_and_then_stops_the_account(up: Stage) -> None:
    (order_id,) = up.place(40)
    spoilt = up.lists()[1]
    changing(up, lambda route, rows: up.spoil_fills(rows) if route == spoilt else None)
    up.fill(order_id, up.lots // 4, told=False)
    up.wait(90_000)
    assert "trade_unread" in up.alerts()
    assert not [event for event in up.told if isinstance(event, Halt)]
    up.wait(600_000)
    assert [halt.reason for halt in up.told if isinstance(halt, Halt)] == ["history_lost"]


BAD_ROWS: list[Any] = [None, 7, "x", [], {}]


def test_r5_a_bad_row_in_any_page_costs_itself_alone(up: Stage) -> None:
    (order_id, other) = up.place(40, 39)

    def spoil(route: str, rows: list[Any]) -> None:
        nulls = [dict.fromkeys(rows[0])] if rows and isinstance(rows[0], dict) else []
        rows[:] = [*BAD_ROWS, *nulls, *rows]

    changing(up, spoil)
    up.fill(order_id, up.lots // 4, told=False)
    up.wait(LONG_MS)
    assert up.filled(order_id) == up.lots // 4, "the good rows survive"
    assert "bad_row" in up.alerts()
    up.cut()
    up.wait(60_000)
    assert up.session.reconciled
    assert up.resting() == set()
    assert {up.state(order_id), up.state(other)} == {OrderState.CANCELLED}
    as_it_is(up)
    up.settle()
    up.told.clear()
    up.wait(LONG_MS)
    assert up.snapshots(), "snapshots are taken again once every row can be read"


def test_r5_without_snapshots_people_are_told(up: Stage) -> None:
    changing(up, lambda route, rows: rows.append(None) if route == up.lists()[-1] else None)
    up.wait(PICTURE_MS)
    up.told.clear()
    up.wait(310_000)
    assert not up.snapshots()
    assert "no_picture" in up.alerts()


def test_nothing_is_called_empty_while_a_row_of_what_rests_cannot_be_read(up: Stage) -> None:
    up.place(40)
    changing(up, lambda route, rows: rows.append(None) if route == up.lists()[0] else None)
    up.relay(up.session.cancel_all_and_confirm(up.now_ns))
    up.wait(60_000)
    assert not up.session.nothing_rests
    as_it_is(up)
    up.wait(LONG_MS)
    assert up.session.nothing_rests


def test_r7_an_order_that_ended_without_a_word_is_found_by_the_next_snapshot(up: Stage) -> None:
    (order_id, other) = up.place(40, 39)
    up.end_short(order_id, up.lots // 4, told=False)
    up.wait(PICTURE_MS)
    assert up.state(order_id).terminal
    assert up.state(other) is OrderState.LIVE
    up.settle()
    up.wait(PICTURE_MS)
    (open_order,) = up.snapshots()[-1].open_orders
    assert open_order.order_id == other


def test_r7_an_order_that_rests_although_it_had_ended_for_us_is_cancelled(up: Stage) -> None:
    (order_id,) = up.place(40)
    order = up.orders.get(order_id)
    assert order is not None
    up.cancel(order_id)
    assert order.state is OrderState.CANCELLED
    up.revive(order_id)
    up.wait(PICTURE_MS)
    assert up.resting() == set()
    assert {"unknown_order", "stray_order"} & set(up.alerts())


@pytest.mark.parametrize("stage", OF_OUTCOMES, indirect=True)
def test_r8_holdings_are_what_the_venue_holds_however_long_ago_they_were_bought(stage: Stage) -> None:
    stage.own(700, 300)
    stage.start()
    stage.wait(PICTURE_MS)
    holdings = stage.snapshots()[-1].holdings
    assert holdings == pair_holdings(stage.session.name, stage.symbol, 700, 300)


@pytest.mark.parametrize("dollars", [999_999, 1_000_000, 10**9, 10**12, 10**14])
def test_r14_a_balance_has_no_bound_but_that_of_arithmetic(stage: Stage, dollars: int) -> None:
    stage.pay_in(dollars)
    stage.start()
    stage.wait(PICTURE_MS)
    assert stage.snapshots()[-1].main.total == Decimal(dollars)


@pytest.mark.parametrize("stage", OF_OUTCOMES, indirect=True)
def test_r6_shares_held_to_a_win_are_money_however_the_venue_pays_it(up: Stage) -> None:
    up.own(700, 300)
    up.wait(PICTURE_MS)
    before = up.snapshots()[-1]
    value = 700 * up.session.lot_size
    up.decide()
    up.wait(PICTURE_MS)
    after = up.snapshots()[-1]
    assert after.holdings == []
    assert after.main.total + after.main.redeemable == before.main.total + value
    assert sum(each.cash for each in after.redeemable) == after.main.redeemable


def requests_a_minute(make: Callable[[], Stage], markets: int) -> int:
    stage = make()
    stage.start()
    stage.trade_elsewhere(markets)
    stage.cut()
    stage.wait(60_000)
    assert stage.session.reconciled
    asked = stage.asked()
    stage.wait(60_000)
    return stage.asked() - asked


def test_r26_requests_a_minute_do_not_grow_with_the_markets_ever_traded(stage: Stage) -> None:
    few, many, most = (requests_a_minute(type(stage), markets) for markets in (1, 100, 300))
    assert few == many == most
    assert few < 100


def test_r64_an_order_that_ends_in_words_we_never_heard_is_over(up: Stage) -> None:
    (order_id,) = up.place(40)
    malformed = up.session.describe(up.now_ns)["malformed"]
    up.end_in_words(order_id)
    assert up.state(order_id) is OrderState.CANCELLED
    assert up.session.describe(up.now_ns)["malformed"] == malformed
    order = up.orders.get(order_id)
    assert order is not None and order.leaves_lots == 0
