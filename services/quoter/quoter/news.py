"""What the quoter says on the bus about its orders: updates, fills, and alerts for people."""

from __future__ import annotations

from decimal import Decimal

from common.events import Alert, AlertLevel, Fill, OrderUpdate

from quoter.orders import Order
from quoter.venues.base import Execution

UNASSIGNED = "unassigned"
"""Bot that gets the fills of orders nobody knows."""
PLATFORM = "platform"


def order_update(order: Order, account: str, venue: str, epoch: int, now_ns: int) -> OrderUpdate:
    """Return the news of an order's present state, and note that it has been told."""
    order.told_sequence = order.sequence
    return OrderUpdate(
        account=account,
        algo_id=order.algo_id,
        venue=venue,
        symbol=order.symbol,
        order_id=order.order_id,
        order_sequence=order.sequence,
        venue_order_id=order.venue_order_id,
        outcome=order.outcome,
        side=order.side,
        price_ticks=order.price_ticks,
        quantity_lots=order.quantity_lots,
        leaves_lots=0 if order.state.terminal else order.quantity_lots - order.filled_lots,
        state=order.state,
        reason=order.reason,
        ts_event_ns=order.ts_event_ns,
        ts_received_ns=now_ns,
        epoch=epoch,
    )


def fill_of(
    execution: Execution,
    order: Order | None,
    *,
    account: str,
    venue: str,
    currency: str,
    tick_size: Decimal,
    lot_size: Decimal,
    multiplier: Decimal,
    epoch: int,
    now_ns: int,
) -> Fill:
    """Return the ledger's view of an execution; without a known order it goes to the bot `unassigned`."""
    return Fill(
        account=account,
        algo_id=order.algo_id if order else UNASSIGNED,
        venue=venue,
        symbol=execution.symbol,
        order_id=execution.order_id,
        order_sequence=order.sequence if order else execution.venue_sequence,
        venue_order_id=execution.venue_order_id,
        venue_trade_id=execution.trade_id,
        outcome=execution.outcome,
        side=execution.side,
        price_ticks=execution.price_ticks,
        quantity_lots=execution.quantity_lots,
        leaves_lots=execution.leaves_lots,
        liquidity=execution.liquidity,
        fee=execution.fee,
        currency=currency,
        tick_size=tick_size,
        lot_size=lot_size,
        multiplier=multiplier,
        match_type=execution.match_type,
        account_sequence=execution.account_sequence,
        ts_event_ns=execution.ts_event_ns,
        ts_received_ns=now_ns,
        epoch=epoch,
    )


def alert(level: AlertLevel, algo_id: str, kind: str, text: str, now_ns: int, source: str = "quoter") -> Alert:
    return Alert(level=level, algo_id=algo_id, source=source, kind=kind, text=text, ts_ns=now_ns)
