"""Market-maker protection: what trips it, what it does, and that it lets go again."""

from __future__ import annotations

import pytest
from common.bots import Protection
from common.events import Alert, AlertLevel, QuoteTarget
from hypothesis import given
from hypothesis import strategies as st
from quoter.signals.protection import Window
from quoter.testing.script import MS, S, Script, config

fills = st.lists(st.tuples(st.integers(0, 3_000), st.integers(1, 500), st.booleans()), max_size=60)


@given(fills)
def test_it_trips_exactly_when_a_window_holds_more_than_a_limit(story: list[tuple[int, int, bool]]) -> None:
    limits = Protection(window_s=2.0, max_fills=8, max_volume=1_500, max_net=900)
    window, now_ms, inside = Window(), 0, list[tuple[int, int, int]]()
    for wait_ms, lots, yes in story:
        now_ms += wait_ms
        inside = [each for each in inside if each[0] > now_ms - 2_000]
        inside.append((now_ms, lots, lots if yes else -lots))
        volume, net = sum(each[1] for each in inside), abs(sum(each[2] for each in inside))
        expected = len(inside) > 8 or volume > 1_500 or net > 900
        why = window.on_fill(lots, lots if yes else -lots, now_ms * MS, limits)
        assert bool(why) == expected
        assert window.frozen(now_ms * MS) >= expected
        if expected:
            inside = []


def test_a_limit_of_zero_is_off() -> None:
    window = Window()
    limits = Protection(max_fills=0, max_volume=0, max_net=0)
    assert [window.on_fill(10_000, 10_000, number, limits) for number in range(100)] == [""] * 100


def take(script: Script, lots: int) -> None:
    order = next(order for order in script.venue.open_orders() if order.outcome == "yes")
    script.venue.fill(order, lots)
    script.deliver()


def protected(**limits: float) -> Script:
    script = Script()
    script.start(config(protection=limits))
    script.wait(500, fair=0.50)
    script.told.clear()
    return script


@pytest.mark.parametrize(
    ("limits", "takes", "why"),
    [
        ({"max_fills": 2}, [5, 5, 5], "3 fills within 5 s, limit 2"),
        ({"max_volume": 60}, [40, 40], "80 shares within 5 s, limit 60"),
        ({"max_net": 60}, [40, 40], "80 shares net within 5 s, limit 60"),
    ],
)
def test_f2_a_market_taken_from_too_fast_is_pulled_frozen_and_quoted_again_later(
    limits: dict[str, float], takes: list[int], why: str
) -> None:
    script = protected(**limits)
    for lots in takes:
        assert script.venue.open_orders()
        take(script, lots)
    assert script.venue.open_orders() == []
    [alert] = [alert for alert in script.of(Alert) if alert.kind == "protection"]
    assert (alert.level, alert.text.partition(": ")[2]) == (AlertLevel.WARNING, why)
    script.wait(4_900, fair=0.50)
    assert script.venue.open_orders() == []
    told = script.of(QuoteTarget)[-1]
    assert (told.state, told.reason) == ("frozen", why)
    script.wait(200, fair=0.50)
    assert script.venue.open_orders()
    take(script, 5)
    assert script.venue.open_orders(), "what led to the last freeze does not count again"


def test_slow_trading_never_trips_it() -> None:
    script = protected(max_fills=2)
    for _ in range(10):
        take(script, 5)
        script.wait(2_600, fair=0.50)
        assert script.venue.open_orders()


def test_fills_of_a_break_that_are_fetched_later_do_not_freeze() -> None:
    script = protected(max_fills=2)
    order = next(order for order in script.venue.open_orders() if order.outcome == "yes")
    for _ in range(5):
        script.venue.fill(order, 5)
    script.venue.frames.clear()
    script.cut()
    script.now_ns += 1 * S
    script.wait(3_000, fair=0.50)
    assert script.core.blotter.fills >= 5
    assert [alert for alert in script.of(Alert) if alert.kind == "protection"] == []
    assert script.venue.open_orders()
