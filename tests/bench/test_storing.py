"""The benchmark of storing runs every way on a real broker, and its ratios are of rounds that followed each other."""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from common.bus.features import features_of
from storing import (
    ALL,
    DEFAULTS,
    MONEY,
    SECOND,
    Taken,
    Ticks,
    Written,
    at_rate,
    figures,
    main,
    syncs_per_s,
    ways,
    written_on,
)


def test_a_whole_run_measures_every_way_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MM_SERVERS", "wheels")
    found = {each.name: each for each in main(["--rounds", "1", "--seconds", "0.5", "--dir", str(tmp_path)])}
    for way in (DEFAULTS, MONEY, ALL, SECOND):
        for what in ("tick p50", "tick p99", "fill acknowledged p99", "fills alone"):
            assert float(found[f"{way}: {what}"].value) > 0.0
        assert (found[f"{way}: ticks lost"].value, found[f"{way}: ticks lost"].unit) == (0, "of 500")
    assert found["money: tick p99 over defaults"].aim == "≤ 1.1"
    assert list(tmp_path.iterdir()) == [], "nothing is left on the disk"


def test_an_old_broker_has_one_way_and_none_of_them_holds_ticks_up_but_the_naive_one() -> None:
    assert set(ways(features_of((2, 9, 10)))) == {DEFAULTS}
    offered = ways(features_of((2, 15, 1)))
    assert [name for name, each in offered.items() if each.sync_interval == "always"] == [MONEY, ALL]
    assert offered[MONEY].async_persistence
    assert not offered[ALL].async_persistence


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    def took(*tails: float) -> Taken:
        one = Written(2, 8, 1)
        return Taken(
            tick_ms=[np.full(10, tail) for tail in tails],
            ack_ms=[np.ones(3) for _ in tails],
            fills_per_s=[100.0 for _ in tails],
            written=[(one, 4) for _ in tails],
        )

    found = {each.name: each for each in figures({DEFAULTS: took(1.0, 10.0, 2.0), MONEY: took(1.05, 10.0, 4.0)}, 9.0)}
    ratio = found["money: tick p99 over defaults"]
    assert (ratio.value, ratio.met) == (1.05, True)
    assert found["money: disk writes per tick"].value == 0.5
    assert found["money: disk KiB per tick"].value == 2.0
    assert found["money: disk flushes per tick"].value == 0.25


async def test_what_cannot_be_done_in_time_is_done_later_and_told_when_it_was_due() -> None:
    loop = asyncio.get_running_loop()
    due: list[float] = []
    late: list[float] = []

    async def act(due_s: float) -> None:
        if not due:
            await asyncio.sleep(0.05)  # a stall five times as long as the time between two
        due.append(due_s)
        late.append(loop.time() - due_s)

    await at_rate(100, 0.1, act)
    assert np.diff(due) == pytest.approx([0.01] * 9), "all ten, each with its own time"
    assert min(late[:4]) >= 0.015, "what waited behind the stall is late by what was left of it"


async def test_ticks_under_way_at_the_end_are_waited_for_and_the_others_are_lost() -> None:
    ticks, now_s = Ticks(), asyncio.get_running_loop().time()
    for number in range(3):
        ticks.sent(float(number), now_s)
    ticks.arrived(0.0)
    asyncio.get_running_loop().call_later(0.05, ticks.arrived, 1.0)
    waiting = asyncio.create_task(ticks.lost(0.5))
    assert await waiting == 1
    assert [latency >= least for latency, least in zip(ticks.latencies_ms, (0.0, 50.0), strict=True)] == [True, True]


async def test_a_round_ends_when_the_last_tick_is_there() -> None:
    ticks = Ticks()
    ticks.sent(1.0, 0.0)
    asyncio.get_running_loop().call_later(0.01, ticks.arrived, 1.0)
    async with asyncio.timeout(60):
        assert await ticks.lost(3_600) == 0


def test_the_disk_under_a_folder_is_counted(tmp_path: Path) -> None:
    before = written_on(tmp_path)
    assert syncs_per_s(tmp_path) > 0.0
    after = written_on(tmp_path)
    assert after == before == Written(0, 0, 0) or after.writes > before.writes
