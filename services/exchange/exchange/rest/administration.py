"""What an administrator may do: faults, takers, deposits, voids and prices, none of which a real venue has."""

from __future__ import annotations

from exchange.entry import parse
from exchange.market.markets import LIVE
from exchange.market.money import DOLLAR, underlying_of, units_of
from exchange.market.refusals import Refusal
from exchange.rest.request import Call, Reply
from exchange.rest.spot import known_currency


def add_fault(call: Call) -> Reply:
    body = call.body()
    if body.get("fault") == "disconnect":
        parse.only(body, frozenset({"fault", "account"}))
        account = None if body.get("account") is None else parse.token(body, "account")
        return 201, {"disconnected": call.venue.disconnect(account, call.now_ns)}
    return 201, {"fault": call.venue.faults.add(body).as_json()}


def list_faults(call: Call) -> Reply:
    return 200, {"faults": [fault.as_json() for fault in call.venue.faults.active]}


def remove_faults(call: Call) -> Reply:
    number = parse.order_id(call.path["fault_id"], "fault_id") if "fault_id" in call.path else None
    return 200, {"deleted": call.venue.faults.remove(number)}


def show_takers(call: Call) -> Reply:
    return 200, call.venue.takers.as_json()


def set_takers(call: Call) -> Reply:
    call.venue.takers.change(call.body(), call.now_ns)
    return 200, call.venue.takers.as_json()


def deposit(call: Call) -> Reply:
    body = call.body()
    parse.only(body, frozenset({"amount", "currency"}))
    currency = known_currency(call, str(body.get("currency", DOLLAR)))
    amount = units_of(body.get("amount"), currency)
    if not amount:
        raise Refusal("invalid_field", 'amount must be a positive string like "100.000000"', "amount")
    if (account := call.venue.ledger.accounts.get(call.path["account"])) is None:
        raise Refusal("invalid_field", f"no account {call.path['account']}", "account")
    if currency != DOLLAR:
        call.venue.order_entry.spot.books.post(account, "deposit", currency, amount, call.now_ns)
        return 200, {"account": account.name, "balance": account.currency_json(currency)}
    call.venue.ledger.post(account, "deposit", amount, call.now_ns)
    return 200, {"account": account.name, "balance": account.balance_json()}


def void(call: Call) -> Reply:
    market = call.venue.trading.market(call.path["market"])
    if market.status not in LIVE:
        raise Refusal("market_not_open", f"market {market.id} is {market.status}", "market")
    call.venue.lifecycle.void(market, call.now_ns)
    return 200, {"market": market.as_json()}


def set_price(call: Call) -> Reply:
    body = call.body()
    parse.only(body, frozenset({"asset", "bid", "ask"}))
    asset, bid, ask = parse.token(body, "asset"), underlying_of(body.get("bid")), underlying_of(body.get("ask"))
    if not bid or not ask or bid > ask:
        raise Refusal("invalid_field", "bid and ask must be positive decimal strings, bid <= ask", "bid")
    call.venue.lifecycle.on_mid(asset, (bid + ask) // 2, call.now_ns)
    return 200, {"asset": asset}
