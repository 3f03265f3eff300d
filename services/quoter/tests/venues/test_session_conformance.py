"""Every venue's session under the same faults: no fill is lost or doubled, and nothing unknown rests."""

from __future__ import annotations

import pytest
from common.orders import OrderState
from quoter.testing.stage import Stage
from quoter.testing.stages import STAGES, WITHOUT_SWITCH
from quoter.venues import VENUES

LONG_MS = 30_000
"""By then every session has found out what there is to find out."""
SWITCHED = sorted(STAGES.keys() - WITHOUT_SWITCH)


def connected(stage: Stage) -> bool:
    return stage.session.connected


def reconciled(stage: Stage) -> bool:
    return stage.session.reconciled


def empty(stage: Stage) -> bool:
    return stage.session.nothing_rests


@pytest.fixture(params=sorted(STAGES))
def stage(request: pytest.FixtureRequest) -> Stage:
    return STAGES[request.param]()


@pytest.fixture
def up(stage: Stage) -> Stage:
    stage.start()
    assert stage.session.reconciled and stage.session.armed(stage.now_ns)
    assert stage.session.describe(stage.now_ns)["deadman_armed"] is stage.has_switch
    return stage


def test_every_venue_has_its_stage_and_is_called_by_one_name() -> None:
    assert set(STAGES) == set(VENUES)
    assert {name: make().session.name for name, make in STAGES.items()} == {name: name for name in VENUES}


def test_a6_an_order_is_placed_filled_and_cancelled_with_news_of_each_step(up: Stage) -> None:
    (first, second) = up.place(40, 39)
    assert {up.state(first), up.state(second)} == {OrderState.LIVE}
    assert up.resting() == {first, second}
    up.fill(first, up.lots // 4)
    assert up.filled(first) == up.lots // 4
    up.fill(first, up.lots - up.lots // 4)
    assert up.state(first) is OrderState.FILLED
    assert up.filled(first) == up.lots
    up.cancel(second)
    assert up.state(second) is OrderState.CANCELLED
    assert up.resting() == set()
    assert not up.alerts()


def test_b21_an_order_whose_answer_is_lost_is_found_and_sent_only_once(up: Stage) -> None:
    up.fault("answers_lost")
    (order_id,) = up.place(40)
    up.fault("answers_lost", on=False)
    up.wait(LONG_MS)
    assert up.state(order_id) is OrderState.LIVE
    assert up.resting() == {order_id}
    assert len(up.accepted()) == 1
    up.cancel(order_id)
    assert up.resting() == set()


def test_b21_an_order_that_never_arrived_ends_and_leaves_nothing(up: Stage) -> None:
    up.fault("requests_lost")
    (order_id,) = up.place(40)
    up.fault("requests_lost", on=False)
    assert up.state(order_id) is not OrderState.REJECTED, "nobody can know yet"
    up.wait(LONG_MS)
    assert up.state(order_id) is OrderState.REJECTED
    assert up.resting() == set()
    assert not up.accepted()


def test_b21_a_cancel_whose_answer_is_lost_is_not_believed_before_the_venue_says_so(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.fault("requests_lost")
    up.cancel(order_id)
    assert not up.state(order_id).terminal
    up.fault("requests_lost", on=False)
    up.wait(LONG_MS)
    resting = up.resting()
    assert up.state(order_id).terminal == (resting == set())
    assert resting <= {order_id}


def test_b21_an_answer_that_comes_late_changes_nothing_that_is_known(up: Stage) -> None:
    up.hold = True
    (order_id,) = up.place(40)
    up.wait(1_000)
    up.let_go()
    up.wait(LONG_MS)
    assert up.state(order_id) is OrderState.LIVE
    assert up.resting() == {order_id}
    up.fill(order_id, up.lots)
    assert up.filled(order_id) == up.lots


def test_b21_a_fill_told_twice_counts_once(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.fill(order_id, up.lots // 2)
    up.repeat()
    assert up.filled(order_id) == up.lots // 2


def test_b21_a_fill_that_overtakes_the_answer_is_counted_on_its_order(up: Stage) -> None:
    up.hold = True
    (order_id,) = up.place(40)
    up.fill(order_id, up.lots // 2)
    up.deliver()
    assert up.filled(order_id) == up.lots // 2
    up.let_go()
    assert up.state(order_id) is OrderState.LIVE
    assert up.filled(order_id) == up.lots // 2


def test_b21_a_fill_between_cancel_and_its_answer_is_counted(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.fill(order_id, up.lots // 2, told=False)
    up.cancel(order_id)
    up.wait(LONG_MS)
    assert up.filled(order_id) == up.lots // 2
    assert up.state(order_id) is OrderState.CANCELLED
    order = up.orders.get(order_id)
    assert order is not None and order.leaves_lots == 0


def test_b21_a_fill_after_the_cancel_was_confirmed_is_counted(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.cancel(order_id)
    assert up.state(order_id) is OrderState.CANCELLED
    up.fill(order_id, up.lots // 2)
    assert up.filled(order_id) == up.lots // 2


def test_b21_an_order_the_venue_does_not_know_can_be_cancelled_without_harm(up: Stage) -> None:
    up.fault("requests_lost")
    (order_id,) = up.place(40)
    up.fault("requests_lost", on=False)
    up.cancel(order_id)
    up.wait(LONG_MS)
    assert up.state(order_id).terminal
    assert up.resting() == set()
    assert reconciled(up)


def test_a_connection_that_ends_leaves_nothing_resting_and_no_order_without_an_end(up: Stage) -> None:
    order_ids = up.place(40, 39)
    up.cut()
    assert not connected(up) and not reconciled(up)
    assert all(not up.state(order_id).terminal for order_id in order_ids), "nobody can know yet"
    up.wait(LONG_MS)
    assert reconciled(up)
    assert up.resting() == set()
    assert {up.state(order_id) for order_id in order_ids} == {OrderState.CANCELLED}


def test_a_fill_while_we_were_away_is_fetched_once(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.fill(order_id, up.lots // 4)
    up.fill(order_id, up.lots // 4, told=False)
    up.cut()
    up.wait(LONG_MS)
    assert up.filled(order_id) == 2 * (up.lots // 4)
    assert up.resting() == set()


def test_a_fill_whose_news_is_lost_is_fetched_although_the_connection_lives(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.fill(order_id, up.lots // 4, told=False)
    up.wait(LONG_MS)
    assert up.filled(order_id) == up.lots // 4


def test_a_frame_that_cannot_be_read_may_have_been_a_fill(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.hold = True
    up.fill(order_id, up.lots // 4)
    up.hold = False
    up.garble()
    up.wait(LONG_MS)
    assert up.filled(order_id) == up.lots // 4
    assert reconciled(up)
    assert up.session.describe(up.now_ns)["malformed"] > 0


def test_an_order_nobody_knows_is_cancelled_before_anything_is_placed(stage: Stage) -> None:
    stage.stranger()
    stage.start()
    assert reconciled(stage)
    assert stage.resting() == set()


def test_an_order_nobody_knows_that_turns_up_later_is_cancelled_with_an_alert(up: Stage) -> None:
    up.stranger()
    up.relay(up.session.request_snapshot("test", up.now_ns))
    up.wait(LONG_MS)
    assert up.resting() == set()
    assert {"unknown_order", "stray_order"} & set(up.alerts())


def test_a_refused_login_is_said_and_tried_again(stage: Stage) -> None:
    stage.fault("login_refused")
    stage.start()
    stage.wait(5_000)
    assert not connected(stage) and not reconciled(stage)
    assert not stage.session.armed(stage.now_ns)
    assert "bad_credentials" in stage.alerts()
    stage.fault("login_refused", on=False)
    stage.wait(LONG_MS)
    assert reconciled(stage)


def test_orders_refused_for_the_rate_end_and_cancels_refused_for_it_leave_the_order_known(up: Stage) -> None:
    (resting,) = up.place(40)
    up.fault("rate_limited")
    (refused,) = up.place(39)
    up.cancel(resting)
    up.wait(200)
    assert up.state(refused) is OrderState.REJECTED
    assert up.state(resting) is OrderState.LIVE
    up.fault("rate_limited", on=False)
    assert up.resting() == {resting}
    up.cancel(resting)
    up.wait(LONG_MS)
    assert up.resting() == set()


def test_b21_one_refused_order_of_a_batch_takes_no_other_with_it(up: Stage) -> None:
    up.fault("second_refused")
    first, second, third = up.place(40, 39, 38)
    up.wait(200)
    assert [up.state(each) for each in (first, second, third)] == [
        OrderState.LIVE,
        OrderState.REJECTED,
        OrderState.LIVE,
    ]
    assert up.resting() == {first, third}


def test_b21_cancels_go_ahead_of_the_orders_that_replace_them(up: Stage) -> None:
    (old,) = up.place(40)
    (new,) = up.place(41, cancels=[old])
    up.wait(200)
    assert up.state(old) is OrderState.CANCELLED
    assert up.resting() == {new}


@pytest.mark.parametrize("stage", SWITCHED, indirect=True)
def test_without_a_heartbeat_the_switch_does_not_count_as_armed_and_all_is_asked_for(up: Stage) -> None:
    (order_id,) = up.place(40)
    up.fault("beats_lost")
    armed = []
    for _ in range(100):
        up.wait(100)
        armed.append(up.session.armed(up.now_ns))
    assert not all(armed), "nothing vouched for the switch for ten seconds"
    up.fault("beats_lost", on=False)
    up.wait(LONG_MS)
    assert up.session.armed(up.now_ns) and up.session.reconciled
    assert up.state(order_id).terminal == (up.resting() == set())


def test_no_order_is_ever_sent_under_a_name_that_was_used(up: Stage) -> None:
    up.place(40, 39)
    up.fault("answers_lost")
    up.place(40)
    up.fault("answers_lost", on=False)
    up.cut()
    up.wait(LONG_MS)
    up.place(40, 39)
    up.wait(200)
    accepted = up.accepted()
    assert len(accepted) == 5
    assert len(set(accepted)) == 5


def test_b30_no_secret_is_shown_to_people_logs_or_urls(stage: Stage) -> None:
    stage.fault("login_refused")
    stage.start()
    stage.wait(2_000)
    stage.fault("login_refused", on=False)
    stage.wait(LONG_MS)
    stage.place(40)
    stage.stranger()
    stage.cut("cut by the venue")
    stage.wait(LONG_MS)
    shown = stage.shown()
    assert stage.urls and stage.told
    for secret in stage.secrets:
        assert secret not in shown


def test_stopping_ends_when_the_venue_says_that_nothing_rests(up: Stage) -> None:
    up.place(40, 39)
    assert not empty(up)
    up.relay(up.session.cancel_all_and_confirm(up.now_ns))
    up.wait(LONG_MS)
    assert empty(up)
    assert up.resting() == set()
