"""Refused orders: what waits, for how long, who is told, and when the account stops."""

from __future__ import annotations

from typing import Any

import pytest
from common.events import Alert, AlertLevel, Halt
from common.instruments import Outcome, Side
from common.orders import OrderState
from quoter.orders.own_orders import Order
from quoter.orders.refusals import (
    CANCEL_AGAIN_MAX_NS,
    HALT_AFTER_NS,
    HALT_ORDERS_MIN,
    PAUSE_MAX_NS,
    PAUSE_NS,
    PRICE_HOLD_NS,
    TAKING_PAUSE_MAX_NS,
    AccountRefusals,
    MarketRefusals,
)
from quoter.testing.ending import crossings, near_expiry, show
from quoter.testing.script import MARKET, START_NS, S, Script, config, position

T0_NS = 1_000 * S


def an_order(number: int = 1, ticks: int = 48, *, immediate: bool = False) -> Order:
    return Order(number, "1", MARKET, Outcome.YES, Side.BUY, ticks, 100, immediate=immediate)


def placed(script: Script) -> int:
    batches = [frame["items"] for frame in script.venue.received if frame["op"] == "batch"]
    return sum(item["op"] == "place" for items in batches for item in items)


def kinds(script: Script) -> list[tuple[AlertLevel, str]]:
    return [(alert.level, alert.kind) for alert in script.of(Alert)]


# --- the rules --------------------------------------------------------------------------------------------------------


def test_a_market_waits_twice_as_long_after_each_refusal_up_to_a_bound_and_asks_with_one_order() -> None:
    here, now_ns, waits = MarketRefusals(), T0_NS, []
    for _ in range(8):
        pause = here.on_refused(an_order(), "unavailable", now_ns)
        assert pause is not None
        waits.append(pause.until_ns - now_ns)
        assert here.on_refused(an_order(2), "unavailable", now_ns) is None, "the rest of the batch counts once"
        assert here.pause(now_ns, taking=False) is pause
        assert here.orders_max(6, taking=False) == 1
        now_ns = pause.until_ns
        assert here.pause(now_ns, taking=False) is None
    assert waits == [min(PAUSE_MAX_NS, PAUSE_NS << time) for time in range(8)]
    here.on_taken(an_order())
    assert here.orders_max(6, taking=False) == 6


def test_reasons_wait_on_their_own_and_the_longest_counts() -> None:
    here, later_ns = MarketRefusals(), T0_NS + PAUSE_NS
    here.on_refused(an_order(), "rate_limited", T0_NS)
    here.on_refused(an_order(), "rate_limited", later_ns)
    here.on_refused(an_order(), "unavailable", later_ns)
    pause = here.pause(later_ns, taking=False)
    assert pause is not None
    assert (pause.code, pause.until_ns) == ("rate_limited", later_ns + 2 * PAUSE_NS)


def test_a_price_that_would_have_traded_is_held_alone() -> None:
    here = MarketRefusals()
    assert here.on_refused(an_order(ticks=48), "would_cross", T0_NS) is None
    assert here.pause(T0_NS, taking=False) is None
    assert here.held(Outcome.YES, 48, T0_NS) == PRICE_HOLD_NS
    assert here.held(Outcome.YES, 47, T0_NS) == 0
    assert here.held(Outcome.NO, 48, T0_NS) == 0
    assert here.held(Outcome.YES, 48, T0_NS + PRICE_HOLD_NS) == 0


def test_orders_that_take_wait_shortly_and_by_their_own_refusals_only() -> None:
    here, now_ns = MarketRefusals(), T0_NS
    here.on_refused(an_order(), "unavailable", now_ns)
    assert here.pause(now_ns, taking=True) is None
    for _ in range(6):
        pause = here.on_refused(an_order(immediate=True), "unavailable", now_ns)
        assert pause is not None
        now_ns, last_ns = pause.until_ns, now_ns
    assert now_ns - last_ns == TAKING_PAUSE_MAX_NS


def test_the_account_halts_when_nothing_is_taken_for_long_and_not_before() -> None:
    refusals = AccountRefusals()
    verdicts = [
        refusals.on_refused(an_order(), "unavailable", None, T0_NS + step * HALT_AFTER_NS // 10) for step in range(11)
    ]
    assert [bool(verdict.halt) for verdict in verdicts] == [False] * 10 + [True]
    assert "11 new orders refused and none accepted for 30 s: unavailable" in verdicts[-1].halt


@pytest.mark.parametrize("code", ["would_cross", "market_not_open", "tick_size_changed", "fok_not_filled"])
def test_what_is_not_the_accounts_fault_never_halts_it(code: str) -> None:
    refusals = AccountRefusals()
    for step in range(100):
        assert not refusals.on_refused(an_order(), code, None, T0_NS + step * S).halt


def test_an_order_taken_anywhere_begins_the_count_anew() -> None:
    refusals = AccountRefusals()
    for step in range(50):
        assert not refusals.on_refused(an_order(), "insufficient_funds", None, T0_NS + step * S).halt
        if step % 20 == 19:
            refusals.on_taken()
    few = AccountRefusals()
    for step in range(HALT_ORDERS_MIN - 1):
        assert not few.on_refused(an_order(), "unavailable", None, T0_NS + step * HALT_AFTER_NS).halt


# --- in the quoter ----------------------------------------------------------------------------------------------------


def moving(script: Script, ms: int) -> None:
    """Let time pass while the fair value goes up and down by three cents."""
    for step in range(ms // 100):
        script.wait(100, fair=0.50 + 0.01 * (step % 4))


@pytest.mark.parametrize("code", ["unavailable", "rate_limited", "insufficient_funds"])
def test_r11_orders_refused_for_a_minute_are_few_are_told_once_and_end_in_a_halt(code: str) -> None:
    script = Script()
    script.quoting(0.50)
    before = placed(script)
    script.venue.refuse = code
    moving(script, 29_000)
    assert placed(script) - before <= 15, "895 in a minute before"
    assert kinds(script).count((AlertLevel.WARNING, "orders_refused")) == 1
    assert script.of(Halt) == []
    moving(script, 31_000)
    assert [(halt.scope, halt.reason) for halt in script.of(Halt)] == [("account-mm1", "orders_refused")]
    assert placed(script) - before <= 20


def test_r11_a_moment_s_trouble_is_over_with_the_first_order_that_is_taken() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse = "unavailable"
    moving(script, 1_000)
    script.venue.refuse = ""
    script.wait(2_500, fair=0.55)
    assert len(script.venue.prices("yes")) == len(script.venue.prices("no")) == 3
    assert script.of(Halt) == []


def test_r11_a_market_that_is_not_open_waits_alone_and_halts_nothing() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse = "market_not_open"
    before = placed(script)
    moving(script, 60_000)
    assert placed(script) - before <= 20
    assert kinds(script).count((AlertLevel.WARNING, "orders_refused")) == 1
    assert script.of(Halt) == []


def test_r11_a_cancel_that_is_refused_is_tried_for_ever_but_not_all_the_time() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse_cancels = "unavailable"

    def cancels() -> int:
        batches = [frame["items"] for frame in script.venue.received if frame["op"] == "batch"]
        return sum(item["op"] == "cancel" for items in batches for item in items)

    before, orders = cancels(), len(script.venue.open_orders())
    script.wait(10_000, fair=0.60)
    assert 5 * orders < cancels() - before <= orders * (10 * S // CANCEL_AGAIN_MAX_NS + 5)
    assert kinds(script).count((AlertLevel.CRITICAL, "cancels_refused")) == 1
    script.venue.refuse_cancels = ""
    script.wait(1_500, fair=0.60)
    assert min(script.venue.prices("yes")) >= "0.56"


def test_r11_orders_that_wait_say_why() -> None:
    script = Script()
    script.quoting(0.50)
    script.venue.refuse = "unavailable"
    script.wait(200, fair=0.55)
    script.now_ns += S // 50
    refused = newest(script)["refused"]
    assert {row["check"] for row in refused} == {"refused_before"}
    assert "unavailable: the market waits" in refused[0]["detail"]


def newest(script: Script) -> dict[str, Any]:
    found = script.core.explain({"market": MARKET}, script.now_ns)
    assert found is not None
    passes: list[dict[str, Any]] = found["bots"][0]["passes"]
    return passes[0]


# --- near expiry ------------------------------------------------------------------------------------------------------


def test_r60_a_price_refused_to_a_resting_order_is_open_to_the_order_that_takes_there() -> None:
    script = Script()
    script.start(config(unwind={"taker_fee": 0.0}))
    script.now_ns = START_NS + 290 * S - 500_000_000
    script.carry(script.core.on_position(position(1, 100, 0), script.receipt()))
    script.venue.refuse = "would_cross"
    script.wait(500, fair=0.50)
    quoted = script.core.bots["1"].quoted[MARKET]
    assert quoted.refusals.held(Outcome.NO, 52, script.now_ns), "two cents beyond fair value, refused"
    script.venue.refuse, script.venue.takeable = "", 100
    show(script, [(0.48, 100)], [])
    script.wait(50, fair=0.50)
    assert [(item["outcome"], item["price"], item["size"]) for item in crossings(script)] == [("no", "0.52", 100)]
    assert script.core.trader.holdings.of("1", MARKET)[:2] == (100, 100)


@pytest.mark.parametrize(
    ("bids", "sections", "why"),
    [
        ([(0.30, 100.0)], {}, "nothing in the book is worth its price"),
        (None, {}, "no book has been seen"),
        ([(0.49, 100.0)], {"unwind": {"cross_budget": 0.0}}, "what crossing may cost in this market is spent"),
    ],
)
def test_r60_where_nothing_is_taken_the_reason_is_told(
    bids: list[tuple[float, float]] | None, sections: dict[str, Any], why: str
) -> None:
    script = near_expiry(100, 0, **sections)
    if bids is not None:
        show(script, bids, [])
    script.wait(300, fair=0.50)
    assert crossings(script) == []
    assert newest(script)["not_taking"] == why


def test_r60_orders_that_wait_for_room_say_so() -> None:
    script = Script()
    script.start(config(inventory={"max_position": 300}))
    script.wait(500, fair=0.50)
    script.hold_frames = True
    script.wait(100, fair=0.60)
    assert {row["check"] for row in newest(script)["refused"]} == {"no_room_yet"}
    assert all(order.state is OrderState.CANCELLING for order in script.core.trader.orders.of("1", MARKET))
