"""Orders of spot markets that may still be executed, as quoters tell of them: what statistics and currencies count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

from common.clock import NS_PER_S
from common.events import AccountState, Market, OrderUpdate, OrderUpdates
from common.instruments import BUY, Outcome

from risk.ledger.positions import ONE, ZERO

ORDERS_MAX = 20_000
"""Open at once in one account; beyond it the oldest known goes."""
ENDED_MAX = 5_000
"""Ended orders remembered, since an older state of one may still come."""
SNAPSHOT_LAG_NS = 5 * NS_PER_S
"""An order heard of so shortly before an account's snapshot was taken may be missing there."""

_Name = tuple[str, int]


class OpenOrders:
    """The newest state of each open order, by account and id."""

    def __init__(self) -> None:
        self._open: dict[str, dict[int, OrderUpdate]] = {}
        self._ended: dict[_Name, int] = {}
        """By the sequence of the end."""
        self._whole: set[str] = set()
        """Accounts of which every open order is known."""

    def __len__(self) -> int:
        return sum(map(len, self._open.values()))

    def __iter__(self) -> Iterator[OrderUpdate]:
        for orders in self._open.values():
            yield from orders.values()

    def of(self, account: str) -> Iterator[OrderUpdate]:
        """Yield the open orders of an account."""
        yield from self._open.get(account, {}).values()

    def is_whole(self, account: str) -> bool:
        """Say whether every open order of an account is known: not before the venue has shown what there is.

        After a start the store has the last word on some of them alone; their quoter tells all of them again.
        """
        return account in self._whole

    def on_updates(self, updates: OrderUpdates) -> None:
        """Take the newest states; what has outcomes is no business of currencies."""
        for update in updates.orders:
            if update.outcome is Outcome.NONE:
                self._take(update)

    def _take(self, update: OrderUpdate) -> None:
        orders = self._open.setdefault(update.account, {})
        known = orders.get(update.order_id)
        ended = self._ended.get((update.account, update.order_id))
        if (known is not None and update.order_sequence <= known.order_sequence) or (
            ended is not None and update.order_sequence <= ended
        ):
            return
        orders.pop(update.order_id, None)
        if update.state.terminal:
            self._ended[update.account, update.order_id] = update.order_sequence
            if len(self._ended) > ENDED_MAX:
                del self._ended[next(iter(self._ended))]
            return
        orders[update.order_id] = update
        if len(orders) > ORDERS_MAX:
            del orders[next(iter(orders))]

    def on_snapshot(self, snapshot: AccountState, *, stored: bool = False) -> None:
        """End what the venue shows no more: the end of an order may have been told while nobody listened.

        One that was `stored` before we listened does not show whether all that is open is known.
        """
        shown = {order.order_id for order in snapshot.open_orders if order.outcome is Outcome.NONE}
        orders = self._open.get(snapshot.account, {})
        before_ns = snapshot.ts_received_ns - SNAPSHOT_LAG_NS
        gone = [
            order_id
            for order_id, order in orders.items()
            if order.venue == snapshot.venue and order_id not in shown and order.ts_received_ns < before_ns
        ]
        for order_id in gone:
            del orders[order_id]
        if not stored and all(each in orders or (snapshot.account, each) in self._ended for each in shown):
            self._whole.add(snapshot.account)


class FreeFunds:
    """What accounts have free of each currency: what is booked, less what open orders may still take of it."""

    def __init__(
        self,
        booked: Mapping[tuple[str, str, str], Decimal],
        orders: OpenOrders,
        market_of: Callable[[str, str], Market | None],
    ) -> None:
        """`booked` is by account, venue and currency."""
        self._booked, self._orders, self._market_of = booked, orders, market_of
        self._tied: dict[str, dict[str, Decimal]] = {}
        """By account that was asked about, and currency."""

    def get(self, key: tuple[str, str, str], /) -> Decimal | None:
        """Return what is free, by account, venue and currency; None of what nobody has said.

        With 90,000 USD booked and a bid for 1 BTC at 60,000 with a fee of 0.1 %, 29,940 USD are free.
        """
        booked = self._booked.get(key)
        if booked is None:
            return None
        account, _, currency = key
        if account not in self._tied:
            self._tied[account] = self._tied_by_orders(account)
        return booked - self._tied[account].get(currency, ZERO)

    def _tied_by_orders(self, account: str) -> dict[str, Decimal]:
        tied: dict[str, Decimal] = {}
        for order in self._orders.of(account):
            market = self._market_of(order.venue, order.symbol)
            if market is None or not market.base:
                continue
            currency, amount = market.base, order.leaves_lots * market.lot_size
            if order.side is BUY:
                fee_rate = max(ZERO, market.fees.taker_rate) if market.fees is not None else ZERO
                paid = amount * order.price_ticks * market.tick_size * market.multiplier
                currency, amount = market.currency, paid * (ONE + fee_rate)
            tied[currency] = tied.get(currency, ZERO) + amount
        return tied
