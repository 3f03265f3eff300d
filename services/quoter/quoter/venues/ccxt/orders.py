"""What became of our orders at a venue behind ccxt, put together from answers, frames and trades in any order.

What the venue says of an order only ever adds: the most that was executed, and that it is over. That it is over is the
venue's word and not worked out from amounts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from common.clock import NS_PER_MS, NS_PER_S
from common.errors import ContractError
from common.instruments import Instrument, Side
from common.orders import OrderState

from quoter.venues.base import Amendment, Execution, OrderReport, OwnOrder, OwnOrders, Placement
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.words import WireOrder, WireTrade, lots_of, ticks_of

ORDERS_MAX = 40_000
TRADES_MAX = 40_000
NOT_AT_VENUE = "not_at_venue"


@dataclass(slots=True)
class Known:
    """An order of ours."""

    order_id: int
    client_id: str
    instrument: Instrument
    side: Side
    price_ticks: int
    quantity_lots: int
    sent_ns: int
    venue_order_id: str = ""
    executed_lots: int = 0
    """The most that the venue has said."""
    told_lots: int = 0
    """Of executions."""
    recalled: bool = False
    """A predecessor's: what was told of it before is not known."""
    seen: bool = False
    """The venue has had it."""
    reports: int = 0
    state: OrderState = field(default=OrderState.SUBMITTING)
    amending: Amendment | None = None
    """What it was last asked to become, until the venue has said so, or has refused."""

    @property
    def symbol(self) -> str:
        return self.instrument.symbol


class OwnBook:
    """Our orders by id and by the venue's id, and the trades that were told."""

    def __init__(self, orders: OwnOrders, dialect: Dialect, now_ns: Callable[[], int]) -> None:
        self._orders, self._dialect, self._now_ns = orders, dialect, now_ns
        self._by_id: dict[int, Known] = {}
        self._by_venue_id: dict[str, Known] = {}
        self._told: dict[tuple[str, str], None] = {}
        self.untraded: dict[int, int] = {}
        """Orders that were executed further than their trades say, with the second since when."""
        self.moved = 0
        """Counts executions, to see whether a snapshot was taken of one state."""
        self.newest_ms = 0
        """Of the trades that were told."""

    # --- which order --------------------------------------------------------------------------------------------

    def add(self, place: Placement, instrument: Instrument, sent_ns: int) -> Known:
        """Remember an order that is about to be sent."""
        known = Known(
            place.order_id,
            self._dialect.client_id(place.order_id),
            instrument,
            place.side,
            place.price_ticks,
            place.quantity_lots,
            sent_ns,
        )
        return self._file(known)

    def recall(self, order: OwnOrder) -> Known | None:
        """Take in a predecessor's order; None where its symbol is not among those of the account."""
        market = self._dialect.markets.get(order.symbol)
        if market is None:
            return None
        known = Known(
            order.order_id,
            self._dialect.client_id(order.order_id),
            market.instrument,
            order.side,
            order.price_ticks,
            order.quantity_lots,
            # Whoever sent it may have done so just now.
            self._now_ns(),
            order.venue_order_id,
            recalled=True,
            seen=bool(order.venue_order_id),
            reports=order.venue_sequence,
        )
        return self._file(known)

    def _file(self, known: Known) -> Known:
        self._by_id[known.order_id] = known
        if known.venue_order_id:
            self._by_venue_id[known.venue_order_id] = known
        if len(self._by_id) > ORDERS_MAX:
            oldest = next((each for each in self._by_id.values() if each.state.terminal), None)
            if oldest is not None:
                del self._by_id[oldest.order_id]
                self._by_venue_id.pop(oldest.venue_order_id, None)
                self.untraded.pop(oldest.order_id, None)
        return known

    def by_id(self, order_id: int) -> Known | None:
        return self._by_id.get(order_id)

    def find(self, venue_order_id: str, client_id: str) -> Known | None:
        """Return the order of an id of the venue's or of ours; None when it is not ours as far as we know."""
        known = self._by_venue_id.get(venue_order_id) if venue_order_id else None
        if known is None and client_id:
            order_id = self._dialect.order_id(client_id)
            known = self._by_id.get(order_id)
            if known is None and order_id and (order := self._orders.get(order_id)) is not None:
                known = self.recall(order)
        if known is not None and venue_order_id and known.venue_order_id != venue_order_id:
            known.venue_order_id = venue_order_id
            self._by_venue_id[venue_order_id] = known
        return known

    def living(self) -> list[Known]:
        """Return our orders whose end has not been seen, a predecessor's among them."""
        found = []
        for order_id in self._orders.unresolved():
            known = self._by_id.get(order_id)
            if known is None and (order := self._orders.get(order_id)) is not None:
                known = self.recall(order)
            if known is not None:
                found.append(known)
        return found

    # --- what the venue says of it ------------------------------------------------------------------------------

    def on_order(self, wire: WireOrder) -> OrderReport | None:
        """Take in the venue's snapshot of an order; None when it is not ours.

        ContractError when it says of it what cannot be.
        """
        known = self.find(wire.venue_order_id, wire.client_id)
        if known is None:
            return None
        self._look_for_amendment(known, wire)
        lots, to = lots_of(known.instrument, wire.executed), known.amending
        if lots > max(known.quantity_lots, to.quantity_lots if to is not None else 0):
            raise ContractError("ccxt order", f"{lots} lots were executed of {known.quantity_lots}")
        known.seen = True
        known.executed_lots = max(known.executed_lots, lots)
        return self.report(known, OrderState.CANCELLED if wire.over else OrderState.LIVE, wire.reason)

    def _look_for_amendment(self, known: Known, wire: WireOrder) -> None:
        """Take over where an order stands if that is what it was asked to become; old news says nothing against it."""
        to = known.amending
        if to is None or not wire.price or not wire.size:
            return
        if (wire.price, wire.size) == (to.price_ticks * to.tick_size, to.quantity_lots * to.lot_size):
            known.price_ticks, known.quantity_lots, known.amending = to.price_ticks, to.quantity_lots, None

    def amended(self, known: Known, to: Amendment) -> OrderReport:
        """Return the report of an order that the venue has amended."""
        known.price_ticks, known.quantity_lots, known.amending = to.price_ticks, to.quantity_lots, None
        return self.report(known, OrderState.LIVE, "")

    def gone(self, known: Known) -> OrderReport:
        """Return the report of an order that the venue had and no longer knows: it rests nowhere."""
        return self.report(known, OrderState.CANCELLED, NOT_AT_VENUE)

    def report(self, known: Known, state: OrderState, reason: str) -> OrderReport:
        """Return what all news so far make: what is over stays so, what was executed is never less."""
        if known.executed_lots >= known.quantity_lots:
            state = OrderState.FILLED
        if not known.state.terminal or state is OrderState.FILLED:
            known.state = state
        known.reports += 1
        self._look_for_trades(known)
        return OrderReport(
            known.order_id,
            known.venue_order_id,
            known.symbol,
            known.instrument.outcome,
            known.side,
            known.price_ticks,
            known.quantity_lots,
            known.executed_lots,
            known.state,
            reason if known.state is OrderState.CANCELLED else "",
            known.reports,
            self._now_ns(),
        )

    def _look_for_trades(self, known: Known) -> None:
        """Remember since when an order has been executed further than its trades say."""
        if known.executed_lots > known.told_lots and not known.recalled:
            self.untraded.setdefault(known.order_id, self._now_ns() // NS_PER_S)
        else:
            self.untraded.pop(known.order_id, None)

    def on_trade(self, trade: WireTrade, instrument: Instrument, *, recovered: bool) -> Execution | None:
        """Return the execution of a trade, once; ContractError when it is not whole."""
        key = (instrument.symbol, trade.trade_id)
        if key in self._told:
            return None
        known = self.find(trade.venue_order_id, trade.client_id)
        if known is not None:
            if known.side is not trade.side or known.symbol != instrument.symbol:
                raise ContractError("ccxt trade", f"{trade.side} in {instrument.symbol} is not what its order says")
            # In the lots of its order, whatever the market counts in by now.
            instrument = known.instrument
        ticks, lots = ticks_of(instrument, trade.price), lots_of(instrument, trade.amount)
        if not lots:
            raise ContractError("ccxt trade", "an amount of 0 is no trade")
        self._told[key] = None
        while len(self._told) > TRADES_MAX:
            del self._told[next(iter(self._told))]
        self.moved += 1
        self.newest_ms = max(self.newest_ms, trade.ts_ms)
        leaves = 0
        if known is not None:
            known.seen = True
            known.told_lots += lots
            known.executed_lots = max(known.executed_lots, min(known.told_lots, known.quantity_lots))
            leaves = max(0, known.quantity_lots - max(known.told_lots, known.executed_lots))
            self._look_for_trades(known)
        return Execution(
            known.order_id if known else 0,
            trade.venue_order_id or (known.venue_order_id if known else ""),
            trade.trade_id,
            instrument.symbol,
            instrument.outcome,
            trade.side,
            ticks,
            lots,
            leaves,
            trade.liquidity,
            trade.fee,
            "",
            known.reports if known else 0,
            trade.ts_ms,
            trade.ts_ms * NS_PER_MS,
            recovered,
            instrument.tick_size,
            trade.fee_currency,
            instrument,
        )
