"""The order side of the stand-in venue: Degen Terminal frames and calls, every order accepted and none filled."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from _front import Request, Socket
from quoter.testing.venue import VenueOrder

ACCOUNT = "mm1"
MONEY = "1000000.000000"
FINISHED_KEPT_MAX = 10_000
PAGE_ITEMS = 1_000

# Limits far above what a run asks for: what is measured is the platform's path, not a venue's patience.
INFO = {
    "venue": "degen",
    "mode": "model",
    "assets": {"BTC": "model", "ETH": "model", "SOL": "model"},
    "fallback": None,
    "replay": None,
    "fees": {"taker_rate": "0.000000", "maker_rebate_share": "0.000000"},
    "limits": {
        "frame_bytes": 65_536,
        "batch_items": 50,
        "open_orders": 2_000,
        "size": 1_000_000,
        "subscriptions": 1_000,
        "page_items": PAGE_ITEMS,
        "orders_per_s": 1_000_000,
        "orders_burst": 1_000_000,
        "cancels_per_s": 1_000_000,
        "cancels_burst": 1_000_000,
        "reads_per_s": 10_000,
        "reads_burst": 10_000,
    },
}

OnQuote = Callable[[str, int | None, int | None, int], None]
"""(market, newest YES bid and ask in cents after a frame that placed orders, CLOCK_MONOTONIC when it arrived)"""


@dataclass(slots=True)
class Order(VenueOrder):
    """An order as the venue keeps it, and what it is in YES terms."""

    def yes_bid_cents(self) -> int | None:
        return round(float(self.price) * 100) if self.outcome == "yes" else None

    def yes_ask_cents(self) -> int | None:
        """Buying NO at q is offering YES at 1 - q."""
        return 100 - round(float(self.price) * 100) if self.outcome == "no" else None


@dataclass(slots=True)
class Book:
    """What rests in one market."""

    market: str
    resting: dict[str, Order] = field(default_factory=dict)
    sequence: int = 0
    changed: bool = False
    bid_cents: int | None = None
    """Of the newest YES bid placed, and below of the newest YES ask."""
    ask_cents: int | None = None

    def levels(self) -> tuple[list[list[Any]], list[list[Any]]]:
        """Return bids and asks in YES terms, best first."""
        bids: dict[int, int] = {}
        asks: dict[int, int] = {}
        for order in self.resting.values():
            bid, ask = order.yes_bid_cents(), order.yes_ask_cents()
            if bid is not None:
                bids[bid] = bids.get(bid, 0) + order.size
            if ask is not None:
                asks[ask] = asks.get(ask, 0) + order.size
        return (
            [[f"{cents / 100:.2f}", bids[cents]] for cents in sorted(bids, reverse=True)],
            [[f"{cents / 100:.2f}", asks[cents]] for cents in sorted(asks)],
        )

    def two_sided(self) -> bool:
        return len({order.outcome for order in self.resting.values()}) == 2

    def best_ask(self) -> str | None:
        asks = self.levels()[1]
        return str(asks[0][0]) if asks else None

    def best_no(self) -> str | None:
        bids = self.levels()[0]
        return f"{1 - float(bids[0][0]):.2f}" if bids else None


class Orders:
    """Sessions, open orders and books."""

    def __init__(
        self, markets: Iterable[str], on_quote: OnQuote, list_markets: Callable[[], list[dict[str, Any]]]
    ) -> None:
        self.books = {market: Book(market) for market in markets}
        self._on_quote = on_quote
        self._list_markets = list_markets
        self._open: dict[str, Order] = {}
        self._finished: deque[Order] = deque(maxlen=FINISHED_KEPT_MAX)
        self.placed = self.frames_out = 0
        """Orders ever placed, and frames of the private session ever sent."""
        self._account_sequence = 0
        self._private: list[Socket] = []
        self._public: list[Socket] = []
        self._placed_on: dict[str, Socket] = {}
        self._encode = msgspec.json.Encoder().encode

    # --- websocket ----------------------------------------------------------------------------------------------

    def on_text(self, socket: Socket, text: bytes, received_ns: int) -> bool:
        """Answer one frame; say whether it placed orders."""
        request = msgspec.json.decode(text)
        op = request["op"]
        changed: list[Order] = []
        if op == "subscribe":
            self._subscribe(socket, request)
            return False
        if op == "batch":
            items = [self._item(socket, item, changed) for item in request["items"]]
            self._reply(socket, request, {"results": items})
        elif op in ("place", "cancel"):
            item = self._item(socket, request, changed)
            if "error" in item:
                self._refuse(socket, request, item["error"])
            else:
                self._reply(socket, request, {"order": item["order"]})
        elif op == "cancel_all":
            changed = self._cancel_many(request)
            cancelled = [order.document() for order in changed]
            self._reply(socket, request, {"cancelled": cancelled, "open_orders_left": len(self._open)})
        elif op == "login":
            self._reply(socket, request, self._session(request))
        elif op == "heartbeat":
            self._reply(socket, request, {})
        else:
            error = {"code": "unknown_op", "message": "the stand-in venue does not know this", "field": "op"}
            self._refuse(socket, request, error)
        self._tell(changed)
        placed = {order.market: self.books[order.market] for order in changed if order.status == "open"}
        for book in placed.values():
            self._on_quote(book.market, book.bid_cents, book.ask_cents, received_ns)
        return bool(placed)

    def on_close(self, socket: Socket) -> None:
        for listeners in (self._private, self._public):
            if socket in listeners:
                listeners.remove(socket)
        gone = [client_id for client_id, placed_on in self._placed_on.items() if placed_on is socket]
        self._tell([self._finish(self._open[client_id], "disconnected") for client_id in gone])

    def publish_books(self, ts_ns: int) -> None:
        """Send the books that changed since the last call."""
        for book in self.books.values():
            if book.changed:
                book.changed = False
                book.sequence += 1
                for socket in self._public:
                    socket.send(self._book_frame(book, ts_ns, snapshot=False))

    def _subscribe(self, socket: Socket, request: dict[str, Any]) -> None:
        channels = request["channels"]
        result = {"channels": channels, "markets": request.get("markets"), "account_sequence": self._account_sequence}
        self._reply(socket, request, result)
        if "orders" in channels and socket not in self._private:
            self._private.append(socket)
        ts_ns = time.time_ns()
        if "orderbook" in channels:
            if socket not in self._public:
                self._public.append(socket)
            for book in self.books.values():
                socket.send(self._book_frame(book, ts_ns, snapshot=True))
        if "markets" in channels:
            for market in self._list_markets():
                socket.send(self._encode({"type": "market", "market": market, "ts_ns": ts_ns}))

    def _item(self, socket: Socket, item: dict[str, Any], changed: list[Order]) -> dict[str, Any]:
        client_id = str(item.get("client_order_id", ""))
        if item["op"] == "cancel":
            order = self._open.get(client_id)
            if order is None:
                error = {"code": "unknown_order", "message": f"no order {client_id}", "field": "client_order_id"}
                return {"op": "cancel", "client_order_id": client_id, "error": error}
            changed.append(self._finish(order, "requested"))
            return {"op": "cancel", "order": order.document()}
        ts_ns = time.time_ns()
        self.placed += 1
        order = Order(
            order_id=str(self.placed),
            client_order_id=client_id,
            market=item["market"],
            side=item["side"],
            outcome=item["outcome"],
            price=item["price"],
            size=item["size"],
            post_only=item.get("post_only", False),
            created_ns=ts_ns,
            ts_ns=ts_ns,
        )
        assert order.side == "bid", "a market maker without shares only buys"
        self._number(order)
        self._open[client_id] = order
        self._placed_on[client_id] = socket
        book = self.books[order.market]
        book.resting[client_id] = order
        book.changed = True
        changed.append(order)
        bid, ask = order.yes_bid_cents(), order.yes_ask_cents()
        book.bid_cents = book.bid_cents if bid is None else bid
        book.ask_cents = book.ask_cents if ask is None else ask
        return {"op": "place", "order": order.document()}

    def _cancel_many(self, filters: Mapping[str, Any]) -> list[Order]:
        first, below = int(filters.get("client_order_id_from", 0)), int(filters.get("client_order_id_below", 2**63))
        chosen = [
            order
            for order in self._open.values()
            if first <= int(order.client_order_id) < below and filters.get("market", order.market) == order.market
        ]
        return [self._finish(order, "requested") for order in chosen]

    def _finish(self, order: Order, reason: str) -> Order:
        order.status, order.reason, order.ts_ns = "cancelled", reason, time.time_ns()
        order.order_sequence += 1
        self._number(order)
        book = self.books[order.market]
        del self._open[order.client_order_id], self._placed_on[order.client_order_id]
        del book.resting[order.client_order_id]
        book.changed = True
        self._finished.append(order)
        return order

    def _number(self, order: Order) -> None:
        self._account_sequence += 1
        order.account_sequence = self._account_sequence

    def _tell(self, changed: Iterable[Order]) -> None:
        for order in changed:
            frame = self._encode(
                {
                    "type": "order",
                    "account": ACCOUNT,
                    "account_sequence": order.account_sequence,
                    "order": order.document(),
                }
            )
            for socket in self._private:
                self.frames_out += 1
                socket.send(frame)

    def _reply(self, socket: Socket, request: Mapping[str, Any], result: dict[str, Any]) -> None:
        frame = {"type": "reply", "op": request["op"], "id": request.get("id"), "ts_ns": time.time_ns()}
        self.frames_out += 1
        socket.send(self._encode(frame | {"result": result}))

    def _refuse(self, socket: Socket, request: Mapping[str, Any], error: dict[str, Any]) -> None:
        frame = {"type": "error", "op": request["op"], "id": request.get("id"), "ts_ns": time.time_ns()}
        self.frames_out += 1
        socket.send(self._encode(frame | {"error": error}))

    def _session(self, request: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "account": ACCOUNT,
            "scopes": ["read", "trade", "cancel"],
            "expires_ns": time.time_ns() + 86_400 * 10**9,
            "cancel_on_disconnect": request.get("cancel_on_disconnect", True),
            "deadman_ms": request.get("deadman_ms"),
            "account_sequence": self._account_sequence,
        }

    def _book_frame(self, book: Book, ts_ns: int, *, snapshot: bool) -> bytes:
        bids, asks = book.levels()
        return self._encode(
            {
                "type": "orderbook",
                "market": book.market,
                "sequence": book.sequence,
                "snapshot": snapshot,
                "bids": bids,
                "asks": asks,
                "ts_ns": ts_ns,
            }
        )

    # --- REST ---------------------------------------------------------------------------------------------------

    def answer(self, request: Request, ts_ns: int) -> tuple[int, Any]:
        standing = {"account_sequence": self._account_sequence, "ts_ns": ts_ns}
        match (request.method, request.path.strip("/").split("/")):
            case ("GET", ["health"]):
                return 200, {"status": "ok"}
            case ("GET", ["time"]):
                return 200, {"ts_ns": ts_ns}
            case ("GET", ["info"]):
                return 200, INFO | {"ts_ns": ts_ns}
            case ("POST", ["auth", "login"]):
                token = {"token": "stand-in", "token_type": "Bearer", "expires_ns": ts_ns + 86_400 * 10**9}
                return 200, token | {"account": ACCOUNT, "scopes": ["read", "trade", "cancel"]}
            case ("GET", ["markets", market, "orderbook"]) if market in self.books:
                bids, asks = self.books[market].levels()
                sequence = self.books[market].sequence
                return 200, {"market": market, "sequence": sequence, "bids": bids, "asks": asks, "ts_ns": ts_ns}
            case ("GET", ["orders"]):
                return 200, self._page("orders", self._listed(request.query))
            case ("GET", ["orders", "by-client-id", client_id]):
                return self._one(client_id)
            case ("DELETE", ["orders"]):
                cancelled = self._cancel_many(request.query)
                self._tell(cancelled)
                documents = [order.document() for order in cancelled]
                return 200, {"cancelled": documents, "open_orders_left": len(self._open), "ts_ns": ts_ns}
            case ("GET", ["fills" | "statement" as kind]):
                return 200, self._page({"statement": "entries"}.get(kind, kind), [])
            case ("GET", ["positions"]):
                return 200, {"account": ACCOUNT, "positions": []} | standing
            case ("GET", ["balance"]):
                balance = {"cash": MONEY, "locked": "0.000000", "available": MONEY}
                return 200, {"account": ACCOUNT, "balance": balance} | standing
        return 404, {"error": {"code": "unknown_path", "message": request.path, "field": None}}

    def _listed(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        status, after = query.get("status", "open"), int(query.get("after", 0))
        finished = [] if status == "open" else list(self._finished)
        resting = [] if status == "finished" else list(self._open.values())
        chosen = [order for order in (*finished, *resting) if order.account_sequence > after]
        chosen.sort(key=lambda order: order.account_sequence)
        return [order.document() for order in chosen]

    def _page(self, name: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
        page = rows[:PAGE_ITEMS]
        newest = page[-1]["account_sequence"] if page else self._account_sequence
        return {"account": ACCOUNT, name: page, "next_after": newest, "has_more": len(rows) > len(page)}

    def _one(self, client_id: str) -> tuple[int, Any]:
        known = (*self._open.values(), *self._finished)
        order = next((order for order in known if order.client_order_id == client_id), None)
        if order is None:
            error = {"code": "unknown_order", "message": f"no order {client_id}", "field": "client_order_id"}
            return 404, {"error": error}
        return 200, {"order": order.document()}
