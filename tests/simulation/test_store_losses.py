"""Stores lost under a living platform: it stands still, a person resumes, and afterwards the books are the venue's."""

from __future__ import annotations

import pytest
from toolkit.simulation import cores
from toolkit.simulation.scenario import Scenario, Trouble, calm
from toolkit.simulation.world import Outcome, World

LOST_S = 30


def outcome(*troubles: Trouble) -> Outcome:
    scenario: Scenario = calm(3)
    scenario.troubles = list(troubles)
    return World(scenario).run()


@pytest.mark.parametrize(
    "troubles",
    [
        (Trouble("lose_bus", 65.0, 8.0),),
        (Trouble("lose_bus", 65.0, 8.0), Trouble("kill", 67.0, 2.0, "risk"), Trouble("kill", 67.5, 2.0, "quoter")),
        (Trouble("lose_fills", 65.0, 8.0, value=LOST_S),),
        (Trouble("flush_store", 65.0),),
    ],
    ids=["the bus", "the bus, and deaths meanwhile", "the end of FILL", "the positions store"],
)
def test_r71_r73_after_a_lost_store_nothing_is_lost_doubled_or_left(troubles: tuple[Trouble, ...]) -> None:
    found = outcome(*troubles)
    assert found.good, found.findings.rows
    assert found.fills > 10


def test_r71_a_recovery_that_believes_the_newest_snapshot_loses_fills_and_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The snapshot of the account is ahead of a FILL that was brought back."""
    monkeypatch.setattr(cores, "prepare_quoter", lambda node, account: None)
    found = outcome(Trouble("lose_fills", 65.0, 8.0, value=LOST_S))
    assert "lost_fill" in found.findings.kinds
