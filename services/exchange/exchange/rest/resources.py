"""What an account may ask over REST: its orders, fills, statement, balance, shares and pairs."""

from __future__ import annotations

from exchange.entry import parse
from exchange.market.accounts import Page
from exchange.market.money import DOLLAR
from exchange.market.orders import OPEN
from exchange.market.refusals import Refusal
from exchange.market.tape import Json
from exchange.rest.request import Call, Reply
from exchange.rest.spot import known_currency


def place(call: Call) -> Reply:
    body = call.body()
    if "orders" not in body:
        return 201, call.venue.order_entry.place(call.granted, body, call.now_ns)
    parse.only(body, frozenset({"orders"}))
    items = parse.batch(body, "orders")
    place = lambda item: call.venue.order_entry.place(call.granted, item, call.now_ns)  # noqa: E731
    return 200, {"results": call.venue.order_entry.items(items, place)}


def list_orders(call: Call) -> Reply:
    call.allow("status", "market", "symbol", "after", "limit")
    status = call.query.get("status", "open")
    if status not in ("open", "finished", "all"):
        raise Refusal("invalid_field", "status must be open, finished or all", "status")
    after, limit = call.page()
    market = call.query.get("symbol", call.query.get("market"))
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


def one_order(call: Call) -> Reply:
    return 200, {"order": call.venue.order_entry.order(call.granted, "order_id", call.path["order_id"]).as_json()}


def order_by_client_id(call: Call) -> Reply:
    number = call.path["client_order_id"]
    return 200, {"order": call.venue.order_entry.order(call.granted, "client_order_id", number).as_json()}


def cancel(call: Call) -> Reply:
    return 200, call.venue.order_entry.cancel(call.granted, dict(call.path), call.now_ns)


def cancel_all(call: Call) -> Reply:
    call.allow("market", "symbol", "client_order_id_from", "client_order_id_below")
    answer = call.venue.order_entry.cancel_all(call.granted, dict(call.query), call.now_ns)
    return 200, {**answer, "ts_ns": call.now_ns}


def list_fills(call: Call) -> Reply:
    call.allow("after", "limit")
    fills, next_after, more = call.account.fills.after(*call.page())
    return 200, {"account": call.account.name, "fills": fills, "next_after": next_after, "has_more": more}


def statement(call: Call) -> Reply:
    call.allow("after", "limit", "currency")
    currency = known_currency(call, call.query.get("currency", DOLLAR))
    known = currency == DOLLAR or currency in call.account.balances
    page = call.account.statement(currency) if known else Page(0)
    entries, next_after, more = page.after(*call.page())
    return 200, {"account": call.account.name, "entries": entries, "next_after": next_after, "has_more": more}


def _stand(call: Call) -> Json:
    return {"account_sequence": call.account.sequence, "ts_ns": call.now_ns}


def balance(call: Call) -> Reply:
    return 200, {"account": call.account.name, "balance": call.account.balance_json(), **_stand(call)}


def list_positions(call: Call) -> Reply:
    rows = [
        position.as_json(market)
        for market, position in sorted(call.account.positions.items())
        if position.yes or position.no
    ]
    return 200, {"account": call.account.name, "positions": rows, **_stand(call)}


def split(call: Call) -> Reply:
    return 200, call.venue.order_entry.pairs(call.granted, call.body(), call.now_ns, "split")


def merge(call: Call) -> Reply:
    return 200, call.venue.order_entry.pairs(call.granted, call.body(), call.now_ns, "merge")
