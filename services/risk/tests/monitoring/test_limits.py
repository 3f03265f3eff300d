"""Limits: never missing without meaning 'may not trade', never unlimited."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

import pytest
from common.bots import BinaryBot, InstrumentSection, Inventory, RiskLimits, VenueBot
from common.errors import ConfigError
from common.events import BinaryLimits, BotLimits, KindLimits, NotionalLimits, PositionLimits, SpotLimits
from common.instruments import InstrumentKind
from hypothesis import given
from hypothesis import strategies as st
from risk.monitoring.limits import limits_of
from risk.monitoring.platform_limits import PlatformLimits
from risk.monitoring.report import view_of
from risk.testing.events import PLATFORM_LIMITS, a_config
from risk.testing.harness import Harness

# By part of a bot's limits: field there, field of the bot's risk_limits.
COMMON = {
    "max_open_orders": "max_open_orders",
    "max_side_orders": "max_side_orders",
    "max_messages_per_s": "max_messages_per_s",
    "max_cancels_per_s": "max_cancels_per_s",
    "max_orders_per_fill": "max_orders_per_fill",
    "min_quote_life_ms": "min_quote_life_ms",
    "max_daily_loss": "max_daily_loss",
    "max_drawdown": "max_drawdown",
    "max_order_notional": "max_order_notional",
    "max_notional": "max_notional",
}
BINARY = {
    "max_net_lots": "max_net",
    "max_order_lots": "max_order",
    "min_spread": "min_spread",
    "price_collar": "price_collar",
    "book_collar": "book_collar",
    "max_bid": "max_bid",
    "min_ask": "min_ask",
}
SPOT = ("min_spread_bps", "price_collar_bps", "book_collar_bps")
assert PLATFORM_LIMITS.spot is not None


class CoinsBot(VenueBot):
    """A bot that trades spot instruments and YES/NO markets."""

    kind: ClassVar[str] = "coins"
    trades: ClassVar[tuple[InstrumentKind, ...]] = (InstrumentKind.SPOT, InstrumentKind.BINARY)


def a_bot(**limits: Any) -> BinaryBot:
    instrument = {"series": ["BTC-5M"], "sources": {"BTC": [{"symbol": "BTCUSDT"}]}}
    return BinaryBot.model_validate({"instrument": instrument, "risk_limits": limits})


def a_spot_bot(**limits: Any) -> CoinsBot:
    return CoinsBot(instrument=InstrumentSection(), risk_limits=RiskLimits.model_validate({"spot": limits}))


def of(bot: VenueBot, platform: PlatformLimits = PLATFORM_LIMITS) -> BotLimits:
    limits = limits_of(bot, platform)
    assert limits is not None
    return limits


def kind_of(limits: BotLimits, kind: type[KindLimits]) -> Any:
    (found,) = [each for each in limits.kinds if isinstance(each, kind)]
    return found


def figure(limits: BotLimits, name: str) -> Any:
    """Return a common or binary limit by its name."""
    parts = [limits.common, limits.common.notional, kind_of(limits, BinaryLimits)]
    return next(getattr(part, name) for part in parts if name in part.__struct_fields__)


def platforms(name: str) -> Any:
    return getattr(PLATFORM_LIMITS if name in COMMON else PLATFORM_LIMITS.binary, name)


@pytest.mark.parametrize("stated", [0, None, "absent"])
@pytest.mark.parametrize(("ours", "theirs"), (COMMON | BINARY).items())
def test_what_is_zero_null_or_absent_is_the_platforms_limit(ours: str, theirs: str, stated: Any) -> None:
    limits = of(a_bot(**({} if stated == "absent" else {theirs: stated})))
    assert figure(limits, ours) == platforms(ours) > 0


@pytest.mark.parametrize("stated", [0, None, "absent"])
@pytest.mark.parametrize("name", SPOT)
def test_so_it_is_of_a_spot_limit(name: str, stated: Any) -> None:
    limits = of(a_spot_bot(**({} if stated == "absent" else {name: stated})))
    assert getattr(kind_of(limits, SpotLimits), name) == getattr(PLATFORM_LIMITS.spot, name) > 0


def test_a_bots_own_limits_hold_where_it_states_them() -> None:
    own: dict[str, Any] = {
        "max_net": 5,
        "max_order": 6,
        "max_open_orders": 7,
        "max_messages_per_s": 8,
        "min_spread": 0.09,
    }
    own |= {"price_collar": 0.11, "max_daily_loss": Decimal("12.5"), "max_drawdown": Decimal("3.5")}
    own |= {"max_order_notional": 10, "max_notional": 11, "book_collar": 0.12, "max_bid": 0.8, "min_ask": 0.2}
    own |= {"max_side_orders": 13, "min_quote_life_ms": 14, "max_cancels_per_s": 15, "max_orders_per_fill": 16}
    limits = of(a_bot(**own))
    assert {theirs: figure(limits, ours) for ours, theirs in (COMMON | BINARY).items()} == own
    assert limits.common.notional.max_account_notional == PLATFORM_LIMITS.max_account_notional


def test_a_spot_bots_own_limits_hold_by_currency_and_none_holds_more_than_the_platform_allows() -> None:
    spot = kind_of(
        of(
            a_spot_bot(
                min_spread_bps=9,
                reference_bounds_bps=50,
                positions={"BTC": {"max_position": "7", "max_order": "0.1"}},
                currencies={"EUR": {"max_notional": 44}},
            )
        ),
        SpotLimits,
    )
    assert (spot.min_spread_bps, spot.price_collar_bps, spot.reference_bounds_bps) == (9, 100, 50)
    assert spot.positions == {"BTC": PositionLimits(Decimal(2), Decimal("0.1"))}
    assert spot.currencies == {"EUR": NotionalLimits(500.0, 44.0, 950.0)}
    assert kind_of(of(a_spot_bot()), SpotLimits).reference_bounds_bps is None


def test_a_bot_has_limits_of_every_kind_it_trades_and_of_no_other() -> None:
    assert [each.kind for each in of(a_spot_bot()).kinds] == [InstrumentKind.SPOT, InstrumentKind.BINARY]
    assert [each.kind for each in of(a_bot()).kinds] == [InstrumentKind.BINARY]
    assert kind_of(of(a_spot_bot()), BinaryLimits).max_position_lots == PLATFORM_LIMITS.binary.max_position_lots


@pytest.mark.parametrize(
    ("stated", "spot", "fault"),
    [
        ({}, None, "risk_limits: the platform has no limits for spot, give its limits a table spot"),
        (
            {"positions": {"DOGE": {}}},
            PLATFORM_LIMITS.spot,
            "risk_limits.spot.positions.DOGE: the platform has no limit for it",
        ),
        (
            {"currencies": {"CHF": {}}},
            PLATFORM_LIMITS.spot,
            "risk_limits.spot.currencies.CHF: the platform has no limit for it",
        ),
    ],
)
def test_what_the_platform_has_no_limit_for_is_refused_by_name(stated: Any, spot: Any, fault: str) -> None:
    with pytest.raises(ConfigError) as refused:
        limits_of(a_spot_bot(**stated), PLATFORM_LIMITS.model_copy(update={"spot": spot}))
    assert refused.value.faults == (fault,)


def test_a_binary_bot_that_states_spot_limits_is_told_so() -> None:
    view = view_of(a_config(risk_limits={"spot": {}}), PLATFORM_LIMITS)
    assert view is not None
    assert view.limits is None
    assert "risk_limits.spot: a binary bot trades no spot instruments, leave it out" in view.fault


def test_no_bot_holds_more_than_the_platform_allows() -> None:
    bot = a_bot().model_copy(update={"inventory": Inventory(max_position=1_000_000)})
    assert kind_of(of(bot), BinaryLimits).max_position_lots == PLATFORM_LIMITS.binary.max_position_lots


def test_without_risk_limits_there_are_no_limits() -> None:
    view = view_of(a_config(risk_limits=None), PLATFORM_LIMITS)
    assert view is not None
    assert (view.limits, view.fault) == (None, "")


@given(
    limits=st.builds(
        RiskLimits,
        max_daily_loss=st.none() | st.decimals(0, 10_000, places=2),
        min_spread=st.none() | st.floats(0, 0.5),
        max_net=st.none() | st.integers(0, 10_000),
        max_order=st.none() | st.integers(0, 10_000),
        max_open_orders=st.none() | st.integers(0, 1_000),
        max_messages_per_s=st.none() | st.integers(0, 1_000),
        price_collar=st.none() | st.floats(0, 0.9),
        max_notional=st.none() | st.floats(0, 1e9),
    ),
    max_position=st.integers(1, 10_000_000),
)
def test_whatever_a_bot_states_every_limit_is_a_positive_bound(limits: RiskLimits, max_position: int) -> None:
    bot = a_bot().model_copy(update={"risk_limits": limits, "inventory": Inventory(max_position=max_position)})
    made = of(bot)
    names = [*COMMON, *BINARY, "max_position_lots", "max_account_notional"]
    assert all(figure(made, name) > 0 for name in names)


def test_people_are_shown_the_limits_in_force_of_each_kind() -> None:
    harness = Harness(a_config())
    shown = harness.risk.state(harness.now_ns)["bots"][0]["limits_in_force"]
    assert list(shown) == ["common", "binary"]
    assert (shown["common"]["max_open_orders"], shown["binary"]["max_net_lots"]) == (60, 800)
    assert "type" not in shown["binary"]
    assert Harness(a_config(risk_limits=None)).risk.state(harness.now_ns)["bots"][0]["limits_in_force"] is None
