"""Money sent to an account at another venue of the exchange."""

from __future__ import annotations

from exchange.entry import parse
from exchange.market.money import units_of
from exchange.market.refusals import Refusal
from exchange.rest.request import Call, Reply
from exchange.rest.spot import known_currency

_SEND = frozenset({"client_transfer_id", "currency", "amount", "to_venue", "to_account"})


def send(call: Call) -> Reply:
    body = call.body()
    parse.only(body, _SEND)
    number = parse.client_order_id(body.get("client_transfer_id"), "client_transfer_id")
    currency = known_currency(call, parse.token(body, "currency"))
    units = units_of(body.get("amount"), currency)
    if not units:
        raise Refusal("invalid_field", 'amount must be a positive string like "0.50000000"', "amount")
    venue, account = parse.token(body, "to_venue"), parse.token(body, "to_account")
    call.venue.order_entry.demand_change(call.granted, call.now_ns)
    sent = call.venue.transfers.send(call.account, number, currency, units, venue, account, call.now_ns)
    return 201, {"transfer": sent.as_json()}


def list_sent(call: Call) -> Reply:
    call.allow("after", "limit")
    after, limit = call.page()
    later = [each for each in call.venue.transfers.of(call.account.name) if each.account_sequence > after]
    page = later[:limit]
    next_after = page[-1].account_sequence if page else after
    return 200, {
        "account": call.account.name,
        "transfers": [each.as_json() for each in page],
        "next_after": next_after,
        "has_more": len(later) > limit,
    }


def one(call: Call) -> Reply:
    for each in call.venue.transfers.of(call.account.name):
        if each.transfer_id == call.path["transfer_id"]:
            return 200, {"transfer": each.as_json()}
    raise Refusal("unknown_transfer", f"no transfer {call.path['transfer_id']}", "transfer_id")
