"""Orders, trades and alerts of late, as the topics of C2 tell them."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import TypeAlias

from c2wire import dto
from common.events import Alert, AlertLevel, Fill, Market, OrderUpdate
from common.instruments import Instrument
from common.venues import Exchanges

from gateway.c2.recent import Recent
from gateway.c2.rows import alert_row, order_row, trade_row

ROWS_MAX = 100
"""Of each list."""
TALLIES_MAX = 10_000
"""Orders whose executions are summed."""
OrderKey: TypeAlias = tuple[str, int]
"""Account and order id."""
MarketOf: TypeAlias = Callable[[str, str], Market | None]
"""By venue and symbol."""


def _open_orders() -> Recent[OrderKey, OrderUpdate]:
    return Recent(ROWS_MAX, stays=lambda order: not order.state.terminal)


class Blotter:
    """The last orders and trades of each bot, and the last alerts of all."""

    def __init__(self, market_of: MarketOf, exchanges: Exchanges) -> None:
        self._market_of, self._exchanges = market_of, exchanges
        self.orders: dict[str, Recent[OrderKey, OrderUpdate]] = defaultdict(_open_orders)
        """By bot; an order that may still be filled stays, however old it is."""
        self.trades: dict[str, Recent[str, Fill]] = defaultdict(lambda: Recent(ROWS_MAX))
        self.warnings: Recent[int, tuple[int, Alert]] = Recent(ROWS_MAX)
        """By their sequence, and with it."""
        self.notes: Recent[int, tuple[int, Alert]] = Recent(ROWS_MAX)
        """Executions and the like: they push no warning out."""
        self._executed: OrderedDict[OrderKey, int] = OrderedDict()
        self._instruments: dict[tuple[str, str], tuple[Market, Instrument]] = {}

    def on_order(self, order: OrderUpdate) -> None:
        """Take in an order as it is; one that is older than what is known changes nothing."""
        orders, key = self.orders[order.algo_id], (order.account, order.order_id)
        known = orders.get(key)
        if known is None or order.order_sequence > known.order_sequence:
            orders.put(key, order)

    def on_fill(self, fill: Fill) -> None:
        """Take in an execution, once however often it is told; a fill tells its order's executed size too."""
        trades, name = self.trades[fill.algo_id], fill.message_id()
        if trades.get(name) is not None:
            return
        trades.put(name, fill)
        key = (fill.account, fill.order_id)
        self._executed[key] = self._executed.pop(key, 0) + fill.quantity_lots
        if len(self._executed) > TALLIES_MAX:
            self._executed.popitem(last=False)
        order = self.orders[fill.algo_id].get(key)
        if order is not None:
            self.orders[fill.algo_id].put(key, order)

    def on_alert(self, alert: Alert, sequence: int) -> None:
        """Take in an alert."""
        (self.notes if alert.level is AlertLevel.INFO else self.warnings).put(sequence, (sequence, alert))

    def order_rows(self, orders: Iterable[OrderUpdate]) -> list[dto.Order]:
        """Return orders as C2 tells them; one of a market that nobody has told of yet is left out."""
        rows = []
        for order in orders:
            instrument = self._instrument(order.venue, order.symbol)
            if instrument is not None:
                executed = self._executed_lots(order)
                rows.append(order_row(order, instrument, self._exchanges.exchange(order.venue), executed))
        return rows

    def trade_rows(self, fills: Iterable[Fill]) -> list[dto.Trade]:
        """Return executions as C2 tells them, the latest first."""
        rows = [trade_row(fill, self._exchanges.exchange(fill.venue)) for fill in fills]
        return sorted(rows, key=lambda row: row.timestamp, reverse=True)

    def alert_rows(self, alerts: Iterable[tuple[int, Alert]]) -> list[dto.Alert]:
        """Return alerts, each given with its sequence, the highest first."""
        ordered = sorted(alerts, key=lambda each: each[0], reverse=True)
        return [alert_row(alert, sequence, self._exchanges) for sequence, alert in ordered]

    def _executed_lots(self, order: OrderUpdate) -> int:
        told = self._executed.get((order.account, order.order_id), 0)
        # What it says of itself while it rests, and in its last word when all of it was filled.
        said = order.quantity_lots - order.leaves_lots if not order.state.terminal or order.state == "filled" else 0
        return min(order.quantity_lots, max(told, said, order.executed_lots))

    def _instrument(self, venue: str, symbol: str) -> Instrument | None:
        market = self._market_of(venue, symbol)
        if market is None:
            return None
        known = self._instruments.get((venue, symbol))
        if known is None or known[0] is not market:
            known = self._instruments[venue, symbol] = (market, market.instrument())
        return known[1]
