"""Binance's spot market.

1. Orders over REST, their news over the websocket API: `userDataStream.subscribe.signature` on a fresh connection.
   Events are numbered by nothing, so a lost one does not show: trades are asked for every 5 s.
   developers.binance.com/docs/binance-spot-api-docs/websocket-api/user-data-stream-requests
2. A client order id has 1 to 36 letters and digits; ours are our order ids. A trade of the REST list names the venue's
   order id alone.
3. `LIMIT_MAKER` is post-only: one that would take is refused at once. An order that takes at once is `LIMIT` with
   `IOC`, and is called expired when a rest of it was not filled.
4. There is no dead-man switch for spot, and no key that can only cancel: resting orders are not placed.
   An order can be made smaller in its place; another price is a new order with another id (`order/cancelReplace`), so
   that a message about either could be about both under one client id: a changed price is a cancel and a new order.
5. -1006 and -1007, and any status from 500, say that nobody knows whether the order was taken.
6. `myTrades` is asked symbol by symbol, for 24 h at most, 1,000 rows each, so the account's symbols are settings.
7. 429 and 418 refuse for the rate; a weight of 6,000 a minute is free, of which 20 are one symbol's trades.
8. The fee is in BNB where the account has it set so, else in what a fill brings; each trade says it. What the account
   pays stands in `account/commission`, symbol by symbol.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from common.errors import ContractError
from common.events import FeeCurrency, FeeTerms

from quoter.venues.base import Placement
from quoter.venues.ccxt.dialect import Heard, MarketReader, Spoken, known_or_none, rows_of, whole
from quoter.venues.ccxt.driving import Refused, Unclear, decode
from quoter.venues.ccxt.words import Market, Money, WireOrder, WireTrade, fee_terms
from quoter.venues.conversation import Script
from quoter.venues.rows import Rows

TRADES_MAX = 1_000
PAGES_MAX = 200
CLOCKS_APART_MAX_MS = 60_000
DAY_MS = 86_400_000
COMMISSIONS = ("standardCommission", "specialCommission", "taxCommission")
SUBSCRIBED, PINGED = "subscribe", "ping"


class Binance(Spoken):
    """Binance's words."""

    currency = "USDT"
    has_switch = amends = False
    check_ms = 5_000
    subscriptions = 1
    parameters = frozenset(("selfTradePreventionMode",))
    order_ids = trade_ids = re.compile("[1-9][0-9]{0,18}")

    def __init__(self, exchange: Any, read_markets: MarketReader, name: str = "binance") -> None:
        super().__init__(name, exchange, read_markets)
        exchange.options["warnOnFetchOpenOrdersWithoutSymbol"] = False
        self.stream_url: str = exchange.urls["api"]["ws"]["ws-api"]["spot"]

    def client_id(self, order_id: int) -> str:
        return str(order_id)

    def order_id(self, client_id: str) -> int:
        return int(client_id) if client_id.isascii() and client_id.isdecimal() and len(client_id) < 20 else 0

    # --- before anything is traded ------------------------------------------------------------------------------

    def list_market(self, symbol: str) -> Script[Market]:
        document = yield from self.call("publicGetExchangeInfo", {"symbol": symbol})
        return self.learn(symbol, document, symbol)

    def prepare(self) -> Script[None]:
        # A request is refused unless its time is the venue's of the last 10 s, or of the next one.
        document = yield from self.call("publicGetTime")
        server_ms = document.get("serverTime") if isinstance(document, dict) else None
        ours_ms = self.exchange.milliseconds()
        if type(server_ms) is not int or abs(ours_ms - server_ms) > CLOCKS_APART_MAX_MS:
            raise Unclear(f"the venue's clock says {str(server_ms)[:20]}, ours {ours_ms}")
        self.exchange.options["timeDifference"] = ours_ms - server_ms

    def greeting(self) -> Iterable[bytes]:
        method = "userDataStream.subscribe.signature"
        yield json.dumps({"id": SUBSCRIBED, "method": method, "params": self.exchange.sign_params({})}).encode()

    def ping(self) -> bytes:
        return json.dumps({"id": PINGED, "method": "ping"}).encode()

    # --- the private stream -------------------------------------------------------------------------------------

    def read_frame(self, data: bytes) -> Heard:
        frame = decode(data)
        if not isinstance(frame, dict):
            raise ContractError("binance frame", "must be an object")
        if "event" in frame:
            event = frame["event"]
            if not isinstance(event, dict):
                raise ContractError("binance frame", "event: must be an object")
            return self._on_event(event)
        if frame.get("id") == SUBSCRIBED:
            error = frame.get("error")
            return Heard(accepted=True) if frame.get("status") == 200 else Heard(refused=str(error)[:200])
        return Heard()

    def _on_event(self, event: dict[str, Any]) -> Heard:
        kind = event.get("e")
        if kind == "executionReport":
            reason = event.get("r")
            order = self.heard_order(event, reason if isinstance(reason, str) and reason != "NONE" else "")
            if event.get("x") != "TRADE":
                return Heard(orders=[order])
            try:
                return Heard(orders=[order], trades=[self.heard_trade(event, order.client_id)])
            except ContractError as error:
                return Heard(orders=[order], lost=str(error))
        if kind == "outboundAccountPosition":
            found = rows_of(self._position, event.get("B"))
            bad = found.bad[0].why if found.bad else ""
            return Heard(money=found.rows, ts_ms=self._stamp(event), lost=bad)
        if kind in ("eventStreamTerminated", "serverShutdown"):
            return Heard(ended=kind)
        return Heard()

    def _position(self, raw: Any) -> Money:
        free, locked = self.amount(raw, "f"), self.amount(raw, "l")
        return self.money_of(raw.get("a"), free + locked, free)

    def _stamp(self, event: dict[str, Any]) -> int:
        stamp = event.get("E")
        if not isinstance(stamp, int) or isinstance(stamp, bool) or not 0 < stamp < 10**14:
            raise ContractError("binance frame", "E: must be milliseconds")
        return stamp

    # --- orders -------------------------------------------------------------------------------------------------

    def place(self, place: Placement, market: Market) -> Script[WireOrder]:
        kind = {"timeInForce": "IOC"} if place.immediate else {"postOnly": place.post_only}
        price, quantity = market.instrument.price(place.price_ticks), market.instrument.quantity(place.quantity_lots)
        found = yield from self.call(
            "create_order",
            market.unified,
            "limit",
            place.side.name.lower(),
            f"{quantity:f}",
            f"{price:f}",
            {"clientOrderId": self.client_id(place.order_id), **self.known(place), **kind},
        )
        return whole(lambda: self.order_of(found["info"]))

    def amend(self, client_id: str, price: Decimal, size: Decimal) -> Script[None]:
        yield from ()
        raise Refused("not_amended", "the venue would give the order another name")

    def cancel(self, symbol: str, client_id: str) -> Script[WireOrder | None]:
        found = yield from self.call("cancel_order", None, self._unified(symbol), {"clientOrderId": client_id})
        # The answer calls the cancel itself by clientOrderId and the order by origClientOrderId.
        info = found["info"]
        if isinstance(info, dict) and "origClientOrderId" in info:
            info = {**info, "clientOrderId": info["origClientOrderId"]}
        return whole(lambda: self.order_of(info))

    def cancel_all(self) -> Script[None]:
        for market in list(self.markets.values()):
            # Where none rest in a symbol the venue calls that an unknown order.
            yield from known_or_none(self.call("cancel_all_orders", market.unified))

    def disown(self, order: WireOrder) -> Script[None]:
        yield from known_or_none(self.call("cancel_order", order.venue_order_id, order.unified))

    def open_orders(self) -> Script[Rows[WireOrder]]:
        return rows_of(self.order_of, (yield from self.call("privateGetOpenOrders")))

    def order(self, symbol: str, client_id: str, venue_order_id: str) -> Script[WireOrder | None]:
        named = {"orderId": venue_order_id} if venue_order_id else {"origClientOrderId": client_id}
        found = yield from known_or_none(self.call("privateGetOrder", {"symbol": symbol, **named}))
        return None if found is None else whole(lambda: self.order_of(found))

    def trades(self, after_ms: int, now_ms: int) -> Script[Rows[WireTrade]]:
        found: Rows[WireTrade] = Rows([], [])
        for symbol in list(self.markets):
            yield from self._trades_in(symbol, after_ms, now_ms, found)
        return found

    def _trades_in(self, symbol: str, after_ms: int, now_ms: int, found: Rows[WireTrade]) -> Script[None]:
        start_ms = max(0, after_ms)
        for _ in range(PAGES_MAX):
            query = {"symbol": symbol, "startTime": start_ms, "limit": TRADES_MAX}
            raws = yield from self.call("privateGetMyTrades", query)
            rows = rows_of(self.trade_of, raws)
            found.extend(rows)
            if len(raws) >= TRADES_MAX:
                last_ms = max((trade.ts_ms for trade in rows.rows), default=start_ms)
                if last_ms <= start_ms:
                    raise Unclear(f"{TRADES_MAX} trades of one millisecond")
                start_ms = last_ms
            elif start_ms + DAY_MS < now_ms:
                start_ms += DAY_MS
            else:
                return
        raise Unclear(f"the list of trades has no end after {PAGES_MAX} pages")

    def balances(self) -> Script[Rows[Money]]:
        found = yield from self.call("privateGetAccount", {"omitZeroBalances": "true"})
        return rows_of(self._balance, found.get("balances") if isinstance(found, dict) else None)

    def _balance(self, raw: Any) -> Money:
        free, locked = self.amount(raw, "free"), self.amount(raw, "locked")
        return self.money_of(raw.get("asset"), free + locked, free)

    def fees(self, symbol: str) -> Script[FeeTerms]:
        """Return the rates without the discount that BNB brings, which holds while the account has enough of it."""
        document = yield from self.call("privateGetAccountCommission", {"symbol": symbol})
        found = document if isinstance(document, dict) else {}
        discount = found.get("discount")
        given = discount if isinstance(discount, dict) else {}
        in_bnb = given.get("enabledForAccount") is True and given.get("enabledForSymbol") is True
        maker, taker = (self._rate(found, side) for side in ("maker", "taker"))
        return fee_terms(maker, taker, FeeCurrency.THIRD if in_bnb else FeeCurrency.RECEIVED)

    def _rate(self, found: dict[str, Any], side: str) -> Decimal:
        """Return what the venue, others and the state take of a fill, whether it was bought or sold."""
        total = Decimal(0)
        for kind in COMMISSIONS:
            rates = found.get(kind)
            if kind == COMMISSIONS[0] or rates is not None:
                of_trade = max(self.amount(rates, "buyer"), self.amount(rates, "seller"))
                total += self.amount(rates, side) + of_trade
        return total

    def beat(self) -> Script[None]:
        yield from ()
        raise Refused("no_switch", "the venue has none for spot")

    def _unified(self, symbol: str) -> str:
        market = self.markets.get(symbol)
        if market is None:
            raise Refused("unknown_symbol", f"{symbol[:40]!r} is not among the symbols of the account")
        return market.unified
