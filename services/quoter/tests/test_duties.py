"""What even the smallest market maker owes: prices around the middle, renewed in their place, and nothing ever sold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.bots import Quoting
from common.core import Every
from common.events import Halt
from common.running.telemetry import render_metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from quoter.testing.script import MARKET, MS, S, Script, config, market

OTHER = "ETH-5M-1795223100"
TWO_SERIES = {
    "series": ["BTC-5M", "ETH-5M"],
    "sources": {"BTC": [{"symbol": "BTCUSDT"}], "ETH": [{"symbol": "ETHUSDT"}]},
}
SMALLEST: dict[str, Any] = {"spread": 0.04, "size": 100, "levels": 1, "spacing": 0.01}


def middle(yes_price: float, no_price: float) -> float:
    """Return what the source's quick start takes for fair: (yes + (1 - no)) / 2."""
    return (yes_price + (1 - no_price)) / 2


def smallest() -> Script:
    script = Script()
    script.start(config(quoting=SMALLEST))
    return script


def resting(script: Script) -> list[tuple[str, str, Decimal, int]]:
    orders = script.venue.open_orders()
    return sorted((order.side, order.outcome, Decimal(order.price), order.size) for order in orders)


def test_s1_11_the_minimum_viable_market_maker_bids_two_cents_around_the_middle() -> None:
    script = smallest()
    script.wait(500, fair=middle(0.52, 0.50))
    # The middle is 0.51: YES is bid for at 0.49, and NO at 1 - 0.53.
    assert resting(script) == [("bid", "no", Decimal("0.47"), 100), ("bid", "yes", Decimal("0.49"), 100)]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.floats(0.30, 0.70), min_size=5, max_size=30))
def test_b29_however_often_the_middle_moves_two_orders_rest_on_the_grid_and_none_sells(middles: list[float]) -> None:
    script = smallest()
    script.wait(500, fair=0.50)
    for fair in middles:
        script.wait(1_000, fair=fair)
        orders = resting(script)
        assert [(side, outcome) for side, outcome, _, _ in orders] == [("bid", "no"), ("bid", "yes")]
        assert all(price % Decimal("0.01") == 0 for _, _, price, _ in orders)
        assert orders[0][2] + orders[1][2] <= Decimal("0.98")
    assert {order.side for order in script.venue.orders.values()} == {"bid"}
    # What was replaced is gone: nothing is left behind at former prices.
    assert len([order for order in script.venue.orders.values() if order.status == "open"]) == 2


def test_b29_a_minute_in_which_nothing_moves_sends_nothing() -> None:
    script = smallest()
    script.wait(500, fair=0.50)
    sent = len(script.venue.orders)
    script.wait(60_000, fair=0.50)
    assert len(script.venue.orders) == sent == 2


def test_s1_6_what_time_alone_has_changed_is_acted_on_within_a_tenth_of_a_second() -> None:
    script = Script()
    script.quoting(0.50)
    heard_ns = script.now_ns
    [timer] = [each for each in script.core.inputs() if isinstance(each, Every)]
    while resting(script):
        assert script.now_ns - heard_ns <= S + S // 10, "prices of more than a second ago are still quoted"
        script.now_ns += timer.period_ms * MS
        script.carry(timer.handler(script.receipt()))
    assert script.now_ns - heard_ns > S // 2, "they were pulled for their age"


def test_s1_6_without_a_price_nothing_is_quoted() -> None:
    script = Script()
    script.start()
    script.wait(2_000)
    assert script.venue.orders == {}


def test_s1_6_cancels_come_before_places_and_what_need_not_move_stays() -> None:
    script = Script()
    script.quoting(0.50)
    kept = {order.client_order_id for order in script.venue.open_orders()}
    script.fair(0.51)
    items = script.venue.received[-1]["items"]
    kinds = [item["op"] for item in items]
    assert kinds == sorted(kinds)
    assert set(kinds) == {"cancel", "place"}
    assert len(items) < 2 * Quoting().levels * 2
    assert len(kept & {order.client_order_id for order in script.venue.open_orders()}) == 4


def test_s1_6_from_the_close_threshold_on_everything_is_cancelled() -> None:
    script = Script()
    script.start(config(inventory={"close_threshold_s": 30.0, "reduce_only_s": 30.0}))
    script.wait(500, fair=0.50)
    assert resting(script)
    script.now_ns += 258 * S
    script.wait(500, fair=0.50)
    assert resting(script)
    script.now_ns += S
    script.wait(500, fair=0.50)
    assert resting(script) == []


def test_s1_7_daily_loss_position_and_least_spread_are_asked_before_every_order() -> None:
    stopped = Script()
    stopped.quoting(0.50)
    stopped.feed_inputs(halts=["bot-1:daily_loss"])
    stopped.fair(0.50)
    assert resting(stopped) == []
    full = Script()
    full.start(config(inventory={"max_position": 150}))
    full.wait(500, fair=0.50)
    by_outcome = {"yes": 0, "no": 0}
    for _, outcome, _, size in resting(full):
        by_outcome[outcome] += size
    assert by_outcome == {"yes": 150, "no": 150}
    tight = Script()
    tight.start(config(quoting={"spread": 0.001}))
    tight.wait(500, fair=0.50)
    best = {outcome: max(price for _, each, price, _ in resting(tight) if each == outcome) for outcome in ("yes", "no")}
    assert best["yes"] + best["no"] <= Decimal("0.98")


def test_s1_9_open_orders_and_quote_updates_are_told_for_each_market() -> None:
    script = Script()
    script.quoting(0.50)
    text = render_metrics(script.core.samples).decode()
    where = f'{{algo_id="1",symbol="{MARKET}"}}'
    assert f"mm_orders_open{where} 6.0" in text
    before = float(text.split(f"mm_quote_updates_total{where} ")[1].split()[0])
    script.fair(0.52)
    script.fair(0.52)
    after = render_metrics(script.core.samples).decode()
    assert float(after.split(f"mm_quote_updates_total{where} ")[1].split()[0]) == before + 1
    assert "# TYPE mm_orders_open gauge" in text
    assert "# TYPE mm_quote_updates_total counter" in text


def test_s1_9_prices_more_than_five_seconds_old_stop_quoting() -> None:
    script = Script()
    script.quoting(0.50)
    script.fair(0.50, age_ms=1_000)
    assert len(resting(script)) == 6
    script.fair(0.50, age_ms=1_001)
    assert resting(script) == []


def test_b19_a_stale_market_is_emptied_and_its_neighbour_stays() -> None:
    script = Script()
    script.start(config(instrument=TWO_SERIES))
    other = replace(market(symbol=OTHER), series="ETH-5M", underlying="ETH")
    script.carry(script.core.on_market(other, script.receipt(3)))
    for _ in range(14):
        script.fair(0.50, symbol=OTHER)
        script.wait(50, fair=0.50)
    assert {order.market for order in script.venue.open_orders()} == {MARKET, OTHER}
    script.fair(0.50, age_ms=6_000)
    assert {order.market for order in script.venue.open_orders()} == {OTHER}
    for _ in range(14):
        script.fair(0.50, symbol=OTHER)
        script.wait(50, fair=0.50)
    assert {order.market for order in script.venue.open_orders()} == {MARKET, OTHER}


@pytest.mark.parametrize("reason", ["daily_loss", "drawdown"])
def test_b15_a_breach_takes_everything_away_at_once_and_nothing_returns_until_it_is_lifted(reason: str) -> None:
    script = Script()
    script.quoting(0.50)
    stop = Halt(scope="bot-1", reason=reason, actor="risk", halt_id="h1", cancels=True, ts_ns=script.now_ns)
    script.carry(script.core.on_halt(stop, script.receipt(7)))
    script.wait(10_000, fair=0.50)
    assert resting(script) == []
    script.carry(script.core.on_halt(replace(stop, lifted=True, actor="anna", halt_id="h2"), script.receipt(8)))
    script.wait(1_000, fair=0.50)
    assert len(resting(script)) == 6
