"""When a timer is due again."""

from __future__ import annotations

import pytest
from common.running.periods import next_due
from hypothesis import given
from hypothesis import strategies as st

RUNS = 50


def turns_of(period_ms: int, works_ms: list[int]) -> list[int]:
    """Return when a timer's turns begin, in ms, when each takes so long and is begun at once when it is due."""
    due = period_ms / 1000
    begun = [due]
    for work_ms in works_ms:
        now = begun[-1] + work_ms / 1000
        due = next_due(due, period_ms / 1000, now)
        begun.append(max(due, now))
    return [round(1000 * each) for each in begun]


def test_b23_a_timer_keeps_its_deadline_whatever_its_work_takes() -> None:
    assert turns_of(100, [30] * RUNS) == [100 * turn for turn in range(1, RUNS + 2)]


def test_b23_a_turn_that_overran_is_not_made_up_for() -> None:
    assert turns_of(100, [30, 350, 30, 30]) == [100, 200, 650, 750, 850]


def test_a_turn_that_ends_when_the_next_is_due_is_followed_at_once() -> None:
    assert next_due(1.0, 0.5, 1.5) == 1.5
    assert next_due(1.0, 0.5, 1.75) == pytest.approx(2.25)


@given(st.integers(10, 200), st.lists(st.integers(0, 500), min_size=1, max_size=30))
def test_b23_a_timer_is_never_early_and_its_lateness_does_not_add_up(period_ms: int, works_ms: list[int]) -> None:
    begun = turns_of(period_ms, works_ms)
    for turn, work in enumerate(works_ms):
        gap = begun[turn + 1] - begun[turn]
        assert gap <= max(period_ms, work + period_ms)
        if turn + 2 < len(begun) and max(work, works_ms[turn + 1]) < period_ms:
            assert begun[turn + 2] - begun[turn] <= 2 * period_ms + 1
