"""A tiny Degen Terminal for scripts: it answers the way docs/degen-terminal-api.md shows, and misbehaves when told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from common.core import HttpRequest, HttpResponse, Open, Send
from common.errors import ConfigError

from quoter.venues.venue import KeyFile

START_SEQUENCE = 0


@dataclass(slots=True)
class VenueOrder:
    """An order as the venue keeps it."""

    order_id: str
    client_order_id: str
    market: str
    side: str
    outcome: str
    price: str
    size: int
    post_only: bool
    filled: int = 0
    status: str = "open"
    reason: str | None = None
    order_sequence: int = 1
    account_sequence: int = 0
    created_ns: int = 1
    ts_ns: int = 1

    def document(self) -> dict[str, Any]:
        leaves = self.size - self.filled if self.status == "open" else 0
        return {
            "order_id": self.order_id,
            "client_order_id": self.client_order_id,
            "market": self.market,
            "side": self.side,
            "outcome": self.outcome,
            "price": self.price,
            "size": self.size,
            "time_in_force": "gtc",
            "post_only": self.post_only,
            "filled": self.filled,
            "leaves": leaves,
            "status": self.status,
            "reason": self.reason,
            "order_sequence": self.order_sequence,
            "account_sequence": self.account_sequence,
            "created_ns": self.created_ns,
            "ts_ns": self.ts_ns,
        }


@dataclass
class Venue:
    """Accounts one market maker; frames for it wait in `frames` until the script delivers them."""

    orders: dict[str, VenueOrder] = field(default_factory=dict)
    fills: list[dict[str, Any]] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    received: list[dict[str, Any]] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)
    sequence: int = START_SEQUENCE
    next_order: int = 1
    next_trade: int = 1
    connected: bool = False
    refuse: str = ""
    """Error code for every new order."""
    refuse_nth: int | None = None
    """Refuse this order of the next batch, from 0."""
    refuse_cancels: str = ""
    mute: bool = False
    """Do as told, but never answer on the websocket (a lost ack)."""
    deaf: bool = False
    """Frames are lost on their way to the venue."""
    no_socket: bool = False
    """Refuse the websocket."""
    lose_next: int = 0
    """Requests about orders that are done without an answer."""
    drop: bool = False
    """Requests about orders are lost on their way to the venue."""
    no_beats: bool = False
    """Heartbeats are lost on their way to the venue."""
    status: int = 200
    """Answer every request with this status when it is not 200."""
    oldest_after: int | None = None
    held: dict[str, list[int]] = field(default_factory=dict)
    """YES and NO by market, as the positions show them; a fill does not move them."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    conversion_answers: list[int] = field(default_factory=list)
    """Status of the next answers to a conversion that is carried out all the same; 200 when there is none."""
    conversions_lost: int = 0
    """Requests to convert that never arrive."""
    takeable: int = 0
    """Shares that orders which never rest find in the book."""
    deadman_ms: int | None = None
    cash: str = "100000.000000"
    change: Callable[[str, Any], Any] | None = None
    """Changes a document before it is sent; told the path, or `frame`."""

    # --- websocket ----------------------------------------------------------------------------------------------

    def on_send(self, effect: Send) -> None:
        if self.deaf or not self.connected:
            return
        frame = json.loads(effect.data)
        if self.no_beats and frame["op"] == "heartbeat":
            return
        self.received.append(frame)
        before = len(self.frames)
        answer = self._answer(frame)
        if self.mute and frame["op"] in ("batch", "cancel_all"):
            return
        self.frames.insert(before, json.dumps(answer).encode())

    def _answer(self, frame: dict[str, Any]) -> dict[str, Any]:
        op, result = frame["op"], {}
        if op == "login":
            self.deadman_ms = frame["deadman_ms"]
            result = {
                "account": "mm1",
                "scopes": ["read", "trade", "cancel"],
                "expires_ns": 1,
                "cancel_on_disconnect": frame["cancel_on_disconnect"],
                "deadman_ms": frame["deadman_ms"],
                "account_sequence": self.sequence,
            }
        elif op == "subscribe":
            result = {"channels": frame["channels"], "markets": None, "account_sequence": self.sequence}
        elif op == "batch":
            result = {"results": [self._item(item) for item in frame["items"]]}
        elif op == "cancel_all":
            below = int(frame["client_order_id_below"])
            result = {"cancelled": self.cancel_below(below), "open_orders_left": 0}
        return {"type": "reply", "op": op, "id": frame["id"], "ts_ns": 1, "result": result}

    def _item(self, item: dict[str, Any]) -> dict[str, Any]:
        head = {"op": item["op"], "client_order_id": item["client_order_id"]}
        known = self.orders.get(item["client_order_id"])
        if item["op"] == "cancel":
            if self.refuse_cancels:
                return head | {"error": {"code": self.refuse_cancels, "message": "told to", "field": None}}
            if known is None:
                return head | {"error": {"code": "unknown_order", "message": "no order", "field": None}}
            if known.status != "open":
                return head | {
                    "error": {"code": "order_finished", "message": "finished", "field": None},
                    "order": known.document(),
                }
            self.finish(known, "requested")
            return head | {"order": known.document()}
        refusal = self._refusal_of(item)
        if refusal:
            return head | {"error": {"code": refusal, "message": "told to", "field": None}}
        order = self._order_of(item)
        self.next_order += 1
        self.orders[order.client_order_id] = order
        if item.get("time_in_force") == "ioc":
            self._take(order)
        else:
            self.tell_order(order)
        return head | {"order": order.document()}

    def _refusal_of(self, item: dict[str, Any]) -> str:
        nth, self.refuse_nth = self.refuse_nth, None if not self.refuse_nth else self.refuse_nth - 1
        return "would_cross" if nth == 0 else self.refuse

    def _order_of(self, item: dict[str, Any]) -> VenueOrder:
        return VenueOrder(
            str(self.next_order),
            item["client_order_id"],
            item["market"],
            item["side"],
            item["outcome"],
            item["price"],
            item["size"],
            item["post_only"],
        )

    def _take(self, order: VenueOrder) -> None:
        """Execute what is there at the order's own price, and end the rest."""
        size = min(order.size, self.takeable)
        if size:
            self.takeable -= size
            price = float(order.price)
            self.fill(order, size, liquidity="taker", fee=f"{0.072 * price * (1 - price) * size:.6f}")
        if order.status == "open":
            self.finish(order, "ioc_remainder")

    def _private(self, kind: str, document: dict[str, Any]) -> None:
        if not self.connected:
            return
        frame = {"type": kind, "account": "mm1", "account_sequence": self.sequence} | document
        self.frames.append(self.written("frame", frame))

    def written(self, route: str, document: Any) -> bytes:
        """Return a document as it is sent."""
        return json.dumps(self.change(route, document) if self.change else document).encode()

    def tell_order(self, order: VenueOrder) -> None:
        self.sequence += 1
        order.account_sequence = self.sequence
        self._private("order", {"order": order.document()})

    def finish(self, order: VenueOrder, reason: str) -> None:
        order.status, order.reason = "cancelled", reason
        order.order_sequence += 1
        self.tell_order(order)

    def fill(self, order: VenueOrder, size: int, liquidity: str = "maker", fee: str = "-0.010000") -> dict[str, Any]:
        """Execute part of an order, also of one that is cancelled: then it happened just before."""
        order.filled += size
        order.order_sequence += 1
        if order.filled == order.size and order.status == "open":
            order.status = "filled"
        self.sequence += 1
        row = {
            "trade_id": str(self.next_trade),
            "order_id": order.order_id,
            "client_order_id": order.client_order_id,
            "market": order.market,
            "outcome": order.outcome,
            "side": order.side,
            "price": order.price,
            "size": size,
            "leaves": order.size - order.filled,
            "liquidity": liquidity,
            "fee": fee,
            "match_type": "mint",
            "order_sequence": order.order_sequence,
            "account_sequence": self.sequence,
            "ts_ns": 5,
        }
        self.next_trade += 1
        self.fills.append(row)
        self.tell_fill(row)
        self.tell_order(order)
        self.sequence += 1
        self._private("account", {"entry": {"account_sequence": self.sequence}})
        return row

    def tell_fill(self, row: dict[str, Any]) -> None:
        self._private("fill", {"fill": row})

    def cancel_below(self, below: int) -> list[dict[str, Any]]:
        gone = [order for order in self.open_orders() if int(order.client_order_id) < below]
        for order in gone:
            self.finish(order, "requested")
        return [order.document() for order in gone]

    def disconnect(self) -> None:
        """The connection ends: its frames are lost, its orders are cancelled."""
        self.connected = False
        for order in self.open_orders():
            self.finish(order, "disconnected")
        self.frames.clear()

    def open_orders(self) -> list[VenueOrder]:
        return [order for order in self.orders.values() if order.status == "open"]

    def prices(self, outcome: str) -> list[str]:
        return sorted(order.price for order in self.open_orders() if order.outcome == outcome)

    # --- REST ---------------------------------------------------------------------------------------------------

    def on_ask(self, ask: HttpRequest) -> HttpResponse:
        path = ask.url.removeprefix("http://venue")
        self.requests.append((ask.method, path))
        if self.status != 200:
            return HttpResponse(ask.request_id, self.status, b"{}", {})
        if path in ("/positions/merge", "/positions/split"):
            status, document = self._on_conversion(json.loads(ask.body), split=path.endswith("split"))
            return HttpResponse(ask.request_id, status, json.dumps(document).encode(), {})
        about_orders = path.startswith("/orders") and ask.method != "GET"
        if about_orders and self.drop:
            return HttpResponse(ask.request_id, 0, b"", {})
        status, document = self._request(ask.method, path, json.loads(ask.body) if ask.body else None)
        if self.lose_next and about_orders:
            self.lose_next -= 1
            status = 0
        return HttpResponse(ask.request_id, status, self.written(path.partition("?")[0], document), {})

    def _request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        route, _, query = path.partition("?")
        parameters = dict(pair.split("=") for pair in query.split("&")) if query else {}
        after = int(parameters.get("after", "0"))
        if route == "/auth/login":
            return 200, {"token": "t.t.t", "token_type": "Bearer", "expires_ns": 1, "account": "mm1", "scopes": []}
        if method == "DELETE" and route == "/orders":
            gone = self.cancel_below(int(parameters["client_order_id_below"]))
            return 200, {"cancelled": gone, "open_orders_left": len(self.open_orders()), "ts_ns": 1}
        if route.startswith("/orders/by-client-id/"):
            order = self.orders.get(route.rsplit("/", 1)[1])
            if order is None:
                return 404, {"error": {"code": "unknown_order", "message": "no order", "field": None}}
            if method == "DELETE" and order.status != "open":
                error = {"code": "order_finished", "message": "finished", "field": None}
                return 409, {"error": error, "order": order.document()}
            if method == "DELETE":
                self.finish(order, "requested")
            return 200, {"order": order.document()}
        if route == "/orders" and method == "POST":
            results = [self._item({"op": "place", **each}) for each in body["orders"]]
            return 200, {"results": results}
        if route == "/orders":
            found = self.open_orders() if parameters["status"] == "open" else list(self.orders.values())
            rows = [order.document() for order in found if order.account_sequence > after]
            return 200, {"orders": rows, "next_after": self.sequence, "has_more": False}
        if route == "/fills":
            if self.oldest_after is not None and after < self.oldest_after:
                return 410, {"error": {"code": "history_trimmed", "message": "gone", "oldest_after": self.oldest_after}}
            rows = [fill for fill in self.fills if fill["account_sequence"] > after]
            return 200, {"account": "mm1", "fills": rows, "next_after": self.sequence, "has_more": False}
        if route == "/statement":
            rows = [entry for entry in self.entries if entry["account_sequence"] > after]
            return 200, {"account": "mm1", "entries": rows, "next_after": self.sequence, "has_more": False}
        if route == "/balance":
            money = {"cash": self.cash, "locked": "0.000000", "available": self.cash}
            return 200, {"account": "mm1", "balance": money, "account_sequence": self.sequence, "ts_ns": 1}
        if route == "/positions":
            rows = [{"market": market, "yes": yes, "no": no} for market, (yes, no) in self.held.items()]
            return 200, {"account": "mm1", "positions": rows, "account_sequence": self.sequence, "ts_ns": 1}
        return 404, {"error": {"code": "unknown_path", "message": route, "field": None}}

    def _on_conversion(self, body: dict[str, Any], *, split: bool) -> tuple[int, Any]:
        if self.conversions_lost:
            self.conversions_lost -= 1
            return 0, {}
        held = self.held.get(body["market"], [0, 0])
        if not split and min(held) < body["size"]:
            return 409, {"error": {"code": "insufficient_shares", "message": "pairs needed", "field": "size"}}
        self.convert(body["market"], body["size"] if split else -body["size"])
        status = self.conversion_answers.pop(0) if self.conversion_answers else 200
        return status, {"account_sequence": self.sequence} if status == 200 else {}

    def convert(self, market: str, pairs: int) -> None:
        """Merge or split pairs, whoever asked for it."""
        held = self.held.setdefault(market, [0, 0])
        self.held[market] = [held[0] + pairs, held[1] + pairs]
        self.sequence += 1
        entry = {
            "entry_id": str(1_000 + len(self.entries)),
            "account_sequence": self.sequence,
            "type": "merge" if pairs < 0 else "split",
            "amount": f"{-pairs}.000000",
            "balance": "100000.000000",
            "market": market,
            "yes_change": pairs,
            "no_change": pairs,
            "trade_id": None,
            "order_id": None,
            "ts_ns": 7,
        }
        self.entries.append(entry)
        self._private("account", {"entry": entry})

    def take_frames(self) -> Iterator[bytes]:
        while self.frames:
            yield self.frames.pop(0)

    def opened(self, effect: Open) -> bool:
        if self.no_socket:
            return False
        self.connected = True
        return effect.url == "ws://venue/ws"


class GivenKeys:
    """A `KeySource` of what a test gives it."""

    def __init__(
        self,
        account: str = "mm1",
        variables: Mapping[str, str] = MappingProxyType({}),
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> None:
        self.account, self._variables, self._files = account, variables, files

    def variable(self, name: str) -> str:
        return self._variables.get(name, "")

    def read(self, name: str) -> KeyFile:
        if name not in self._files:
            raise ConfigError([f"MM_VENUE_KEYS_DIR: cannot read {name}: FileNotFoundError"])
        return KeyFile(name, self._files[name])
