"""Spot symbols beside YES/NO markets in one platform: whatever breaks, every currency agrees to the last unit."""

from __future__ import annotations

from decimal import Decimal

import pytest
from common.events import Fill, decode
from common.instruments import Outcome, Side
from toolkit.simulation.bus import Faults
from toolkit.simulation.scenario import Scenario, Trouble, calm
from toolkit.simulation.world import World

pytestmark = pytest.mark.timeout(900)

SYMBOLS = ("BTCUSD", "ETHUSD")
TROUBLES = {
    "quoter killed, then without prices": [Trouble("kill", 30.0, 1.0, "quoter"), Trouble("prices", 42.0, 5.0)],
    "risk killed, the venue drops private frames": [
        Trouble("kill", 35.0, 2.0, "risk"), Trouble("venue_fault", 20.0, 6.0, "drop_private")
    ],
    "fills told twice, the venue's connections cut": [
        Trouble("venue_fault", 25.0, 8.0, "duplicate_fill"), Trouble("cut_venue", 44.0)
    ],
    "acks lost, the quoter killed meanwhile": [
        Trouble("venue_fault", 25.0, 8.0, "drop_ack"), Trouble("kill", 28.0, 3.0, "quoter")
    ],
    "answers fail after they were carried out, the broker away": [
        Trouble("venue_fault", 25.0, 6.0, "server_error_after_accept"), Trouble("broker", 40.0, 4.0)
    ],
    "feed killed, the positions store away": [Trouble("kill", 30.0, 2.0, "feed"), Trouble("store", 45.0, 6.0)],
}  # fmt: skip


def spot_fills(world: World) -> list[Fill]:
    fills = [decode(Fill, message.data) for message in world.bus.stored("fill.trade.>")]
    return [fill for fill in fills if fill.symbol in SYMBOLS]


def test_a_calm_run_trades_coins_and_shares_and_agrees_in_every_currency() -> None:
    scenario = calm(1)
    scenario.spot = True
    world = World(scenario)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    fills = spot_fills(world)
    assert {(fill.symbol, fill.side) for fill in fills} == {(name, side) for name in SYMBOLS for side in Side}
    assert {(fill.outcome, fill.fee_currency, fill.algo_id) for fill in fills} == {(Outcome.NONE, "USD", "2")}
    assert all(fill.fee > 0 for fill in fills)
    assert outcome.fills - len(fills) > 10, "the bot of the YES/NO markets trades beside it"
    moved = sum((fill.side.sign * fill.quantity_lots for fill in fills if fill.symbol == "BTCUSD"), start=0)
    held = Decimal(world.account.total("BTC")).scaleb(-8)
    assert held == 10 + moved * Decimal("0.0001")


@pytest.mark.parametrize("name", TROUBLES)
def test_trouble_leaves_every_currency_right(name: str) -> None:
    scenario = Scenario(5, calm_s=55.0, end_s=90.0, spot=True, troubles=TROUBLES[name])
    scenario.faults = Faults(drop=0.01, lost_ack=0.02, duplicate=0.05, lost_answer=0.05, lost_request=0.05)
    world = World(scenario)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    assert spot_fills(world)
