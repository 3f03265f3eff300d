"""What risk gives a bot: kept until it says otherwise, and never traded by in a form of before limits had kinds."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from common.events import RiskState
from common.testing.limits import binary_limits, spot_limits
from quoter.orders.limits import GivenLimits
from quoter.testing.script import LIMITS, Script, risk_state

EARLIER = {"max_position_lots": 1_000, "max_order_lots": 500, "min_spread": 0.02, "max_daily_loss": "1000"}
"""Some of what they stated."""


def of_earlier_risk(now_ns: int) -> RiskState:
    """Return what risk says before its upgrade."""
    bots = ("1", "2")
    return msgspec.structs.replace(risk_state(now_ns, limits=None), limits=dict.fromkeys(bots, EARLIER))


class Upgrading(Script):
    """A script in which risk may still be of an earlier release."""

    upgraded = False

    def feed_inputs(self, **risk: Any) -> None:
        super().feed_inputs(**risk)
        if not self.upgraded:
            self.carry(self.core.on_risk(of_earlier_risk(self.now_ns), self.receipt()))


def test_limits_of_an_earlier_risk_are_not_traded_by_and_the_reason_is_told() -> None:
    script = Upgrading()
    script.quoting(0.50)
    assert script.venue.open_orders() == []
    reason = "risk publishes no limits for this bot: it is of an earlier release, upgrade it too"
    assert script.core.unready(script.now_ns) == [f"bot 1: {reason}"]
    (quoted,) = script.core.trader.bots["1"].quoted.values()
    assert quoted.plan is not None
    assert (quoted.plan.state, quoted.plan.reason) == ("pulled", "no_limits")
    assert (quoted.context.limits, quoted.context.no_limits) == (None, reason)
    script.upgraded = True
    script.wait(500, fair=0.50)
    assert script.core.unready(script.now_ns) == []
    assert script.venue.open_orders() != []


def test_what_rests_is_pulled_when_risk_goes_back_to_an_earlier_release() -> None:
    script = Upgrading()
    script.upgraded = True
    script.quoting(0.50)
    assert script.venue.open_orders() != []
    script.upgraded = False
    script.wait(100, fair=0.50)
    assert script.venue.open_orders() == []


def test_the_halts_of_an_earlier_risk_are_obeyed() -> None:
    script = Script()
    script.quoting(0.50)
    state = msgspec.structs.replace(of_earlier_risk(script.now_ns), halts=["bot-1:daily_loss"])
    script.carry(script.core.on_risk(state, script.receipt()))
    assert list(script.core.trader.halts.active) == ["bot-1:daily_loss"]


def test_a_bot_that_has_limits_of_another_kind_alone_quotes_nothing() -> None:
    script = Script()
    script.start()
    for _ in range(10):
        script.wait(50, feeding=False, fair=0.50)
        script.feed_inputs(limits=spot_limits())
    assert script.venue.open_orders() == []
    (quoted,) = script.core.trader.bots["1"].quoted.values()
    reason = f"bot 1: risk publishes no limits for binary instruments ({quoted.terms.symbol})"
    assert script.core.unready(script.now_ns) == [reason]


@pytest.mark.parametrize(
    "name", ["max_open_orders", "max_side_orders", "max_messages_per_s", "max_cancels_per_s", "max_notional"]
)
def test_a_limit_of_zero_from_risk_is_no_room(name: str) -> None:
    script = Script()
    script.start()
    for _ in range(20):
        script.wait(50, feeding=False, fair=0.50)
        script.feed_inputs(limits=binary_limits(**{name: 0}))
    assert script.venue.orders == {}


def test_limits_that_have_not_changed_are_the_same_object_so_that_no_market_makes_its_own_anew() -> None:
    known = GivenLimits()
    known.on_risk(risk_state(1, limits=binary_limits()), 1)
    first = known.by_bot["1"]
    known.on_risk(risk_state(2, limits=binary_limits(), revision=2), 2)
    second = known.by_bot["1"]
    assert second.limits is first.limits
    assert (second.revision, second.fresh_at_ns) == (2, 2)
    known.on_risk(risk_state(3, limits=binary_limits(max_open_orders=1)), 3)
    assert known.by_bot["1"].limits.common.max_open_orders == 1


def test_a_bot_that_its_shard_no_longer_lists_has_none_and_those_of_others_stay() -> None:
    known = GivenLimits()
    other = msgspec.structs.replace(risk_state(1), shard="1", bot_limits={"9": LIMITS})
    for state in (risk_state(1), other, risk_state(2, limits=None)):
        known.on_risk(state, state.ts_ns)
    assert list(known.by_bot) == ["9"]
    assert known.why_none("1") == "risk publishes no limits for this bot"
