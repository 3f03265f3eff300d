"""Every ambiguous outcome at the venue: what the quoter believes meanwhile, and what it does about it."""

from __future__ import annotations

import json

from common.events import AccountState, Alert, Fill, Halt, OrderUpdates
from common.orders import OrderState, epoch_of
from quoter.testing.script import MARKET, MS, Script, config
from quoter.testing.venue import VenueOrder


def best_bid(script: Script) -> VenueOrder:
    return max((order for order in script.venue.open_orders() if order.outcome == "yes"), key=lambda order: order.price)


def held(script: Script) -> int:
    return script.core.trader.holdings.of("1", MARKET)[0]


def test_a_fill_is_published_once_with_all_the_ledger_needs() -> None:
    script = Script()
    script.quoting(0.50)
    order = best_bid(script)
    row = script.venue.fill(order, 30)
    script.deliver()
    [fill] = script.of(Fill)
    assert (fill.algo_id, fill.symbol, fill.quantity_lots, fill.price_ticks) == ("1", MARKET, 30, 48)
    assert (fill.venue_trade_id, fill.order_id) == (row["trade_id"], int(order.client_order_id))
    assert fill.account_sequence == row["account_sequence"]
    assert str(fill.fee) == "-0.010000"
    assert epoch_of(fill.order_id) == fill.epoch == 3


def test_a_duplicate_fill_counts_once() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.fill(best_bid(script), 30)
    frames = list(script.venue.take_frames())
    script.deliver([*frames, *frames, frames[0]])
    assert len(script.of(Fill)) == 1
    assert held(script) == 30


def test_a_fill_before_the_ack_of_its_order_is_booked_on_it() -> None:
    script = Script()
    script.quoting(0.50)
    script.hold_frames = True
    script.fair(0.55)
    order = best_bid(script)
    script.venue.fill(order, 100)
    reply, *private = script.venue.take_frames()
    script.deliver(private)
    assert [fill.quantity_lots for fill in script.of(Fill)] == [100]
    script.deliver([reply])
    assert script.updates(int(order.client_order_id)) == ["submitting", "filled"]
    assert len(script.of(Fill)) == 1


def test_a_fill_after_the_news_of_the_cancel_still_counts() -> None:
    script = Script()
    script.quoting(0.50)
    order = best_bid(script)
    script.fair(0.60)
    assert order.status == "cancelled"
    script.venue.fill(order, 40)
    script.deliver()
    [fill] = script.of(Fill)
    assert (fill.quantity_lots, fill.algo_id) == (40, "1")
    assert held(script) == 40
    assert script.updates(int(order.client_order_id))[-1] == "cancelled"


def test_executions_the_venue_speaks_of_stay_in_the_exposure_until_their_fill_comes() -> None:
    script = Script()
    script.quoting(0.50)
    order = best_bid(script)
    script.hold_frames = True
    order.filled, order.status = 100, "filled"
    script.venue.finish(order, "requested")
    order.status = "filled"
    [frame] = [json.loads(frame) for frame in script.venue.take_frames()]
    frame["order"]["status"] = "filled"
    script.deliver([json.dumps(frame).encode()])
    mine = script.core.trader.orders.get(int(order.client_order_id))
    assert mine is not None
    assert mine.state is OrderState.FILLED
    assert mine.leaves_lots == 100
    assert mine in list(script.core.trader.orders.living())


def test_b21_a_lost_ack_makes_the_order_unknown_until_the_venue_is_asked() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.mute = True
    script.hold_frames = True
    script.fair(0.55)
    script.venue.frames.clear()
    placed = [order for order in script.venue.open_orders() if order.price == "0.53"]
    assert len(placed) == 1
    order_id = int(placed[0].client_order_id)
    script.hold_answers = True
    script.wait(1_600, fair=0.55)
    assert "unknown" in script.updates(order_id)
    script.venue.mute = False
    script.hold_frames = False
    script.answer_held()
    script.wait(300, fair=0.55)
    assert script.updates(order_id)[-1] == "live"
    assert len([order for order in script.venue.open_orders() if order.price == "0.53"]) == 1


def test_a_frame_that_never_arrived_ends_in_a_closed_connection_and_a_rejected_order() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.deaf = True
    script.fair(0.55)
    lost = [update.order_id for update in script.news() if update.state is OrderState.SUBMITTING]
    assert lost
    script.wait(4_000, fair=0.55)
    assert script.closes
    script.venue.deaf = False
    script.wait(8_000, fair=0.55)
    for order_id in lost:
        assert script.updates(order_id)[-1] == "rejected"
    assert script.venue.prices("yes") == ["0.51", "0.52", "0.53"]
    assert all(order.order_id not in lost for order in script.core.trader.orders.living())


def test_a_reject_ends_the_order_and_frees_its_room() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse = "insufficient_funds"
    script.fair(0.55)
    assert len(script.core.trader.orders) == 0
    script.wait(50, fair=0.55)
    rejected = [update for update in script.news() if update.state is OrderState.REJECTED]
    assert rejected
    assert {update.reason for update in rejected} == {"insufficient_funds"}


def test_a_refused_cancel_is_tried_again() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse_cancels = "rate_limited"
    script.fair(0.60)
    assert "0.48" in script.venue.prices("yes")
    script.venue.refuse_cancels = ""
    script.wait(100, fair=0.60)
    assert script.venue.prices("yes") == ["0.56", "0.57", "0.58"]


def test_an_internal_error_is_an_unknown_outcome_not_a_reject() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse = "internal_error"
    script.hold_answers = True
    script.fair(0.55)
    script.wait(50, fair=0.55)
    states = {update.state for update in script.news()}
    assert OrderState.UNKNOWN in states
    assert OrderState.REJECTED not in states


def test_a_gap_stops_new_orders_until_fills_and_orders_have_been_fetched() -> None:
    script = Script()
    script.quoting(0.50)
    order = best_bid(script)
    script.venue.fill(order, 30)
    script.venue.frames.clear()
    script.hold_answers = True
    script.venue.fill(order, 20)
    script.deliver()
    assert "the venue session is not up and reconciled" in script.core.unready(script.now_ns)
    script.fair(0.60)
    assert "0.58" not in script.venue.prices("yes")
    script.answer_held()
    assert script.core.session.reconciled
    assert sorted(fill.quantity_lots for fill in script.of(Fill)) == [20, 30]
    assert held(script) == 50
    script.wait(50, fair=0.60)
    assert "0.57" in script.venue.prices("yes")
    assert script.of(AccountState)[-1].reason == "unknown_outcome"


def test_a_loss_before_a_quiet_time_is_found_by_asking_where_the_account_stands() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.fill(best_bid(script), 30)
    script.venue.frames.clear()
    script.wait(5_500, fair=0.50)
    assert [fill.quantity_lots for fill in script.of(Fill)] == [30]
    assert held(script) == 30


def test_a_frame_that_cannot_be_read_is_counted_and_makes_us_ask() -> None:
    script = Script()
    script.quoting(0.50)
    before = len(script.venue.requests)
    script.deliver([b"\xff{", b'{"type":"fill","account_sequence":"x"}', b'{"type":"order","account_sequence":99}'])
    assert len(script.venue.requests) > before
    assert script.core.session.describe(0)["malformed"] == 3
    assert script.core.session.reconciled


def test_a_disconnect_in_the_middle_of_a_batch_leaves_no_order_we_do_not_know_of() -> None:
    script = Script()
    script.quoting(0.50)
    script.hold_frames = True
    script.fair(0.55)
    script.venue.fill(best_bid(script), 25)
    script.cut("gone")
    assert {order.state for order in script.core.trader.orders.living()} == {OrderState.UNKNOWN}
    script.hold_frames = False
    script.wait(600, fair=0.55)
    assert [fill.quantity_lots for fill in script.of(Fill)] == [25]
    assert held(script) == 25
    known = {order.order_id for order in script.core.trader.orders.living()}
    assert {int(order.client_order_id) for order in script.venue.open_orders()} == known
    assert script.of(AccountState)[-1].reason == "start"


def test_an_order_that_rests_after_its_end_is_cancelled_and_reported() -> None:
    script = Script()
    script.quoting(0.50)
    order = best_bid(script)
    script.fair(0.60)
    order.status, order.order_sequence = "open", order.order_sequence + 1
    script.venue.tell_order(order)
    script.deliver()
    assert order.status == "cancelled"
    assert [alert.kind for alert in script.of(Alert)] == ["stray_order"]


def test_a_resting_order_nobody_knows_is_found_by_the_next_snapshot_and_cancelled() -> None:
    script = Script()
    script.quoting(0.50)
    stray = VenueOrder("99", "77", MARKET, "bid", "yes", "0.10", 5, False, account_sequence=1)
    script.venue.orders["77"] = stray
    script.wait(30_500, fair=0.50)
    assert stray.status == "cancelled"
    assert "unknown_order" in [alert.kind for alert in script.of(Alert)]


def test_a_fill_of_an_unknown_order_goes_to_nobody_with_an_alert() -> None:
    script = Script()
    script.quoting(0.50)
    stray = VenueOrder("99", "77", MARKET, "bid", "yes", "0.10", 5, False)
    script.venue.fill(stray, 5)
    script.deliver()
    assert [fill.algo_id for fill in script.of(Fill)] == ["unassigned"]
    assert [alert.kind for alert in script.of(Alert)] == ["unknown_fill"]
    assert held(script) == 0


def test_a_fill_the_ledger_does_not_take_halts_the_account_and_pulls() -> None:
    script = Script()
    script.quoting(0.50)
    script.confirm = False
    script.venue.fill(best_bid(script), 30)
    script.deliver()
    [fill] = script.of(Fill)
    script.carry(script.core.on_refused(fill, "stream is full", script.receipt()))
    assert script.venue.open_orders() == []
    assert [(halt.scope, halt.reason) for halt in script.of(Halt)] == [("account-mm1", "fill_refused")]
    script.wait(500, fair=0.50)
    assert script.venue.open_orders() == []


def test_an_account_snapshot_waits_for_the_fills_it_contains() -> None:
    script = Script()
    script.start(config())
    script.wait(500, fair=0.50)
    script.told.clear()
    script.confirm = False
    script.venue.fill(best_bid(script), 30)
    script.deliver()
    script.wait(30_500, fair=0.50)
    assert script.of(AccountState) == []
    script.confirm_fill(script.of(Fill)[0])
    [state] = script.of(AccountState)
    assert (state.reason, state.account_sequence) == ("timer", script.venue.sequence)


def test_a_venue_that_falls_silent_is_left_and_nothing_new_goes_out_meanwhile() -> None:
    script = Script()
    script.quoting(0.50)
    script.hold_frames = True
    script.wait(2_600, fair=0.50)
    script.fair(0.60)
    assert "0.58" not in script.venue.prices("yes")
    script.wait(2_000, fair=0.60)
    assert script.closes == ["the venue is silent"]


def test_the_dead_man_switch_is_fed_every_second() -> None:
    script = Script()
    script.quoting(0.50)
    assert script.venue.deadman_ms == 3_000
    before = len([frame for frame in script.venue.received if frame["op"] == "heartbeat"])
    script.wait(5_000, fair=0.50)
    assert len([frame for frame in script.venue.received if frame["op"] == "heartbeat"]) - before == 5


def test_an_order_is_told_live_only_when_it_lives_to_the_next_timer() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.55)
    first = [update.order_id for update in script.news() if update.state is OrderState.SUBMITTING]
    script.now_ns += 10 * MS
    script.fair(0.65)
    script.wait(50, fair=0.65)
    assert all(script.updates(order_id) == ["submitting", "cancelled"] for order_id in first)
    lasting = [int(order.client_order_id) for order in script.venue.open_orders()]
    assert all(script.updates(order_id) == ["submitting", "live"] for order_id in lasting)


def test_new_orders_and_those_that_ended_go_out_in_one_message_behind_the_frame() -> None:
    script = Script()
    script.quoting(0.50)
    ended = [int(order.client_order_id) for order in script.venue.open_orders()]
    script.fair(0.55)
    script.told.clear()
    script.now_ns += 10 * MS
    script.fair(0.65)
    [updates] = script.of(OrderUpdates)
    states = [update.state for update in updates.orders]
    assert {update.order_id for update in updates.orders if update.state is OrderState.CANCELLED} == set(ended)
    assert states.count(OrderState.SUBMITTING) == len(states) - len(ended) > 0


def test_a_stopping_quoter_is_not_stopped_before_its_last_news_is_out() -> None:
    script = Script()
    script.quoting(0.50)
    resting = [int(order.client_order_id) for order in script.venue.open_orders()]
    script.carry(script.core.stop(script.receipt()))
    script.now_ns += 50 * MS
    script.carry(script.core.on_session(script.core.session.on_timer(script.now_ns), script.receipt()))
    assert script.core.session.nothing_rests
    assert not script.core.stopped()
    script.wait(50)
    assert script.core.stopped()
    assert all(script.updates(order_id)[-1] == "cancelled" for order_id in resting)
