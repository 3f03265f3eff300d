"""The shell's timers, in a time of their own."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from common.running import periods
from common.running.periods import at_period
from hypothesis import given
from hypothesis import strategies as st

RUNS = 50


class Ended(Exception):
    """Enough was seen."""


def calls_of(period_ms: int, works_ms: list[int], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return when a timer was called, in ms, when its turns take so long."""
    now_ms = 0.0
    called: list[int] = []

    async def sleep(seconds: float) -> None:
        nonlocal now_ms
        now_ms += seconds * 1000

    async def call() -> None:
        nonlocal now_ms
        called.append(round(now_ms))
        if len(called) > len(works_ms):
            raise Ended
        now_ms += works_ms[len(called) - 1]

    loop = SimpleNamespace(time=lambda: now_ms / 1000)
    monkeypatch.setattr(periods, "asyncio", SimpleNamespace(get_running_loop=lambda: loop, sleep=sleep))
    with pytest.raises(Ended):
        asyncio.run(at_period(period_ms / 1000, call))
    return called


def test_b23_a_timer_keeps_its_deadline_whatever_its_work_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calls_of(100, [30] * RUNS, monkeypatch) == [100 * turn for turn in range(1, RUNS + 2)]


def test_b23_a_turn_that_overran_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert calls_of(100, [30, 350, 30, 30], monkeypatch) == [100, 200, 650, 750, 850]


@given(st.integers(10, 200), st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_b23_a_timer_is_never_early_and_its_lateness_does_not_add_up(period_ms: int, works_ms: list[int]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        called = calls_of(period_ms, works_ms, monkeypatch)
    for turn, work in enumerate(works_ms):
        gap = called[turn + 1] - called[turn]
        assert gap <= max(period_ms, work + period_ms)
        if turn + 2 < len(called) and max(work, works_ms[turn + 1]) < period_ms:
            assert called[turn + 2] - called[turn] <= 2 * period_ms + 1
