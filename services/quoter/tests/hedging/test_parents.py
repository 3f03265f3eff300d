"""How a parent is worked: what is placed and cancelled after books, reports, commands and time."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from common.events import ExecutionStyle, HedgeState, HedgeVenue
from common.instruments import Side
from common.orders import CHILDREN_MAX, OrderState, child_of, epoch_of, hedge_child_id
from quoter.hedging.children import CancelChild, PlaceChild
from quoter.hedging.depth import Depth
from quoter.hedging.parents import Parents
from quoter.hedging.working import ENDED_MAX, REFUSALS_MAX
from quoter.testing.hedging import BINANCE, KRAKEN, MS, S, Stand, a_command, a_place, depth, instrument, revised

D = Decimal
LIVE, CANCELLED, REJECTED = OrderState.LIVE, OrderState.CANCELLED, OrderState.REJECTED
CROSS = ExecutionStyle.CROSS_MARKET


def placed(steps: list[PlaceChild | CancelChild]) -> list[tuple[int, int]]:
    """Return price and lots of what was placed, when nothing was cancelled."""
    assert all(isinstance(step, PlaceChild) for step in steps)
    return [(step.price_ticks, step.quantity_lots) for step in steps if isinstance(step, PlaceChild)]


def cancelled(steps: list[PlaceChild | CancelChild]) -> int:
    assert all(isinstance(step, CancelChild) for step in steps)
    return len(steps)


# --- slices ---------------------------------------------------------------------------------------------------------


def test_lean_begins_a_tick_before_the_ask_and_leans_on_it_after_the_resend_time() -> None:
    stand = Stand(a_command())
    (first,) = stand.look()
    assert isinstance(first, PlaceChild)
    assert (first.price_ticks, first.quantity_lots, first.post_only, first.immediate) == (59_999, 1_000, True, False)
    assert (first.algo_id, first.parent_id, first.venue) == ("3", "bot-3:mm1:100:1", KRAKEN)
    stand.report(first.order_id, LIVE)
    assert stand.look(499 * MS) == []
    assert cancelled(stand.look(1 * MS)) == 1
    # Nothing follows before the venue has said that it is gone.
    assert stand.look(100 * MS) == []
    stand.report(first.order_id, CANCELLED, 200)
    assert placed(stand.look()) == [(60_000, 800)]
    stand.fill(800)
    assert stand.look() == []
    assert [(each.state, each.done) for each in stand.told][-1] == (HedgeState.DONE, D(1))


def test_a_hedge_goes_out_in_slices_one_a_resend_time() -> None:
    stand = Stand(a_command(style=CROSS, max_order_size=D("0.4")))
    sizes = []
    for _ in range(3):
        sizes += placed(stand.look())
        stand.fill(1_000)
        assert stand.look(499 * MS) == []
        stand.now_ns += 1 * MS
    assert sizes == [(60_120, 400), (60_120, 400), (60_120, 200)]
    assert stand.told[-1].state is HedgeState.DONE


def test_what_an_order_that_never_rests_leaves_goes_out_again() -> None:
    stand = Stand(a_command(style=CROSS))
    stand.look()
    stand.fill(300)
    stand.end()
    assert stand.look() == []
    assert placed(stand.look(500 * MS)) == [(60_120, 700)]


def test_a_passive_child_keeps_its_place_while_its_price_is_right() -> None:
    stand = Stand(a_command(style=ExecutionStyle.PASSIVE))
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    assert stand.look(10 * S) == []
    stand.places[KRAKEN] = a_place(depth(59_995, 60_000))
    assert cancelled(stand.look()) == 1
    stand.end()
    assert placed(stand.look()) == [(59_996, 1_000)]
    # It follows no farther than 20 bps of its first price, 59,991.
    stand.report(stand.living()[0].order_id, LIVE)
    stand.places[KRAKEN] = a_place(depth(61_000, 61_010))
    assert cancelled(stand.look(500 * MS)) == 1
    stand.end()
    assert placed(stand.look()) == [(60_110, 1_000)]
    assert stand.told[-1].reason == "held at max_offset, 59991 at first"


def test_the_next_child_goes_to_the_venue_that_is_best_then() -> None:
    there = a_place(depth(59_900, 60_050), instrument=instrument(BINANCE.venue))
    command = a_command(venues=[KRAKEN, BINANCE], style=CROSS, max_order_size=D("0.5"))
    stand = Stand(command, places={KRAKEN: a_place(), BINANCE: there})
    (first,) = stand.look()
    assert first.venue == KRAKEN
    stand.fill(500)
    stand.places[KRAKEN] = a_place(depth(60_080, 60_090))
    (second,) = stand.look(500 * MS)
    assert second.venue == BINANCE


def test_nothing_rests_where_nothing_may() -> None:
    stand = Stand(a_command())
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    stand.places[KRAKEN] = a_place(shut_by="halted: bot-3:manual")
    assert cancelled(stand.look()) == 1
    stand.end()
    assert stand.look(S) == []
    assert stand.told[-1].reason == "kraken_spot: halted: bot-3:manual"


# --- what is done with commands -------------------------------------------------------------------------------------


def test_a_parent_is_accepted_before_anything_is_sent() -> None:
    stand = Stand(a_command(), places={KRAKEN: a_place(shut_by="no session")})
    stand.look()
    (told,) = stand.told
    assert (told.state, told.revision, told.quantity, told.open, told.reason) == (
        HedgeState.ACCEPTED,
        1,
        D(1),
        D(0),
        "kraken_spot: no session",
    )


def test_a_larger_quantity_is_worked_and_a_smaller_one_takes_back_what_is_too_much() -> None:
    command = a_command()
    stand = Stand(command)
    (first,) = stand.look()
    stand.report(first.order_id, LIVE, 300)
    stand.parents.on_command(less := revised(command, quantity=D("0.5")))
    assert cancelled(stand.look()) == 1
    assert (stand.told[-1].revision, stand.told[-1].open) == (2, D("0.7"))
    # More of it is executed before the cancel arrives than was still wanted: nothing follows.
    stand.report(first.order_id, CANCELLED, 600)
    assert stand.look(S) == []
    assert (stand.told[-1].state, stand.told[-1].done) == (HedgeState.DONE, D("0.6"))
    stand.parents.on_command(revised(less, quantity=D(2)))
    assert stand.look(S) == []
    assert stand.told[-1].state is HedgeState.DONE


def test_a_child_within_a_smaller_quantity_keeps_its_place() -> None:
    command = a_command(max_order_size=D("0.2"))
    stand = Stand(command)
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    stand.parents.on_command(revised(command, quantity=D("0.5")))
    assert stand.look() == []


def test_a_bound_that_has_come_nearer_is_kept_at_once() -> None:
    command = a_command()
    stand = Stand(command)
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    stand.parents.on_command(revised(command, max_bid=D(59_000)))
    assert cancelled(stand.look()) == 1
    stand.end()
    assert placed(stand.look(500 * MS)) == [(59_000, 1_000)]
    assert stand.told[-1].reason == "held at max_bid 59000"


def test_a_cancelled_parent_ends_when_its_child_has() -> None:
    command = a_command()
    stand = Stand(command)
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    stand.parents.on_command(revised(command, cancelled=True, reason="0.9 BTC, back inside"))
    assert cancelled(stand.look()) == 1
    assert stand.told[-1].state is HedgeState.WORKING
    stand.report(first.order_id, CANCELLED, 100)
    assert stand.look() == []
    told = stand.told[-1]
    assert (told.state, told.revision, told.done, told.reason) == (
        HedgeState.CANCELLED,
        2,
        D("0.1"),
        "0.9 BTC, back inside",
    )


def test_an_old_parent_expires() -> None:
    stand = Stand(a_command())
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    assert cancelled(stand.look(300 * S)) == 1
    stand.end()
    stand.look()
    assert stand.told[-1].state is HedgeState.EXPIRED
    late = Stand(a_command(expires_at_ns=1))
    assert late.look() == []
    assert late.told[-1].state is HedgeState.EXPIRED


def test_another_parent_of_a_scope_waits_until_the_one_before_has_ended() -> None:
    stand = Stand(a_command())
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    following = a_command(ledger_sequence=200, side=Side.SELL)
    stand.parents.on_command(following)
    assert cancelled(stand.look()) == 1
    stand.report(first.order_id, CANCELLED, 250)
    assert stand.look() == []
    ended, accepted = stand.told[-2:]
    assert (ended.parent_id, ended.state, ended.done) == ("bot-3:mm1:100:1", HedgeState.CANCELLED, D("0.25"))
    assert (accepted.parent_id, accepted.state) == (following.parent_id, HedgeState.ACCEPTED)
    assert placed(stand.look()) == [(59_991, 1_000)]


def test_a_command_that_is_said_again_is_answered_again() -> None:
    command = a_command()
    stand = Stand(command)
    stand.look()
    told = len(stand.told)
    stand.look()
    assert len(stand.told) == told
    stand.parents.on_command(command)
    assert stand.look() == []
    assert [each.update_sequence for each in stand.told] == list(range(1, told + 2))


def test_two_scopes_are_worked_side_by_side() -> None:
    stand = Stand(a_command(), a_command(scope="risk-currency-7", style=CROSS, quantity=D(2)))
    assert placed(stand.look()) == [(59_999, 1_000), (60_120, 2_000)]
    assert {order.algo_id for order in stand.orders.values()} == {"3", "risk-currency-7"}
    assert [row["scope"] for row in stand.parents.status()] == ["bot-3", "risk-currency-7"]
    assert len(stand.parents.open()) == 2


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_after_refused_children_it_waits_longer_and_at_last_refuses_the_parent() -> None:
    stand = Stand(a_command(style=CROSS))
    sent_at = []
    while stand.parents.open():
        if stand.look(50 * MS):
            sent_at.append(stand.now_ns // MS)
            stand.end(REJECTED, "insufficient funds")
    waits = [after - before for before, after in pairwise(sent_at)]
    assert waits == [1_000, 2_000, 4_000, 8_000, 16_000, 16_000, 16_000]
    assert len(sent_at) == REFUSALS_MAX
    assert (stand.told[-1].state, stand.told[-1].reason) == (HedgeState.REFUSED, "insufficient funds")


def test_a_price_that_the_market_has_reached_is_no_refusal() -> None:
    """A post-only child that would have crossed when it came: the next one is due at the resend time, forever."""
    stand = Stand(a_command(style=ExecutionStyle.PASSIVE))
    for _ in range(REFUSALS_MAX + 2):
        assert placed(stand.look()) == [(59_991, 1_000)]
        stand.end(REJECTED, "would_cross")
        assert stand.look(499 * MS) == []
        stand.now_ns += 1 * MS
    assert stand.told[-1].state is HedgeState.WORKING


def test_a_child_at_a_wrong_price_is_cancelled_so_early_that_the_next_goes_out_when_it_is_due() -> None:
    stand = Stand(a_command(style=ExecutionStyle.PASSIVE))
    sent_ns = []
    for bid in (59_000, 59_010, 59_020, 59_030):
        stand.places[KRAKEN] = a_place(depth(bid))
        assert placed(stand.look()) == [(bid + 1, 1_000)]
        sent_ns.append(stand.now_ns)
        stand.report(stand.living()[0].order_id, LIVE)
        stand.places[KRAKEN] = a_place(depth(bid + 10))
        while not stand.look(10 * MS):
            pass
        assert stand.look(40 * MS) == [], "the venue takes 50 ms to cancel"
        stand.now_ns += 10 * MS
        stand.end()
    assert [(after - before) // MS for before, after in pairwise(sent_ns)] == [550, 500, 500]


def test_an_order_of_unknown_outcome_counts_as_open() -> None:
    stand = Stand(a_command(style=CROSS))
    (first,) = stand.look()
    stand.report(first.order_id, OrderState.UNKNOWN)
    assert stand.look(10 * S) == []
    assert stand.told[-1].open == 1
    stand.report(first.order_id, CANCELLED, 400)
    assert placed(stand.look()) == [(60_120, 600)]


def test_a_cancel_that_the_venue_refuses_is_asked_for_again() -> None:
    command = a_command()
    stand = Stand(command)
    (first,) = stand.look()
    stand.report(first.order_id, LIVE)
    stand.parents.on_command(revised(command, cancelled=True))
    assert cancelled(stand.look()) == 1
    stand.report(first.order_id, OrderState.CANCELLING)
    assert stand.look() == []
    stand.report(first.order_id, LIVE)
    assert cancelled(stand.look()) == 1


def test_an_execution_that_comes_after_the_end_still_counts() -> None:
    stand = Stand(a_command(style=CROSS))
    (first,) = stand.look()
    stand.report(first.order_id, CANCELLED, 100)
    stand.report(first.order_id, CANCELLED, 400)
    # News that was overtaken takes nothing back.
    stand.parents.on_child("mm1", first.order_id, CANCELLED, 100, stand.now_ns)
    assert placed(stand.look(500 * MS)) == [(60_120, 600)]


def test_orders_of_others_are_nothing_here() -> None:
    stand = Stand(a_command())
    stand.look()
    stand.parents.on_child("mm1", 12_345, OrderState.FILLED, 10, stand.now_ns)
    assert stand.told[-1].done == 0


def test_what_ended_children_have_done_is_kept_without_them() -> None:
    stand = Stand(a_command(style=CROSS, max_order_size=D("0.001")))
    for _ in range(ENDED_MAX + 20):
        stand.look(500 * MS)
        stand.fill(1)
    stand.look()
    assert stand.told[-1].done == D("0.001") * (ENDED_MAX + 20)
    assert len(stand.parents._by_order) <= ENDED_MAX + 1


def test_a_parent_ends_when_its_children_are_numbered_out() -> None:
    stand = Stand(a_command(style=CROSS))
    stand.look()
    stand.end()
    (working,) = stand.parents._working.values()
    working.number = CHILDREN_MAX
    assert stand.look(500 * MS) == []
    assert stand.told[-1].state is HedgeState.EXPIRED


# --- order ids, and who takes a hedge over --------------------------------------------------------------------------


def test_the_ids_of_children_follow_from_their_parent() -> None:
    stand = Stand(a_command(style=CROSS, max_order_size=D("0.4")))
    stand.look()
    stand.fill(400)
    stand.look(500 * MS)
    assert list(stand.orders) == [hedge_child_id(1, "bot-3:mm1:100:1", number) for number in (1, 2)]


def test_an_id_that_is_in_use_is_not_used_again() -> None:
    command = a_command()
    taken = hedge_child_id(1, command.parent_id, 1)
    parents = Parents({"mm1": {taken}})
    parents.begin("mm1", 1)
    parents.on_command(command)
    (child,) = parents.work(lambda _: {KRAKEN: a_place()}, 1)
    assert child.order_id == hedge_child_id(1, command.parent_id, 1, salt=1)


def test_who_takes_over_goes_on_with_what_is_left() -> None:
    command = a_command(style=CROSS, max_order_size=D("0.3"))
    stand = Stand(command)
    stand.look()
    stand.fill(300)
    stand.look(500 * MS)
    stand.fill(100)
    # The rest of the second child, and its end, are told to nobody before the process dies.
    stand.restart(2, command)
    assert stand.look() == []
    assert placed(stand.look(500 * MS)) == [(60_120, 300)]
    (third,) = stand.living()
    assert (epoch_of(third.order_id), child_of(third.order_id)) == (2, 3)
    stand.fill(300)
    assert placed(stand.look(500 * MS)) == [(60_120, 300)]
    stand.fill(300)
    stand.look()
    assert (stand.told[-1].state, stand.told[-1].done, stand.traded()) == (HedgeState.DONE, D(1), D(1))


def test_who_takes_over_counts_from_the_first_price() -> None:
    command = a_command(style=CROSS)
    stand = Stand(command)
    stand.look()
    stand.end()
    stand.look()
    stand.restart(2, command)
    stand.places[KRAKEN] = a_place(depth(60_090, 60_100))
    assert stand.look() == []
    assert placed(stand.look(500 * MS)) == [(60_120, 1_000)]


def test_an_ended_parent_stays_ended() -> None:
    command = a_command(style=CROSS)
    stand = Stand(command)
    stand.look()
    stand.fill(1_000)
    stand.look()
    stand.restart(2, command)
    assert stand.look(S) == []
    assert (stand.told[-1].state, stand.told[-1].epoch, stand.told[-1].done) == (HedgeState.DONE, 2, D(1))


def test_nothing_is_sent_while_a_childs_market_is_not_known() -> None:
    command = a_command(venues=[BINANCE, KRAKEN], style=CROSS)
    stand = Stand(command)
    stand.look()
    stand.fill(400)
    stand.restart(2, command)
    place, stand.places = stand.places[KRAKEN], {BINANCE: a_place(instrument=instrument(BINANCE.venue))}
    told = len(stand.told)
    assert stand.look(S) == []
    assert len(stand.told) == told
    stand.places[KRAKEN] = place
    assert stand.look() == []
    assert placed(stand.look(500 * MS)) == [(60_120, 600)]


def test_a_child_has_the_epoch_of_its_account() -> None:
    there = HedgeVenue("mm2", "binance_spot", "BTCUSD")
    command = a_command(venues=[KRAKEN, there], style=CROSS, max_order_size=D("0.5"))
    best = a_place(depth(59_890, 59_900), instrument=instrument(there.venue))
    parents = Parents({})
    parents.on_command(command)
    parents.begin("mm1", 4)
    # The other account has no lease yet: nothing goes there, however good it is.
    (first,) = parents.work(lambda _: {KRAKEN: a_place(), there: best}, 1)
    assert (first.venue, epoch_of(first.order_id)) == (KRAKEN, 4)
    parents.on_child("mm1", first.order_id, OrderState.FILLED, 500, 1)
    parents.begin("mm2", 9)
    (second,) = parents.work(lambda _: {KRAKEN: a_place(), there: best}, S)
    assert (second.venue, epoch_of(second.order_id), child_of(second.order_id)) == (there, 9, 2)
    # What is told of the parent is of the account it was told to.
    assert [each.epoch for each in parents.updates(S)] == [4]
    parents.lose("mm1")
    parents.on_child("mm2", second.order_id, OrderState.FILLED, 500, S)
    assert list(parents.updates(S)) == []


def test_of_two_accounts_the_newer_command_of_a_scope_counts() -> None:
    older, newer = a_command(), a_command(account="mm2", ledger_sequence=200, ts_ns=a_command().ts_ns + 1)
    parents = Parents({})
    parents.on_command(older)
    parents.on_command(newer)
    parents.begin("mm2", 1)
    parents.begin("mm1", 1)
    assert parents.open() == [newer]


@pytest.mark.parametrize("style", ExecutionStyle)
def test_a_book_without_others_sends_nothing(style: ExecutionStyle) -> None:
    stand = Stand(a_command(style=style), places={KRAKEN: a_place(Depth((), ()))})
    assert stand.look() == []
    assert stand.told[-1].reason.startswith("kraken_spot: the book has no")
