"""Kraken's spot market.

1. Orders over REST, their news over the `executions` and `balances` channels of the websocket's second version, with a
   token that is asked for before each connection. Messages of a channel are numbered from 1: one that is left out
   shows. docs.kraken.com/api-reference and /exchange/api-reference/spot-websocket-v2
2. A client order id of free text has 18 characters at most; ours are the 16 hexadecimal digits of our order ids. An
   execution may name the venue's order id alone.
3. A post-only order that would take is taken in and cancelled at once, with the reason. An order that takes at once is
   `IOC`. The answer to an order says no more than its id.
   `AmendOrder` changes price and whole size of a resting order, which keeps its ids and what was executed of it.
4. `CancelAllOrdersAfter` is the dead-man switch.
5. A nonce has to be higher than every one before it, and requests travel on their own: the key needs a nonce window of
   some seconds, as the venue recommends for requests side by side; one that came too late is refused and did nothing.
6. An order is asked for by the venue's id; by ours only among the open and the closed ones.
7. `TradesHistory` has 50 rows a page, from a second on; its fees are in the currency of the price, in which we ask for
   them with every order (`fciq`).
8. `TradeVolume` says what the account pays, in percent, for a pair.
9. There is no sandbox for spot. Requests are counted: one decays in 1 to 3 s, lists of trades count twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from functools import partial
from typing import Any

from common.errors import ContractError
from common.events import FeeCurrency, FeeTerms

from quoter.venues.base import Placement
from quoter.venues.ccxt.dialect import SWITCH_S, Heard, MarketReader, Spoken, known_or_none, rows_of, whole
from quoter.venues.ccxt.driving import Unclear, decode
from quoter.venues.ccxt.words import Market, Money, WireOrder, WireTrade, fee_terms, name_of, number_of
from quoter.venues.conversation import Script
from quoter.venues.rows import Rows

ROWS_A_PAGE = 50
PAGES_MAX = 200
ID_CHARS = 16
PERCENT = Decimal("0.01")
CHANNELS = ("executions", "balances")


class Kraken(Spoken):
    """Kraken's words."""

    currency = "USD"
    has_switch = amends = True
    check_ms = 20_000
    subscriptions = len(CHANNELS)
    parameters = frozenset(("stptype",))
    order_ids = trade_ids = re.compile("[A-Z0-9]{3,8}(-[A-Z0-9]{3,8}){2}")

    def __init__(self, exchange: Any, read_markets: MarketReader, name: str = "kraken") -> None:
        super().__init__(name, exchange, read_markets)
        self.stream_url: str = exchange.urls["api"]["ws"]["privateV2"]
        self._token = ""
        self._last: dict[str, int] = {}
        """Number of the last message of each channel."""

    def client_id(self, order_id: int) -> str:
        return f"{order_id:0{ID_CHARS}x}"

    def order_id(self, client_id: str) -> int:
        if len(client_id) != ID_CHARS or client_id.strip("0123456789abcdef"):
            return 0
        return int(client_id, 16)

    # --- before anything is traded ------------------------------------------------------------------------------

    def list_market(self, symbol: str) -> Script[Market]:
        document = yield from self.call("publicGetAssetPairs", {"pair": symbol})
        market = self.learn(symbol, document, symbol)
        # Its lists name a pair by another name than its list of pairs does.
        self.exchange.options["marketsByAltname"] = {
            row["altname"]: row for row in self._listed.values() if isinstance(row["altname"], str)
        }
        return market

    def tick_of(self, info: Any) -> Decimal | None:
        text = self.exchange.safe_string(info, "tick_size")
        return None if text is None else number_of(text, "tick_size")

    def prepare(self) -> Script[None]:
        document = yield from self.call("privatePostGetWebSocketsToken")
        try:
            self._token = name_of(_result(document).get("token"), "token")
        except ContractError as error:
            raise Unclear(str(error)) from None

    def greeting(self) -> Iterable[bytes]:
        self._last.clear()
        for number, channel in enumerate(CHANNELS, 1):
            wants = {"snap_orders": True, "snap_trades": False} if channel == "executions" else {}
            params = {"channel": channel, "token": self._token, **wants}
            yield json.dumps({"method": "subscribe", "params": params, "req_id": number}).encode()

    def ping(self) -> bytes:
        return json.dumps({"method": "ping"}).encode()

    # --- the private stream -------------------------------------------------------------------------------------

    def read_frame(self, data: bytes) -> Heard:
        frame = decode(data)
        if not isinstance(frame, dict):
            raise ContractError("kraken frame", "must be an object")
        if frame.get("method") == "subscribe":
            refused = "" if frame.get("success") is True else str(frame.get("error"))[:200]
            return Heard(accepted=not refused, refused=refused)
        channel = frame.get("channel")
        if channel not in CHANNELS:
            return Heard()
        lost = self._lost(channel, frame.get("sequence"))
        if channel == "balances":
            money = rows_of(self._balance_told, frame.get("data"))
            return Heard(money=money.rows, lost=lost or (money.bad[0].why if money.bad else ""))
        orders, trades = [], []
        rows: Any = frame.get("data")
        for raw in rows if isinstance(rows, list) else [rows]:
            try:
                order = self._order_told(raw)
                orders.append(order)
                if raw.get("exec_type") == "trade":
                    trades.append(self._trade_told(raw, order.client_id))
            except ContractError as error:
                lost = lost or str(error)
        return Heard(orders=orders, trades=trades, lost=lost)

    def _lost(self, channel: str, sequence: object) -> str:
        """Return what is wrong with the number of a message, empty when it is the next one."""
        if type(sequence) is not int:
            return f"{channel}: a message without its number"
        expected = self._last.get(channel, sequence - 1) + 1
        self._last[channel] = sequence
        return "" if sequence == expected else f"{channel}: message {expected} is missing"

    def _order_told(self, raw: Any) -> WireOrder:
        order = self.heard_order(raw, self._reason(raw))
        done, client_id = self.exchange.safe_string(raw, "cum_qty", "0"), raw.get("cl_ord_id")
        named = "" if client_id is None else name_of(client_id, "cl_ord_id")
        # ccxt makes the client id of another member, and works amounts out.
        order = order._replace(client_id=named, executed=number_of(done, "cum_qty"))
        return self._standing(order, raw, raw, ("limit_price", "order_qty"))

    def _trade_told(self, raw: Any, client_id: str) -> WireTrade:
        fees = raw.get("fees")
        if not isinstance(fees, list) or len(fees) != 1:
            raise ContractError("kraken execution", "fees: must be one, whose amount the list of trades has otherwise")
        return self.heard_trade(raw, client_id)

    def _reason(self, raw: Any) -> str:
        reason = raw.get("reason") if isinstance(raw, dict) else None
        return reason if isinstance(reason, str) else ""

    def _balance_told(self, raw: Any) -> Money:
        total = self.amount(raw, "balance")
        return self.money_of(raw.get("asset"), total, total)

    # --- orders -------------------------------------------------------------------------------------------------

    def place(self, place: Placement, market: Market) -> Script[WireOrder]:
        kind = {"timeInForce": "IOC"} if place.immediate else {"postOnly": place.post_only}
        price, quantity = market.instrument.price(place.price_ticks), market.instrument.quantity(place.quantity_lots)
        client_id = self.client_id(place.order_id)
        found = yield from self.call(
            "create_order",
            market.unified,
            "limit",
            place.side.name.lower(),
            f"{quantity:f}",
            f"{price:f}",
            {"clientOrderId": client_id, "oflags": "fciq", **self.known(place), **kind},
        )
        try:
            venue_order_id = name_of(found["id"], "txid")
        except ContractError as error:
            raise Unclear(str(error)) from None
        return WireOrder(venue_order_id, client_id, market.unified, Decimal(0), over=False, reason="")

    def amend(self, client_id: str, price: Decimal, size: Decimal) -> Script[None]:
        named = {"cl_ord_id": client_id, "order_qty": f"{size:f}", "limit_price": f"{price:f}", "post_only": "true"}
        document = yield from self.call("privatePostAmendOrder", named)
        if not _result(document).get("amend_id"):
            raise Unclear("an amendment without its id")

    def cancel(self, symbol: str, client_id: str) -> Script[WireOrder | None]:
        found = yield from self.call("cancel_order", None, None, {"clientOrderId": client_id})
        answer = _result(found["info"])
        if type(answer.get("count")) is int and answer["count"] == 1 and not answer.get("pending"):
            return WireOrder("", client_id, "", Decimal(0), over=True, reason="requested")
        return None

    def cancel_all(self) -> Script[None]:
        yield from self.call("privatePostCancelAll")

    def disown(self, order: WireOrder) -> Script[None]:
        yield from known_or_none(self.call("cancel_order", order.venue_order_id))

    def open_orders(self) -> Script[Rows[WireOrder]]:
        return self._rows("open", (yield from self.call("privatePostOpenOrders")))

    def _rows(self, name: str, document: Any) -> Rows[WireOrder]:
        """Return the orders of a list, which are by their ids there."""
        return rows_of(self._listed_order, _by_id(_result(document).get(name)))

    def _listed_order(self, raw: Any) -> WireOrder:
        return self._standing(self.order_of(raw, self._reason(raw)), raw, raw.get("descr"), ("price", "vol"))

    def _standing(self, order: WireOrder, raw: Any, priced: Any, names: tuple[str, str]) -> WireOrder:
        """Return an order with its limit price and whole size, where the venue says both."""
        price = self.exchange.safe_string(priced, names[0], "0") if isinstance(priced, dict) else "0"
        size = self.exchange.safe_string(raw, names[1], "0")
        return order._replace(price=number_of(price, names[0]), size=number_of(size, names[1]))

    def order(self, symbol: str, client_id: str, venue_order_id: str) -> Script[WireOrder | None]:
        if venue_order_id:
            document = yield from known_or_none(self.call("privatePostQueryOrders", {"txid": venue_order_id}))
            found = [] if document is None else _by_id(_result(document))
            return whole(partial(self._listed_order, found[0])) if found else None
        for name, method in (("open", "privatePostOpenOrders"), ("closed", "privatePostClosedOrders")):
            document = yield from self.call(method, {"cl_ord_id": client_id})
            found = _by_id(_result(document).get(name))
            if found:
                return whole(partial(self._listed_order, found[0]))
        return None

    def trades(self, after_ms: int, now_ms: int) -> Script[Rows[WireTrade]]:
        found: Rows[WireTrade] = Rows([], [])
        for page in range(PAGES_MAX):
            query = {"start": after_ms // 1_000, "ofs": page * ROWS_A_PAGE}
            raws = _by_id(_result((yield from self.call("privatePostTradesHistory", query))).get("trades"))
            found.extend(rows_of(self.trade_of, raws))
            if len(raws) < ROWS_A_PAGE:
                return found
        raise Unclear(f"the list of trades has no end after {PAGES_MAX} pages")

    def balances(self) -> Script[Rows[Money]]:
        rows = _by_id(_result((yield from self.call("privatePostBalanceEx"))))
        return rows_of(self._balance, rows)

    def _balance(self, raw: Any) -> Money:
        total = self.amount(raw, "balance")
        return self.money_of(raw["id"], total, total - self.amount(raw, "hold_trade"))

    def fees(self, symbol: str) -> Script[FeeTerms]:
        result = _result((yield from self.call("privatePostTradeVolume", {"pair": symbol})))
        maker, taker = (self._percent(result, name) * PERCENT for name in ("fees_maker", "fees"))
        return fee_terms(maker, taker, FeeCurrency.PRICE)

    def _percent(self, result: dict[str, Any], name: str) -> Decimal:
        """Return the one rate of a list by pairs, which are named otherwise there."""
        rows = _by_id(result.get(name))
        if len(rows) != 1:
            raise ContractError("kraken fees", f"{name}: must be those of the pair that was asked for")
        text = self.exchange.safe_string(rows[0], "fee") if isinstance(rows[0], dict) else None
        return number_of(text, "fee", Decimal(-100))

    def beat(self) -> Script[None]:
        document = yield from self.call("privatePostCancelAllOrdersAfter", {"timeout": SWITCH_S})
        if not _result(document).get("triggerTime"):
            raise Unclear("it does not say when it will go off")


def _result(document: Any) -> dict[str, Any]:
    """Return the result of an answer; Unclear where it has none."""
    result = document.get("result") if isinstance(document, dict) else None
    if not isinstance(result, dict):
        raise Unclear("an answer without its result")
    return result


def _by_id(rows: Any) -> list[Any]:
    """Return rows that stand under their ids, with it in each; Unclear where there are none of that kind."""
    if not isinstance(rows, dict):
        raise Unclear("no rows by their ids where they belong")
    return [{**row, "id": name} if isinstance(row, dict) else row for name, row in rows.items()]
