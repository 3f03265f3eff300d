"""The REST side of the venue: a table of paths, each answered from the same desk as the websocket."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from exchange import parse
from exchange.accounts import Account
from exchange.keys import LIFETIME_DEFAULT_S, LIFETIME_MAX_S, LIFETIME_MIN_S, Grant
from exchange.markets import LIVE, STATUSES
from exchange.matching import OPEN
from exchange.money import micros_of, underlying_of
from exchange.parse import Json
from exchange.refusals import Refusal
from exchange.session import BOOK_DEPTH

if TYPE_CHECKING:
    from exchange.core import Exchange

PAGE_ITEMS_MAX: Final = 1_000
PAGE_ITEMS_DEFAULT: Final = 100
SEQUENCE_MAX: Final = 2**62

_LOGIN = frozenset({"api_key", "api_secret", "lifetime_s"})


@dataclass(frozen=True, slots=True)
class Call:
    """One REST request, read and checked as far as its path is concerned."""

    venue: Exchange
    grant: Grant | None
    path: dict[str, str]
    query: dict[str, str]
    data: bytes
    now_ns: int

    @property
    def granted(self) -> Grant:
        assert self.grant is not None
        return self.grant

    @property
    def account(self) -> Account:
        return self.venue.desk.account(self.granted)

    def body(self) -> Json:
        return parse.json_object(self.data)

    def allow(self, *names: str) -> None:
        """Refuse query parameters the path does not know."""
        for name in self.query:
            if name not in names:
                raise Refusal("invalid_field", f"{name[:64]} is not a known parameter", name[:64])

    def page(self) -> tuple[int, int]:
        after = parse.query_integer(self.query, "after", 0, SEQUENCE_MAX, 0)
        return after, parse.query_integer(self.query, "limit", 1, PAGE_ITEMS_MAX, PAGE_ITEMS_DEFAULT)


Reply = tuple[int, Json]


@dataclass(frozen=True, slots=True)
class Route:
    """A path the venue answers, the scopes one of which it needs, and what it says in the API listing."""

    method: str
    path: str
    answer: Callable[[Call], Reply]
    scopes: tuple[str, ...]
    summary: str
    budget: str | None = None

    def pattern(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]{1,64})", self.path) + r"\Z")


def _login(call: Call) -> Reply:
    body = call.body()
    parse.only(body, _LOGIN)
    lifetime_s = parse.integer(body, "lifetime_s", LIFETIME_MIN_S, LIFETIME_MAX_S, LIFETIME_DEFAULT_S)
    token, grant = call.venue.keyring.login(body.get("api_key"), body.get("api_secret"), lifetime_s, call.now_ns)
    return 200, {
        "token": token,
        "token_type": "Bearer",
        "expires_ns": grant.expires_ns,
        "account": grant.key.account,
        "scopes": list(grant.key.scopes),
    }


def _time(call: Call) -> Reply:
    return 200, {"ts_ns": call.now_ns}


def _info(call: Call) -> Reply:
    return 200, {**call.venue.info(), "ts_ns": call.now_ns}


def _markets(call: Call) -> Reply:
    call.allow("status", "asset")
    status, asset = call.query.get("status"), call.query.get("asset")
    if status is not None and status not in STATUSES:
        raise Refusal("invalid_field", f"status must be one of {', '.join(STATUSES)}", "status")
    found = [
        market
        for market in call.venue.trading.markets.values()
        if status in (None, market.status) and asset in (None, market.asset)
    ]
    found.sort(key=lambda market: (market.expiry_ns, market.id))
    return 200, {"markets": [market.as_json() for market in found], "ts_ns": call.now_ns}


def _market(call: Call) -> Reply:
    return 200, {"market": call.venue.trading.market(call.path["market"]).as_json(), "ts_ns": call.now_ns}


def _orderbook(call: Call) -> Reply:
    call.allow("depth")
    depth = parse.query_integer(call.query, "depth", 1, 99, BOOK_DEPTH)
    market = call.venue.trading.market(call.path["market"])
    bids, asks = market.book.levels(depth)
    book = {"market": market.id, "sequence": market.book.sequence, "bids": bids, "asks": asks}
    return 200, {**book, "ts_ns": call.now_ns}


def _trades(call: Call) -> Reply:
    call.allow("limit")
    market = call.venue.trading.market(call.path["market"])
    limit = parse.query_integer(call.query, "limit", 1, PAGE_ITEMS_MAX, PAGE_ITEMS_DEFAULT)
    newest = [
        {name: value for name, value in trade.items() if name not in ("type", "market")}
        for trade in reversed(market.trades)
    ]
    return 200, {"market": market.id, "trades": newest[:limit], "ts_ns": call.now_ns}


def _place(call: Call) -> Reply:
    body = call.body()
    if "orders" not in body:
        return 201, call.venue.desk.place(call.granted, body, call.now_ns)
    parse.only(body, frozenset({"orders"}))
    items = parse.batch(body, "orders")
    place = lambda item: call.venue.desk.place(call.granted, item, call.now_ns)  # noqa: E731
    return 200, {"results": call.venue.desk.items(items, place)}


def _orders(call: Call) -> Reply:
    call.allow("status", "market", "after", "limit")
    status = call.query.get("status", "open")
    if status not in ("open", "finished", "all"):
        raise Refusal("invalid_field", "status must be open, finished or all", "status")
    after, limit = call.page()
    market = call.query.get("market")
    found: list[Json] = []
    next_after, more = after, False
    for order in call.account.changed_after(after):
        if status != "all" and (status == "open") != (order.status == OPEN):
            continue
        if market not in (None, order.market):
            continue
        if len(found) == limit:
            more = True
            break
        found.append(order.as_json())
        next_after = order.account_sequence
    return 200, {"orders": found, "next_after": next_after, "has_more": more}


def _order(call: Call) -> Reply:
    return 200, {"order": call.venue.desk.order(call.granted, "order_id", call.path["order_id"]).as_json()}


def _order_by_client_id(call: Call) -> Reply:
    number = call.path["client_order_id"]
    return 200, {"order": call.venue.desk.order(call.granted, "client_order_id", number).as_json()}


def _cancel(call: Call) -> Reply:
    return 200, call.venue.desk.cancel(call.granted, dict(call.path), call.now_ns)


def _cancel_all(call: Call) -> Reply:
    call.allow("market", "client_order_id_from", "client_order_id_below")
    answer = call.venue.desk.cancel_all(call.granted, dict(call.query), call.now_ns)
    return 200, {**answer, "ts_ns": call.now_ns}


def _fills(call: Call) -> Reply:
    call.allow("after", "limit")
    fills, next_after, more = call.account.fills.after(*call.page())
    return 200, {"account": call.account.name, "fills": fills, "next_after": next_after, "has_more": more}


def _statement(call: Call) -> Reply:
    call.allow("after", "limit")
    entries, next_after, more = call.account.entries.after(*call.page())
    return 200, {"account": call.account.name, "entries": entries, "next_after": next_after, "has_more": more}


def _stand(call: Call) -> Json:
    return {"account_sequence": call.account.sequence, "ts_ns": call.now_ns}


def _balance(call: Call) -> Reply:
    return 200, {"account": call.account.name, "balance": call.account.balance_json(), **_stand(call)}


def _positions(call: Call) -> Reply:
    rows = [
        position.as_json(market)
        for market, position in sorted(call.account.positions.items())
        if position.yes or position.no
    ]
    return 200, {"account": call.account.name, "positions": rows, **_stand(call)}


def _split(call: Call) -> Reply:
    return 200, call.venue.desk.pairs(call.granted, call.body(), call.now_ns, "split")


def _merge(call: Call) -> Reply:
    return 200, call.venue.desk.pairs(call.granted, call.body(), call.now_ns, "merge")


def _add_fault(call: Call) -> Reply:
    body = call.body()
    if body.get("fault") == "disconnect":
        parse.only(body, frozenset({"fault", "account"}))
        account = None if body.get("account") is None else parse.token(body, "account")
        return 201, {"disconnected": call.venue.disconnect(account, call.now_ns)}
    return 201, {"fault": call.venue.faults.add(body).as_json()}


def _faults(call: Call) -> Reply:
    return 200, {"faults": [fault.as_json() for fault in call.venue.faults.active]}


def _remove_faults(call: Call) -> Reply:
    number = parse.order_id(call.path["fault_id"], "fault_id") if "fault_id" in call.path else None
    return 200, {"deleted": call.venue.faults.remove(number)}


def _takers(call: Call) -> Reply:
    return 200, call.venue.takers.as_json()


def _set_takers(call: Call) -> Reply:
    call.venue.takers.change(call.body(), call.now_ns)
    return 200, call.venue.takers.as_json()


def _deposit(call: Call) -> Reply:
    body = call.body()
    parse.only(body, frozenset({"amount"}))
    amount = micros_of(body.get("amount"))
    if not amount:
        raise Refusal("invalid_field", 'amount must be a positive string like "100.000000"', "amount")
    if (account := call.venue.ledger.accounts.get(call.path["account"])) is None:
        raise Refusal("invalid_field", f"no account {call.path['account']}", "account")
    call.venue.ledger.post(account, "deposit", amount, call.now_ns)
    return 200, {"account": account.name, "balance": account.balance_json()}


def _void(call: Call) -> Reply:
    market = call.venue.trading.market(call.path["market"])
    if market.status not in LIVE:
        raise Refusal("market_not_open", f"market {market.id} is {market.status}", "market")
    call.venue.lifecycle.void(market, call.now_ns)
    return 200, {"market": market.as_json()}


def _price(call: Call) -> Reply:
    body = call.body()
    parse.only(body, frozenset({"asset", "bid", "ask"}))
    asset, bid, ask = parse.token(body, "asset"), underlying_of(body.get("bid")), underlying_of(body.get("ask"))
    if not bid or not ask or bid > ask:
        raise Refusal("invalid_field", "bid and ask must be positive decimal strings, bid <= ask", "bid")
    call.venue.lifecycle.on_mid(asset, (bid + ask) // 2, call.now_ns)
    return 200, {"asset": asset}


READ, TRADE, CANCEL, ADMIN = ("read",), ("trade",), ("trade", "cancel"), ("admin",)

ROUTES: Final = (
    Route("POST", "/auth/login", _login, (), "Turn an API key into a token"),
    Route("GET", "/time", _time, (), "The venue's clock"),
    Route("GET", "/info", _info, (), "What drives prices, fees and limits"),
    Route("GET", "/markets", _markets, (), "Markets, by status and asset"),
    Route("GET", "/markets/{market}", _market, (), "One market"),
    Route("GET", "/markets/{market}/orderbook", _orderbook, (), "The book in YES terms"),
    Route("GET", "/markets/{market}/trades", _trades, (), "The newest trades"),
    Route("POST", "/orders", _place, TRADE, "Place one order or a batch"),
    Route("GET", "/orders", _orders, ("read", "cancel"), "Orders by status", "reads"),
    Route("DELETE", "/orders", _cancel_all, CANCEL, "Cancel all that match"),
    Route(
        "GET",
        "/orders/by-client-id/{client_order_id}",
        _order_by_client_id,
        ("read", "cancel"),
        "What became of an order",
        "reads",
    ),
    Route("DELETE", "/orders/by-client-id/{client_order_id}", _cancel, CANCEL, "Cancel by the client's id"),
    Route("GET", "/orders/{order_id}", _order, ("read", "cancel"), "One order", "reads"),
    Route("DELETE", "/orders/{order_id}", _cancel, CANCEL, "Cancel one order"),
    Route("GET", "/fills", _fills, READ, "Fills after an account sequence", "reads"),
    Route("GET", "/statement", _statement, READ, "Every movement of money and shares", "reads"),
    Route("GET", "/balance", _balance, READ, "Cash, locked and available", "reads"),
    Route("GET", "/positions", _positions, READ, "Shares held", "reads"),
    Route("POST", "/positions/split", _split, TRADE, "Pay 1 per pair of one YES and one NO"),
    Route("POST", "/positions/merge", _merge, TRADE, "Receive 1 per pair"),
    Route("POST", "/admin/faults", _add_fault, ADMIN, "Order a fault"),
    Route("GET", "/admin/faults", _faults, ADMIN, "Faults in force"),
    Route("DELETE", "/admin/faults", _remove_faults, ADMIN, "End all faults"),
    Route("DELETE", "/admin/faults/{fault_id}", _remove_faults, ADMIN, "End one fault"),
    Route("GET", "/admin/takers", _takers, ADMIN, "How the simulated takers behave"),
    Route("PUT", "/admin/takers", _set_takers, ADMIN, "Change the simulated takers"),
    Route("POST", "/admin/accounts/{account}/deposit", _deposit, ADMIN, "Put money into an account"),
    Route("POST", "/admin/markets/{market}/void", _void, ADMIN, "End a market without a winner"),
    Route("POST", "/admin/prices", _price, ADMIN, "Set an underlying's price"),
)
_COMPILED: Final = [(route, route.pattern()) for route in ROUTES]


def find_route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """The route of a request and the names in its path."""
    on_path = False
    for route, pattern in _COMPILED:
        if (match := pattern.match(path)) is None:
            continue
        on_path = True
        if route.method == method:
            return route, {name: value for name, value in match.groupdict().items() if value is not None}
    if on_path:
        raise Refusal("method_not_allowed", f"{method[:16]} is not possible here")
    raise Refusal("unknown_path", "no such path")


def bearer(headers: dict[str, Any]) -> str:
    """The token of an Authorization header."""
    kind, _, token = str(headers.get("authorization", "")).partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Refusal("not_logged_in", "needs the header Authorization: Bearer <token>")
    return token.strip()
