"""Two accounts in one quoter process: whatever breaks for one, the other goes on and the books of both agree."""

from __future__ import annotations

from typing import Any

import pytest
from common.events import Halt, Lease, decode
from quoter.accounts.traders import Traders
from toolkit.simulation import cores
from toolkit.simulation.scenario import Scenario, Trouble, troubled
from toolkit.simulation.world import NS_PER_S, START_NS, World

pytestmark = pytest.mark.timeout(900)

MS = 1_000_000
TROUBLES = {
    "nothing": [],
    "one session is cut": [Trouble("cut_account", 30.0, 0.0, "mm2"), Trouble("cut_account", 41.0, 0.0, "mm2")],
    "one lease is taken": [Trouble("take_lease", 35.0, 8.0, "mm2")],
    "each lease is taken in turn": [Trouble("take_lease", 25.0, 5.0, "mm2"), Trouble("take_lease", 40.0, 5.0, "mm1")],
    "both leases are taken together": [
        Trouble("take_lease", 30.0, 6.0, "mm1"), Trouble("take_lease", 30.1, 6.0, "mm2")
    ],
    "the process is killed": [Trouble("kill", 33.0, 1.0, "quoter"), Trouble("kill", 46.0, 3.0, "quoter")],
    "killed while one lease is another's": [
        Trouble("take_lease", 30.0, 10.0, "mm2"), Trouble("kill", 35.0, 1.0, "quoter")
    ],
    "killed, the watchdog too": [Trouble("kill", 33.0, 2.0, "quoter"), Trouble("kill", 33.1, 3.0, "watchdog")],
    "the broker is away while one session is cut": [
        Trouble("broker", 30.0, 4.0), Trouble("cut_account", 31.0, 0.0, "mm1")
    ],
    "acks are lost at the venue": [Trouble("venue_fault", 25.0, 8.0, "drop_ack"), Trouble("kill", 28.0, 3.0, "quoter")],
}  # fmt: skip


def two_accounts(*troubles: Trouble, seed: int = 1) -> Scenario:
    return Scenario(seed, accounts=2, market_s=30, calm_s=55.0, end_s=95.0, troubles=list(troubles))


@pytest.mark.parametrize("name", TROUBLES)
def test_the_books_of_both_accounts_agree_and_both_quote_again(name: str) -> None:
    world = World(two_accounts(*TROUBLES[name]))
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    for account in world.accounts.values():
        assert len(account.fills.rows) > 5, f"{account.name} was hardly traded with"


@pytest.mark.parametrize("seed", [0, 13])
def test_a_seed_with_trouble_finds_nothing_at_either_account(seed: int) -> None:
    scenario = troubled(seed)
    scenario.accounts = 2
    outcome = World(scenario).run()
    assert outcome.good, [str(scenario), *outcome.findings.rows]


def resting(world: World, at_s: float, seen: dict[str, int]) -> None:
    """Note what rests of each account at a second of the run."""

    def look() -> None:
        seen.update({name: len(account.open_orders) for name, account in world.accounts.items()})

    world.schedule.at(START_NS + int(at_s * NS_PER_S), look)


def test_while_another_process_has_a_lease_its_account_rests_nothing_here_and_the_other_quotes() -> None:
    world = World(two_accounts(Trouble("take_lease", 35.0, 8.0, "mm2")))
    meanwhile: dict[str, int] = {}
    resting(world, 40.0, meanwhile)
    assert world.run().good
    assert meanwhile["mm2"] == 0
    assert meanwhile["mm1"] > 0
    last = world.bus.last("lease.quoter.mm2")
    assert last is not None
    assert decode(Lease, last.data).epoch == 3, "ours, another's, ours again"
    assert world.nodes["quoter"].life == 1, "the process lived on"


def test_a_quoter_that_fails_stops_its_account_alone_until_a_person_lifts_the_halt() -> None:
    world = World(two_accounts())
    meanwhile: dict[str, int] = {}

    def break_it() -> None:
        session: Any = cores.quoter_of(world.nodes["quoter"].core, "mm2").session

        def broken(now_ns: int) -> Any:
            raise KeyError(now_ns)

        session.on_timer = broken

    def lift() -> None:
        world.say(Halt(scope="account-mm2", reason="exception", lifted=True, actor="rita", halt_id="l", ts_ns=0))

    world.schedule.at(START_NS + 30 * NS_PER_S, break_it)
    resting(world, 40.0, meanwhile)
    world.schedule.at(START_NS + 45 * NS_PER_S, lift)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    assert meanwhile["mm2"] == 0
    assert meanwhile["mm1"] > 0
    assert world.nodes["quoter"].life == 1, "the process lived on"


def test_without_a_look_at_each_other_two_accounts_trade_with_each_other_and_that_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Traders, "best_of_others", lambda *_: (0, 0))
    found: set[str] = set()
    for seed in range(1, 6):
        found |= set(World(two_accounts(seed=seed)).run().findings.kinds)
        if "self_trade" in found:
            break
    assert "self_trade" in found
