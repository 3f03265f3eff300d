"""A tiny Polymarket for scripts: it answers in the documented messages, and misbehaves when told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from common.core import HttpRequest, HttpResponse, Open, Send
from common.instruments import Side

from quoter.venues.polymarket.signing.ticket import SignedOrder, Ticket

MARKET = "0x" + "5f" * 32
YES_TOKEN, NO_TOKEN = "713210456792522125946263855327", "521143195012459155160551060468"
OWNER = "9180014b-33c8-9240-a14b-bdca11c0a465"
OTHER = "00000000-0000-0000-0000-000000000002"
URL, CHANNEL_URL, POSITIONS_URL = "http://venue", "ws://venue/ws/user", "http://positions"
SECRET, PASSPHRASE = "secret-of-the-key", "passphrase-of-the-key"
MICROS = 1_000_000


class PaperKeys:
    """A signer that signs nothing: the name of an order is a digest of its terms."""

    owner = OWNER
    address = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    wallet = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

    def sign(self, ticket: Ticket) -> SignedOrder:
        order = {
            "salt": ticket.salt,
            "maker": self.address,
            "signer": self.address,
            "tokenId": ticket.token_id,
            "makerAmount": str(ticket.maker_amount),
            "takerAmount": str(ticket.taker_amount),
            "side": "BUY" if ticket.side is Side.BUY else "SELL",
            "expiration": str(ticket.expiration_s),
            "signatureType": 0,
            "timestamp": str(ticket.timestamp_ms),
            "metadata": "0x" + "00" * 32,
            "builder": "0x" + "00" * 32,
        }
        document = {
            "order": order | {"signature": "0x" + "11" * 65},
            "owner": self.owner,
            "orderType": ticket.order_type,
            "deferExec": False,
            "postOnly": ticket.post_only,
        }
        return SignedOrder(digest(order), msgspec.json.encode(document))

    def order_hash(self, ticket: Ticket) -> str:
        return self.sign(ticket).order_hash

    def headers(self, method: str, path: str, body: bytes, now_s: int) -> Mapping[str, str]:
        signature = hashlib.sha256(f"{SECRET}{now_s}{method}{path}".encode() + body).hexdigest()
        return {"POLY_API_KEY": self.owner, "POLY_PASSPHRASE": PASSPHRASE, "POLY_SIGNATURE": signature}

    def user_channel(self) -> bytes:
        auth = {"apiKey": self.owner, "secret": SECRET, "passphrase": PASSPHRASE}
        return msgspec.json.encode({"auth": auth, "markets": [], "type": "user"})


def digest(order: Mapping[str, Any]) -> str:
    """Return the name of an order, whoever signed it; the date it ends on is no part of it."""
    named = {key: value for key, value in order.items() if key not in ("signature", "expiration")}
    return "0x" + hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()


def position(market: str, token: str, label: str, shares: float, *, redeemable: bool = False) -> dict[str, Any]:
    """Return a row of the list of positions."""
    return {
        "proxyWallet": PaperKeys.wallet,
        "asset": token,
        "conditionId": market,
        "size": shares,
        "avgPrice": 0.4,
        "curPrice": 0.5,
        "redeemable": redeemable,
        "mergeable": False,
        "outcome": label,
        "outcomeIndex": 0 if token == YES_TOKEN else 1,
        "endDate": "2026-11-21",
        "negativeRisk": False,
    }


@dataclass
class PaperOrder:
    """An order as the venue keeps it; sizes in millionths of a share."""

    order_id: str
    token: str
    side: str
    price: str
    size: int
    order_type: str
    matched: int = 0
    status: str = "LIVE"

    def document(self) -> dict[str, Any]:
        return {
            "id": self.order_id,
            "status": self.status,
            "market": MARKET,
            "asset_id": self.token,
            "side": self.side,
            "original_size": decimal(self.size),
            "size_matched": decimal(self.matched),
            "price": self.price,
            "outcome": "Yes" if self.token == YES_TOKEN else "No",
            "order_type": self.order_type,
            "maker_address": PaperKeys.address,
            "owner": OWNER,
            "associate_trades": None,
            "expiration": "0",
            "created_at": 1_795_222_810,
        }


def decimal(micros: int) -> str:
    """Return millionths as a decimal text without needless zeros."""
    return f"{micros / MICROS:.6f}".rstrip("0").rstrip(".")


@dataclass
class PolymarketVenue:
    """One account there; frames for it wait in `frames` until the script delivers them."""

    orders: dict[str, PaperOrder] = field(default_factory=dict)
    trades: list[dict[str, Any]] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)
    requests: list[tuple[str, str, bytes]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    balances: dict[str, int] = field(default_factory=lambda: {"": 100_000 * MICROS})
    connected: bool = False
    mute: bool = False
    """Do as asked about orders, but the answers are lost."""
    deaf: bool = False
    """Requests about orders are lost on their way to the venue."""
    no_beats: bool = False
    statuses: dict[str, int] = field(default_factory=dict)
    """Answer requests to these paths with a status, without doing them."""
    refuse: dict[int, str] = field(default_factory=dict)
    """Reason to refuse the n-th order of the next request, from 0."""
    unchanged_cancels: str = ""
    """Say of every cancel that it was not done, for this reason, and do not do it."""
    tick_size: str = "0.01"
    markets: set[str] = field(default_factory=lambda: {MARKET})
    version: int = 2
    time_s: int = 1_795_222_810
    beat_id: str = ""
    beats: int = 0
    next_trade: int = 1
    accepted: list[str] = field(default_factory=list)
    redeemable: dict[str, float] = field(default_factory=dict)
    """Tokens of MARKET that is decided, with what a share of each pays."""
    others: list[dict[str, Any]] = field(default_factory=list)
    """Further positions as listed."""
    change: Callable[[str, Any], Any] | None = None
    """Changes a document before it is sent; told the path, or `frame`."""

    # --- REST ---------------------------------------------------------------------------------------------------

    def on_ask(self, ask: HttpRequest) -> HttpResponse:
        if ask.url.startswith(POSITIONS_URL):
            return self._positions(ask)
        path = ask.url.removeprefix(URL)
        self.requests.append((ask.method, path, ask.body))
        self.headers.append(ask.headers)
        route, _, query = path.partition("?")
        about_orders = route in ("/order", "/orders", "/cancel-all") and ask.method in ("POST", "DELETE")
        if (about_orders and self.deaf) or (route == "/v1/heartbeats" and self.no_beats):
            return HttpResponse(ask.request_id, 0, b"", {})
        status = self.statuses.get(route, self.statuses.get("", 200))
        if status != 200:
            return HttpResponse(ask.request_id, status, b'{"error":"told to"}', {})
        status, document = self._request(ask.method, route, dict(_pairs(query)), ask.body)
        if about_orders and self.mute:
            return HttpResponse(ask.request_id, 0, b"", {})
        return HttpResponse(ask.request_id, status, self.written(route, document), {})

    def written(self, route: str, document: Any) -> bytes:
        """Return a document as it is sent."""
        return json.dumps(self.change(route, document) if self.change else document).encode()

    def _request(self, method: str, route: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        if (method, route) == ("POST", "/orders"):
            return 200, [self._place(index, each) for index, each in enumerate(json.loads(body))]
        if (method, route) == ("DELETE", "/orders"):
            return 200, self._cancel(json.loads(body))
        if (method, route) == ("DELETE", "/cancel-all"):
            return 200, self._cancel([order.order_id for order in self.open_orders()])
        if route == "/v1/heartbeats":
            return self._beat(json.loads(body)["heartbeat_id"])
        if route == "/version":
            return 200, {"version": self.version}
        if route == "/data/orders":
            return 200, {"data": [order.document() for order in self.open_orders()], "next_cursor": "LTE="}
        if route == "/data/trades":
            rows = [trade for trade in self.trades if int(trade["match_time"]) > int(query["after"])]
            return 200, {"data": rows, "next_cursor": "LTE="}
        if route.startswith("/data/order/"):
            order = self.orders.get(route.rsplit("/", 1)[1])
            return (200, order.document()) if order else (200, None)
        if route.startswith("/clob-markets/"):
            return self._market(route.rsplit("/", 1)[1])
        if route == "/balance-allowance":
            return 200, {"balance": str(self.balances.get(query.get("token_id", ""), 0)), "allowances": {}}
        return 404, {"error": f"no {route}"}

    def _positions(self, ask: HttpRequest) -> HttpResponse:
        """The list of what the wallet holds, at an address of its own and open to everybody."""
        self.requests.append((ask.method, ask.url, ask.body))
        self.headers.append(ask.headers)
        query = dict(_pairs(ask.url.partition("?")[2]))
        assert query["user"].startswith("0x") and query["sizeThreshold"] == "0"
        status = self.statuses.get("/positions", 200)
        if status != 200:
            return HttpResponse(ask.request_id, status, b'{"error":"told to"}', {})
        first = int(query["offset"])
        rows = self.positions()[first : first + int(query["limit"])]
        return HttpResponse(ask.request_id, 200, self.written("/positions", rows), {})

    def positions(self) -> list[dict[str, Any]]:
        """Return what the wallet holds, as listed: the tokens of MARKET by their balance, then the others."""
        found = []
        for token, label in ((YES_TOKEN, "Yes"), (NO_TOKEN, "No")):
            held = self.balances.get(token, 0)
            if held:
                found.append(position(MARKET, token, label, held / MICROS, redeemable=token in self.redeemable))
        return [row | {"curPrice": self.redeemable.get(row["asset"], row["curPrice"])} for row in found] + self.others

    def _market(self, condition: str) -> tuple[int, Any]:
        if condition not in self.markets:
            return 404, {"error": "market not found"}
        tokens = [{"t": YES_TOKEN, "o": "Yes"}, {"t": NO_TOKEN, "o": "No"}]
        fees = {"r": 0.072, "e": 1, "to": True}
        return 200, {"t": tokens, "mts": self.tick_size, "mos": 5, "nr": False, "fd": fees}

    def _beat(self, beat_id: str) -> tuple[int, Any]:
        if beat_id != self.beat_id:
            return 400, {"heartbeat_id": self.beat_id, "error_msg": "Invalid Heartbeat ID"}
        self.beats += 1
        self.beat_id = f"beat-{self.beats}"
        return 200, {"heartbeat_id": self.beat_id}

    def _place(self, index: int, document: dict[str, Any]) -> dict[str, Any]:
        reason = self.refuse.pop(index, "")
        if reason:
            return {"success": False, "errorMsg": reason, "orderID": "", "status": ""}
        terms = document["order"]
        gives, takes = int(terms["makerAmount"]), int(terms["takerAmount"])
        dollars, shares = (gives, takes) if terms["side"] == "BUY" else (takes, gives)
        price = f"{dollars / shares:.4f}".rstrip("0")
        order = PaperOrder(digest(terms), terms["tokenId"], terms["side"], price, shares, document["orderType"])
        if order.order_id in self.orders:
            return {"success": False, "errorMsg": "order is invalid. Duplicated.", "orderID": ""}
        self.accepted.append(order.order_id)
        self.orders[order.order_id] = order
        self.tell_order(order, "PLACEMENT")
        return {"success": True, "errorMsg": "", "orderID": order.order_id, "status": "live"}

    def _cancel(self, order_ids: list[str]) -> dict[str, Any]:
        done: list[str] = []
        not_done: dict[str, str] = {}
        for order_id in order_ids:
            order = self.orders.get(order_id)
            if self.unchanged_cancels:
                not_done[order_id] = self.unchanged_cancels
            elif order is None or order.status != "LIVE":
                not_done[order_id] = "order can't be found - already canceled or matched"
            else:
                self.finish(order)
                done.append(order_id)
        return {"canceled": done, "not_canceled": not_done}

    # --- what happens there -------------------------------------------------------------------------------------

    def finish(self, order: PaperOrder) -> None:
        order.status = "CANCELED"
        self.tell_order(order, "CANCELLATION")

    def open_orders(self) -> list[PaperOrder]:
        return [order for order in self.orders.values() if order.status == "LIVE"]

    def fill(
        self, order: PaperOrder, shares: float, *, taker: bool = False, other_token: bool = False
    ) -> dict[str, Any]:
        """Match part of an order of ours, as a maker unless told otherwise."""
        size = round(shares * MICROS)
        order.matched += size
        if order.matched >= order.size and order.status == "LIVE":
            order.status = "MATCHED"
        opposite = NO_TOKEN if order.token == YES_TOKEN else YES_TOKEN
        ours = {
            "order_id": order.order_id,
            "owner": OWNER,
            "maker_address": PaperKeys.address,
            "matched_amount": decimal(size),
            "price": order.price,
            "asset_id": order.token,
            "fee_rate_bps": "0",
        }
        counterparty = "0x" + "77" * 32
        trade: dict[str, Any] = {
            "id": f"trade-{self.next_trade}",
            "market": MARKET,
            "size": decimal(size),
            "status": "MATCHED",
            "match_time": str(self.time_s),
            "last_update": str(self.time_s),
            "type": "TRADE",
        }
        if taker:
            maker = {**ours, "order_id": counterparty, "owner": OTHER, "asset_id": order.token}
            if other_token:
                maker |= {"asset_id": opposite, "price": f"{1 - float(order.price):.4f}".rstrip("0")}
            trade |= {
                "asset_id": order.token,
                "side": order.side,
                "price": order.price,
                "owner": OWNER,
                "trader_side": "TAKER",
                "taker_order_id": order.order_id,
                "maker_orders": [maker],
            }
        else:
            # The trade's own token, side and price are the taker's.
            trade |= {
                "asset_id": opposite if other_token else order.token,
                "side": order.side if other_token else ("SELL" if order.side == "BUY" else "BUY"),
                "price": f"{1 - float(order.price):.4f}".rstrip("0") if other_token else order.price,
                "owner": OTHER,
                "trader_side": "MAKER",
                "taker_order_id": counterparty,
                "maker_orders": [ours],
            }
        self.next_trade += 1
        self.trades.append(trade)
        self.tell(trade)
        self.tell_order(order, "UPDATE")
        return trade

    def step(self, trade: dict[str, Any], status: str) -> None:
        """Take a trade to another status of its life on the chain."""
        trade["status"] = status
        trade["last_update"] = str(self.time_s)
        self.tell(trade)

    def tell(self, trade: dict[str, Any]) -> None:
        self._frame(trade | {"event_type": "trade"})

    def tell_order(self, order: PaperOrder, kind: str, **changed: Any) -> None:
        told = {"event_type": "order", "type": kind, "timestamp": str(self.time_s)} | changed
        self._frame(order.document() | told)

    def _frame(self, document: dict[str, Any]) -> None:
        if self.connected:
            self.frames.append(self.written("frame", document))

    # --- the user channel ---------------------------------------------------------------------------------------

    def on_send(self, effect: Send) -> None:
        if not self.connected:
            return
        if effect.data == b"PING":
            self.frames.append(b"PONG")
        else:
            self.received.append(json.loads(effect.data))

    def opened(self, effect: Open) -> bool:
        self.connected = True
        return effect.url == CHANNEL_URL

    def disconnect(self) -> None:
        """The channel ends; what rests goes on resting."""
        self.connected = False
        self.frames.clear()

    def take_frames(self) -> Iterator[bytes]:
        while self.frames:
            yield self.frames.pop(0)


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for pair in query.split("&"):
        if pair:
            key, _, value = pair.partition("=")
            yield key, value
