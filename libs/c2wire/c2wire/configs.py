"""The eight configurations, each field with the JSON type that the API gives it.

What is text there stays text as it was sent; limits are numbers. A field that was never set is null. Fields stand in
the order of the API's examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import TypeAlias

from c2wire.enums import ConfigType
from c2wire.wire import Dto

Text: TypeAlias = str | None


class InstrumentConfig(Dto, frozen=True, kw_only=True):
    """INSTRUMENT: what a bot quotes where, and from which books."""

    instrument: Text = None
    exchange: Text = None
    underlyings: Text = None
    running: bool = False
    algo_id: int | None = None
    algo_key: str = "MM"
    source_exchange: Text = None
    fx_leg: Text = None
    fx_exchange: Text = None
    comments: Text = None


class PricerConfig(Dto, frozen=True, kw_only=True):
    """PRICER: which quotes are made of the source price."""

    running: bool = False
    algo_id: int | None = None
    algo_key: str = "MM"
    buy_quote_sizes: Text = None
    sell_quote_sizes: Text = None
    buy_margins: Text = None
    sell_margins: Text = None
    source_aggregation: Text = None
    fx_aggregation: Text = None
    min_price_change: Text = None
    min_size_change: Text = None
    min_spread: Text = None
    take_out: Text = None
    bid_price_factor: Text = None
    ask_price_factor: Text = None
    max_bid: Text = None
    min_ask: Text = None
    aggressive_mode: bool = False


class HedgerConfig(Dto, frozen=True, kw_only=True):
    """HEDGER: how a bot's position is brought back."""

    running: bool = False
    algo_id: int | None = None
    algo_key: str = "MM"
    position_max_norm_size: Text = None
    hedge_strategy: Text = None
    execution_style: Text = None
    venues_list: Text = None
    max_order_size: Text = None
    resend_time: int | None = None
    hedge_instrument: Text = None
    max_offset: Text = None
    hedge_qty_factor: Text = None
    max_bid: Text = None
    min_ask: Text = None
    custom_order_parameters: Text = None


class RiskLimitsConfig(Dto, frozen=True, kw_only=True):
    """RISK_LIMITS: what a bot may hold and lose."""

    algo_id: int | None = None
    algo_key: str = "MM"
    max_long_exposure: Decimal | None = None
    max_short_exposure: Decimal | None = None
    max_quoter_position_size: Text = None
    max_hedger_position_size: Text = None
    min_buy_quote_active_time: Text = None
    min_sell_quote_active_time: Text = None
    max_day_loss: Decimal | None = None


class RiskConfig(Dto, frozen=True, kw_only=True):
    """RISK: in what currency profit is told, and when the day ends."""

    algo_key: str = "MM"
    account_currency: Text = None
    cutoff_time: int | None = None
    last_reset_time: int | None = None


class RiskCurrencyConfig(Dto, frozen=True, kw_only=True):
    """RISK_CURRENCY: a currency that is watched, over all, at one exchange or of one bot."""

    currency: Text = None
    currency_id: int | None = None
    algo_key: str = "MM"
    exchange_algo_id: Text = None


class CurrencyRiskLimitsConfig(Dto, frozen=True, kw_only=True):
    """CURRENCY_RISK_LIMITS: how much of a currency may be held, open orders included."""

    currency_id: int | None = None
    algo_key: str = "MM"
    max_long_exposure: Decimal | None = None
    max_short_exposure: Decimal | None = None


class RiskHedgerConfig(Dto, frozen=True, kw_only=True):
    """RISK_HEDGER: how a currency's exposure is brought back."""

    running: bool = False
    currency_id: int | None = None
    algo_key: str = "MM"
    position_max_norm_size: Text = None
    hedge_strategy: Text = None
    execution_style: Text = None
    venues_list: Text = None
    max_order_size: Text = None
    resend_time: int | None = None
    hedge_instrument: Text = None
    max_offset: Text = None
    max_bid: Text = None
    min_ask: Text = None


Config: TypeAlias = (
    InstrumentConfig
    | PricerConfig
    | HedgerConfig
    | RiskLimitsConfig
    | RiskConfig
    | RiskCurrencyConfig
    | CurrencyRiskLimitsConfig
    | RiskHedgerConfig
)

CONFIGS: Mapping[ConfigType, type[Config]] = MappingProxyType(
    {
        ConfigType.INSTRUMENT: InstrumentConfig,
        ConfigType.PRICER: PricerConfig,
        ConfigType.HEDGER: HedgerConfig,
        ConfigType.RISK_LIMITS: RiskLimitsConfig,
        ConfigType.RISK: RiskConfig,
        ConfigType.RISK_CURRENCY: RiskCurrencyConfig,
        ConfigType.CURRENCY_RISK_LIMITS: CurrencyRiskLimitsConfig,
        ConfigType.RISK_HEDGER: RiskHedgerConfig,
    }
)
