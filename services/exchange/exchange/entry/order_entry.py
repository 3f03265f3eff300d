"""What a logged-in participant may ask for, the same over REST and websocket: scope, budget, fault, then the trade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from exchange.entry import parse
from exchange.entry.faults import Faults
from exchange.entry.keys import Budgets, Grant
from exchange.market.accounts import Account
from exchange.market.book import Match
from exchange.market.ledger import Ledger
from exchange.market.matching import Order
from exchange.market.money import MICROS_PER_DOLLAR, TICKS_PER_DOLLAR
from exchange.market.orders import OPEN, AnyOrder
from exchange.market.refusals import Refusal
from exchange.market.tape import Json
from exchange.market.trading import Trading
from exchange.spot.orders import SpotOrder
from exchange.spot.trading import SpotTrading

FAULT_ACCOUNT: Final = "faults"  # the counterparty of fills an administrator asks for

_CANCEL = frozenset({"order_id", "client_order_id", "op", "id"})
_PAIRS = frozenset({"market", "size"})


class OrderEntry:
    """Checks a request against the key that makes it and carries it out."""

    def __init__(self, trading: Trading, budgets: Budgets, faults: Faults) -> None:
        self.trading, self.budgets, self.faults = trading, budgets, faults
        self.spot = SpotTrading(trading)
        self.closed_for = ""
        """Why nothing new is taken; empty while the venue is open."""

    @property
    def ledger(self) -> Ledger:
        return self.trading.ledger

    def account(self, grant: Grant) -> Account:
        return self.ledger.account(grant.key.account)

    def place(
        self, grant: Grant, body: Json, now_ns: int, connection: int | None = None, deadman_tripped: bool = False
    ) -> Json:
        """Place an order for a market, or for the spot symbol the request names."""
        grant.need("trade")
        if "symbol" in body:
            spot_ticket = parse.spot_ticket(body, lambda name: self.trading.symbol(name).terms)
            self._demand_order(grant, now_ns, deadman_tripped)
            return {"order": self.spot.place(self.account(grant), spot_ticket, now_ns, connection).as_json()}
        ticket = parse.ticket(body)
        self._demand_order(grant, now_ns, deadman_tripped)
        return {"order": self.trading.place(self.account(grant), ticket, now_ns, connection).as_json()}

    def amend(self, grant: Grant, body: Json, now_ns: int, deadman_tripped: bool = False) -> Json:
        """Give a resting spot order another price or size."""
        grant.need("trade")
        parse.amendment(body)
        field, order = self._named(grant, body)
        if not isinstance(order, SpotOrder):
            raise Refusal("invalid_field", "only a spot order can be amended: cancel and place anew", field)
        price_ticks = parse.spot_price(body["price"], order.terms) if "price" in body else None
        lots = parse.spot_size(body["size"], order.terms) if "size" in body else None
        self._demand_order(grant, now_ns, deadman_tripped)
        self.spot.amend(order, field, price_ticks, lots, now_ns)
        return {"order": order.as_json()}

    def _demand_order(self, grant: Grant, now_ns: int, deadman_tripped: bool) -> None:
        """Refuse what makes or enlarges an order while it must not be, and spend its budget."""
        if deadman_tripped:
            raise Refusal("deadman_expired", "the dead-man switch has fired: send a heartbeat first")
        self._demand_open()
        self._trouble(grant)
        self.budgets.spend(grant.key, "orders", 1, now_ns)

    def cancel(self, grant: Grant, body: Json, now_ns: int) -> Json:
        grant.need("trade", "cancel")
        parse.only(body, _CANCEL)
        field, order = self._named(grant, body)
        self._trouble(grant)
        self.budgets.spend(grant.key, "cancels", 1, now_ns)
        if order.status == OPEN and (fault := self.faults.strike("fill_after_cancel", order.account)) is not None:
            self._fill_before(order, fault.value or order.leaves, now_ns)
        self.trading.cancel_requested(order, field, now_ns)
        return {"order": order.as_json()}

    def _named(self, grant: Grant, body: Json) -> tuple[str, AnyOrder]:
        if ("order_id" in body) == ("client_order_id" in body):
            raise Refusal("invalid_field", "name either order_id or client_order_id", "order_id")
        field = "order_id" if "order_id" in body else "client_order_id"
        return field, self.order(grant, field, body[field])

    def order(self, grant: Grant, field: str, value: object) -> AnyOrder:
        """The account's order by the venue's or by its own id."""
        account = self.account(grant)
        if field == "order_id":
            number = parse.order_id(value)
            order = account.by_order_id.get(number)
        else:
            number = parse.client_order_id(value)
            order = account.by_client_id.get(number)
        if order is None:
            raise Refusal("unknown_order", f"no order with {field} {number}", field)
        return order

    def cancel_all(self, grant: Grant, body: Json, now_ns: int) -> Json:
        grant.need("trade", "cancel")
        wanted = parse.cancel_filter(body)
        self._trouble(grant)
        self.budgets.spend(grant.key, "cancels", 1, now_ns)
        account = self.account(grant)
        cancelled = self.trading.cancel_where(account, wanted.matches, "requested", now_ns)
        return {"cancelled": [order.as_json() for order in cancelled], "open_orders_left": len(account.open_orders)}

    def items(self, items: list[Json], ask: Callable[[Json], Json]) -> list[Json]:
        """Carry out the items of a batch one after another; each stands alone."""
        results: list[Json] = []
        for item in items:
            named: Json = {"op": item["op"]} if isinstance(item.get("op"), str) else {}
            try:
                results.append({**named, **ask(item)})
            except Refusal as refusal:
                results.append({**named, **asked_id(item), **refusal.beside, "error": refusal.error()})
        return results

    def pairs(self, grant: Grant, body: Json, now_ns: int, kind: str) -> Json:
        """Split dollars into pairs, or merge pairs into dollars."""
        grant.need("trade")
        parse.only(body, _PAIRS)
        market, size = parse.token(body, "market"), parse.size_shares(body)
        self.demand_change(grant, now_ns)
        account = self.account(grant)
        change = self.trading.split if kind == "split" else self.trading.merge
        change(account, market, size, now_ns)
        return {
            "balance": account.balance_json(),
            "position": account.position_json(market),
            "account_sequence": account.sequence,
            "ts_ns": now_ns,
        }

    def demand_change(self, grant: Grant, now_ns: int) -> None:
        """Refuse a change of money while none may be made, and spend its budget."""
        self._demand_open()
        self._trouble(grant)
        self.budgets.spend(grant.key, "reads", 1, now_ns)

    def _demand_open(self) -> None:
        if self.closed_for:
            raise Refusal("unavailable", self.closed_for)

    def _trouble(self, grant: Grant) -> None:
        if not self.faults.active:
            return
        if self.faults.strike("reject", grant.key.account):
            raise Refusal("unavailable", "the venue cannot do this now")
        if self.faults.strike("rate_limit", grant.key.account):
            raise Refusal("rate_limited", "budget is spent", retry_after_ms=1_000)

    def _fill_before(self, maker: AnyOrder, size: int, now_ns: int) -> None:
        if isinstance(maker, SpotOrder):
            self.spot.fill_at_own_price(maker, self.ledger.account(FAULT_ACCOUNT), size, now_ns)
            return
        assert isinstance(maker, Order)
        # The counterparty buys what completes the order: the other outcome of a bid, the offered shares of an ask.
        size = min(size, maker.leaves)
        outcome = maker.outcome if maker.side == "ask" else ("no" if maker.outcome == "yes" else "yes")
        ticks = maker.price_ticks if maker.side == "ask" else TICKS_PER_DOLLAR - maker.price_ticks
        account = self.ledger.account(FAULT_ACCOUNT)
        if account.available_micros < 2 * size * MICROS_PER_DOLLAR:
            self.ledger.post(account, "deposit", 2 * size * MICROS_PER_DOLLAR, now_ns)
        number = self.ledger.ids.next("order")
        taker = Order(
            order_id=number,
            account=FAULT_ACCOUNT,
            client_order_id=number,
            market=maker.market,
            side="bid",
            outcome=outcome,
            price_ticks=ticks,
            size=size,
            leaves=size,
            time_in_force="ioc",
            post_only=False,
            created_ns=now_ns,
            ts_ns=now_ns,
        )
        self.ledger.changed(taker, now_ns)
        market = self.trading.market(maker.market)
        market.book.reduce(maker, size)
        self.ledger.book_match(market, taker, Match(maker, size, maker.yes_ticks), now_ns)


def asked_id(body: Json) -> dict[str, Any]:
    """The client order id a refused request named, so that its sender can tell which one it was."""
    value = body.get("client_order_id")
    return {"client_order_id": value} if isinstance(value, str) and len(value) <= 64 else {}
