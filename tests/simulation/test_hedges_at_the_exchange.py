"""Hedges of a whole platform at the exchange's matching engine, over deaths of those who decide and who work them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from common.events import Fill, HedgeUpdate, OrderCommand, PlatformConfig, decode
from common.instruments import Side
from quoter.hedging.working import Working
from risk.hedging.parents import Parents
from toolkit.simulation.scenario import Scenario, Trouble
from toolkit.simulation.world import NS_PER_S, START_NS, World, bot_config, spot_sections

pytestmark = pytest.mark.timeout(300)

D = Decimal
SCOPE = "risk-currency-7"
STOPPED_S, DIES_S, END_S = 5, 6.3, 16.0
"""The bot stops quoting, so that its position stays; somebody dies in the midst of its hedge."""


class HedgedWorld(World):
    """A bot that quotes BTC/USD through mm1, and a hedger of BTC that may trade through either account."""

    def __init__(self, *troubles: Trouble, **hedger: Any) -> None:
        super().__init__(Scenario(3, market_s=300, end_s=END_S, spot=True, accounts=2, troubles=list(troubles)))
        sections = spot_sections()
        sections["instrument"] |= {"symbols": ["BTCUSD"]}
        self.bots = [bot_config("2", "fixed", sections)]
        self.hedger = {
            "running": True,
            "position_max_norm_size": "0.003 0.0005",
            "execution_style": "CROSS_MARKET",
            "venues_list": "DEGEN",
            "hedge_instrument": "BTCUSD",
            "max_offset": "20 bps",
            "max_order_size": "0.002",
            "resend_time": 500,
        } | hedger

    def go(self) -> HedgedWorld:
        """Run to the end, and compare what was hedged with what was said."""
        documents: dict[str, dict[str, Any]] = {"risk_currency": {"currency": "BTC"}, "risk_hedger": self.hedger}
        for type_, document in documents.items():
            self.say(
                PlatformConfig(type=type_, id="7", revision=1, document=document, actor="simulation", ts_ns=START_NS)
            )
        for config in self.bots:
            self.say(config)
        self.venue.start(START_NS)
        for node in self.nodes.values():
            node.start()
        self._price_tick(0)
        for trouble in self.scenario.troubles:
            self._at(trouble.at_s, lambda trouble=trouble: self.troubles.begin(trouble))  # type: ignore[misc]
        stopped = msgspec.structs.replace(self.bots[0], revision=2, running=False)
        self._at(STOPPED_S, lambda: self.say(stopped))
        self.schedule.run_until(START_NS + int(END_S * NS_PER_S))
        self._check()
        return self

    @property
    def kinds(self) -> set[str]:
        return set(self.findings.kinds)

    def commands(self) -> list[OrderCommand]:
        return [decode(OrderCommand, message.data) for message in self.bus.stored("order.command.>")]

    def updates(self) -> list[HedgeUpdate]:
        return [decode(HedgeUpdate, message.data) for message in self.bus.stored("order.hedge.>")]

    def fills(self) -> list[Fill]:
        return [decode(Fill, message.data) for message in self.bus.stored("fill.trade.>")]

    def exposure(self) -> Decimal:
        return sum((each.side.sign * each.quantity_lots * each.instrument.lot_size for each in self.fills()), D(0))


def kill(*targets: str) -> list[Trouble]:
    return [Trouble("kill", DIES_S, for_s=0.5, target=target) for target in targets]


@pytest.mark.parametrize("targets", [("quoter",), ("quoter", "risk")])
def test_what_a_bot_is_left_with_is_hedged_once_whoever_dies_meanwhile(targets: tuple[str, ...]) -> None:
    world = HedgedWorld(*kill(*targets)).go()
    assert world.kinds == set()
    quoted = sum(
        (
            each.side.sign * each.quantity_lots * each.instrument.lot_size
            for each in world.fills()
            if not each.parent_id
        ),
        start=D(0),
    )
    assert abs(quoted) > D("0.003"), "there is something to hedge"
    assert abs(world.exposure()) == D("0.0005"), "its norm"
    assert world.hedged == abs(quoted) - D("0.0005")
    hedges = [each for each in world.fills() if each.parent_id]
    assert {each.algo_id for each in hedges} == {SCOPE}
    assert {each.side for each in hedges} == {Side.SELL if quoted > 0 else Side.BUY}
    assert len(hedges) > 2, "in slices"
    (row,) = world.nodes["risk"].core.state(0)["hedges"]
    assert (row["figure"], row["parents"]) == (f"{world.exposure():f}", [])


def test_a_holder_that_forgets_what_was_done_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Working, "take_over", lambda *_: None)
    assert "hedge_doubled" in HedgedWorld(*kill("quoter")).go().kinds


def test_a_decision_that_is_made_twice_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Parents.on_command

    def forgetful(self: Parents, command: OrderCommand, sequence: int) -> None:
        known = self.get(command.scope, command.account)
        if known is not None and known.command.parent_id == command.parent_id:
            honest(self, command, sequence)
        # The broker refuses what does not name its predecessor.
        self._sequences[command.scope, command.account] = sequence

    monkeypatch.setattr(Parents, "restore", lambda *_: [])
    monkeypatch.setattr(Parents, "on_command", forgetful)
    assert "hedge_beside" in HedgedWorld(*kill("risk"), resend_time=2_500).go().kinds
