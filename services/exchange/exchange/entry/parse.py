"""Reading what clients send: each field is checked once, here, and a fault names the field and the rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, cast

import msgspec

from exchange.market.money import SIZE_MAX_SHARES, ticks_of
from exchange.market.orders import Outcome, Side
from exchange.market.refusals import Refusal
from exchange.market.tape import Json
from exchange.market.trading import CancelFilter, Ticket
from exchange.spot.orders import SpotTicket
from exchange.spot.terms import SpotTerms

FRAME_BYTES_MAX: Final = 65_536
BATCH_ITEMS_MAX: Final = 50
REQUEST_ID_CHARS_MAX: Final = 64
CLIENT_ORDER_ID_MAX: Final = 2**63 - 1

_CLIENT_ORDER_ID = re.compile(r"[1-9][0-9]{0,18}\Z")
_NUMBER = re.compile(r"(0|[1-9][0-9]{0,18})\Z")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


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
    time_in_force, post_only = _conduct(body)
    return Ticket(number, market, side, outcome, price_ticks, size, time_in_force, post_only)


def _conduct(body: Json) -> tuple[Literal["gtc", "ioc"], bool]:
    time_in_force = cast(Literal["gtc", "ioc"], one_of(body, "time_in_force", ("gtc", "ioc"), "gtc"))
    post_only = boolean(body, "post_only", False)
    if post_only and time_in_force == "ioc":
        raise Refusal("invalid_field", "post_only needs time_in_force gtc", "post_only")
    return time_in_force, post_only


_SPOT_TICKET = (_TICKET - {"market", "outcome"}) | {"symbol"}


def spot_ticket(body: Json, terms_of: Callable[[str], SpotTerms]) -> SpotTicket:
    """The spot order a client asks for; `terms_of` refuses a symbol the venue does not list."""
    only(body, _SPOT_TICKET)
    number = client_order_id(body.get("client_order_id"))
    terms = terms_of(token(body, "symbol"))
    side = cast(Side, one_of(body, "side", ("bid", "ask")))
    price_ticks, lots = spot_price(body.get("price"), terms), spot_size(body.get("size"), terms)
    time_in_force, post_only = _conduct(body)
    return SpotTicket(number, terms.symbol, side, price_ticks, lots, time_in_force, post_only)


def spot_price(text: object, terms: SpotTerms) -> int:
    """The ticks of a price for a symbol."""
    if (ticks := terms.prices.steps_of(text)) is None:
        raise Refusal("invalid_price", f"price must be a decimal string: a multiple of {terms.tick:f} above 0", "price")
    return ticks


def spot_size(text: object, terms: SpotTerms) -> int:
    """The lots of a size for a symbol."""
    if (lots := terms.sizes.steps_of(text)) is None:
        raise Refusal("invalid_size", f"size must be a decimal string: a multiple of {terms.lot:f} above 0", "size")
    return lots


_AMENDMENT = frozenset({"order_id", "client_order_id", "price", "size", "op", "id"})


def amendment(body: Json) -> None:
    """Check that a client asks for another price, another size or both."""
    only(body, _AMENDMENT)
    if "price" not in body and "size" not in body:
        raise Refusal("invalid_field", "an amendment needs price, size or both", "price")


_FILTER = frozenset({"market", "symbol", "client_order_id_from", "client_order_id_below", "op", "id"})


def cancel_filter(body: Json) -> CancelFilter:
    """Which orders a mass cancel means."""
    only(body, _FILTER)
    bounds = [
        None if body.get(field) is None else client_order_id(body[field], field)
        for field in ("client_order_id_from", "client_order_id_below")
    ]
    if body.get("market") is not None and body.get("symbol") is not None:
        raise Refusal("invalid_field", "name either market or symbol", "symbol")
    field = "market" if body.get("symbol") is None else "symbol"
    market = None if body.get(field) is None else token(body, field)
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
