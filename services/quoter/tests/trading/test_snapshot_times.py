"""A risk that begins anew gets a snapshot of the account at once, and nobody asks the venue oftener than need be."""

from __future__ import annotations

import msgspec
from common.events import AccountState
from quoter.testing.script import Script, risk_state
from quoter.trading.snapshot_times import PICTURE_NS, SnapshotTimes


def test_a_snapshot_is_due_every_half_minute() -> None:
    times = SnapshotTimes()
    times.begin(1_000)
    assert not times.due(1_000 + PICTURE_NS - 1)
    assert times.due(1_000 + PICTURE_NS)
    assert not times.due(1_000 + PICTURE_NS)


def test_r71_another_life_of_risk_gets_one_at_once_and_only_one() -> None:
    times = SnapshotTimes()
    times.on_risk(risk_state(PICTURE_NS))
    times.begin(PICTURE_NS)
    times.on_risk(risk_state(PICTURE_NS))
    assert not times.due(PICTURE_NS + 1)
    anew = msgspec.structs.replace(risk_state(PICTURE_NS), epoch=2)
    for _ in range(2):
        times.on_risk(anew)
    assert times.due(PICTURE_NS + 2)
    times.on_risk(anew)
    assert not times.due(PICTURE_NS + 3)


def test_r71_the_account_is_told_again_to_a_risk_that_has_just_begun() -> None:
    script = Script()
    script.quoting()
    script.wait(1_000, fair=0.50)
    before = len(script.of(AccountState))
    state = msgspec.structs.replace(risk_state(script.now_ns), epoch=9)
    script.carry(script.core.on_risk(state, script.receipt()))
    script.wait(500, fair=0.50, feeding=False)
    assert [each.reason for each in script.of(AccountState)[before:]] == ["timer"]
