"""DTOs of orders, trades, alerts, balances and figures, made of the platform's events.

An exchange's name is what spot bots call it; quantities are in units of the base currency, times in ms since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal

from c2wire import dto
from c2wire.enums import Initiator, OrderSide, OrderStatus, TimeInForce
from common.clock import NS_PER_MS
from common.events import AccountState, Alert, AlertLevel, Fill, OrderUpdate, RiskStatistics, TradingStatistics
from common.instruments import Instrument, Side
from common.orders import OrderState
from common.venues import Exchanges

PLATFORM = "platform"
"""The algo_id of an alert that is about no bot."""
LEVELS = {AlertLevel.INFO: "INFO", AlertLevel.WARNING: "WARNING", AlertLevel.CRITICAL: "ERROR"}
SIDES = {Side.BUY: OrderSide.BUY, Side.SELL: OrderSide.SELL}
STATUSES = {
    OrderState.SUBMITTING: OrderStatus.PENDING_NEW,
    OrderState.LIVE: OrderStatus.NEW,
    OrderState.CANCELLING: OrderStatus.PENDING_CANCEL,
    # Nobody knows whether it rests until the venue has been asked; the text says so.
    OrderState.UNKNOWN: OrderStatus.SUSPENDED,
    OrderState.FILLED: OrderStatus.COMPLETELY_FILLED,
    OrderState.CANCELLED: OrderStatus.CANCELED,
    OrderState.REJECTED: OrderStatus.REJECTED,
}


def order_row(order: OrderUpdate, instrument: Instrument, exchange: str, executed_lots: int) -> dto.Order:
    """Return an order as it stands; `executed_lots` is what its fills say."""
    status = STATUSES[order.state]
    if status is OrderStatus.NEW and executed_lots:
        status = OrderStatus.PARTIALLY_FILLED
    return dto.Order(
        algo_id=int(order.algo_id),
        timestamp=(order.ts_event_ns or order.ts_received_ns) // NS_PER_MS,
        source=exchange,
        side=SIDES[order.side],
        exchange=exchange,
        initiator=Initiator.HEDGER if order.parent_id else Initiator.QUOTER,
        size=order.quantity_lots * instrument.lot_size,
        executed_size=executed_lots * instrument.lot_size,
        price=order.price_ticks * instrument.tick_size,
        correlation_id=str(order.order_id),
        symbol=order.symbol,
        time_in_force=TimeInForce.IMMEDIATE_OR_CANCEL if order.immediate else TimeInForce.GOOD_TILL_CANCEL,
        order_status=status,
        text=order.reason,
    )


def trade_row(fill: Fill, exchange: str) -> dto.Trade:
    """Return an execution."""
    return dto.Trade(
        algo_id=int(fill.algo_id),
        timestamp=(fill.ts_event_ns or fill.ts_received_ns) // NS_PER_MS,
        order_source=exchange,
        side=SIDES[fill.side],
        exchange=exchange,
        execution_id=fill.venue_trade_id,
        order_correlation_id=str(fill.order_id),
        symbol=fill.symbol,
        execution_size=fill.quantity_lots * fill.instrument.lot_size,
        execution_price=fill.price,
    )


def alert_row(alert: Alert, sequence: int, exchanges: Exchanges) -> dto.Alert:
    """Return an alert under its place in the stream of alerts."""
    return dto.Alert(
        symbol=alert.symbol or None,
        exchange=exchanges.exchange(alert.venue) if alert.venue else None,
        level=LEVELS[alert.level],
        timestamp=alert.ts_ns // NS_PER_MS,
        description=alert.text,
        action=alert.action or None,
        algo_id=int(alert.algo_id) if alert.algo_id.isdecimal() else None,
        correlation_order_id=str(alert.order_id) if alert.order_id else None,
        duration=alert.duration_ms or None,
        sequence=sequence,
    )


def balance_rows(accounts: Iterable[AccountState], exchanges: Exchanges) -> Iterator[dto.Balance]:
    """Yield what there is of each currency at each exchange, over all our accounts there; a loan counts as margin."""
    summed: dict[tuple[str, str], list[Decimal]] = {}
    newest: dict[tuple[str, str], int] = {}
    for account in accounts:
        for balance in account.balances:
            key = (exchanges.exchange(account.venue), balance.currency)
            row = summed.setdefault(key, [Decimal(0)] * 3)
            for index, amount in enumerate((balance.total, balance.available, balance.borrowed)):
                row[index] += amount
            newest[key] = max(newest.get(key, 0), account.ts_event_ns or account.ts_received_ns)
    for (exchange, currency), (total, available, borrowed) in sorted(summed.items()):
        yield dto.Balance(
            ccy=currency,
            src=exchange,
            ts=newest[exchange, currency] // NS_PER_MS,
            am=total,
            av=available,
            fr=total - available,
            mr=borrowed,
            mra=Decimal(0),
        )


def trading_row(figures: TradingStatistics) -> dto.TradingStatistics:
    """Return a bot's figures since its cutoff."""
    return dto.TradingStatistics(
        algo_key=figures.algo_key,
        algo_id=int(figures.algo_id),
        start_time=figures.start_ns // NS_PER_MS,
        open_buy_qty=figures.open_buy_qty,
        open_sell_qty=figures.open_sell_qty,
        quoter_bot_qty=figures.quoter_bot_qty,
        hedger_bot_qty=figures.hedger_bot_qty,
        quoter_sld_qty=figures.quoter_sld_qty,
        hedger_sld_qty=figures.hedger_sld_qty,
        quoter_net_qty=figures.quoter_net_qty,
        hedger_net_qty=figures.hedger_net_qty,
        current_position_size=figures.current_position_size,
        position_cost=figures.position_cost,
        position_market_price=figures.position_market_price,
        pnl=figures.pnl,
        account_pnl=figures.account_pnl,
        net_pnl=figures.net_pnl,
        fees=figures.fees,
    )


def risk_row(figures: RiskStatistics) -> dto.RiskStatistics:
    """Return the exposure of a watched currency."""
    return dto.RiskStatistics(
        algo_key=figures.algo_key,
        currency_id=int(figures.currency_id),
        open_buy_qty=figures.open_buy_qty,
        open_sell_qty=figures.open_sell_qty,
        current_position_size=figures.current_position_size,
    )
