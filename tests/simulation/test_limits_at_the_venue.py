"""The limits of a bot as the venue sees them: the whole platform against the exchange's own core, in virtual time."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import pytest
from common.events import BotConfig, Halt, decode
from toolkit.simulation import world as worlds
from toolkit.simulation.scenario import Scenario, Trouble, calm
from toolkit.simulation.world import BOT, NS_PER_S, START_NS, World

LOOK_MS = 20
SOON_S = 1.0
"""Time for a cancel to reach the venue and for its word to come back, over the network of the simulation."""


def a_world(monkeypatch: pytest.MonkeyPatch, scenario: Scenario, **limits: Any) -> World:
    """Return a platform whose bot has limits of its own."""
    honest = worlds.bot_sections

    def sections(market_s: int) -> dict[str, Any]:
        found = honest(market_s)
        return found | {"risk_limits": found["risk_limits"] | limits}

    monkeypatch.setattr(worlds, "bot_sections", sections)
    return World(scenario)


def each_moment(world: World, look: Callable[[float], None]) -> None:
    """Look at the venue all the time; `look` is told the second of the run."""

    def again() -> None:
        look((world.schedule.now_ns - START_NS) / NS_PER_S)
        world.schedule.after(LOOK_MS * 1_000_000, again)

    world.schedule.after(LOOK_MS * 1_000_000, again)


def active_halts(world: World) -> list[tuple[str, str]]:
    halts = [decode(Halt, message.data) for message in world.bus.last_per_subject("risk.halt.>")]
    return [(halt.scope, halt.reason) for halt in halts if not halt.lifted]


def test_b15_a_loss_beyond_the_limit_empties_the_venue_until_a_person_lifts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = a_world(monkeypatch, calm(3), max_daily_loss="1", max_drawdown="100000")
    resting: list[tuple[float, int]] = []
    halted_s: list[float] = []
    lifted_s = 110.0

    def look(second: float) -> None:
        resting.append((second, len(world.account.open_orders)))
        if not halted_s and active_halts(world):
            halted_s.append(second)

    def lift() -> None:
        assert active_halts(world) == [(f"bot-{BOT}", "daily_loss")]
        raised = worlds.bot_sections(world.scenario.market_s)
        raised["risk_limits"]["max_daily_loss"] = "100000"
        now_ns = world.schedule.now_ns
        config = BotConfig(
            algo_id=BOT, kind="binary", revision=2, running=True, sections=raised, actor="anna", ts_ns=now_ns
        )
        lifted = Halt(
            scope=f"bot-{BOT}", reason="daily_loss", lifted=True, actor="anna", halt_id="anna-1", ts_ns=now_ns
        )
        for event in (config, lifted):
            world.say(event)

    each_moment(world, look)
    world._at(lifted_s, lift)
    outcome = world.run()
    assert halted_s, "the bot never lost a dollar"
    assert halted_s[0] < lifted_s - 20
    assert any(count for second, count in resting if second < halted_s[0])
    stopped = [count for second, count in resting if halted_s[0] + SOON_S < second < lifted_s]
    assert len(stopped) > 500
    assert set(stopped) == {0}
    assert any(count for second, count in resting if lifted_s < second < lifted_s + 30)
    assert outcome.good, outcome.findings.rows


def test_b15_a_fall_from_the_days_best_empties_the_venue_and_a_restart_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = calm(3)
    scenario.troubles = [Trouble("kill", 90.0, 0.5, "risk"), Trouble("kill", 95.0, 0.5, "quoter")]
    world = a_world(monkeypatch, scenario, max_daily_loss="100000", max_drawdown="1.5")
    halted_s: list[float] = []
    late: Counter[int] = Counter()

    def look(second: float) -> None:
        if not halted_s and active_halts(world):
            halted_s.append(second)
        if halted_s and second > halted_s[0] + SOON_S:
            late[len(world.account.open_orders)] += 1

    each_moment(world, look)
    outcome = world.run()
    assert halted_s
    assert halted_s[0] < 85
    assert active_halts(world) == [(f"bot-{BOT}", "drawdown")]
    assert set(late) == {0}
    # Nothing else may be wrong; that the bot stood still is what was wanted.
    assert set(outcome.findings.kinds) <= {"halted", "idle"}


def test_b13_b20_every_limit_of_number_money_and_rate_holds_at_the_venue_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = {
        "max_order": 30,
        "max_order_notional": 18.0,
        "max_notional": 60.0,
        "max_side_orders": 1,
        "max_open_orders": 5,
        "max_net": 90,
        "max_bid": 0.80,
        "min_ask": 0.20,
        "max_messages_per_s": 20,
    }
    world = a_world(monkeypatch, calm(4), **limits)
    account = world.account
    seen: set[str] = set()
    sent: deque[tuple[float, int]] = deque()
    two_sided: list[float] = []

    def look(second: float) -> None:
        orders = list(account.open_orders.values())
        assert len(orders) <= limits["max_open_orders"]
        sides = Counter((order.market, order.outcome) for order in orders)
        assert max(sides.values(), default=0) <= limits["max_side_orders"]
        money = sum(order.price_ticks * order.leaves / 100 for order in orders)
        assert money <= limits["max_notional"] + 1e-6
        for order in orders:
            assert order.size <= limits["max_order"]
            assert order.price_ticks * order.size / 100 <= limits["max_order_notional"] + 1e-6
            # A bid for the other outcome at q is an offer of this one at 1 - q.
            assert order.price_ticks <= 80
        for position in account.positions.values():
            assert abs(position.yes - position.no) <= limits["max_net"]
        new = {order.client_order_id for order in orders} - seen
        seen.update(new)
        sent.append((second, len(new)))
        while sent[0][0] <= second - 1.0:
            sent.popleft()
        # A full bucket and what flows into it within the second.
        assert sum(count for _, count in sent) <= 2 * limits["max_messages_per_s"]
        if any(sides.get((market, "no")) for market, outcome in sides if outcome == "yes"):
            two_sided.append(second)

    each_moment(world, look)
    outcome = world.run()
    assert outcome.good, outcome.findings.rows
    assert outcome.fills > 10
    assert len(seen) > 100
    assert len(two_sided) > 500
