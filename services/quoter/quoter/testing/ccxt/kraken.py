"""A tiny Kraken in its documented messages: private REST, and the websocket's second version.

Field by field after docs.kraken.com/api-reference and /exchange/api-reference/spot-websocket-v2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from common.core import HttpRequest
from common.instruments import Instrument, InstrumentKind, Side

from quoter.testing.ccxt.paper import KEY, SECRET, PaperOrder, PaperSpot, PaperTrade

SYMBOL = "BTC/USD"
PAIR, ALTNAME = "XXBTZUSD", "XBTUSD"
COIN = Instrument(
    "kraken",
    SYMBOL,
    InstrumentKind.SPOT,
    "USD",
    Decimal("0.1"),
    base="BTC",
    lot_size=Decimal("0.00001"),
    min_lots=10,
    min_notional=Decimal("0.001"),
)
PRIVATE_PATH, PUBLIC_PATH = "/0/private", "/0/public"
TOKEN = "token-of-the-account"  # noqa: S105  of a venue that does not exist
FEE_PER_LOT = Decimal("0.00002")
REFUSALS = {"funds": "EOrder:Insufficient funds"}
POST_ONLY = "Post only order"
NONCE_WINDOW = 10_000
"""Requests side by side may overtake each other: the key is set to take one that is so much lower than the highest."""
ASSETS = {"USD": "ZUSD", "BTC": "XXBT"}
UNKNOWN = {"error": ["EOrder:Unknown order"]}


class PaperKraken(PaperSpot):
    """One account there."""

    cancelled_word, filled_word, expired_word = "canceled", "filled", "expired"

    def __init__(self) -> None:
        super().__init__(COIN, "USD", FEE_PER_LOT)
        self.money = {"USD": Decimal("100000.0000"), "BTC": Decimal("2.0000000000")}
        self.nonce = 0
        """The highest that came."""
        self.nonces: set[int] = set()
        self.sequences: dict[str, int] = {}
        self.due_ms = 0
        """When the switch goes off; 0 while it is not set."""

    # --- REST ---------------------------------------------------------------------------------------------------

    def route_of(self, path: str) -> str:
        return path.removeprefix(PRIVATE_PATH).removeprefix(PUBLIC_PATH)

    def is_about_orders(self, method: str, route: str) -> bool:
        return route in ("/AddOrder", "/AmendOrder", "/CancelOrder", "/CancelAll")

    def is_beat(self, route: str) -> bool:
        return route == "/CancelAllOrdersAfter"

    def is_private(self, route: str) -> bool:
        return route != "/AssetPairs"

    def answer(self, ask: HttpRequest, route: str, params: dict[str, str]) -> tuple[int, Any]:
        self._look_at_switch()
        if route == "/AssetPairs":
            return 200, done({PAIR: asset_pair()}) if params["pair"] == SYMBOL else {
                "error": ["EQuery:Unknown asset pair"]
            }
        assert ask.headers["API-Key"] == KEY
        assert ask.headers["API-Sign"] == signature(PRIVATE_PATH + route, params["nonce"], ask.body)
        nonce = int(params["nonce"])
        if nonce in self.nonces or nonce <= self.nonce - NONCE_WINDOW:
            return 200, {"error": ["EAPI:Invalid nonce"]}
        self.nonces.add(nonce)
        self.nonce = max(self.nonce, nonce)
        return 200, self._private(route, params)

    def _private(self, route: str, params: dict[str, str]) -> dict[str, Any]:
        if route == "/AddOrder":
            return self._place(params)
        if route == "/AmendOrder":
            return self._amend(params)
        if route == "/CancelOrder":
            return self._cancel(params)
        if route == "/CancelAll":
            return done({"count": self._cancel_all()})
        if route == "/CancelAllOrdersAfter":
            self.due_ms = self.time_ms + 1_000 * int(params["timeout"])
            return done({"currentTime": stamp(self.time_ms), "triggerTime": stamp(self.due_ms)})
        if route == "/OpenOrders":
            return done({"open": self._orders(params, over=False)})
        if route == "/ClosedOrders":
            closed = self._orders(params, over=True)
            return done({"closed": closed, "count": len(closed)})
        if route == "/QueryOrders":
            named = {txid(order): order for order in self.orders.values()}
            found = named.get(params["txid"])
            return done({txid(found): order_row(found)}) if found else {"error": ["EOrder:Unknown order"]}
        if route == "/TradesHistory":
            return self._trades(params)
        if route == "/BalanceEx":
            names = {name: ASSETS.get(name, name) for name in self.money}
            rows = {
                names[name]: {"balance": f"{total}", "hold_trade": f"{self.held(name)}"}
                for name, total in self.money.items()
            }
            return done(rows)
        if route == "/TradeVolume":
            steps = {"minfee": "0.1000", "maxfee": "0.4000", "nextfee": "0.3500", "tiervolume": "0.0000"}
            rates = {"fees": {PAIR: {"fee": "0.3500", **steps}}, "fees_maker": {PAIR: {"fee": "0.2000", **steps}}}
            return done({"currency": "ZUSD", "volume": "12000.0000", **rates})
        if route == "/GetWebSocketsToken":
            return done({"token": TOKEN, "expires": 900})
        return {"error": ["EGeneral:Unknown method"]}

    def _look_at_switch(self) -> None:
        if self.due_ms and self.time_ms >= self.due_ms:
            self.due_ms = 0
            self._cancel_all("Cancel all orders after timer")

    def _orders(self, params: dict[str, str], *, over: bool) -> dict[str, Any]:
        wanted = params.get("cl_ord_id")
        found = [
            order for order in self.orders.values() if bool(order.over) is over and wanted in (None, order.client_id)
        ]
        return {txid(order): order_row(order) for order in found[-50:]}

    def _trades(self, params: dict[str, str]) -> dict[str, Any]:
        found = [trade for trade in reversed(self.trades) if trade.ts_ms > 1_000 * int(params["start"])]
        first = int(params["ofs"])
        return done(
            {"trades": {trade_id(each): trade_row(each) for each in found[first : first + 50]}, "count": len(found)}
        )

    def _place(self, params: dict[str, str]) -> dict[str, Any]:
        assert params["pair"] == PAIR
        assert params["ordertype"] == "limit"
        side, price, size = Side[params["type"].upper()], Decimal(params["price"]), Decimal(params["volume"])
        flags = params["oflags"].split(",")
        assert "fciq" in flags
        if params["cl_ord_id"] in {order.client_id for order in self.open_orders()}:
            return {"error": ["EOrder:cl_ord_id duplicate"]}
        immediate = params.get("timeinforce") == "IOC"
        order = PaperOrder(self.number(), params["cl_ord_id"], side, price, size, immediate, ts_ms=self.time_ms)
        if "post" in flags and self.would_take(side, price):
            # It is taken in and cancelled at once; the answer to the request says nothing of it.
            self.orders[order.client_id] = order
            self.finish(order, self.cancelled_word, POST_ONLY)
        elif refused := self.take(order):
            return {"error": [REFUSALS[refused]]}
        text = f"{side.name.lower()} {size} {ALTNAME} @ limit {price}"
        return done({"descr": {"order": text}, "txid": [txid(order)]})

    def _amend(self, params: dict[str, str]) -> dict[str, Any]:
        found = [each for each in self.open_orders() if each.client_id == params["cl_ord_id"]]
        if not found:
            return UNKNOWN
        (order,), price, size = found, Decimal(params["limit_price"]), Decimal(params["order_qty"])
        if params["post_only"] == "true" and self.would_take(order.side, price):
            return {"error": ["EOrder:Post only order"]}
        order.price, order.size = price, size
        if size <= order.filled:
            self.finish(order, self.cancelled_word, "Amended below what was filled")
        else:
            self.message("executions", "update", [execution(order, "amended", self.time_ms)])
        return done({"amend_id": f"A{self.number():05d}-AAAAA-AAAAAA"})

    def _cancel(self, params: dict[str, str]) -> dict[str, Any]:
        named, number = params.get("cl_ord_id"), params.get("txid")
        resting = [each for each in self.open_orders() if each.client_id == named or txid(each) == number]
        if not resting:
            return UNKNOWN
        self.finish(resting[0], self.cancelled_word, "User requested")
        return done({"count": 1})

    def _cancel_all(self, reason: str = "User requested") -> int:
        resting = self.open_orders()
        for order in resting:
            self.finish(order, self.cancelled_word, reason)
        return len(resting)

    # --- the websocket ------------------------------------------------------------------------------------------

    def on_message(self, message: Any) -> None:
        now = stamp(self.time_ms)
        if message["method"] == "ping":
            self.say({"method": "pong", "time_in": now, "time_out": now})
            return
        params = message["params"]
        assert message["method"] == "subscribe"
        if params["token"] != TOKEN:
            told = {"error": "ESession:Invalid session", "method": "subscribe", "success": False}
            self.say(told | {"req_id": message["req_id"], "time_in": now, "time_out": now})
            return
        channel = params["channel"]
        result = {"channel": channel, "snapshot": True}
        told = {"method": "subscribe", "result": result, "success": True, "time_in": now, "time_out": now}
        self.say(told | {"req_id": message["req_id"]})
        self.sequences[channel] = 0
        self.subscribed = True
        if channel == "executions":
            self.message(channel, "snapshot", [execution(order, "new", self.time_ms) for order in self.open_orders()])
        else:
            rows = [
                {"asset": name, "asset_class": "currency", "balance": float(total)}
                for name, total in self.money.items()
            ]
            self.message(channel, "snapshot", rows)

    def disconnect(self) -> None:
        super().disconnect()
        self.sequences.clear()

    def message(self, channel: str, kind: str, rows: list[dict[str, Any]]) -> None:
        """Send a numbered message of a channel to who has subscribed to it."""
        if channel in self.sequences:
            self.sequences[channel] += 1
            self.tell({"channel": channel, "type": kind, "data": rows, "sequence": self.sequences[channel]})

    def tell_order(self, order: PaperOrder) -> None:
        kind = {"": "new", self.cancelled_word: "canceled", self.expired_word: "expired"}[order.over]
        self.message("executions", "update", [execution(order, kind, self.time_ms)])

    def tell_trade(self, trade: PaperTrade) -> None:
        order = trade.order
        row = execution(order, "trade", self.time_ms) | {
            "exec_id": trade_id(trade),
            "trade_id": trade.number,
            "last_qty": float(trade.amount),
            "last_price": float(order.price),
            "liquidity_ind": "m" if trade.maker else "t",
            "cost": float(trade.amount * order.price),
            "fees": [{"asset": self.fee_currency, "qty": float(trade.fee)}],
        }
        # The first message of an order alone is sure to name it as we do.
        del row["cl_ord_id"]
        self.message("executions", "update", [row])

    def tell_money(self, currencies: tuple[str, ...]) -> None:
        rows = []
        for currency in dict.fromkeys(currencies):
            total = float(self.money[currency])
            rows.append({"asset": currency, "asset_class": "currency", "balance": total, "type": "trade"})
        self.message("balances", "update", rows)


def signature(path: str, nonce: str, body: bytes) -> str:
    """Return what proves a request: its path, nonce and body by the key's secret."""
    digest = hashlib.sha256(nonce.encode() + body).digest()
    return base64.b64encode(
        hmac.new(base64.b64decode(SECRET), path.encode() + digest, hashlib.sha512).digest()
    ).decode()


def done(result: dict[str, Any]) -> dict[str, Any]:
    return {"error": [], "result": result}


def stamp(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def txid(order: PaperOrder) -> str:
    return f"O{order.number:05d}-AAAAA-AAAAAA"


def trade_id(trade: PaperTrade) -> str:
    return f"T{trade.number:05d}-AAAAA-AAAAAA"


def asset_pair() -> dict[str, Any]:
    """Return the pair as the venue lists it."""
    return {
        "altname": ALTNAME,
        "wsname": "XBT/USD",
        "aclass_base": "currency",
        "base": "XXBT",
        "aclass_quote": "currency",
        "quote": "ZUSD",
        "lot": "unit",
        "cost_decimals": 5,
        "pair_decimals": 1,
        "lot_decimals": 5,
        "lot_multiplier": 1,
        "leverage_buy": [2, 3],
        "leverage_sell": [2, 3],
        "fees": [[0, 0.4], [10000, 0.35]],
        "fees_maker": [[0, 0.25], [10000, 0.2]],
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.0001",
        "costmin": "0.001",
        "tick_size": "0.1",
        "status": "online",
    }


def order_row(order: PaperOrder) -> dict[str, Any]:
    """Return an order as the venue lists it."""
    words = {"": "open", "filled": "closed"}
    row = {
        "refid": None,
        "userref": 0,
        "cl_ord_id": order.client_id,
        "status": words.get(order.over, order.over),
        "opentm": order.ts_ms / 1_000,
        "starttm": 0,
        "expiretm": 0,
        "descr": {
            "pair": ALTNAME,
            "aclass": "forex",
            "type": order.side.name.lower(),
            "ordertype": "limit",
            "price": f"{order.price}",
            "price2": "0",
            "leverage": "none",
            "order": f"{order.side.name.lower()} {order.size} {ALTNAME} @ limit {order.price}",
            "close": "",
        },
        "vol": f"{order.size:.8f}",
        "vol_exec": f"{order.filled:.8f}",
        "cost": f"{order.filled * order.price:.5f}",
        "fee": "0.00000",
        "price": f"{order.price if order.filled else 0:.5f}",
        "stopprice": "0.00000",
        "limitprice": "0.00000",
        "misc": "",
        "oflags": "fciq",
    }
    return row | ({"reason": order.reason or None, "closetm": order.ts_ms / 1_000} if order.over else {})


def trade_row(trade: PaperTrade) -> dict[str, Any]:
    """Return a trade as the venue lists it."""
    return {
        "ordertxid": txid(trade.order),
        "postxid": "TKH2SE-M7IF5-CFI7LT",
        "pair": PAIR,
        "time": trade.ts_ms / 1_000,
        "type": trade.order.side.name.lower(),
        "ordertype": "limit",
        "price": f"{trade.order.price:.5f}",
        "cost": f"{trade.amount * trade.order.price:.5f}",
        "fee": f"{trade.fee:.5f}",
        "vol": f"{trade.amount:.8f}",
        "margin": "0.00000",
        "leverage": "0",
        "misc": "",
        "trade_id": trade.number,
        "maker": trade.maker,
    }


def execution(order: PaperOrder, kind: str, now_ms: int) -> dict[str, Any]:
    """Return an order as a message of the executions channel tells it."""
    row: dict[str, Any] = {
        "order_id": txid(order),
        "cl_ord_id": order.client_id,
        "order_userref": 0,
        "symbol": SYMBOL,
        "side": order.side.name.lower(),
        "order_type": "limit",
        "limit_price": float(order.price),
        "order_qty": float(order.size),
        "cum_qty": float(order.filled),
        "cum_cost": float(order.filled * order.price),
        "avg_price": float(order.price) if order.filled else 0.0,
        "exec_type": kind,
        "order_status": order.over or ("partially_filled" if order.filled else "new"),
        "time_in_force": "IOC" if order.immediate else "GTC",
        "fee_usd_equiv": 0.0,
        "timestamp": stamp(now_ms),
    }
    return row | ({"reason": order.reason or "Order ended"} if order.over else {})
