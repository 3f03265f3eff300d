"""The sessions behind ccxt beyond the suite of all venues: the switch, orders of a predecessor, gaps, bad terms."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from common.events import Fill
from common.instruments import Side
from common.orders import OrderState
from quoter.orders.own_orders import Order
from quoter.testing.ccxt.stages import PAPER_KEYS, BinanceStage, CcxtStage, KrakenStage
from quoter.testing.stage import place_coin
from quoter.venues.base import Resting
from quoter.venues.ccxt.binance import Binance
from quoter.venues.ccxt.session import CcxtSession
from quoter.venues.ccxt.venue import speaking

LONG_MS = 40_000
MAKERS: list[Callable[[], CcxtStage]] = [BinanceStage, KrakenStage]


@pytest.fixture(params=MAKERS, ids=["binance", "kraken"])
def up(request: pytest.FixtureRequest) -> CcxtStage:
    stage: CcxtStage = request.param()
    stage.start()
    assert stage.session.reconciled
    return stage


def test_r7_when_no_heartbeat_is_taken_the_venue_cancels_and_the_session_finds_out() -> None:
    stage = KrakenStage()
    stage.start()
    (order_id,) = stage.place(400)
    stage.fault("beats_lost")
    stage.wait(12_000)
    assert not stage.session.armed(stage.now_ns)
    late = stage.place_coin(Side.BUY, 400, 100)
    stage.wait(100)
    assert stage.state(late) is OrderState.REJECTED, "nothing is placed without a heartbeat"
    stage.wait(15_000)
    assert not stage.resting()
    stage.fault("beats_lost", on=False)
    stage.wait(LONG_MS)
    assert stage.state(order_id) is OrderState.CANCELLED
    assert "heartbeat_lost" in stage.alerts()
    assert stage.session.reconciled and stage.session.armed(stage.now_ns)


def test_r7_without_a_switch_only_what_takes_at_once_is_sent() -> None:
    stage = BinanceStage(unguarded=False)
    stage.start()
    assert not stage.session.accepts_resting_orders
    assert stage.session.describe(stage.now_ns)["deadman_offered"] is False
    resting = stage.place_coin(Side.BUY, 6_000_000, 100)
    stage.wait(100)
    stage.offer(6_000_000, 40)
    taking = stage.place_coin(Side.BUY, 6_000_000, 100, immediate=True)
    assert stage.state(resting) is OrderState.REJECTED
    assert stage.filled(taking) == 40
    assert len(stage.accepted()) == 1


def test_an_order_the_venue_would_not_take_is_refused_here_and_not_sent(up: CcxtStage) -> None:
    accepted = up.accepted()
    odd = (
        replace(up.coin, tick_size=Decimal("0.03")),
        replace(up.coin, lot_size=Decimal("0.003")),
        replace(up.coin, symbol="DOGEUSD"),
    )
    refused = [up.place_coin(Side.BUY, 1, 9), *(place_coin(up, coin, Side.BUY, 400, 100) for coin in odd)]
    up.wait(100)
    assert {up.state(each) for each in refused} == {OrderState.REJECTED}
    assert up.accepted() == accepted


def test_a_successor_finds_a_predecessors_orders_and_their_fills(up: CcxtStage) -> None:
    (order_id, other) = up.place(400, 390)
    up.fill(order_id, 25)
    successor = up.successor()
    successor.now_ns = up.now_ns
    for known in (order_id, other):
        order = Order(known, "1", up.symbol, up.coin.outcome, Side.BUY, 400 if known == order_id else 390, 100)
        successor.orders.add(order)
        successor.placed.append(known)
    up.fill(order_id, 30, told=False)
    successor.start()
    successor.wait(LONG_MS)
    assert successor.session.reconciled
    assert not successor.resting()
    assert {successor.state(each) for each in (order_id, other)} == {OrderState.CANCELLED}
    told = [event.quantity_lots for event in successor.told if isinstance(event, Fill)]
    assert 30 in told, "what happened since"


def test_a_fill_of_an_order_that_nobody_knows_is_booked_apart_with_an_alert(up: CcxtStage) -> None:
    up.stranger()
    up.venue.execute(up.venue.orders["77"], Decimal("0.0005"))
    up.deliver()
    up.wait(LONG_MS)
    (fill,) = [event for event in up.told if isinstance(event, Fill)]
    assert (fill.algo_id, fill.quantity_lots) == ("unassigned", 50)
    assert "unknown_fill" in up.alerts()
    assert up.resting() == set()


def test_a_message_of_krakens_that_is_missing_is_noticed_by_its_number() -> None:
    stage = KrakenStage()
    stage.start()
    order_id, other = stage.place(400, 390)
    stage.fill(order_id, 25, told=False)
    stage.fill(other, 10)
    stage.wait(2_000)
    assert stage.filled(order_id) == 25, "long before the next look at the list of trades"
    assert stage.session.reconciled


def test_a_clock_that_has_gone_apart_is_set_by_the_venues() -> None:
    stage = BinanceStage()
    stage.ahead_ms = 5_000
    stage.start()
    assert stage.session.reconciled
    stage.ahead_ms = -15_000
    stage.wait(LONG_MS)
    (order_id,) = stage.place(40)
    assert stage.state(order_id) is OrderState.LIVE


def test_what_rests_is_asked_for_without_a_start_and_swept(up: CcxtStage) -> None:
    up.place(400, 390)
    up.wait(100)
    session = up.successor().session
    told: list[Any] = list(session.ask_resting(up.now_ns, sweep=True))
    while not isinstance(told[-1], Resting):
        told += session.on_answer(up.venue.on_ask(told[-1]), up.now_ns)
    assert told[-1].order_ids == frozenset()
    assert len(told[-1].gone) == 2
    assert max(told[-1].gone) < 0, "they are not known to a session that was told of none"
    assert not up.venue.open_orders()


def test_a_market_that_turns_into_another_one_is_not_believed(up: CcxtStage) -> None:
    market = dict(up.dialect.markets)

    def renamed(route: str, document: Any) -> Any:
        document = copy.deepcopy(document)
        if route == "/exchangeInfo":
            document["symbols"][0]["baseAsset"] = "DOGE"
        elif route == "/AssetPairs":
            document["result"]["XXBTZUSD"]["base"] = "XXDG"
        return document

    up.venue.change = renamed
    up.cut()
    up.wait(LONG_MS)
    assert "bad_market" in up.alerts()
    assert up.dialect.markets == market


def test_the_same_run_makes_the_same_requests() -> None:
    runs = []
    for _ in range(2):
        stage = KrakenStage()
        stage.start()
        stage.place(400, 390)
        stage.cut()
        stage.wait(5_000)
        runs.append((stage.urls, stage.venue.requests))
    assert runs[0] == runs[1]


def test_a_session_reaches_for_nothing_while_it_is_made() -> None:
    session = CcxtSession(speaking(PAPER_KEYS, "binance", Binance, live=False), ["BTCUSDT"], BinanceStage().orders)
    assert session.dialect.exchange.session is None
    assert session.dialect.exchange.clients == {}


def test_many_orders_at_once_leave_room_for_cancels_and_recovery(up: CcxtStage) -> None:
    up.hold = True
    order_ids = up.place(*range(400, 480))
    up.cut()
    up.wait(1_000)
    up.let_go()
    up.wait(LONG_MS)
    assert up.session.reconciled
    assert up.resting() == set()
    assert len(order_ids) == 80
    assert all(up.state(order_id).terminal for order_id in order_ids)


def test_a_session_asks_seldom_while_the_venue_refuses_for_the_rate(up: CcxtStage) -> None:
    up.venue.statuses = {"private": 429}
    asked = up.asked()
    up.wait(60_000)
    assert up.asked() - asked < 40
    assert "rate_limited" in up.alerts()
    up.venue.statuses = {}
    up.wait(LONG_MS)
    assert up.session.reconciled


def test_a_currency_in_other_letters_costs_no_snapshot(up: CcxtStage) -> None:
    up.venue.money |= {"币安人生": Decimal(7)}
    up.told.clear()
    up.wait(LONG_MS)
    assert {balance.currency: balance.total for balance in up.snapshots()[-1].balances} == up.money()


@pytest.mark.parametrize("odd", [None, "", [], {}, 7, True, {"a": None}])
def test_an_odd_member_of_a_market_ends_no_session(up: CcxtStage, odd: Any) -> None:
    names = ["altname", "base", "quote", "baseAsset", "filters", "status", "symbol", "wsname", "fees", "tick_size"]

    def change(route: str, document: Any, name: str) -> Any:
        document = copy.deepcopy(document)
        rows = document.get("symbols", []) if route == "/exchangeInfo" else []
        rows += list(document["result"].values()) if route == "/AssetPairs" else []
        for row in rows:
            row[name] = odd
        return document

    for name in names:
        up.venue.change = partial(change, name=name)
        up.cut()
        up.wait(2_000)
    up.venue.change = None
    up.cut()
    up.wait(LONG_MS)
    assert up.session.reconciled
    assert list(up.dialect.markets) == [up.symbol]
