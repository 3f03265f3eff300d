"""Reading what clients send: each field is checked once, here, and a fault names the field and the rule."""

from __future__ import annotations

import re
from typing import Any, Final, Literal, cast

import msgspec

from exchange.entry.refusals import Refusal
from exchange.market.money import SIZE_MAX_SHARES, ticks_of
from exchange.market.orders import Outcome, Side
from exchange.market.trading import CancelFilter, Ticket

FRAME_BYTES_MAX: Final = 65_536
BATCH_ITEMS_MAX: Final = 50
REQUEST_ID_CHARS_MAX: Final = 64
CLIENT_ORDER_ID_MAX: Final = 2**63 - 1

_CLIENT_ORDER_ID = re.compile(r"[1-9][0-9]{0,18}\Z")
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")

Json = dict[str, Any]


def json_object(data: bytes) -> Json:
    """The one JSON object a frame or a body must be."""
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        body = None
    if not isinstance(body, dict):
        raise Refusal("malformed", "a frame must be one JSON object")
    return body


def only(body: Json, known: frozenset[str]) -> None:
    """Refuse a member the venue does not know: a misspelt one must not be ignored silently."""
    for name in body:
        if name not in known:
            raise Refusal("invalid_field", f"{name[:64]} is not a known member", name[:64])


def one_of(body: Json, field: str, choices: tuple[str, ...], default: str | None = None) -> str:
    value = body.get(field, default)
    if not isinstance(value, str) or value not in choices:
        raise Refusal("invalid_field", f"{field} must be {' or '.join(choices)}", field)
    return value


def token(body: Json, field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str) or _TOKEN.match(value) is None:
        raise Refusal("invalid_field", f"{field} must be 1 to 64 characters of A-Z a-z 0-9 _ -", field)
    return value


def boolean(body: Json, field: str, default: bool) -> bool:
    value = body.get(field, default)
    if not isinstance(value, bool):
        raise Refusal("invalid_field", f"{field} must be true or false", field)
    return value


def integer(body: Json, field: str, low: int, high: int, default: int | None = None) -> int:
    value = body.get(field, default)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise Refusal("invalid_field", f"{field} must be an integer from {low} to {high}", field)
    return value


def size_shares(body: Json) -> int:
    value = body.get("size")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= SIZE_MAX_SHARES:
        raise Refusal("invalid_size", f"size must be an integer from 1 to {SIZE_MAX_SHARES}", "size")
    return value


def client_order_id(value: object, field: str = "client_order_id") -> int:
    if isinstance(value, str) and _CLIENT_ORDER_ID.match(value) and int(value) <= CLIENT_ORDER_ID_MAX:
        return int(value)
    rule = "a string of 1 to 19 digits without leading zero, at most 9223372036854775807"
    raise Refusal("invalid_client_order_id", f"{field} must be {rule}", field)


def order_id(value: object, field: str = "order_id") -> int:
    if isinstance(value, str) and _NUMBER.match(value):
        return int(value)
    raise Refusal("invalid_field", f"{field} must be a string of digits", field)


_TICKET = frozenset(
    {"client_order_id", "market", "side", "outcome", "price", "size", "time_in_force", "post_only", "op", "id"}
)


def ticket(body: Json) -> Ticket:
    """The order a client asks for."""
    only(body, _TICKET)
    number = client_order_id(body.get("client_order_id"))
    market = token(body, "market")
    side = cast(Side, one_of(body, "side", ("bid", "ask")))
    outcome = cast(Outcome, one_of(body, "outcome", ("yes", "no")))
    if (price_ticks := ticks_of(body.get("price"))) is None:
        rule = 'a string like "0.52": a multiple of 0.01 from 0.01 to 0.99'
        raise Refusal("invalid_price", f"price must be {rule}", "price")
    size = size_shares(body)
    time_in_force = cast(Literal["gtc", "ioc"], one_of(body, "time_in_force", ("gtc", "ioc"), "gtc"))
    post_only = boolean(body, "post_only", False)
    if post_only and time_in_force == "ioc":
        raise Refusal("invalid_field", "post_only needs time_in_force gtc", "post_only")
    return Ticket(number, market, side, outcome, price_ticks, size, time_in_force, post_only)


_FILTER = frozenset({"market", "client_order_id_from", "client_order_id_below", "op", "id"})


def cancel_filter(body: Json) -> CancelFilter:
    """Which orders a mass cancel means."""
    only(body, _FILTER)
    bounds = [
        None if body.get(field) is None else client_order_id(body[field], field)
        for field in ("client_order_id_from", "client_order_id_below")
    ]
    market = None if body.get("market") is None else token(body, "market")
    return CancelFilter(market, *bounds)


def batch(body: Json, field: str) -> list[Json]:
    """The items of a batch, each an object."""
    items = body.get(field)
    if not isinstance(items, list) or not 1 <= len(items) <= BATCH_ITEMS_MAX:
        raise Refusal("invalid_field", f"{field} must be a list of 1 to {BATCH_ITEMS_MAX} items", field)
    if not all(isinstance(item, dict) for item in items):
        raise Refusal("invalid_field", f"each item of {field} must be an object", field)
    return items


def request_id(body: Json) -> int | str | None:
    value = body.get("id")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if isinstance(value, str) and len(value) <= REQUEST_ID_CHARS_MAX:
        return value
    raise Refusal("invalid_field", f"id must be an integer or a string of at most {REQUEST_ID_CHARS_MAX}", "id")


def query_integer(query: dict[str, str], field: str, low: int, high: int, default: int) -> int:
    text = query.get(field)
    if text is None:
        return default
    if not _NUMBER.match(text) or not low <= int(text) <= high:
        raise Refusal("invalid_field", f"{field} must be an integer from {low} to {high}", field)
    return int(text)
