"""A tiny Binance in its documented messages: REST of the spot market, and the user data stream of its websocket API.

Field by field after developers.binance.com/docs/binance-spot-api-docs: rest-api, websocket-api, user-data-stream.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from common.core import HttpRequest
from common.instruments import Instrument, InstrumentKind, Side

from quoter.testing.ccxt.paper import KEY, SECRET, PaperOrder, PaperSpot, PaperTrade

SYMBOL = "BTCUSDT"
COIN = Instrument(
    "binance",
    SYMBOL,
    InstrumentKind.SPOT,
    "USDT",
    Decimal("0.01"),
    base="BTC",
    lot_size=Decimal("0.00001"),
    min_notional=Decimal("0.0001"),
)
PATH = "/api/v3"
FEE_CURRENCY = "BNB"
FEE_PER_LOT = Decimal("0.00002")
REFUSALS = {
    "would_cross": (-2010, "Order would immediately match and take."),
    "funds": (-2010, "Account has insufficient balance for requested action."),
    "filter": (-1013, "Filter failure: NOTIONAL"),
}
UNKNOWN_SENT = {"code": -2011, "msg": "Unknown order sent."}
UNKNOWN_ASKED = {"code": -2013, "msg": "Order does not exist."}


class PaperBinance(PaperSpot):
    """One account there."""

    cancelled_word, filled_word, expired_word = "CANCELED", "FILLED", "EXPIRED"

    def __init__(self) -> None:
        super().__init__(COIN, FEE_CURRENCY, FEE_PER_LOT)
        self.money = {"USDT": Decimal("100000.00000000"), "BTC": Decimal("2.00000000"), FEE_CURRENCY: Decimal(50)}

    # --- REST ---------------------------------------------------------------------------------------------------

    def route_of(self, path: str) -> str:
        return path.removeprefix(PATH)

    def is_about_orders(self, method: str, route: str) -> bool:
        return (route == "/order" and method != "GET") or (route == "/openOrders" and method == "DELETE")

    def is_private(self, route: str) -> bool:
        return route not in ("/exchangeInfo", "/time")

    def answer(self, ask: HttpRequest, route: str, params: dict[str, str]) -> tuple[int, Any]:
        method, headers = ask.method, ask.headers
        if route == "/exchangeInfo":
            return 200, self._exchange_info() if params["symbol"] == SYMBOL else (
                400,
                {"code": -1121, "msg": "Invalid symbol."},
            )
        if route == "/time":
            return 200, {"serverTime": self.time_ms}
        assert headers["X-MBX-APIKEY"] == KEY
        assert params["signature"] == signature(params)
        if not self.time_ms - int(params["recvWindow"]) <= int(params["timestamp"]) <= self.time_ms + 1_000:
            return 400, {"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}
        if route == "/order":
            return self._order(method, params)
        if (method, route) == ("GET", "/openOrders"):
            return 200, [order_row(order) for order in self.open_orders()]
        if (method, route) == ("DELETE", "/openOrders"):
            return self._cancel_all()
        if route == "/myTrades":
            since_ms, limit = int(params["startTime"]), int(params["limit"])
            return 200, [trade_row(trade) for trade in self.trades if trade.ts_ms >= since_ms][:limit]
        if route == "/account/commission":
            return 200, self._commission(params["symbol"])
        if route == "/account":
            return 200, self._account()
        return 404, {"code": -1, "msg": f"no {route}"}

    def _exchange_info(self) -> dict[str, Any]:
        filters = [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": "0.01000000",
                "maxPrice": "1000000.00",
                "tickSize": "0.01000000",
            },
            {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL", "minNotional": "0.00010000", "applyMinToMarket": True, "maxNotional": "9000000"},
        ]
        symbol = {
            "symbol": SYMBOL,
            "status": "TRADING",
            "baseAsset": "BTC",
            "baseAssetPrecision": 8,
            "quoteAsset": "USDT",
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
            "icebergAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": filters,
            "permissions": [],
            "permissionSets": [["SPOT"]],
            "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        }
        return {
            "timezone": "UTC",
            "serverTime": self.time_ms,
            "rateLimits": [],
            "exchangeFilters": [],
            "symbols": [symbol],
        }

    def _order(self, method: str, params: dict[str, str]) -> tuple[int, Any]:
        if method == "POST":
            return self._place(params)
        named = params.get("origClientOrderId")
        order = self.orders.get(named) if named else self._numbered(params["orderId"])
        if method == "GET":
            return (200, order_row(order)) if order else (400, UNKNOWN_ASKED)
        if order is None or order.over:
            return 400, UNKNOWN_SENT
        self.finish(order, self.cancelled_word)
        return 200, self._cancelled(order)

    def _numbered(self, number: str) -> PaperOrder | None:
        return next((order for order in self.orders.values() if str(order.number) == number), None)

    def _place(self, params: dict[str, str]) -> tuple[int, Any]:
        side, price, size = Side[params["side"]], Decimal(params["price"]), Decimal(params["quantity"])
        post_only = params["type"] == "LIMIT_MAKER"
        assert ("timeInForce" in params) is not post_only
        if params["newClientOrderId"] in {order.client_id for order in self.open_orders()}:
            return 400, {"code": -2010, "msg": "Duplicate order sent."}
        if post_only and self.would_take(side, price):
            return 400, refusal("would_cross")
        immediate = params.get("timeInForce") == "IOC"
        order = PaperOrder(self.number(), params["newClientOrderId"], side, price, size, immediate, ts_ms=self.time_ms)
        refused = self.take(order)
        return (
            (400, refusal(refused))
            if refused
            else (200, order_row(order) | {"transactTime": self.time_ms, "fills": []})
        )

    def _cancelled(self, order: PaperOrder) -> dict[str, Any]:
        # The answer names the cancel by clientOrderId and the order by origClientOrderId.
        row = order_row(order)
        return row | {"origClientOrderId": order.client_id, "clientOrderId": f"cancel-{order.number}"}

    def _cancel_all(self) -> tuple[int, Any]:
        resting = self.open_orders()
        for order in resting:
            self.finish(order, self.cancelled_word)
        return (200, [self._cancelled(order) for order in resting]) if resting else (400, UNKNOWN_SENT)

    def _commission(self, symbol: str) -> dict[str, Any]:
        none = dict.fromkeys(("maker", "taker", "buyer", "seller"), "0.00000000")
        standard = none | {"maker": "0.00100000", "taker": "0.00120000"}
        tax = none | {"maker": "0.00000112", "taker": "0.00000114", "seller": "0.00000668"}
        discount = {
            "enabledForAccount": True,
            "enabledForSymbol": True,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        }
        kinds = {"standardCommission": standard, "specialCommission": none, "taxCommission": tax}
        return {"symbol": symbol, **kinds, "discount": discount}

    def _account(self) -> dict[str, Any]:
        rows = []
        for currency, total in self.money.items():
            held = self.held(currency)
            rows.append({"asset": currency, "free": eight(total - held), "locked": eight(held)})
        return {"canTrade": True, "accountType": "SPOT", "updateTime": self.time_ms, "balances": rows, "uid": 354937868}

    # --- the user data stream -----------------------------------------------------------------------------------

    def on_message(self, message: Any) -> None:
        if message["method"] == "ping":
            self.say({"id": message["id"], "status": 200, "result": {}, "rateLimits": []})
            return
        assert message["method"] == "userDataStream.subscribe.signature"
        params = {name: str(value) for name, value in message["params"].items()}
        assert params["apiKey"] == KEY
        assert params["signature"] == signature(dict(sorted(params.items())))
        self.subscribed = True
        self.say({"id": message["id"], "status": 200, "result": {"subscriptionId": 0}, "rateLimits": []})

    def event(self, document: dict[str, Any]) -> None:
        self.tell({"subscriptionId": 0, "event": document})

    def tell_order(self, order: PaperOrder) -> None:
        kind = order.over if order.over in (self.cancelled_word, self.expired_word) else order.over or "NEW"
        self.event(self.report(order, kind))

    def tell_trade(self, trade: PaperTrade) -> None:
        traded = {
            "l": eight(trade.amount),
            "L": eight(trade.order.price),
            "n": eight(trade.fee),
            "N": self.fee_currency,
            "t": trade.number,
            "m": trade.maker,
            "Y": eight(trade.amount * trade.order.price),
            "w": not trade.order.over,
        }
        self.event(self.report(trade.order, "TRADE") | traded)

    def tell_money(self, currencies: tuple[str, ...]) -> None:
        rows = []
        for currency in dict.fromkeys(currencies):
            held = self.held(currency)
            rows.append({"a": currency, "f": eight(self.money[currency] - held), "l": eight(held)})
        self.event({"e": "outboundAccountPosition", "E": self.time_ms, "u": self.time_ms, "B": rows})

    def report(self, order: PaperOrder, kind: str) -> dict[str, Any]:
        """Return an execution report of an order."""
        cancelled = kind == self.cancelled_word
        return {
            "e": "executionReport",
            "E": self.time_ms,
            "s": SYMBOL,
            "c": f"cancel-{order.number}" if cancelled else order.client_id,
            "S": order.side.name,
            "o": "LIMIT",
            "f": "IOC" if order.immediate else "GTC",
            "q": eight(order.size),
            "p": eight(order.price),
            "P": "0.00000000",
            "F": "0.00000000",
            "g": -1,
            "C": order.client_id if cancelled else "",
            "x": kind,
            "X": status_of(order),
            "r": order.reason or "NONE",
            "i": order.number,
            "l": "0.00000000",
            "z": eight(order.filled),
            "L": "0.00000000",
            "n": "0",
            "N": None,
            "T": self.time_ms,
            "t": -1,
            "I": 3 * order.number,
            "w": not order.over,
            "m": False,
            "M": False,
            "O": order.ts_ms,
            "Z": eight(order.filled * order.price),
            "Y": "0.00000000",
            "Q": "0.00000000",
            "W": order.ts_ms,
            "V": "EXPIRE_MAKER",
        }


def signature(params: Mapping[str, str]) -> str:
    """Return what proves a request: every other parameter in the order sent, by the key's secret."""
    query = urlencode({name: value for name, value in params.items() if name != "signature"})
    return hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()


def refusal(reason: str) -> dict[str, Any]:
    code, text = REFUSALS[reason]
    return {"code": code, "msg": text}


def status_of(order: PaperOrder) -> str:
    return order.over or ("PARTIALLY_FILLED" if order.filled else "NEW")


def eight(number: Decimal) -> str:
    return f"{number:.8f}"


def order_row(order: PaperOrder) -> dict[str, Any]:
    """Return an order as the venue lists it."""
    return {
        "symbol": SYMBOL,
        "orderId": order.number,
        "orderListId": -1,
        "clientOrderId": order.client_id,
        "price": eight(order.price),
        "origQty": eight(order.size),
        "executedQty": eight(order.filled),
        "cummulativeQuoteQty": eight(order.filled * order.price),
        "status": status_of(order),
        "timeInForce": "IOC" if order.immediate else "GTC",
        "type": "LIMIT",
        "side": order.side.name,
        "time": order.ts_ms,
        "updateTime": order.ts_ms,
        "isWorking": True,
        "origQuoteOrderQty": "0.00000000",
        "selfTradePreventionMode": "EXPIRE_MAKER",
    }


def trade_row(trade: PaperTrade) -> dict[str, Any]:
    """Return a trade as the venue lists it."""
    return {
        "symbol": SYMBOL,
        "id": trade.number,
        "orderId": trade.order.number,
        "orderListId": -1,
        "price": eight(trade.order.price),
        "qty": eight(trade.amount),
        "quoteQty": eight(trade.amount * trade.order.price),
        "commission": eight(trade.fee),
        "commissionAsset": FEE_CURRENCY,
        "time": trade.ts_ms,
        "isBuyer": trade.order.side is Side.BUY,
        "isMaker": trade.maker,
        "isBestMatch": True,
    }
