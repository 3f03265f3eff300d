"""Money between accounts at named spot venues, asked for by a rebalancer or a person, over deaths at every step."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from common.events import PlatformConfig, Posting, PostingKind, TransferCommand, TransferState, TransferUpdate, decode
from toolkit.simulation.bus import Faults
from toolkit.simulation.scenario import Scenario, Trouble
from toolkit.simulation.world import NS_PER_S, START_NS, World

pytestmark = pytest.mark.timeout(900)

FROM, TO, AMOUNT = "mm1-kraken", "mm1-dltxmm", Decimal(4_000_000)
DOCUMENT: dict[str, Any] = {
    "currency": "JPY",
    "running": True,
    "accounts": [
        {"account": FROM, "target": "40 %", "band": "2 %"},
        {"account": TO, "target": "60 %", "band": "2 %"},
    ],
    "smallest": "1000",
    "largest": f"{AMOUNT}",
    "interval_s": 5,
    "daily_limit": f"{AMOUNT}",
}
LOOK_NS, LOOKED_FOR_S = 2_000_000, 20

STEPS = {
    "risk, when it is asked for": ("transfer.command.>", "", "risk"),
    "the holder, when the venue is asked": ("transfer.update.>", "", "quoter"),
    "the holder, when it has left": ("transfer.update.>", TransferState.UNDER_WAY, "quoter"),
}


class FundsWorld(World):
    """Spot bots at named venues, a rebalancer of yen, and a process that dies at a step of its first transfer."""

    def __init__(self, subjects: str, state: str, dies: str) -> None:
        scenario = Scenario(2, market_s=30, calm_s=20.0, end_s=40.0, named=True)
        scenario.faults = Faults(drop=0.01, lost_ack=0.02, duplicate=0.05, lost_answer=0.1, lost_request=0.1)
        super().__init__(scenario)
        self._step, self._dies = (subjects, state), dies
        document = dict(DOCUMENT)
        self.say(
            PlatformConfig(type="rebalancer", id="9", revision=1, document=document, actor="simulation", ts_ns=START_NS)
        )
        self.schedule.at(START_NS, self._kill_in_time)

    def _kill_in_time(self) -> None:
        subjects, state = self._step
        found = self.bus.stored(subjects)
        if any(not state or decode(TransferUpdate, each.data).state == state for each in found):
            self.troubles.begin(Trouble("kill", 0.0, 1.5, self._dies))
            return
        if self.schedule.now_ns < START_NS + LOOKED_FOR_S * NS_PER_S:
            self.schedule.after(LOOK_NS, self._kill_in_time)


@pytest.mark.parametrize("step", STEPS)
def test_whoever_dies_when_a_rebalancer_sends_it_is_sent_and_booked_once_and_earns_nobody_anything(step: str) -> None:
    world = FundsWorld(*STEPS[step])
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    commands = [decode(TransferCommand, message.data) for message in world.bus.stored("transfer.command.>")]
    assert [(each.account, each.to_account, each.amount, each.actor) for each in commands] == [
        (FROM, TO, AMOUNT, "rebalancer:9")
    ]
    sent = world.named.venues["KRAKEN"].transfers.of(FROM)
    assert [(each.client_transfer_id, each.arrived) for each in sent] == [(commands[0].number, True)]
    (word,) = (decode(TransferUpdate, message.data) for message in world.bus.stored("transfer.update.>"))
    assert word.state is TransferState.DONE
    postings = [decode(Posting, message.data) for message in world.bus.stored("fill.posting.>")]
    assert [(each.account, each.cash) for each in postings if each.kind is PostingKind.TRANSFER] == [
        (FROM, {"JPY": -AMOUNT}),
        (TO, {"JPY": AMOUNT}),
    ]
