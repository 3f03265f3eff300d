"""Limits in force for a bot: its own where it states them, the platform's where it states none, never 'no limit'."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from common.bots import (
    BinaryBot,
    FixedBot,
    NotionalRiskLimits,
    PositionRiskLimits,
    RiskLimits,
    SpotRiskLimits,
    VenueBot,
)
from common.bots.spot import SpotBot
from common.errors import ConfigError
from common.events import (
    BinaryLimits,
    BotLimits,
    CommonLimits,
    KindLimits,
    NotionalLimits,
    PositionLimits,
    SpotLimits,
)
from common.instruments import CurrencyPair, InstrumentKind

from risk.monitoring.platform_limits import NotionalPlatformLimits, PlatformLimits, PositionPlatformLimits

SERVED = (BinaryBot, FixedBot)
"""The kinds of bot whose limits are by the platform's names; those of the kind `spot` are `spot_limits_of`."""


def spot_limits_of(bot: SpotBot, platform: PlatformLimits, pair: CurrencyPair) -> BotLimits | None:
    """Return the limits of a spot bot whose instrument is of a pair; what other figures leave of them is not in it.

    None and ConfigError as for `limits_of`.
    """
    own, spot, most = bot.risk_limits, platform.spot, platform.spot_bots
    if own is None:
        return None
    if spot is None or most is None:
        raise ConfigError(["risk_limits: the platform has no limits for spot bots, give its limits a table spot_bots"])
    if pair.base not in most.bases:
        raise ConfigError([f"instrument.instrument: the platform has no limits for {pair.base} (spot_bots.bases)"])
    if pair.term not in most.terms:
        raise ConfigError([f"instrument.instrument: the platform has no limits in {pair.term} (spot_bots.terms)"])
    term = most.terms[pair.term]
    common = msgspec.structs.replace(
        _common(RiskLimits(), platform),
        max_daily_loss=own.max_day_loss or term.max_day_loss,
        max_drawdown=own.max_drawdown or term.max_drawdown or term.max_day_loss,
    )
    return BotLimits(
        common,
        [
            SpotLimits(
                positions={
                    name: PositionLimits(each.max_position, each.max_order) for name, each in most.bases.items()
                },
                min_spread_bps=spot.min_spread_bps,
                price_collar_bps=spot.price_collar_bps,
                book_collar_bps=spot.book_collar_bps,
                reference_bounds_bps=None if spot.reference_bounds_bps == "none" else spot.reference_bounds_bps,
                currencies={name: _notional(None, each) for name, each in most.terms.items()},
                min_buy_quote_ms=own.min_buy_quote_active_time or most.min_buy_quote_active_ms,
                min_sell_quote_ms=own.min_sell_quote_active_time or most.min_sell_quote_active_ms,
            )
        ],
    )


def hedge_limits_of(platform: PlatformLimits) -> BotLimits | None:
    """Return the limits under which a currency is hedged; None where the platform has none for spot bots."""
    spot, most = platform.spot, platform.spot_bots
    if spot is None or most is None:
        return None
    limits = SpotLimits(
        positions={name: PositionLimits(each.max_position, each.max_order) for name, each in most.bases.items()},
        min_spread_bps=spot.min_spread_bps,
        price_collar_bps=spot.price_collar_bps,
        book_collar_bps=spot.book_collar_bps,
        currencies={name: _notional(None, each) for name, each in most.terms.items()},
    )
    return BotLimits(_common(RiskLimits(), platform), [limits])


def limits_of(bot: VenueBot, platform: PlatformLimits) -> BotLimits | None:
    """Return the limits a bot's sections and the platform make together; a 0 or null falls back to the platform's.

    None for a bot without risk_limits, which may not trade; ConfigError names what the platform has no limit for.
    """
    own = bot.risk_limits
    if own is None:
        return None
    return BotLimits(_common(own, platform), [_OF_KIND[kind](bot, own, platform) for kind in bot.trades])


def _common(own: RiskLimits, platform: PlatformLimits) -> CommonLimits:
    return CommonLimits(
        max_open_orders=own.max_open_orders or platform.max_open_orders,
        max_side_orders=own.max_side_orders or platform.max_side_orders,
        max_messages_per_s=own.max_messages_per_s or platform.max_messages_per_s,
        max_cancels_per_s=own.max_cancels_per_s or platform.max_cancels_per_s,
        max_orders_per_fill=own.max_orders_per_fill or platform.max_orders_per_fill,
        min_quote_life_ms=own.min_quote_life_ms or platform.min_quote_life_ms,
        max_daily_loss=own.max_daily_loss or platform.max_daily_loss,
        max_drawdown=own.max_drawdown or platform.max_drawdown,
        notional=_notional(own, platform),
    )


def _notional(own: RiskLimits | NotionalRiskLimits | None, platform: NotionalPlatformLimits) -> NotionalLimits:
    own = own or NotionalRiskLimits()
    return NotionalLimits(
        own.max_order_notional or platform.max_order_notional,
        own.max_notional or platform.max_notional,
        platform.max_account_notional,
    )


def _binary(bot: VenueBot, own: RiskLimits, platform: PlatformLimits) -> BinaryLimits:
    most = platform.binary
    return BinaryLimits(
        max_position_lots=min(bot.max_position_lots or most.max_position_lots, most.max_position_lots),
        max_net_lots=own.max_net or most.max_net_lots,
        max_order_lots=own.max_order or most.max_order_lots,
        min_spread=own.min_spread or most.min_spread,
        price_collar=own.price_collar or most.price_collar,
        book_collar=own.book_collar or most.book_collar,
        max_bid=own.max_bid or most.max_bid,
        min_ask=own.min_ask or most.min_ask,
    )


def _spot(bot: VenueBot, own: RiskLimits, platform: PlatformLimits) -> SpotLimits:
    most, stated = platform.spot, own.spot or SpotRiskLimits()
    if most is None:
        raise ConfigError(["risk_limits: the platform has no limits for spot, give its limits a table spot"])
    _known(stated.positions, most.positions, "positions")
    _known(stated.currencies, most.currencies, "currencies")
    bounds = None if most.reference_bounds_bps == "none" else most.reference_bounds_bps
    return SpotLimits(
        positions={name: _position(stated.positions.get(name), each) for name, each in most.positions.items()},
        min_spread_bps=stated.min_spread_bps or most.min_spread_bps,
        price_collar_bps=stated.price_collar_bps or most.price_collar_bps,
        book_collar_bps=stated.book_collar_bps or most.book_collar_bps,
        reference_bounds_bps=stated.reference_bounds_bps or bounds,
        currencies={name: _notional(stated.currencies.get(name), each) for name, each in most.currencies.items()},
    )


def _known(stated: Mapping[str, object], platform: Mapping[str, object], table: str) -> None:
    """A currency of which the platform says nothing has no limit to fall back to."""
    unknown = sorted(stated.keys() - platform.keys())
    if unknown:
        raise ConfigError([f"risk_limits.spot.{table}.{name}: the platform has no limit for it" for name in unknown])


def _position(own: PositionRiskLimits | None, platform: PositionPlatformLimits) -> PositionLimits:
    own = own or PositionRiskLimits()
    return PositionLimits(
        min(own.max_position or platform.max_position, platform.max_position), own.max_order or platform.max_order
    )


_OF_KIND: Mapping[InstrumentKind, Callable[[VenueBot, RiskLimits, PlatformLimits], KindLimits]] = {
    InstrumentKind.BINARY: _binary,
    InstrumentKind.SPOT: _spot,
}
"""How a bot's limits in a kind of instrument are made; a kind that is added has one line here."""
