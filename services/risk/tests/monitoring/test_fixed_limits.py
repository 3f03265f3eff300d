"""A fixed bot has limits for shares and for coins."""

from __future__ import annotations

from common.bots import FixedBot
from common.events import BinaryLimits, SpotLimits
from risk.monitoring.limits import SERVED, limits_of
from risk.testing.events import PLATFORM_LIMITS


def test_it_is_given_limits_of_both_kinds_and_no_more_shares_than_it_asks_for() -> None:
    assert FixedBot in SERVED
    bot = FixedBot.parse({"instrument": {"symbols": ["BTCUSD"]}, "binary": {"max_position": 7}, "risk_limits": {}})
    limits = limits_of(bot, PLATFORM_LIMITS)
    assert limits is not None
    binary, spot = limits.kinds
    assert isinstance(binary, BinaryLimits) and binary.max_position_lots == 7
    assert isinstance(spot, SpotLimits) and "BTC" in spot.positions
    assert limits_of(FixedBot.parse({"instrument": {"symbols": ["BTCUSD"]}}), PLATFORM_LIMITS) is None
