"""Order entry behind the door: a ticket becomes an order that trades, rests or is refused; cancels; pairs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from exchange.market.accounts import OPEN_ORDERS_MAX, Account
from exchange.market.book import Match, OrderBook
from exchange.market.ledger import Ledger
from exchange.market.markets import Market
from exchange.market.matching import Order
from exchange.market.money import MICROS_PER_DOLLAR, MICROS_PER_TICK, PRICE_TEXT, dollars_text, taker_fee_micros
from exchange.market.orders import CANCELLED, OPEN, AnyOrder, Outcome, Side
from exchange.market.refusals import Refusal
from exchange.spot.symbols import Symbol

OrderT = TypeVar("OrderT", bound=AnyOrder)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A valid request for an order, before the venue has taken it."""

    client_order_id: int
    market: str
    side: Side
    outcome: Outcome
    price_ticks: int
    size: int
    time_in_force: Literal["gtc", "ioc"] = "gtc"
    post_only: bool = False


@dataclass(frozen=True, slots=True)
class CancelFilter:
    """Which resting orders a mass cancel means; an absent filter matches everything."""

    market: str | None = None
    client_order_id_from: int | None = None
    client_order_id_below: int | None = None

    def matches(self, order: AnyOrder) -> bool:
        if self.market is not None and order.market != self.market:
            return False
        if self.client_order_id_from is not None and order.client_order_id < self.client_order_id_from:
            return False
        return self.client_order_id_below is None or order.client_order_id < self.client_order_id_below


class Trading:
    """The markets' order books and the rules of who may put what into them."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.markets: dict[str, Market] = {}
        self.symbols: dict[str, Symbol] = {}

    def market(self, market_id: str) -> Market:
        if (market := self.markets.get(market_id)) is None:
            raise Refusal("unknown_market", f"no market {market_id}", "market")
        return market

    def symbol(self, name: str) -> Symbol:
        if (symbol := self.symbols.get(name)) is None or not symbol.listed:
            raise Refusal("unknown_symbol", f"no symbol {name}", "symbol")
        return symbol

    def place(self, account: Account, ticket: Ticket, now_ns: int, connection: int | None = None) -> Order:
        """Accept an order, trade what crosses, rest or cancel the remainder; raises a Refusal that changed nothing."""
        refuse_known(account, ticket.client_order_id)
        market = self._open_market(ticket.market)
        order = Order(
            order_id=0,
            account=account.name,
            client_order_id=ticket.client_order_id,
            market=ticket.market,
            side=ticket.side,
            outcome=ticket.outcome,
            price_ticks=ticket.price_ticks,
            size=ticket.size,
            leaves=ticket.size,
            time_in_force=ticket.time_in_force,
            post_only=ticket.post_only,
            created_ns=now_ns,
            ts_ns=now_ns,
            connection=connection,
        )
        self._check(account, market, order)
        order.order_id = self.ledger.ids.next("order")
        self.ledger.changed(order, now_ns)
        self.enter(market.book, order, lambda match: self.ledger.book_match(market, order, match, now_ns), now_ns)
        return order

    def enter(
        self, book: OrderBook[OrderT], order: OrderT, book_match: Callable[[Match[OrderT]], None], now_ns: int
    ) -> None:
        """Trade what crosses, then rest what is left or end it; `book_match` books one trade."""
        for match in book.take(order):
            book_match(match)
        if order.leaves == 0:
            return
        if book.crosses(order):
            self.end(order, "self_trade", now_ns)
        elif order.time_in_force == "ioc":
            self.end(order, "ioc_remainder", now_ns)
        else:
            book.rest(order)
            self.ledger.accounts[order.account].lock(order)
            self.ledger.tape.moved(order.market)

    def book_of(self, order: AnyOrder) -> OrderBook[Any]:
        """The book an order is in."""
        return (self.symbols if order.market in self.symbols else self.markets)[order.market].book

    def _open_market(self, market_id: str) -> Market:
        market = self.market(market_id)
        if market.status != "OPEN":
            raise Refusal("market_not_open", f"market {market_id} is {market.status}", "market")
        return market

    def _check(self, account: Account, market: Market, order: Order) -> None:
        if len(account.open_orders) >= OPEN_ORDERS_MAX:
            raise Refusal("too_many_open_orders", f"at most {OPEN_ORDERS_MAX} open orders per account")
        if order.post_only and market.book.crosses(order):
            price = PRICE_TEXT[order.price_ticks]
            raise Refusal("would_cross", f"post_only order at {price} would trade at once", "post_only")
        if order.side == "ask":
            position = account.positions.get(order.market)
            free = 0 if position is None else position.free(order.outcome)
            if free < order.size:
                needed = f"{order.size} {order.outcome} needed, {free} free"
                raise Refusal("insufficient_shares", f"an ask sells held shares: {needed}", "size")
            return
        # The fee per share is rounded up before it is multiplied, so the cover holds for any split into fills;
        # p + fee(p) grows with p, so it holds for better prices too.
        fee = 0 if order.post_only else taker_fee_micros(order.price_ticks, 1, self.ledger.fees.taker_rate_ppm)
        needed_micros = (order.price_ticks * MICROS_PER_TICK + fee) * order.size
        if account.available_micros < needed_micros:
            texts = f"{dollars_text(needed_micros)} needed, {dollars_text(account.available_micros)} available"
            raise Refusal("insufficient_funds", f"a bid must be covered: {texts}", "size")

    def cancel(self, order: AnyOrder, reason: str, now_ns: int) -> None:
        """Take a resting order off the book and give back what it held."""
        assert order.status == OPEN, order.order_id
        self.book_of(order).remove(order)
        self.ledger.accounts[order.account].unlock(order, order.leaves)
        self.ledger.tape.moved(order.market)
        self.end(order, reason, now_ns)

    def end(self, order: AnyOrder, reason: str, now_ns: int) -> None:
        order.status, order.reason, order.leaves = CANCELLED, reason, 0
        order.order_sequence += 1
        self.ledger.changed(order, now_ns)

    def cancel_requested(self, order: AnyOrder, field: str, now_ns: int) -> None:
        """Cancel at the owner's wish; a finished order is refused together with its state."""
        refuse_finished(order, field)
        self.cancel(order, "requested", now_ns)

    def cancel_where(
        self, account: Account, wanted: Callable[[AnyOrder], bool], reason: str, now_ns: int
    ) -> list[AnyOrder]:
        """Cancel the account's resting orders that match, oldest first; returns them."""
        found = [order for _, order in sorted(account.open_orders.items()) if wanted(order)]
        for order in found:
            self.cancel(order, reason, now_ns)
        return found

    def cancel_market(self, market: Market, reason: str, now_ns: int) -> None:
        for order in sorted(market.book.orders(), key=lambda order: order.order_id):
            self.cancel(order, reason, now_ns)

    def split(self, account: Account, market_id: str, size: int, now_ns: int) -> None:
        """Turn dollars into pairs of one YES and one NO."""
        self._open_market(market_id)
        cost = size * MICROS_PER_DOLLAR
        if account.available_micros < cost:
            texts = f"{dollars_text(cost)} needed, {dollars_text(account.available_micros)} available"
            raise Refusal("insufficient_funds", f"a pair costs 1: {texts}", "size")
        self.ledger.post(account, "split", -cost, now_ns, market=market_id, yes=size, no=size)

    def merge(self, account: Account, market_id: str, size: int, now_ns: int) -> None:
        """Turn pairs of one YES and one NO back into dollars."""
        market = self.market(market_id)
        if market.status not in ("OPEN", "CLOSED"):
            raise Refusal("market_not_open", f"market {market_id} is {market.status}", "market")
        position = account.positions.get(market_id)
        free = 0 if position is None else min(position.free("yes"), position.free("no"))
        if free < size:
            raise Refusal("insufficient_shares", f"{size} pairs needed, {free} free", "size")
        self.ledger.post(account, "merge", size * MICROS_PER_DOLLAR, now_ns, market=market_id, yes=-size, no=-size)


def refuse_known(account: Account, client_order_id: int) -> None:
    """Refuse a client order id that the account has used, together with the order it was used for."""
    if (known := account.by_client_id.get(client_order_id)) is not None:
        raise Refusal(
            "duplicate_client_order_id",
            f"client_order_id {client_order_id} was used for order {known.order_id}",
            "client_order_id",
            beside={"order": known.as_json()},
        )


def refuse_finished(order: AnyOrder, field: str) -> None:
    """Refuse what only a resting order can have done to it, together with the order's state."""
    if order.status != OPEN:
        raise Refusal(
            "order_finished",
            f"order {order.order_id} is {order.status}",
            field,
            beside={"client_order_id": str(order.client_order_id), "order": order.as_json()},
        )
