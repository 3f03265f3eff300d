"""Figures of spot bots and currencies as people and programs watch them; exact decimals, never floats."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import msgspec

from common.events.base import Event, register


@register
class TradingStatistics(Event, frozen=True, kw_only=True, omit_defaults=True):
    """What a spot bot has traded, holds and has earned since its last cutoff.

    Quantities are in units of the instrument's base currency, money in its term currency; None is what nobody can say,
    for lack of a price or rate.
    """

    subject: ClassVar[str] = "stats.trading.{algo_id}"

    algo_id: str
    algo_key: str = "MM"
    start_ns: int
    """The last cutoff, or when its books began."""
    open_buy_qty: Decimal | None
    """None until all open orders of its account have been told, after a start of risk."""
    open_sell_qty: Decimal | None
    quoter_bot_qty: Decimal
    """Bought by quotes and orders that take out."""
    quoter_sld_qty: Decimal
    hedger_bot_qty: Decimal
    """Bought by hedges, in units of the hedge instrument's base currency."""
    hedger_sld_qty: Decimal
    quoter_net_qty: Decimal
    hedger_net_qty: Decimal
    current_position_size: Decimal
    """quoter_net_qty + hedge_qty_factor x hedger_net_qty."""
    position_cost: Decimal
    position_market_price: Decimal | None
    pnl: Decimal | None
    """Before fees."""
    account_pnl: Decimal | None
    """`net_pnl` in `account_currency`."""
    net_pnl: Decimal | None
    fees: Decimal
    term_currency: str
    account_currency: str
    unrated: list[str] = msgspec.field(default_factory=list)
    """Currencies of fees or hedges that no rate is known for: the figures are without them."""
    ledger_sequence: int
    """Last FILL stream sequence in these figures."""
    ts_ns: int


@register
class RiskStatistics(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The exposure of one currency document: a currency over all, at one exchange, or of one bot; in units of it."""

    subject: ClassVar[str] = "stats.risk.{currency_id}"

    currency_id: str
    algo_key: str = "MM"
    currency: str
    exchange: str = ""
    """'' for all."""
    algo_id: str = ""
    """'' for all bots."""
    open_buy_qty: Decimal | None
    """Of open orders that would add to the currency; None until those of all accounts have been told."""
    open_sell_qty: Decimal | None
    current_position_size: Decimal
    ledger_sequence: int
    ts_ns: int
