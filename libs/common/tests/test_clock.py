"""Our time never jumps, whatever happens to the machine's."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from common.clock import NS_PER_S, AnchoredClock, ManualClock


def test_a_step_of_the_wall_clock_moves_nothing_but_the_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    wall_ns, monotonic_ns = 1_763_683_200 * NS_PER_S, 5 * NS_PER_S
    monkeypatch.setattr(time, "time_ns", lambda: wall_ns)
    monkeypatch.setattr(time, "monotonic_ns", lambda: monotonic_ns)
    clock = AnchoredClock()
    assert (clock.now_ns(), clock.drift_ns()) == (wall_ns, 0)
    wall_ns, monotonic_ns = wall_ns - 3_600 * NS_PER_S, monotonic_ns + NS_PER_S
    assert clock.now_ns() == 1_763_683_201 * NS_PER_S
    assert clock.drift_ns() == -3_601 * NS_PER_S


def test_it_is_the_machines_time_at_first_and_never_runs_backwards() -> None:
    before_ns = time.time_ns()
    clock = AnchoredClock()
    readings = [clock.now_ns() for _ in range(1_000)]
    assert readings[0] >= before_ns
    assert all(one <= following for one, following in pairwise(readings))


def test_a_manual_clock_moves_only_when_told_and_only_forwards() -> None:
    clock = ManualClock(7)
    assert clock.now_ns() == clock.now_ns() == 7
    clock.advance_to(7)
    clock.advance_to(9)
    assert clock.now_ns() == 9
    with pytest.raises(AssertionError, match="backwards"):
        clock.advance_to(8)
