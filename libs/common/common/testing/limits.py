"""Limits of a bot: wide enough for most tests, each figure open to a change by its name."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from common.events import BinaryLimits, BotLimits, CommonLimits, NotionalLimits, PositionLimits, SpotLimits
from common.instruments import Instrument
from common.pretrade import MarketLimits, limits_in

COMMON = CommonLimits(
    max_open_orders=50,
    max_side_orders=20,
    max_messages_per_s=1_000,
    max_cancels_per_s=250,
    max_orders_per_fill=1_000_000,
    min_quote_life_ms=0,
    max_daily_loss=Decimal(1_000),
    max_drawdown=Decimal(1_000),
    notional=NotionalLimits(max_order_notional=1_000.0, max_notional=20_000.0, max_account_notional=50_000.0),
)
BINARY = BinaryLimits(
    max_position_lots=1_000,
    max_net_lots=1_000,
    max_order_lots=500,
    min_spread=0.02,
    price_collar=0.25,
    book_collar=0.30,
    max_bid=0.99,
    min_ask=0.01,
)
SPOT = SpotLimits(
    positions={"BTC": PositionLimits(max_position=Decimal("0.1"), max_order=Decimal("0.02"))},
    min_spread_bps=1.0,
    price_collar_bps=50.0,
    book_collar_bps=10.0,
)
PartT = TypeVar("PartT", bound=msgspec.Struct)


def binary_limits(**changes: Any) -> BotLimits:
    """Return limits of a bot in YES/NO markets, some of them changed."""
    return changed(BotLimits(COMMON, [BINARY]), **changes)


def spot_limits(**changes: Any) -> BotLimits:
    """Return limits of a bot in spot markets, some of them changed."""
    return changed(BotLimits(COMMON, [SPOT]), **changes)


def changed(limits: BotLimits, **changes: Any) -> BotLimits:
    """Return limits with other figures, wherever in them each stands."""
    parts = [limits.common, limits.common.notional, *limits.kinds]
    unknown = changes.keys() - {name for part in parts for name in part.__struct_fields__}
    assert not unknown, f"no limit is called {', '.join(sorted(unknown))}"
    notional = _changed(limits.common.notional, changes)
    common = msgspec.structs.replace(_changed(limits.common, changes), notional=notional)
    return BotLimits(common, [_changed(kind, changes) for kind in limits.kinds])


def _changed(part: PartT, changes: Mapping[str, Any]) -> PartT:
    own = {name: value for name, value in changes.items() if name in part.__struct_fields__}
    return msgspec.structs.replace(part, **own)


def market_limits(limits: BotLimits, instrument: Instrument) -> MarketLimits:
    """Return limits as they hold in the market of an instrument, whose currency is the account's."""
    found = limits_in(limits, instrument, instrument.currency)
    assert isinstance(found, MarketLimits), found
    return found
