"""C2's topics as an AsyncAPI document, made of the table of topics and of the objects they carry."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple

from c2wire import dto
from c2wire.schemas import reference, schemas

from gateway.api.c2 import examples
from gateway.c2.topics import OF_A_BOT, OWN_PARTS, TopicKind
from gateway.kinds.parts import Json

VERSION = "3.0.0"
REFUSED = "Refused"
OWN = "Picture"
_PACKAGE = "a snapshot at once; then what changed each second, and a snapshot every 2 s"


class Told(NamedTuple):
    """What a topic carries: a class, alone or in an array, when, and an example."""

    cls: type
    array: bool
    when: str
    example: Any


TOLD: Mapping[TopicKind, Told] = MappingProxyType(
    {
        TopicKind.CONFIG: Told(dto.ConfigUpdate, False, "once for each configuration changed", examples.CONFIG_UPDATE),
        TopicKind.SOURCE: Told(dto.L2Package, False, f"The bot's source books: {_PACKAGE}", examples.PACKAGE),
        TopicKind.TARGET: Told(dto.L2Package, False, f"The book of the bot's exchange: {_PACKAGE}", examples.PACKAGE),
        TopicKind.HEDGER: Told(dto.L2Package, False, f"The books it hedges in: {_PACKAGE}", examples.PACKAGE),
        TopicKind.FX: Told(dto.L2Package, False, f"The books of its FX leg: {_PACKAGE}", examples.PACKAGE),
        TopicKind.QUOTES: Told(dto.L2Package, False, f"The bot's working quotes: {_PACKAGE}", examples.PACKAGE),
        TopicKind.TRADING_STATISTICS: Told(
            dto.TradingStatistics, True, "all bots at once; on change, and each second", [examples.TRADING]
        ),
        TopicKind.RISK_STATISTICS: Told(
            dto.RiskStatistics, True, "all currencies at once; on change, and each second", [examples.EXPOSURE]
        ),
        TopicKind.ALERTS: Told(
            dto.Alert, True, "the last ones at once, highest sequence first; then new ones", [examples.ALERT]
        ),
        TopicKind.ORDERS: Told(
            dto.Order, True, "the last 100 and every open order at once; then those that changed", [examples.ORDER]
        ),
        TopicKind.TRADES: Told(dto.Trade, True, "the last 100 at once, newest first; then new ones", [examples.TRADE]),
        TopicKind.BALANCES: Told(dto.Balance, True, "all at once; on change, and every 10 s", [examples.BALANCE]),
    }
)
"""What C2's topics say; that of responses carries refusals alone."""


@cache
def document() -> Json:
    """Return the AsyncAPI document of `/websocket/v0`."""
    channels: Json = {}
    for kind in TopicKind:
        channels |= _channels(kind)
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Topics of the C2 API",
            "version": "0.1.0",
            "description": "STOMP 1.0 to 1.2 over a websocket. CONNECT with the header `authorization`, an access "
            "token of POST /oauth/token; then SUBSCRIBE. What cannot be had is a message under the same "
            "subscription with a `status` of 4xx or 5xx; a fault of the protocol is an ERROR and ends the connection.",
        },
        "defaultContentType": "application/json;charset=UTF-8",
        "servers": {"gateway": {"host": "localhost:8080", "pathname": "/websocket/v0", "protocol": "ws"}},
        "channels": channels,
        "operations": {
            f"tell_{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}} for name in channels
        },
        "components": {"schemas": {**schemas(), REFUSED: _refused()}, "messages": _messages()},
    }


def _channels(kind: TopicKind) -> Json:
    """Return the channels of a topic, one for each form of its destination."""
    name = kind.name.lower()
    if kind is TopicKind.OWN:
        return {name: _own_channel()}
    if kind in OF_A_BOT:
        found = {name: _channel(kind, f"{kind.value}/{{algo_id}}")}
    else:
        found = {name: _channel(kind, kind.value)}
    if kind is TopicKind.BALANCES:
        found[f"{name}_of_bot"] = _channel(kind, f"{kind.value}/{{algo_id}}")
    if kind is TopicKind.QUOTES:
        found[f"{name}_of_user"] = _channel(kind, f"/user{kind.value}/{{algo_id}}")
    return found


def _own_channel() -> Json:
    return {
        "address": f"{TopicKind.OWN.value}/{{part}}",
        "description": "Ours, of bots of every kind: at once and four times a second; charts once",
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in (OWN, REFUSED)},
        "parameters": {"part": {"description": "all that the page shows, or one part", "enum": sorted(OWN_PARTS)}},
    }


def _channel(kind: TopicKind, address: str) -> Json:
    told = TOLD.get(kind)
    when = told.when if told else "what was wrong with subscriptions, again"
    messages = [REFUSED] if told is None else [message_of(told), REFUSED]
    channel: Json = {
        "address": address,
        "description": when[0].upper() + when[1:],
        "messages": {each: {"$ref": f"#/components/messages/{each}"} for each in messages},
    }
    if address.endswith("}"):
        channel["parameters"] = {"algo_id": {"description": "the id of a bot, a number"}}
    return channel


def message_of(told: Told) -> str:
    """Return the name of what a topic tells: that of its class, and whether there are several."""
    return f"{told.cls.__name__}List" if told.array else told.cls.__name__


def _messages() -> Json:
    found: Json = {
        OWN: {
            "headers": _headers("success", "^200$"),
            "payload": {"title": OWN, "description": "What the page shows, each number with its age."},
            "examples": [{"payload": {"halts": []}}],
        },
        REFUSED: {
            "headers": _headers("4xx or 5xx", "^[45][0-9][0-9]$"),
            "payload": reference(REFUSED),
            "examples": [{"payload": {"message": "algo_id: there is no bot 99", "name": "stomp_error"}}],
        },
    }
    for told in TOLD.values():
        of_one = reference(told.cls.__name__)
        found[message_of(told)] = {
            "headers": _headers("success", "^200$"),
            "payload": {"type": "array", "items": of_one} if told.array else of_one,
            "examples": [{"payload": told.example}],
        }
    return found


def _headers(status: str, pattern: str) -> Json:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "status": {"type": "string", "pattern": pattern, "description": status},
            "destination": text,
            "content-type": text,
            "subscription": text,
            "message-id": text,
            "content-length": text,
        },
        "required": ["status", "destination", "content-type", "message-id", "content-length"],
    }


def _refused() -> Json:
    return {
        "type": "object",
        "properties": {"message": {"type": "string"}, "name": {"const": "stomp_error"}},
        "required": ["message", "name"],
    }
