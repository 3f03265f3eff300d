"""Start is recovery, stop is proof: what a quoter does before its first order and after its last."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import AccountState, Alert, Balance, Fill, Halt, OrderUpdate, OrderUpdates
from common.instruments import Outcome, Side
from common.orders import OrderState, first_id_of
from quoter.orders.own_orders import Orders
from quoter.service import Quoter
from quoter.testing.script import MARKET, Script, config, run_core
from quoter.testing.venue import Venue, VenueOrder
from quoter.venues.template import SilentSession


def left_behind(venue: Venue, order_id: int, price: str = "0.40", size: int = 100) -> VenueOrder:
    order = VenueOrder(str(venue.next_order), str(order_id), MARKET, "bid", "yes", price, size, True)
    venue.next_order += 1
    venue.orders[str(order_id)] = order
    venue.tell_order(order)
    return order


def update_of(order_id: int, algo_id: str = "1", leaves: int = 100) -> OrderUpdates:
    update = OrderUpdate(
        account="mm1",
        algo_id=algo_id,
        venue="degen",
        symbol=MARKET,
        order_id=order_id,
        order_sequence=1,
        outcome=Outcome.YES,
        side=Side.BUY,
        price_ticks=40,
        quantity_lots=100,
        leaves_lots=leaves,
        state=OrderState.SUBMITTING,
        ts_received_ns=0,
    )
    return OrderUpdates(account="mm1", algo_id=algo_id, update_sequence=1, orders=[update], epoch=2)


def account_state(account_sequence: int) -> AccountState:
    return AccountState(
        account="mm1",
        venue="degen",
        main=Balance(currency="USD", total=Decimal(0), available=Decimal(0)),
        holdings=[],
        open_orders=[],
        account_sequence=account_sequence,
        reason="timer",
        ts_event_ns=0,
        ts_received_ns=0,
    )


def test_a_start_cancels_what_older_epochs_left_and_asks_until_nothing_rests() -> None:
    venue = Venue()
    order = left_behind(venue, first_id_of(2) + 5)
    script = Script(venue, epoch=3)
    script.start()
    assert order.status == "cancelled"
    assert ("DELETE", f"/orders?client_order_id_below={first_id_of(4)}") in venue.requests
    assert ("GET", "/orders?status=open&after=0&limit=1000") in venue.requests
    assert script.core.session.reconciled
    assert script.of(AccountState)[0].reason == "start"


def test_an_order_of_a_newer_epoch_is_not_touched() -> None:
    venue = Venue()
    theirs = left_behind(venue, first_id_of(4) + 1)
    script = Script(venue, epoch=3)
    script.start()
    assert theirs.status == "open"


def test_nothing_is_sent_before_recovery_has_ended() -> None:
    script = Script()
    script.hold_answers = True
    script.start()
    script.wait(600, fair=0.50)
    assert [frame for frame in script.venue.received if frame["op"] == "batch"] == []
    assert "the venue session is not up and reconciled" in script.core.unready(script.now_ns)
    while script.held_asks:
        script.answer_held()
    script.wait(600, fair=0.50)
    assert script.venue.open_orders()
    assert script.core.unready(script.now_ns) == []


def test_fills_of_the_time_between_are_published_for_the_bot_whose_order_it_was() -> None:
    venue = Venue()
    order = left_behind(venue, first_id_of(2) + 5)
    venue.fill(order, 30)
    script = Script(venue, epoch=3)
    script.core.remember(update_of(first_id_of(2) + 5))
    script.start()
    [fill] = script.of(Fill)
    assert (fill.algo_id, fill.quantity_lots, fill.leaves_lots) == ("1", 30, 70)
    assert script.updates(first_id_of(2) + 5)[-1] == "cancelled"
    assert script.core.trader.holdings.of("1", MARKET)[0] == 30
    assert len(script.core.trader.orders) == 0


def test_a_fill_the_predecessor_counted_does_not_close_its_order_twice() -> None:
    venue = Venue()
    order = left_behind(venue, first_id_of(2) + 5)
    venue.fill(order, 60)
    script = Script(venue, epoch=3)
    script.core.remember(update_of(first_id_of(2) + 5, leaves=40))
    script.start()
    assert [fill.quantity_lots for fill in script.of(Fill)] == [60]
    assert script.updates(first_id_of(2) + 5)[-1] == "cancelled"


def test_an_order_that_never_reached_the_venue_is_rejected_after_a_restart() -> None:
    script = Script(epoch=3)
    script.core.remember(update_of(first_id_of(2) + 9))
    script.start()
    [update] = script.news()
    assert (update.state, update.reason) == (OrderState.REJECTED, "never reached the venue")
    assert update.order_sequence > 1, "later than the word that was remembered"


def test_fills_are_asked_for_since_the_last_snapshot_with_overlap_and_known_ones_raise_no_alarm() -> None:
    venue = Venue()
    venue.sequence = 1_000
    old = left_behind(venue, first_id_of(2) + 5)
    venue.fill(old, 10)
    proven = venue.sequence
    script = Script(venue, epoch=3)
    script.carry(script.core.on_account_state(account_state(proven), script.receipt()))
    script.start()
    assert ("GET", f"/fills?after={proven - 200}&limit=1000") in venue.requests
    assert script.of(Fill) == []
    assert script.of(Alert) == []


def test_a_fill_after_the_last_snapshot_of_an_order_nobody_knows_goes_to_nobody_with_an_alert() -> None:
    venue = Venue()
    venue.fill(left_behind(venue, first_id_of(2) + 5), 10)
    script = Script(venue, epoch=3)
    script.start()
    assert [fill.algo_id for fill in script.of(Fill)] == ["unassigned"]
    assert [alert.kind for alert in script.of(Alert)] == ["unknown_fill"]


def test_a_venue_that_has_forgotten_fills_halts_the_account() -> None:
    venue = Venue(oldest_after=500)
    venue.sequence = 600
    script = Script(venue, epoch=3)
    script.start()
    assert [(halt.scope, halt.reason) for halt in script.of(Halt)] == [("account-mm1", "history_lost")]
    script.wait(600, fair=0.50)
    assert venue.open_orders() == []


def test_a_venue_that_stands_behind_what_we_know_halts_the_account() -> None:
    script = Script(epoch=3)
    script.carry(script.core.on_account_state(account_state(50), script.receipt()))
    script.start()
    assert [halt.reason for halt in script.of(Halt)] == ["history_lost"]


def test_a_venue_that_is_away_is_tried_again_until_it_answers() -> None:
    script = Script()
    script.venue.status = 503
    script.start()
    script.wait(3_000, fair=0.50)
    assert script.venue.received == []
    script.venue.status = 200
    script.wait(3_000, fair=0.50)
    assert script.venue.open_orders()


def test_ids_of_a_new_epoch_are_above_all_older_ones() -> None:
    script = Script(epoch=3)
    script.quoting(0.50)
    assert all(first_id_of(3) <= int(order.client_order_id) < first_id_of(4) for order in script.venue.open_orders())


def test_stop_latches_cancels_asks_the_venue_and_says_that_nothing_rests() -> None:
    script = Script()
    script.quoting(0.50)
    script.hold_answers = True
    script.carry(script.core.stop(script.receipt()))
    assert not script.core.stopped()
    script.wait(100, fair=0.55)
    while script.held_asks:
        script.answer_held()
        script.wait(50)
    assert script.core.stopped()
    assert script.venue.open_orders() == []
    assert script.core.state(script.now_ns)["nothing_rests"] is True
    script.wait(1_000, fair=0.50)
    assert script.venue.open_orders() == []
    run_core(script.core)


def test_a_fill_on_the_way_during_stop_is_not_lost() -> None:
    script = Script()
    script.quoting(0.50)
    order = script.venue.open_orders()[0]
    script.venue.fill(order, 15)
    script.venue.frames.clear()
    script.carry(script.core.stop(script.receipt()))
    script.wait(200)
    assert script.core.stopped()
    assert [fill.quantity_lots for fill in script.of(Fill)] == [15]


def test_stop_without_a_connection_still_empties_the_venue() -> None:
    script = Script()
    script.quoting(0.50)
    script.cut("network")
    stray = left_behind(script.venue, first_id_of(3) + 12_345)
    script.carry(script.core.stop(script.receipt()))
    script.wait(200)
    assert script.core.stopped()
    assert stray.status == "cancelled"


def test_a_quoter_without_an_answering_venue_sends_nothing_and_says_why() -> None:
    core = Quoter("mm1", "silent", SilentSession("ws://nowhere"), Orders())
    core.epoch = 1
    script = Script()
    script.core = core
    list(core.start(script.receipt()))
    assert "the venue session is not up and reconciled" in core.unready(script.now_ns)
    list(core.on_timer(script.receipt()))
    list(core.stop(script.receipt()))
    assert core.stopped()


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"scope": "everything"}, "scope: must be global"),
        ({"scope": "bot-1", "reason": "bad reason"}, "reason: must be"),
        ({"scope": "bot-1", "actor": ""}, "actor: must be a text"),
        ({"scope": "bot-1", "lift": True}, "lift: unknown field"),
        ({}, "scope: must be global"),
    ],
)
def test_a_halt_at_our_door_is_checked(document: dict[str, object], fault: str) -> None:
    script = Script()
    with pytest.raises(ValueError, match=fault):
        list(script.doors.on_halt_command(document, script.receipt()))


def test_a_halt_at_our_door_works_with_the_bus_dead_and_only_a_later_lift_ends_it() -> None:
    script = Script()
    script.quoting(0.50)
    core = script.core
    script.carry(core.on_disconnected(script.receipt()))
    script.carry(script.doors.on_halt_command({"scope": "bot-1", "reason": "drill", "actor": "me"}, script.receipt()))
    [halt] = script.of(Halt)
    assert (halt.scope, halt.reason, halt.actor) == ("bot-1", "drill", "me")
    assert core.state(script.now_ns)["halts"] == ["bot-1:drill"]
    lift = Halt(scope="bot-1", reason="drill", lifted=True, actor="x", halt_id="old", ts_ns=0)
    script.carry(core.on_halt(lift, script.receipt(5)))
    assert core.trader.halts.active == ("bot-1:drill",)
    script.carry(core.on_published(halt, 8, script.receipt()))
    script.carry(core.on_halt(halt, script.receipt(8)))
    script.carry(core.on_halt(lift, script.receipt(9)))
    assert core.state(script.now_ns)["halts"] == []


def test_cancel_all_takes_everything_and_holds_it_back_for_five_seconds() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.doors.on_cancel_all_command({}, script.receipt()))
    assert script.venue.open_orders() == []
    script.wait(4_900, fair=0.50)
    assert script.venue.open_orders() == []
    script.wait(200, fair=0.50)
    assert len(script.venue.open_orders()) == 6


def test_cancel_all_in_another_scope_leaves_orders_alone() -> None:
    script = Script()
    script.quoting(0.50)
    script.carry(script.core.on_config(config(algo_id="2"), script.receipt(3)))
    script.carry(script.doors.on_cancel_all_command({"scope": "bot-2"}, script.receipt()))
    assert len(script.venue.open_orders()) == 6


def test_b30_no_secret_is_shown() -> None:
    script = Script()
    script.quoting(0.50)
    shown = repr(script.core.state(script.now_ns)) + repr(list(script.core.samples())) + repr(vars(script.core.session))
    assert "very-secret" not in shown


def test_inputs_name_what_is_heard() -> None:
    names = {type(each).__name__ for each in Script().doors.inputs()}
    assert names == {"Newest", "Ordered", "Every", "Wire", "Http", "Command"}


def test_r71_where_fill_is_behind_the_snapshot_recovery_asks_from_what_fill_has() -> None:
    venue = Venue()
    venue.sequence = 1_000
    order = left_behind(venue, first_id_of(2) + 5)
    booked = venue.sequence
    venue.fill(order, 10)
    venue.sequence += 500
    script = Script(venue, epoch=3)
    script.core.remember(update_of(first_id_of(2) + 5))
    script.carry(script.core.on_account_state(account_state(venue.sequence), script.receipt()))
    script.core.booked_sequence = booked
    script.start()
    assert [fill.quantity_lots for fill in script.of(Fill)] == [10], "lost from FILL, told by the venue"


def test_r71_a_fill_stream_that_began_anew_gets_all_that_ever_happened() -> None:
    venue = Venue()
    venue.fill(left_behind(venue, first_id_of(2) + 5), 10)
    venue.sequence += 500
    script = Script(venue, epoch=3)
    script.carry(script.core.on_account_state(account_state(venue.sequence), script.receipt()))
    script.core.booked_sequence = 0
    script.start()
    [fill] = script.of(Fill)
    assert fill.algo_id == "unassigned", "nobody knows any more whose the order was"


def test_r71_a_quoter_whose_stores_are_gone_has_nothing_resting_before_it_begins() -> None:
    venue = Venue()
    left_behind(venue, first_id_of(2) + 5)
    script = Script(venue, epoch=3)
    script.carry(script.core.on_stand_still(["FILL is not there"], script.receipt()))
    script.wait(1_000)
    assert not any(order.status == "open" for order in venue.orders.values())
    assert "global:store-changed" in script.core.state(script.now_ns)["halts"]


def test_r71_without_any_snapshot_what_fill_has_is_not_booked_again() -> None:
    venue = Venue()
    order = left_behind(venue, first_id_of(2) + 5)
    venue.fill(order, 10)
    booked = venue.sequence
    venue.fill(order, 20)
    script = Script(venue, epoch=3)
    script.core.booked_sequence = booked
    script.start()
    assert [fill.quantity_lots for fill in script.of(Fill)] == [20], "of an order that nobody remembers any more"
