"""When the Degen Terminal gives no websocket: orders are cancelled over REST, and nothing is left to rest there."""

from __future__ import annotations

import pytest
from common.core import Open
from common.events import QuoteTarget
from common.instruments import Outcome, Side
from common.orders import OrderState
from quoter.orders.own_orders import Order
from quoter.testing.script import Script
from quoter.testing.stages import DegenStage
from quoter.testing.venue import VenueOrder
from quoter.venues.base import Placement
from quoter.venues.degen.fallback import Fallback


def stage_of(policy: Fallback) -> DegenStage:
    return DegenStage(fallback=policy)


def lose_the_socket(stage: DegenStage) -> None:
    stage.venue.no_socket = True
    stage.cut("refused from now on")
    stage.wait(10_000)


def take(stage: DegenStage, ticks: int, lots: int = 10) -> int:
    """Send an order that never rests."""
    order_id = stage.ids.next(stage.now_ns)
    stage.orders.add(Order(order_id, "1", stage.symbol, Outcome.NO, Side.BUY, ticks, lots, immediate=True))
    place = Placement(order_id, stage.symbol, Outcome.NO, Side.BUY, ticks, lots, False, immediate=True)
    stage.placed.append(order_id)
    stage.carry(stage.session.send([], [place], stage.now_ns))
    return order_id


def phase(stage: DegenStage) -> str:
    return str(stage.session.describe(stage.now_ns)["phase"])


@pytest.fixture
def fallen() -> DegenStage:
    stage = stage_of(Fallback.REDUCE)
    stage.start()
    lose_the_socket(stage)
    assert phase(stage) == "fallback"
    assert stage.session.connected and stage.session.reconciled
    return stage


def test_a6_without_a_websocket_rest_takes_over_after_some_tries_and_says_so() -> None:
    stage = stage_of(Fallback.CANCEL)
    stage.start()
    order_ids = stage.place(40, 39)
    lose_the_socket(stage)
    assert phase(stage) == "fallback"
    assert "rest_fallback" in stage.alerts()
    assert {stage.state(order_id) for order_id in order_ids} == {OrderState.CANCELLED}
    assert stage.resting() == set()


def test_a6_a_venue_that_is_back_when_rest_takes_over_gets_its_websocket_at_once() -> None:
    stage = stage_of(Fallback.CANCEL)
    stage.start()
    stage.venue.no_socket = True
    stage.cut("gone for a moment")
    while phase(stage) != "fallback":
        stage.wait(50)
    stage.venue.no_socket = False
    stage.wait(500)
    assert phase(stage) == "up"


def test_a6_without_a_switch_over_rest_the_session_counts_as_unarmed_so_that_nothing_new_goes_out() -> None:
    stage = stage_of(Fallback.CANCEL)
    stage.start()
    lose_the_socket(stage)
    assert not stage.session.armed(stage.now_ns)
    order_id = take(stage, 60)
    stage.wait(100)
    assert stage.state(order_id) is OrderState.REJECTED
    assert not stage.venue.orders


def test_a6_switched_off_nothing_is_done_before_there_is_a_websocket() -> None:
    stage = stage_of(Fallback.OFF)
    stage.start()
    lose_the_socket(stage)
    assert phase(stage) in ("down", "connecting")
    assert not stage.session.connected


def test_a6_orders_are_cancelled_over_rest(fallen: DegenStage) -> None:
    # It rests although everything was cancelled: a stranger's, or one the venue had late.
    stray = VenueOrder("9", "9", fallen.symbol, "bid", "yes", "0.40", 10, True)
    fallen.venue.orders["9"] = stray
    fallen.venue.tell_order(stray)
    fallen.wait(2_000)
    assert fallen.resting() == set()
    assert ("DELETE", "/orders/by-client-id/9") in fallen.venue.requests
    assert {"unknown_order", "stray_order"} & set(fallen.alerts())


def test_an_order_that_cannot_be_read_in_the_answer_to_its_cancel_is_asked_about(fallen: DegenStage) -> None:
    order_id = fallen.ids.next(fallen.now_ns)
    fallen.orders.add(Order(order_id, "1", fallen.symbol, Outcome.YES, Side.BUY, 40, 10))
    fallen.venue.orders[str(order_id)] = VenueOrder("9", str(order_id), fallen.symbol, "bid", "yes", "0.40", 10, True)
    fallen.venue.change = lambda route, document: document | {"order": document["order"] | {"status": "?"}}
    fallen.cancel(order_id)
    assert fallen.state(order_id) is OrderState.UNKNOWN
    fallen.venue.change = None
    fallen.wait(1_000)
    assert fallen.state(order_id) is OrderState.CANCELLED


def test_a6_what_cannot_rest_is_placed_over_rest_and_its_fill_is_fetched(fallen: DegenStage) -> None:
    fallen.venue.takeable = 6
    order_id = take(fallen, 60)
    fallen.wait(3_000)
    assert fallen.state(order_id) is OrderState.CANCELLED
    assert fallen.filled(order_id) == 6
    assert fallen.resting() == set()


def test_a6_what_might_rest_is_refused_here_and_never_sent(fallen: DegenStage) -> None:
    (order_id,) = fallen.place(40)
    fallen.wait(100)
    assert fallen.state(order_id) is OrderState.REJECTED
    assert fallen.core.blotter.rejects["no_websocket"] == 1
    assert not [request for request in fallen.venue.requests if request == ("POST", "/orders")]


def test_b21_an_order_over_rest_whose_answer_is_lost_is_asked_about_and_never_sent_again(fallen: DegenStage) -> None:
    fallen.venue.takeable = 6
    fallen.venue.lose_next = 1
    order_id = take(fallen, 60)
    order = fallen.orders.get(order_id)
    assert order is not None and order.leaves_lots == 6, "executed as far as the venue says, and not told yet"
    fallen.wait(3_000)
    assert fallen.state(order_id) is OrderState.CANCELLED
    assert fallen.filled(order_id) == 6
    assert len([request for request in fallen.venue.requests if request == ("POST", "/orders")]) == 1


def test_b21_an_order_over_rest_that_never_arrived_is_given_up_only_after_its_request_can_no_longer_arrive(
    fallen: DegenStage,
) -> None:
    fallen.venue.drop = True
    order_id = take(fallen, 60)
    fallen.venue.drop = False
    fallen.wait(5_000)
    assert not fallen.state(order_id).terminal
    fallen.wait(8_000)
    assert fallen.state(order_id) is OrderState.REJECTED


def test_b21_a_cancel_over_rest_of_an_order_that_is_on_its_way_does_not_end_it(fallen: DegenStage) -> None:
    fallen.venue.drop = True
    order_id = take(fallen, 60)
    fallen.venue.drop = False
    fallen.cancel(order_id)
    fallen.wait(2_000)
    assert not fallen.state(order_id).terminal, "its request may still arrive"
    fallen.wait(10_000)
    assert fallen.state(order_id) is OrderState.REJECTED


def test_tries_for_a_websocket_that_fail_leave_rest_at_work(fallen: DegenStage) -> None:
    lost = fallen.alerts().count("session_lost")
    for _ in range(200):
        fallen.wait(100)
        assert phase(fallen) == "fallback"
    assert fallen.alerts().count("session_lost") == lost


def test_a_fill_nobody_told_is_found_within_seconds(fallen: DegenStage) -> None:
    fallen.venue.takeable = 3
    order_id = take(fallen, 60)
    order = fallen.venue.orders[str(order_id)]
    order.status = "cancelled"
    fallen.venue.fill(order, 2)
    fallen.wait(3_000)
    assert fallen.filled(order_id) == 5


def test_when_rest_is_silent_too_everything_is_of_unknown_outcome(fallen: DegenStage) -> None:
    fallen.venue.status = 503
    fallen.wait(4_000)
    assert not fallen.session.reconciled
    fallen.wait(20_000)
    assert not fallen.session.connected


def test_a6_the_websocket_is_tried_all_the_time_and_taken_when_it_is_there(fallen: DegenStage) -> None:
    fallen.venue.no_socket = False
    fallen.wait(6_000)
    assert phase(fallen) == "up"
    assert fallen.session.reconciled and fallen.session.armed(fallen.now_ns)
    (order_id,) = fallen.place(40)
    assert fallen.state(order_id) is OrderState.LIVE


def test_stopping_without_a_websocket_ends_when_rest_says_that_nothing_rests(fallen: DegenStage) -> None:
    fallen.relay(fallen.session.cancel_all_and_confirm(fallen.now_ns))
    fallen.wait(1_000)
    assert fallen.session.nothing_rests


def test_a_websocket_that_refuses_the_login_counts_as_none() -> None:
    stage = stage_of(Fallback.CANCEL)
    stage.start()
    opened = stage.venue.opened

    def refusing(effect: Open) -> bool:
        opened(effect)
        stage.venue.frames.append(b'{"type":"error","id":1,"error":{"code":"scope_missing"}}')
        return True

    stage.venue.opened = refusing  # type: ignore[method-assign]
    stage.cut()
    seen = set()
    for _ in range(100):
        stage.wait(100)
        seen.add(phase(stage))
    assert "fallback" in seen


@pytest.mark.parametrize(("policy", "why"), [(Fallback.CANCEL, "deadman_not_armed"), (Fallback.REDUCE, "no_websocket")])
def test_a6_a_bot_without_a_websocket_waits_with_nothing_resting_and_says_why(policy: Fallback, why: str) -> None:
    script = Script(fallback=policy)
    script.quoting()
    assert script.venue.open_orders()
    script.venue.no_socket = True
    script.cut()
    script.wait(10_000, fair=0.50)
    assert script.venue.open_orders() == []
    assert script.of(QuoteTarget)[-1].reason == why
    sent = len(script.venue.requests)
    for fair in (0.40, 0.60, 0.50):
        script.wait(1_000, fair=fair)
    assert ("POST", "/orders") not in script.venue.requests[sent:]
    assert not script.core.blotter.rejects, "nothing is tried in vain"
    script.venue.no_socket = False
    script.wait(6_000, fair=0.50)
    assert script.venue.open_orders()


def test_s1_2_orders_are_placed_and_cancelled_by_the_documented_requests(fallen: DegenStage) -> None:
    fallen.venue.drop = True
    order_id = take(fallen, 60)
    fallen.cancel(order_id)
    assert ("POST", "/orders") in fallen.venue.requests
    assert ("DELETE", f"/orders/by-client-id/{order_id}") in fallen.venue.requests
