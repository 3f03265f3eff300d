"""The session at Polymarket in its own ways: trades that fail, makers and takers, ticks, sizes, heartbeats."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from common.events import (
    AccountState,
    Fill,
    Liquidity,
    Market,
    MarketStatus,
    Posting,
    PostingKind,
)
from common.instruments import InstrumentKind, Outcome, Side
from common.orders import OrderState
from common.signing.roles import fault_in
from quoter.orders.own_orders import Order, Orders
from quoter.testing.polymarket import CHANNEL_URL, MARKET, NO_TOKEN, OTHER, OWNER, URL, YES_TOKEN, PaperKeys, PaperOrder
from quoter.testing.stage import EPOCH, START_NS, S
from quoter.testing.stages import PolymarketStage
from quoter.venues.base import Placement, pair_holdings
from quoter.venues.polymarket.session import PolymarketSession


@pytest.fixture
def stage() -> PolymarketStage:
    made = PolymarketStage()
    made.start()
    assert made.session.reconciled
    return made


def postings(stage: PolymarketStage) -> list[Posting]:
    return [event for event in stage.told if isinstance(event, Posting)]


def snapshots(stage: PolymarketStage) -> list[AccountState]:
    return [event for event in stage.told if isinstance(event, AccountState)]


def placed_bodies(stage: PolymarketStage) -> list[list[dict[str, Any]]]:
    return [json.loads(body) for method, path, body in stage.venue.requests if (method, path) == ("POST", "/orders")]


# --- the life of a trade ----------------------------------------------------------------------------------------


def test_a_trade_counts_when_it_is_matched_and_not_again_when_it_is_mined_and_confirmed(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.deliver()
    assert stage.filled(order_id) == 2_500
    for status in ("MINED", "RETRYING", "MINED", "CONFIRMED", "CONFIRMED"):
        stage.venue.step(trade, status)
        stage.deliver()
    assert len(stage.fills(order_id)) == 1
    assert not postings(stage)
    assert stage.session.describe(stage.now_ns)["trades_unsettled"] == 0


def test_the_session_tells_each_half_of_a_trade_once(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    told = []
    for status in ("MATCHED", "MINED", "MATCHED", "FAILED", "FAILED"):
        stage.venue.step(trade, status)
    for frame in list(stage.venue.take_frames()):
        told += [type(report).__name__ for report in stage.session.on_frame(frame, stage.now_ns)]
    assert [name for name in told if name != "OrderReport"] == ["Execution", "Reversal"]


def test_a_trade_that_fails_is_taken_back_by_an_entry_of_its_own(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40, outcome=Outcome.NO)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.deliver()
    for _ in range(2):
        stage.venue.step(trade, "FAILED")
        stage.deliver()
    (fill,) = stage.fills(order_id)
    (posting,) = postings(stage)
    assert posting.kind is PostingKind.REVERSAL
    assert fault_in("quoter", posting, chained=False) == "", "risk takes it from a quoter"
    assert (posting.lots_of(Outcome.YES), posting.lots_of(Outcome.NO)) == (0, -fill.quantity_lots)
    assert sum(posting.cash.values()) == 10, "25 shares at 0.40 come back as money"
    assert "fill_reversed" in stage.alerts()


def test_a_failed_trade_comes_out_as_nothing_whoever_told_its_first_half(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    stage.venue.connected = False
    trade = stage.venue.fill(stage.order(order_id), 25)
    trade["status"] = "FAILED"
    stage.cut()
    stage.wait(20_000)
    (fill,) = stage.fills(order_id)
    (posting,) = postings(stage)
    assert posting.lots_of(Outcome.YES) == -fill.quantity_lots
    assert posting.entry_id == f"reversal:polymarket:{trade['id']}:{order_id}"


def test_a_reversed_fill_is_no_longer_held(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.deliver()
    held = stage.core.trader.holdings
    assert held.of("1", stage.symbol).yes_lots == 2_500
    stage.venue.step(trade, "FAILED")
    stage.deliver()
    assert held.of("1", stage.symbol).yes_lots == 0


# --- whose part of a trade is ours ------------------------------------------------------------------------------


@pytest.mark.parametrize("other_token", [False, True])
@pytest.mark.parametrize("taker", [False, True])
def test_our_part_of_a_trade_is_our_own_orders_token_side_and_price(
    stage: PolymarketStage, taker: bool, other_token: bool
) -> None:
    # Whoever took, and whether the other side sold our token or bought the opposite one.
    (order_id,) = stage.place(40, outcome=Outcome.NO)
    stage.venue.fill(stage.order(order_id), 25, taker=taker, other_token=other_token)
    stage.deliver()
    (fill,) = stage.fills(order_id)
    assert (fill.outcome, fill.side, fill.quantity_lots) == (Outcome.NO, Side.BUY, 2_500)
    assert fill.price == Decimal("0.4")
    assert fill.liquidity is (Liquidity.TAKER if taker else Liquidity.MAKER)
    # Taker: 25 x 0.072 x 0.4 x 0.6; makers pay nothing.
    assert fill.fee == (Decimal("0.432000") if taker else 0)


def test_a_taker_pays_the_average_of_the_makers_it_met(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    order = stage.order(order_id)
    trade = stage.venue.fill(order, 30, taker=True)
    trade["maker_orders"] = [
        {"order_id": "0xa", "owner": OTHER, "matched_amount": "10", "price": "0.38", "asset_id": YES_TOKEN},
        {"order_id": "0xb", "owner": OTHER, "matched_amount": "20", "price": "0.61", "asset_id": NO_TOKEN},
    ]
    stage.venue.frames.clear()
    stage.venue.tell(trade)
    stage.deliver()
    (fill,) = stage.fills(order_id)
    # (10 x 0.38 + 20 x 0.39) / 30 = 0.38666..., rounded against us.
    assert fill.price == Decimal("0.3867")


def test_trades_of_others_in_our_market_are_none_of_our_business(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.venue.frames.clear()
    trade["maker_orders"][0] |= {"owner": OTHER, "order_id": "0xother"}
    stage.venue.tell(trade)
    stage.deliver()
    assert not [event for event in stage.told if isinstance(event, Fill)]


def test_a_fill_of_an_order_of_ours_that_nobody_knows_goes_to_no_bot(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25, other_token=True)
    stage.venue.frames.clear()
    trade["maker_orders"][0]["order_id"] = "0xunknown"
    assert trade["maker_orders"][0]["owner"] == OWNER
    stage.venue.tell(trade)
    stage.deliver()
    (fill,) = [event for event in stage.told if isinstance(event, Fill)]
    assert (fill.algo_id, fill.outcome, fill.side, fill.quantity_lots) == ("unassigned", Outcome.YES, Side.BUY, 2_500)
    assert "unknown_fill" in stage.alerts()


def test_dust_is_kept_until_it_makes_a_lot(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    order = stage.order(order_id)
    for shares in (10.004, 10.004, 10.004, 69.988):
        stage.venue.fill(order, shares)
        stage.deliver()
    assert [fill.quantity_lots for fill in stage.fills(order_id)] == [1_000, 1_000, 1_001, 6_999]
    assert stage.filled(order_id) == 10_000
    assert stage.state(order_id) is OrderState.FILLED


# --- placing ----------------------------------------------------------------------------------------------------


def test_at_most_fifteen_orders_go_out_in_one_request(stage: PolymarketStage) -> None:
    before = len(placed_bodies(stage))
    stage.place(*range(10, 43))
    assert [len(body) for body in placed_bodies(stage)[before:]] == [15, 15, 3]
    assert len(stage.resting()) == 33


def test_orders_that_rest_are_post_only_and_those_that_take_are_fill_and_kill(stage: PolymarketStage) -> None:
    stage.place(40)
    (resting,) = placed_bodies(stage)[-1]
    assert (resting["orderType"], resting["postOnly"]) == ("GTC", True)
    order_id = stage.ids.next(stage.now_ns)
    stage.orders.add(Order(order_id, "1", stage.symbol, Outcome.YES, Side.BUY, 37, 1_003))
    taking = Placement(order_id, stage.symbol, Outcome.YES, Side.BUY, 37, 1_003, False, immediate=True)
    stage.carry(stage.session.send([], [taking], stage.now_ns))
    (sent,) = placed_bodies(stage)[-1]
    assert (sent["orderType"], sent["postOnly"]) == ("FAK", False)
    # Whole cents, and never more shares than were asked for: 10.03 x 0.37 = 3.7111.
    assert sent["order"]["makerAmount"] == "3710000"
    assert int(sent["order"]["takerAmount"]) <= 10_030_000


def test_orders_with_a_lifetime_end_by_themselves_a_minute_early_for_the_venues_margin() -> None:
    stage = PolymarketStage(order_lifetime_s=90)
    stage.start()
    (order_id,) = stage.place(40)
    (sent,) = placed_bodies(stage)[-1]
    assert sent["orderType"] == "GTD"
    assert int(sent["order"]["expiration"]) == stage.now_ns // S + 150
    assert stage.state(order_id) is OrderState.LIVE


def test_orders_below_the_venues_least_sizes_are_not_sent(stage: PolymarketStage) -> None:
    stage.lots = 499
    (small,) = stage.place(40)
    worthless = stage.ids.next(stage.now_ns)
    stage.orders.add(Order(worthless, "1", stage.symbol, Outcome.YES, Side.BUY, 2, 4_000))
    taking = Placement(worthless, stage.symbol, Outcome.YES, Side.BUY, 2, 4_000, False, immediate=True)
    stage.carry(stage.session.send([], [taking], stage.now_ns))
    stage.wait(100)
    assert stage.core.blotter.rejects["below_minimum_size"] == 1
    assert stage.core.blotter.rejects["below_marketable_minimum"] == 1
    assert stage.state(small) is OrderState.REJECTED
    assert not stage.resting()


def test_an_order_priced_on_an_old_tick_is_not_sent_and_the_market_is_asked_anew(stage: PolymarketStage) -> None:
    stage.venue.tick_size = "0.001"

    def place(ticks: int, tick_size: str) -> int:
        order_id = stage.ids.next(stage.now_ns)
        stage.orders.add(Order(order_id, "1", stage.symbol, Outcome.YES, Side.BUY, ticks, 10_000))
        stage.placed.append(order_id)
        order = Placement(
            order_id, stage.symbol, Outcome.YES, Side.BUY, ticks, 10_000, True, tick_size=Decimal(tick_size)
        )
        stage.carry(stage.session.send([], [order], stage.now_ns))
        stage.wait(100)
        return order_id

    # The feed tells the new tick first; the session still knows the old one.
    assert stage.state(place(405, "0.001")) is OrderState.REJECTED
    assert stage.core.blotter.rejects["tick_size_changed"] == 1
    order_id = place(405, "0.001")
    assert stage.state(order_id) is OrderState.LIVE
    assert stage.order(order_id).price == "0.405"
    assert stage.state(place(40, "0.01")) is OrderState.REJECTED
    stage.fill(order_id, 500)
    (fill,) = stage.fills(order_id)
    assert (fill.price_ticks, fill.instrument.tick_size) == (405, Decimal("0.001"))


def test_a_post_only_order_that_would_cross_is_refused_and_its_price_left_alone(stage: PolymarketStage) -> None:
    stage.venue.refuse = {0: "invalid post-only order: order crosses book"}
    (order_id,) = stage.place(40)
    assert stage.state(order_id) is OrderState.REJECTED
    assert stage.core.blotter.rejects == {"would_cross": 1, "market_unknown": 1}


@pytest.mark.parametrize("reason", ["order is invalid. Duplicated.", "system error while inserting order"])
def test_a_refusal_that_may_not_be_one_is_asked_about(stage: PolymarketStage, reason: str) -> None:
    stage.venue.refuse = {0: reason}
    (order_id,) = stage.place(40)
    assert not stage.state(order_id).terminal
    stage.wait(20_000)
    assert stage.state(order_id) is OrderState.REJECTED


@pytest.mark.parametrize("status", [400, 425])
def test_b21_a_request_refused_as_a_whole_ends_all_of_its_orders(stage: PolymarketStage, status: int) -> None:
    stage.venue.statuses = {"/orders": status}
    order_ids = stage.place(40, 39)
    assert {stage.state(order_id) for order_id in order_ids} == {OrderState.REJECTED}


def test_new_orders_wait_for_the_cancels_of_their_market_and_are_given_up_when_that_takes_long(
    stage: PolymarketStage,
) -> None:
    (old,) = stage.place(40)
    before = len(placed_bodies(stage))
    stage.hold = True
    (new,) = stage.place(41, cancels=[old])
    assert len(placed_bodies(stage)) == before
    stage.wait(1_200)
    assert stage.state(new) is OrderState.REJECTED
    stage.let_go()
    assert stage.state(old) is OrderState.CANCELLED
    assert len(placed_bodies(stage)) == before, "its price is old by now"


def test_a_cancel_that_was_not_done_is_not_taken_for_one(stage: PolymarketStage) -> None:
    # The venue has said this of orders that went on resting.
    (order_id,) = stage.place(40)
    stage.venue.unchanged_cancels = "order can't be found - already canceled or matched"
    stage.cancel(order_id)
    stage.wait(500)
    assert stage.state(order_id) is OrderState.LIVE
    assert stage.resting() == {order_id}


def market(tick_size: str) -> Market:
    return Market(
        venue="polymarket",
        symbol=MARKET,
        kind=InstrumentKind.BINARY,
        status=MarketStatus.OPEN,
        tick_size=Decimal(tick_size),
        lot_size=Decimal("0.01"),
        open_ns=START_NS,
        expiry_ns=START_NS + 300 * S,
        ts_received_ns=START_NS,
    )


def test_orders_keep_their_price_and_place_when_the_grid_gets_finer(stage: PolymarketStage) -> None:
    stage.carry(stage.core.on_market(market("0.01"), stage.receipt()))
    (order_id,) = stage.place(40)
    stage.carry(stage.core.on_market(market("0.001"), stage.receipt()))
    order = stage.orders.get(order_id)
    assert order is not None and order.price_ticks == 400
    assert stage.resting() == {order_id}
    # Executed at the price it was sent with, whatever a tick is by now.
    stage.fill(order_id, 500)
    (fill,) = stage.fills(order_id)
    assert fill.price == Decimal("0.40")


def test_orders_between_two_ticks_of_a_coarser_grid_are_cancelled(stage: PolymarketStage) -> None:
    stage.venue.tick_size, stage.tick_size = "0.001", Decimal("0.001")
    stage.carry(stage.core.on_market(market("0.001"), stage.receipt()))
    stage.place(400)
    stage.wait(100)
    on, between = stage.place(410, 405)
    stage.carry(stage.core.on_market(market("0.01"), stage.receipt()))
    assert stage.resting() == {on}
    order = stage.orders.get(on)
    assert order is not None and order.price_ticks == 41
    assert stage.state(between) is OrderState.CANCELLED


# --- names, keys, heartbeats ------------------------------------------------------------------------------------


def test_the_next_process_finds_the_orders_of_the_one_that_died(stage: PolymarketStage) -> None:
    (told,) = stage.place(40)
    (untold,) = stage.place(39)
    stage.fill(untold, 2_500, told=False)
    orders = Orders()
    for order_id in (told, untold):
        old = stage.orders.get(order_id)
        assert old is not None
        # What its predecessor published before the venue had named them.
        orders.add(Order(old.order_id, "1", old.symbol, old.outcome, old.side, old.price_ticks, old.quantity_lots))
    successor = PolymarketStage()
    successor.venue = stage.venue
    successor.__dict__.update(
        session=PolymarketSession(PaperKeys(), URL, CHANNEL_URL, orders), orders=orders, tiny=stage.venue
    )
    successor.core = type(stage.core)("mm1", "polymarket", successor.session, orders)
    successor.core.epoch = EPOCH + 1
    successor.now_ns = stage.now_ns + 30 * S
    stage.venue.connected = False
    successor.carry(successor.core.start(successor.receipt()))
    successor.wait(1_000)
    assert successor.session.reconciled
    assert {successor.state(told), successor.state(untold)} == {OrderState.CANCELLED}
    assert successor.filled(untold) == 2_500


def test_an_order_the_venue_calls_by_another_name_is_followed_under_it(stage: PolymarketStage) -> None:
    venue = stage.venue
    place = venue._place

    def renaming(index: int, document: dict[str, Any]) -> dict[str, Any]:
        answer = place(index, document)
        order = venue.orders.pop(answer["orderID"])
        order.order_id = "0xrenamed"
        venue.orders[order.order_id] = order
        return answer | {"orderID": order.order_id}

    venue._place = renaming  # type: ignore[method-assign]
    (order_id,) = stage.place(40)
    assert "order_hash" in stage.alerts()
    stage.cancel(order_id)
    assert stage.state(order_id) is OrderState.CANCELLED


def test_a_heartbeat_with_the_wrong_id_is_sent_again_with_the_right_one(stage: PolymarketStage) -> None:
    stage.venue.beat_id = "another process's"
    before = stage.venue.beats
    stage.wait(5_100)
    assert stage.venue.beats == before + 1, "the venue counts only the second one"
    assert stage.session.armed(stage.now_ns)
    assert stage.session.reconciled


def test_heartbeats_go_out_every_five_seconds(stage: PolymarketStage) -> None:
    before = stage.venue.beats
    stage.wait(60_000)
    assert stage.venue.beats - before == 12


def test_nothing_is_placed_behind_a_heartbeat_that_was_not_taken(stage: PolymarketStage) -> None:
    stage.fault("beats_lost")
    stage.wait(9_000)
    assert not stage.session.armed(stage.now_ns)
    (order_id,) = stage.place(40)
    stage.wait(100)
    assert stage.state(order_id) is OrderState.REJECTED
    assert not stage.resting()


def test_contracts_we_do_not_sign_for_keep_the_session_down() -> None:
    stage = PolymarketStage()
    stage.venue.version = 3
    stage.start()
    stage.wait(5_000)
    assert not stage.session.connected
    assert "exchange_version" in stage.alerts()


def test_every_request_of_the_account_is_signed_and_its_secret_is_in_none(stage: PolymarketStage) -> None:
    stage.place(40)
    for (method, path, _), headers in zip(stage.venue.requests, stage.venue.headers, strict=True):
        elsewhere = path.startswith("http://")
        assert headers == {} if elsewhere else headers["POLY_API_KEY"] == OWNER, (method, path)
        assert "secret" not in path
        assert all("secret" not in value for value in headers.values())


def test_a_channel_that_answers_no_pings_is_opened_anew(stage: PolymarketStage) -> None:
    stage.venue.on_send = lambda effect: None  # type: ignore[method-assign]
    stage.wait(25_000)
    assert stage.session.describe(stage.now_ns)["reconnects"] >= 1


def test_a_channel_that_has_answered_nothing_yet_does_not_count_as_up() -> None:
    stage = PolymarketStage()
    stage.venue.on_send = lambda effect: None  # type: ignore[method-assign]
    stage.start()
    stage.wait(5_000)
    assert not stage.session.reconciled


def test_a_trade_the_channel_lost_is_found_by_the_next_look_and_said(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    stage.fill(order_id, 2_500, told=False)
    stage.wait(6_000)
    assert stage.filled(order_id) == 2_500
    assert "missed_trades" in stage.alerts()


def test_a_frame_that_cannot_be_read_is_asked_about_at_once(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    stage.hold = True
    stage.fill(order_id, 2_500)
    stage.hold = False
    stage.garble()
    stage.wait(100)
    assert stage.filled(order_id) == 2_500
    assert stage.session.reconciled


def test_snapshots_wait_for_trades_to_reach_the_chain_and_count_dust_as_nothing(stage: PolymarketStage) -> None:
    (order_id,) = stage.place(40)
    trade = stage.venue.fill(stage.order(order_id), 25)
    stage.deliver()
    before = len(snapshots(stage))
    stage.relay(stage.session.request_snapshot("test", stage.now_ns))
    stage.wait(2_000)
    assert len(snapshots(stage)) == before
    stage.venue.balances |= {"": 99_990_000_000, YES_TOKEN: 25_009_000}
    stage.venue.step(trade, "CONFIRMED")
    stage.wait(12_000)
    snapshot = snapshots(stage)[-1]
    assert snapshot.holdings == pair_holdings("polymarket", stage.symbol, 2_500, 0)
    assert snapshot.main.total == Decimal(99_990)
    assert snapshot.main.available == Decimal(99_960), "75 shares at 0.40 still rest"


def test_the_snapshot_cancels_what_rests_of_strangers(stage: PolymarketStage) -> None:
    stray = PaperOrder("0xstray", YES_TOKEN, "BUY", "0.4", 10_000_000, "GTC")
    stage.venue.orders[stray.order_id] = stray
    stage.relay(stage.session.request_snapshot("test", stage.now_ns))
    stage.wait(200)
    assert stray.status == "CANCELED"
    assert "unknown_order" in stage.alerts()
