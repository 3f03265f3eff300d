"""What each topic tells at once and then: content, cadence, who may see what, and who is behind."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from c2wire import dto
from c2wire.book import Replay
from c2wire.wire import decode
from common.events import AlertLevel, Balance
from common.halts import DAILY_LOSS
from common.instruments import Side
from common.orders import OrderState
from common.testing.spot import BTCJPY, CURRENCY_LIMITS, changed
from gateway.c2.channels import RowsChannel
from gateway.c2.content import Visibility
from gateway.c2.hub import BEHIND_BYTES, BUFFER_BYTES_MAX, Hub
from gateway.testing.spot import Listener, SpotStory, subscription
from stompframes.subscriptions import Subscription

SEES_ALL = Visibility()
SEES_NO_EXCHANGE = Visibility(exchanges=False)


def listening(
    hub: Hub, story: SpotStory, destination: str, visibility: Visibility = SEES_ALL
) -> tuple[Listener, Subscription]:
    listener, asked = Listener(visibility), subscription(destination)
    hub.subscribe(listener, asked, story.now_ms)
    return listener, asked


def later(hub: Hub, story: SpotStory, seconds: float) -> None:
    story.later(seconds)
    hub.tick(story.now_ms)


def levels(package: Any, side: str) -> list[tuple[str, str, str | None]]:
    entries = [each for each in package["entries"] if each["side"] == side]
    assert [each["level"] for each in entries] == list(range(len(entries)))
    return [(each["price"], each["quantity"], each.get("exchange_id")) for each in entries]


def test_a_book_begins_with_a_snapshot_at_once(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/source-market-data/3")
    (package,) = listener.bodies()
    assert package["type"] == "snapshot_full_refresh"
    assert package["security_id"] == "BTCUSD"
    assert package["sequence_number"] == 1
    assert levels(package, "buy") == [("60000", "1", "KRAKEN"), ("59999.5", "2", "KRAKEN")]
    assert levels(package, "sell") == [("60001", "1.5", "KRAKEN")]


def test_c2_t2_s2_2_7_books_come_as_increments_each_second_and_snapshots_each_two(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/source-market-data/3")
    listener.bodies()
    story.book([(60_000.0, 1.0)], [(60_001.0, 1.0)])
    later(hub, story, 0.5)
    assert listener.bodies() == []
    later(hub, story, 0.5)
    assert [body["type"] for body in listener.bodies()] == ["incremental_update"]
    later(hub, story, 1)
    assert [(body["type"], body["sequence_number"]) for body in listener.bodies()] == [("snapshot_full_refresh", 3)]
    later(hub, story, 1)
    assert listener.bodies() == [], "nothing changed"


def test_replaying_what_a_late_reader_got_gives_the_book(hub: Hub, story: SpotStory) -> None:
    listening(hub, story, "/user/topic/source-market-data/3")
    later(hub, story, 0.5)
    late, _ = listening(hub, story, "/user/topic/source-market-data/3")
    for number in range(1, 9):
        story.book([(60_000.0 + number % 3, 1.0), (59_990.0, float(number))], [(60_010.0 - number, 2.0)])
        later(hub, story, 0.7)
    replay = Replay()
    for _, _, body in late.got:
        replay.apply(decode(body, dto.L2Package))
    assert [level.price for level in replay.book.bids] == [Decimal(60_002), Decimal(59_990)]


def test_a_book_of_several_exchanges_is_one_list(hub: Hub, story: SpotStory) -> None:
    story.spot_bot("5")
    story.book([(60_000.0, 0.5)], [(60_002.0, 1.0)], venue="binance_spot")
    seeing, _ = listening(hub, story, "/user/topic/source-market-data/5")
    blind, _ = listening(hub, story, "/user/topic/source-market-data/5", SEES_NO_EXCHANGE)
    (seen,), (summed,) = seeing.bodies(), blind.bodies()
    assert levels(seen, "buy") == [("60000", "0.5", "BINANCE"), ("60000", "1", "KRAKEN"), ("59999.5", "2", "KRAKEN")]
    assert levels(summed, "buy") == [("60000", "1.5", None), ("59999.5", "2", None)]


def test_a_book_that_its_venue_shows_no_more_is_empty(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/source-market-data/3")
    later(hub, story, 20)
    assert listener.bodies()[-1]["entries"] == []


@pytest.mark.parametrize(
    ("path", "symbol"),
    [("target-market-data", "BTCJPY"), ("hedger-market-data", "BTCUSD"), ("fx-market-data", "USDJPY")],
)
def test_c2_t3_t4_t5_each_kind_of_book_is_of_its_own_symbol(hub: Hub, story: SpotStory, path: str, symbol: str) -> None:
    listener, _ = listening(hub, story, f"/user/topic/{path}/3")
    (package,) = listener.bodies()
    assert package["security_id"] == symbol
    assert bool(package["entries"]) is (path != "target-market-data")


def test_a_book_of_another_symbol_begins_anew(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/source-market-data/3")
    listener.bodies()
    story.spot_bot(sections=changed(BTCJPY, instrument__underlyings="BTCEUR", instrument__fx_leg="EURJPY"))
    later(hub, story, 0.1)
    assert listener.bodies()[-1]["security_id"] == "BTCEUR"


def test_c2_t6_quotes_are_one_entry_for_each_working_order(hub: Hub, story: SpotStory) -> None:
    story.quote(5, Side.BUY, 8_990_000, 50)
    story.quote(6, Side.BUY, 9_000_000, immediate=True)
    story.quote(7, Side.SELL, 9_000_000, parent_id="h1")
    listener, _ = listening(hub, story, "/topic/quotes/3")
    (package,) = listener.bodies()
    assert sorted(levels(package, "buy")) == [
        ("8980000", "0.2", "DLTXMM"),
        ("8990000", "0.05", "DLTXMM"),
        ("8990000", "0.1", "DLTXMM"),
    ]
    assert [price for price, _, _ in levels(package, "sell")] == ["9010000", "9020000"]
    assert all(entry["number_of_orders"] == 1 for entry in package["entries"])


def test_c2_t7_figures_come_at_once_on_change_and_each_second(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/topic/trading-statistics")
    ((row,),) = listener.bodies()
    assert (row["algo_id"], row["open_buy_qty"], row["quoter_bot_qty"]) == (3, "1.5", 1.5)
    later(hub, story, 0.3)
    listener.bodies()
    later(hub, story, 0.3)
    assert listener.bodies() == []
    story.figures(pnl=Decimal("-2.25"))
    later(hub, story, 0.05)
    assert [body[0]["pnl"] for body in listener.bodies()] == [-2.25]
    story.figures(pnl=Decimal(-3))
    later(hub, story, 0.1)
    assert listener.bodies() == [], "at most four times a second"
    later(hub, story, 0.2)
    assert [body[0]["pnl"] for body in listener.bodies()] == [-3]
    later(hub, story, 1)
    assert len(listener.bodies()) == 1


def test_what_nobody_can_say_is_null(hub: Hub, story: SpotStory) -> None:
    story.figures(position_market_price=None, account_pnl=None)
    listener, _ = listening(hub, story, "/topic/trading-statistics")
    ((row,),) = listener.bodies()
    assert row["position_market_price"] is None and row["account_pnl"] is None


def test_c2_t8_i5_the_exposure_of_currencies(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/topic/risk-statistics")
    assert listener.bodies() == [
        [
            {
                "algo_key": "MM",
                "currency_id": 1,
                "open_buy_qty": 0.1,
                "open_sell_qty": 0.2,
                "current_position_size": -0.3,
            }
        ]
    ]


def test_c2_t10_orders_begin_whole_and_go_on_with_what_changed(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/orders/3")
    (rows,) = listener.bodies()
    assert [row["correlation_id"] for row in rows] == ["4", "3", "2", "1"], "newest first"
    assert rows[-1] == {
        "algo_id": 3,
        "timestamp": story.now_ms,
        "source": "DLTXMM",
        "side": "BUY",
        "exchange": "DLTXMM",
        "initiator": "QUOTER",
        "size": "0.1",
        "executed_size": "0",
        "price": "8990000",
        "correlation_id": "1",
        "symbol": "BTCJPY",
        "order_type": "LIMIT",
        "time_in_force": "GOOD_TILL_CANCEL",
        "order_status": "NEW",
        "text": "",
    }
    story.quote(1, Side.BUY, 8_990_000, leaves=40)
    story.quote(9, Side.SELL, 9_000_000, parent_id="h1", immediate=True)
    later(hub, story, 0.3)
    ((hedge, part),) = listener.bodies()
    assert (hedge["initiator"], hedge["time_in_force"]) == ("HEDGER", "IMMEDIATE_OR_CANCEL")
    assert (part["order_status"], part["executed_size"]) == ("PARTIALLY_FILLED", "0.06")
    later(hub, story, 0.3)
    assert listener.bodies() == []


def test_a_cancelled_order_shows_what_was_executed_of_it(hub: Hub, story: SpotStory) -> None:
    story.executed(2, Side.BUY, 8_980_000, 30, "t1")
    story.quote(2, Side.BUY, 8_980_000, 200, state=OrderState.CANCELLED, leaves=0)
    listener, _ = listening(hub, story, "/user/topic/orders/3")
    row = next(row for row in listener.bodies()[0] if row["correlation_id"] == "2")
    assert (row["order_status"], row["size"], row["executed_size"]) == ("CANCELED", "0.2", "0.03")


def test_open_orders_stay_in_the_list_however_many_end_after_them(hub: Hub, story: SpotStory) -> None:
    for order_id in range(100, 320):
        story.quote(order_id, Side.BUY, 1, state=OrderState.CANCELLED, leaves=0)
    listener, _ = listening(hub, story, "/user/topic/orders/3")
    (rows,) = listener.bodies()
    assert len(rows) == 100
    assert {row["correlation_id"] for row in rows if row["order_status"] == "NEW"} == {"1", "2", "3", "4"}


def test_c2_t11_trades_come_once_however_often_they_are_told(hub: Hub, story: SpotStory) -> None:
    story.executed(1, Side.BUY, 8_990_000, 60, "t1")
    listener, _ = listening(hub, story, "/user/topic/trades/3")
    ((row,),) = listener.bodies()
    assert (row["execution_id"], row["execution_size"], row["execution_price"], row["order_correlation_id"]) == (
        "t1",
        "0.06",
        "8990000",
        "1",
    )
    story.executed(1, Side.BUY, 8_990_000, 60, "t1")
    later(hub, story, 0.3)
    assert listener.bodies() == []
    story.executed(1, Side.BUY, 8_990_000, 40, "t2")
    later(hub, story, 0.3)
    assert [[row["execution_id"] for row in body] for body in listener.bodies()] == [["t2"]]


def test_c2_t9_executions_push_no_warning_out_of_the_alerts(hub: Hub, story: SpotStory) -> None:
    story.told(
        "Self Prevention: BTCJPY SELL 1.5 @ 441284.435",
        action="Ignore Order",
        venue="dltxmm_spot",
        symbol="BTCJPY",
        order_id=77,
    )
    for number in range(300):
        story.told(f"Execution: BTCJPY BUY 0.1 @ {number}", AlertLevel.INFO)
    listener, _ = listening(hub, story, "/topic/alerts")
    (rows,) = listener.bodies()
    assert [row["sequence"] for row in rows] == sorted((row["sequence"] for row in rows), reverse=True)
    warning = {name: rows[-1][name] for name in ("level", "action", "exchange", "algo_id", "correlation_order_id")}
    assert warning == {
        "level": "WARNING",
        "action": "Ignore Order",
        "exchange": "DLTXMM",
        "algo_id": 3,
        "correlation_order_id": "77",
    }
    assert len(rows) == 101
    story.told("something else", AlertLevel.CRITICAL, "platform")
    later(hub, story, 0.3)
    assert [[(row["level"], row["algo_id"]) for row in body] for body in listener.bodies()] == [[("ERROR", None)]]


def test_c2_t12_balances_are_summed_over_the_accounts_of_an_exchange(hub: Hub, story: SpotStory) -> None:
    story.spot_account("mm2", "dltxmm_spot", Balance(currency="BTC", total=Decimal(1), available=Decimal(1)))
    listener, _ = listening(hub, story, "/topic/balances")
    (rows,) = listener.bodies()
    assert [(row["ccy"], row["src"], row["am"], row["av"], row["fr"]) for row in rows] == [
        ("BTC", "DLTXMM", 3, 2.5, 0.5),
        ("JPY", "DLTXMM", 2001, 1800.5, 200.5),
    ]
    later(hub, story, 9)
    listener.bodies()
    later(hub, story, 5)
    assert listener.bodies() == []
    later(hub, story, 5.1)
    assert len(listener.bodies()) == 1


def test_c2_t12_i1_balances_of_a_bot_are_those_of_its_exchanges_and_currencies(hub: Hub, story: SpotStory) -> None:
    story.spot_account("other", "bittrex_spot", Balance(currency="BTC", total=Decimal(1), available=Decimal(1)))
    story.spot_account("mm3", "kraken_spot", Balance(currency="ADA", total=Decimal(1), available=Decimal(1)))
    listener, _ = listening(hub, story, "/topic/balances/3")
    (rows,) = listener.bodies()
    assert {(row["src"], row["ccy"]) for row in rows} == {("DLTXMM", "BTC"), ("DLTXMM", "JPY"), ("KRAKEN", "JPY")}


def test_c2_t1_each_accepted_change_is_exactly_one_update(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/topic/config")
    assert listener.bodies() == []
    story.spot_bot(sections=changed(BTCJPY, pricer__min_spread="8 bps [40]"))
    story.spot_bot(sections=changed(BTCJPY, pricer__min_spread="6 bps [30]"))
    later(hub, story, 0.05)
    assert [(body["action_type"], body["config_type"], body["config"]["min_spread"]) for body in listener.bodies()] == [
        ("UPDATED", "PRICER", "8 bps [40]"),
        ("UPDATED", "PRICER", "6 bps [30]"),
    ]
    later(hub, story, 5)
    assert listener.bodies() == []


def test_c2_t1_i11_a_configuration_is_told_with_the_values_and_types_it_was_sent_in(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/topic/config")
    story.spot_bot(sections=changed(BTCJPY, risk_limits__max_long_exposure=4.0), running=False)
    later(hub, story, 0.05)
    limits, instrument = sorted(listener.bodies(), key=lambda body: body["config_type"], reverse=True)
    assert limits["config"]["max_long_exposure"] == 4 and limits["config"]["max_quoter_position_size"] == "10"
    assert instrument["config"] == {
        "instrument": "BTCJPY",
        "exchange": "DLTXMM",
        "underlyings": "BTCUSD",
        "running": False,
        "algo_id": 3,
        "algo_key": "MM",
        "source_exchange": "KRAKEN",
        "fx_leg": "USDJPY",
        "fx_exchange": None,
        "comments": "direct FX: dollars into yen",
    }


def test_documents_of_the_platform_are_updates_too(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/topic/config")
    story.document("currency_risk_limits", "1", CURRENCY_LIMITS)
    story.document("currency_risk_limits", "1", CURRENCY_LIMITS, removed=True)
    story.document("rebalancer", "1", {"running": True})
    later(hub, story, 0.05)
    assert [
        (body["action_type"], body["config_type"], body["config"]["currency_id"]) for body in listener.bodies()
    ] == [
        ("UPDATED", "CURRENCY_RISK_LIMITS", 1),
        ("REMOVED", "CURRENCY_RISK_LIMITS", 1),
    ]


def test_a_halt_for_loss_shows_as_not_running(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/topic/config")
    story.halt("bot-3", DAILY_LOSS)
    later(hub, story, 0.3)
    assert {(body["config_type"], body["config"]["running"]) for body in listener.bodies()} == {
        ("INSTRUMENT", False),
        ("PRICER", False),
        ("HEDGER", False),
    }
    story.halt("bot-3", DAILY_LOSS, lifted=True)
    later(hub, story, 0.3)
    assert all(body["config"]["running"] for body in listener.bodies())


def test_a_bot_that_may_still_reduce_keeps_its_hedger(hub: Hub, story: SpotStory) -> None:
    story.spot_bot(sections=changed(BTCJPY, risk_limits__on_day_loss="reduce"))
    listener, _ = listening(hub, story, "/topic/config")
    story.halt("bot-3", DAILY_LOSS)
    later(hub, story, 0.3)
    assert {body["config_type"] for body in listener.bodies()} == {"INSTRUMENT", "PRICER"}


@pytest.mark.parametrize(
    ("destination", "status", "rule"),
    [
        ("/topic/weather", 404, "there is no topic"),
        ("/user/topic/orders/99", 404, "there is no bot 99"),
        ("/user/topic/orders/x", 400, "must be a number"),
        ("/user/topic/source-market-data/1", 404, "bot 1 is of kind binary"),
        ("/user/topic/fx-market-data/5", 404, "bot 5 has no fx book"),
    ],
)
def test_c2_a12_what_cannot_be_had_is_said_under_the_subscription(
    hub: Hub, story: SpotStory, destination: str, status: int, rule: str
) -> None:
    story.bot()
    story.spot_bot("5")
    listener, _ = listening(hub, story, destination)
    ((asked, told, body),) = listener.refused
    assert (asked, told, body["name"]) == (destination, status, "stomp_error")
    assert rule in body["message"]
    assert len(hub) == 0


def test_orders_of_a_bot_of_another_kind_are_to_be_had(hub: Hub, story: SpotStory) -> None:
    story.quoting()
    listener, _ = listening(hub, story, "/user/topic/orders/1")
    assert {row["symbol"] for row in listener.bodies()[0]} != set()


def test_a_user_with_a_list_of_bots_sees_those_alone(hub: Hub, story: SpotStory) -> None:
    story.spot_bot("5")
    story.figures("5")
    story.told("of five", algo_id="5")
    story.told("of three")
    only = Visibility(bots=frozenset({"3"}))
    refused, _ = listening(hub, story, "/user/topic/orders/5", only)
    assert [(status, body["message"]) for _, status, body in refused.refused] == [
        (403, "algo_id: bot 5 is not among those you may see")
    ]
    for destination, field in (("/topic/trading-statistics", "algo_id"), ("/topic/alerts", "algo_id")):
        listener, _ = listening(hub, story, destination, only)
        assert {row[field] for row in listener.bodies()[0]} == {3}
    config, _ = listening(hub, story, "/topic/config", only)
    story.spot_bot("5", running=False)
    later(hub, story, 0.1)
    assert config.bodies() == []


def test_a_bot_that_is_removed_ends_its_topics(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/orders/3")
    stored = story.view.bots["3"].event
    story.tell(story.view.on_bot, msgspec.structs.replace(stored, removed=True, revision=stored.revision + 1))
    later(hub, story, 0.1)
    assert [(status, body["message"]) for _, status, body in listener.refused] == [(404, "algo_id: there is no bot 3")]
    assert len(hub) == 0


def test_a_destination_that_cannot_be_made_ends_alone(story: SpotStory, monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[str] = []
    hub = Hub(story.view, lambda destination, error: failed.append(f"{destination}: {error}"))
    orders, _ = listening(hub, story, "/user/topic/orders/3")
    book, _ = listening(hub, story, "/user/topic/source-market-data/3")
    book.got.clear()

    def fail(channel: RowsChannel[Any], now_ms: int) -> list[bytes]:
        raise ZeroDivisionError("a row")

    monkeypatch.setattr(RowsChannel, "tick", fail)
    story.book([(60_000.0, 1.0)], [(60_001.0, 1.0)])
    later(hub, story, 1)
    assert [(status, body["message"]) for _, status, body in orders.refused] == [
        (500, "destination: our own code failed, ZeroDivisionError")
    ]
    assert failed == ["/user/topic/orders/3: a row"]
    assert (len(book.bodies()), len(hub)) == (1, 1)


def test_errors_are_repeated_to_who_reads_responses(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/responses")
    hub.subscribe(listener, subscription("/topic/weather"), story.now_ms)
    ((destination, status, _),) = listener.got
    assert (destination, status) == ("/user/topic/responses", 404)


def test_a_body_is_made_once_for_all_readers(hub: Hub, story: SpotStory) -> None:
    readers = [listening(hub, story, "/topic/trading-statistics")[0] for _ in range(3)]
    for reader in readers:
        reader.got.clear()
    story.figures(pnl=Decimal(7))
    later(hub, story, 0.3)
    assert len({id(body) for reader in readers for _, _, body in reader.got}) == 1


def test_a_reader_who_is_behind_gets_the_newest_book_in_place_of_what_he_missed(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/source-market-data/3")
    other, _ = listening(hub, story, "/user/topic/source-market-data/3")
    listener.got.clear()
    listener.waiting_bytes = BEHIND_BYTES + 1
    for number in range(4):
        story.book([(60_000.0 + number, 1.0)], [(60_010.0, 1.0)])
        later(hub, story, 1)
    assert listener.got == [] and len(other.got) > 3
    listener.waiting_bytes = 0
    later(hub, story, 0.05)
    (package,) = listener.bodies()
    assert package["type"] == "snapshot_full_refresh" and levels(package, "buy")[0][0] == "60003"
    assert package["sequence_number"] == other.bodies()[-1]["sequence_number"]
    assert hub.replaced == 1


def test_a_reader_who_would_miss_orders_is_let_go(hub: Hub, story: SpotStory) -> None:
    listener, _ = listening(hub, story, "/user/topic/orders/3")
    listener.got.clear()
    listener.waiting_bytes = BUFFER_BYTES_MAX + 1
    story.quote(1, Side.BUY, 8_990_001)
    later(hub, story, 0.3)
    assert listener.ended.startswith("too slow:") and listener.got == []


def test_nothing_is_kept_of_who_has_left(hub: Hub, story: SpotStory) -> None:
    listener, asked = listening(hub, story, "/user/topic/orders/3")
    hub.unsubscribe(listener, asked)
    hub.unsubscribe(listener, asked)
    assert len(hub) == 0
    hub.subscribe(listener, subscription("/topic/alerts"), story.now_ms)
    hub.leave(listener)
    hub.leave(listener)
    assert len(hub) == 0


def test_what_our_code_fails_at_for_one_connection_ends_that_one_alone(story: SpotStory) -> None:
    reported: list[str] = []
    hub = Hub(story.view, lambda destination, error: reported.append(f"{destination}: {error}"))
    broken, other = Listener(fails=True), Listener()
    for listener in (broken, other):
        hub.join(listener)
        hub.subscribe(listener, subscription("/topic/trading-statistics"), story.now_ms)
    later(hub, story, 1)
    assert broken.dropped and not other.dropped and other.looks == 1
    assert reported[0] == "a connection: a fault of ours"
    assert len(hub) == 1
