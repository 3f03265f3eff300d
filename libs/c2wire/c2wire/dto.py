"""What the topics carry: one class per DTO of the API, fields in the order of its examples."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from c2wire.configs import CONFIGS, Config
from c2wire.enums import (
    ActionType,
    ConfigType,
    Initiator,
    L2Action,
    L2PackageType,
    L2Side,
    OrderSide,
    OrderStatus,
    TimeInForce,
)
from c2wire.wire import Dto, Quoted, QuotedOrNone


class L2Entry(Dto, frozen=True, kw_only=True):
    """One change of a book, or one level of a snapshot."""

    exchange_id: str | msgspec.UnsetType = msgspec.UNSET
    """Absent for who may not see it."""
    price: Quoted | msgspec.UnsetType = msgspec.UNSET
    """Absent where a range of levels goes."""
    quantity: Quoted | msgspec.UnsetType = msgspec.UNSET
    side: L2Side
    action: L2Action
    level: int
    """0 is the best; counted per side over the whole book."""
    number_of_orders: int = 0
    """0 where nobody says how many there are."""


class L2Package(Dto, frozen=True, kw_only=True):
    """A book, or what changed in it since the package before."""

    timestamp: int
    """ms since 1970."""
    security_id: str
    type: L2PackageType
    entries: list[L2Entry]
    sequence_number: int
    """One more than that of the package before, of whichever type."""


class TradingStatistics(Dto, frozen=True, kw_only=True):
    """What a spot bot has traded, holds and has earned since its cutoff; null is what nobody can say."""

    algo_key: str = "MM"
    algo_id: int
    start_time: int
    """ms since 1970."""
    open_buy_qty: QuotedOrNone
    open_sell_qty: QuotedOrNone
    quoter_bot_qty: Decimal | None
    hedger_bot_qty: Decimal | None
    quoter_sld_qty: Decimal | None
    hedger_sld_qty: Decimal | None
    quoter_net_qty: QuotedOrNone
    hedger_net_qty: QuotedOrNone
    current_position_size: QuotedOrNone
    position_cost: Decimal | None
    position_market_price: Decimal | None
    pnl: Decimal | None
    account_pnl: Decimal | None
    net_pnl: Decimal | None
    fees: Decimal | None


class RiskStatistics(Dto, frozen=True, kw_only=True):
    """The exposure of one watched currency, in units of it."""

    algo_key: str = "MM"
    currency_id: int
    open_buy_qty: Decimal | None
    open_sell_qty: Decimal | None
    current_position_size: Decimal | None


class Alert(Dto, frozen=True, kw_only=True):
    """Something a person should know."""

    symbol: str | None
    exchange: str | None
    level: str
    timestamp: int
    description: str
    action: str | None
    algo_id: int | None
    """null for the platform itself."""
    correlation_order_id: str | None = None
    duration: int | None = None
    """ms."""
    color: str | None = None
    sequence: int


class Order(Dto, frozen=True, kw_only=True):
    """An order of a bot as it stands."""

    algo_id: int
    timestamp: int
    source: str
    side: OrderSide
    exchange: str
    initiator: Initiator
    size: Quoted
    executed_size: Quoted
    price: Quoted
    correlation_id: str
    """Digits only: programs read it as a whole number of 64 bits."""
    symbol: str
    order_type: str = "LIMIT"
    time_in_force: TimeInForce
    order_status: OrderStatus
    text: str = ""


class Trade(Dto, frozen=True, kw_only=True):
    """An execution of a bot's order."""

    algo_id: int
    timestamp: int
    order_source: str
    side: OrderSide
    exchange: str
    execution_id: str
    order_correlation_id: str
    symbol: str
    execution_size: Quoted
    execution_price: Quoted
    text: str | msgspec.UnsetType = msgspec.UNSET


class Balance(Dto, frozen=True, kw_only=True):
    """What an account has of one currency at one exchange, in units of it."""

    ccy: str
    src: str
    ts: int
    am: Decimal | None
    """All of it."""
    av: Decimal | None
    """What orders may still use."""
    fr: Decimal | None
    """What open orders hold."""
    mr: Decimal | None
    """Margin; 0 where nothing is borrowed against."""
    mra: Decimal | None
    """Margin that is still available."""


class ConfigUpdate(Dto, frozen=True, kw_only=True):
    """A configuration after a change, or the last word on one that is gone."""

    action_type: ActionType
    config_type: ConfigType
    config: Config


class _ConfigUpdateHead(msgspec.Struct):
    action_type: ActionType
    config_type: ConfigType
    config: msgspec.Raw


def decode_config_update(data: bytes | str) -> ConfigUpdate:
    """Read a ConfigUpdate, whose `config_type` says what `config` is; msgspec.ValidationError names the fault."""
    head = msgspec.json.decode(data, type=_ConfigUpdateHead)
    config: Config = msgspec.json.decode(head.config, type=CONFIGS[head.config_type])
    return ConfigUpdate(action_type=head.action_type, config_type=head.config_type, config=config)
