"""Every venue's stage: how each tiny venue is made to do the faults of the conformance suite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from quoter.orders.own_orders import Orders
from quoter.testing.ccxt.stages import BinanceStage, KrakenStage
from quoter.testing.polymarket import (
    CHANNEL_URL,
    MARKET,
    MICROS,
    NO_TOKEN,
    PASSPHRASE,
    POSITIONS_URL,
    SECRET,
    URL,
    YES_TOKEN,
    PaperKeys,
    PaperOrder,
    PolymarketVenue,
)
from quoter.testing.stage import START_NS, S, Stage
from quoter.testing.venue import Venue, VenueOrder
from quoter.venues.degen.rest import ApiKey
from quoter.venues.degen.session import DegenSession
from quoter.venues.polymarket.session import PolymarketSession

DEGEN_SECRET = "very-secret"  # noqa: S105  of a venue that does not exist


class DegenStage(Stage):
    """The Degen Terminal."""

    symbol = "BTC-5M-1795223100"
    secrets = (DEGEN_SECRET, "t.t.t")

    def __init__(self, venue: Venue | None = None, **settings: Any) -> None:
        self.venue = venue or Venue()
        orders = Orders()
        key = ApiKey("trade", "mm1-trade", DEGEN_SECRET, ("read", "trade", "cancel"))
        super().__init__(DegenSession(key, "http://venue", orders, **settings), orders, self.venue)

    def _order(self, order_id: int) -> VenueOrder:
        return self.venue.orders[str(order_id)]

    def resting(self) -> set[int]:
        ours = set(map(str, self.placed))
        return {int(each.client_order_id) if each.client_order_id in ours else 0 for each in self.venue.open_orders()}

    def accepted(self) -> list[Any]:
        return list(self.venue.orders)

    def execute(self, order_id: int, lots: int) -> None:
        self.venue.fill(self._order(order_id), lots)

    def finish(self, order_id: int) -> None:
        self.venue.finish(self._order(order_id), "self_trade")

    def refuse(self, name: str, *, on: bool) -> None:
        if name == "login_refused":
            self.venue.status = 401 if on else 200
        elif name == "rate_limited":
            self.venue.refuse = self.venue.refuse_cancels = "rate_limited" if on else ""
        else:
            self.venue.refuse_nth = 1 if on else None

    def revive(self, order_id: int) -> None:
        order = self._order(order_id)
        order.status = "open"
        order.order_sequence += 1

    def end_in_words(self, order_id: int) -> None:
        self.venue.finish(self._order(order_id), "market closed early: see the notice")
        self.deliver()

    def lists(self) -> tuple[str, ...]:
        return "/orders", "/fills", "/statement", "/positions"

    def rows_in(self, route: str, document: Any) -> list[Any] | None:
        name = {"/orders": "orders", "/fills": "fills", "/statement": "entries", "/positions": "positions"}.get(route)
        found: list[Any] | None = document.get(name) if isinstance(document, dict) and name else None
        return found

    def spoil_fills(self, rows: list[Any]) -> None:
        for row in rows:
            row |= {"price": "", "size": None, "fee": ""}

    def own(self, yes: int, no: int) -> None:
        self.venue.held[self.symbol] = [yes, no]

    def decide(self) -> None:
        yes, _ = self.venue.held.pop(self.symbol)
        self.venue.cash = f"{float(self.venue.cash) + yes:.6f}"

    def pay_in(self, dollars: int) -> None:
        self.venue.cash = f"{dollars}.000000"

    def trade_elsewhere(self, markets: int) -> None:
        for number in range(markets):
            order = VenueOrder(f"8{number}", f"8{number}", f"M-{number}", "bid", "yes", "0.40", 10, True, filled=10)
            self.venue.orders[order.client_order_id] = order
            order.status = "filled"
            self.venue.fills.append({"account_sequence": 0, "trade_id": f"old-{number}"})

    def asked(self) -> int:
        return len(self.venue.requests)

    def stranger(self) -> None:
        self.venue.orders["77"] = stray = VenueOrder("77", "77", self.symbol, "bid", "yes", "0.40", 10, True)
        self.venue.tell_order(stray)
        if not self.hold:
            self.deliver()

    def repeat(self) -> None:
        self.venue.tell_fill(self.venue.fills[-1])
        self.deliver()


class PolymarketStage(Stage):
    """Polymarket."""

    symbol = MARKET
    lots = 10_000
    secrets = (SECRET, PASSPHRASE)

    def __init__(self, **settings: Any) -> None:
        self.venue = PolymarketVenue()
        orders = Orders()
        settings.setdefault("positions_url", POSITIONS_URL)
        super().__init__(PolymarketSession(PaperKeys(), URL, CHANNEL_URL, orders, **settings), orders, self.venue)

    def start(self) -> None:
        super().start()
        # A market is made known by the first order for it, which is refused.
        if self.session.reconciled:
            self.place(1)
            self.wait(100)
            self.placed.clear()
            self.told.clear()

    def on_time(self) -> None:
        self.venue.time_s = self.now_ns // S

    def name_of(self, order_id: int) -> str:
        assert isinstance(self.session, PolymarketSession)
        known = self.session.own_book.by_id(order_id)
        return known.order_hash if known else ""

    def order(self, order_id: int) -> PaperOrder:
        return self.venue.orders[self.name_of(order_id)]

    def resting(self) -> set[int]:
        names = {self.name_of(order_id): order_id for order_id in self.placed}
        return {names.get(order.order_id, 0) for order in self.venue.open_orders()}

    def accepted(self) -> list[Any]:
        return self.venue.accepted

    def execute(self, order_id: int, lots: int) -> None:
        self.venue.fill(self.order(order_id), lots / 100)

    def finish(self, order_id: int) -> None:
        order = self.order(order_id)
        order.status = "MATCHED"
        self.venue.tell_order(order, "UPDATE")

    def refuse(self, name: str, *, on: bool) -> None:
        if name == "second_refused":
            self.venue.refuse = {1: "invalid post-only order: order crosses book"} if on else {}
        else:
            refused = {"": 401} if name == "login_refused" else {"/orders": 429}
            self.venue.statuses = refused if on else {}

    def revive(self, order_id: int) -> None:
        self.order(order_id).status = "LIVE"

    def end_in_words(self, order_id: int) -> None:
        order = self.order(order_id)
        order.status = "CANCELED_order couldn't be fully filled"
        self.venue.tell_order(order, "UPDATE", size_matched="")
        self.deliver()

    def lists(self) -> tuple[str, ...]:
        return "/data/orders", "/data/trades", "/positions"

    def rows_in(self, route: str, document: Any) -> list[Any] | None:
        found: list[Any] | None = None
        if route == "/positions":
            found = document
        elif route in ("/data/orders", "/data/trades"):
            found = document["data"]
        return found

    def spoil_fills(self, rows: list[Any]) -> None:
        for row in rows:
            row |= {"size": "", "price": ""}
            row["maker_orders"] = [maker | {"matched_amount": "", "price": ""} for maker in row["maker_orders"]]

    def own(self, yes: int, no: int) -> None:
        self.venue.balances |= {YES_TOKEN: yes * 10_000, NO_TOKEN: no * 10_000}

    def decide(self) -> None:
        self.venue.redeemable = {YES_TOKEN: 1.0, NO_TOKEN: 0.0}

    def settle(self) -> None:
        for trade in self.venue.trades:
            self.venue.step(trade, "CONFIRMED")
        self.deliver()

    def pay_in(self, dollars: int) -> None:
        self.venue.balances[""] = dollars * MICROS

    def trade_elsewhere(self, markets: int) -> None:
        trade = self.venue.fill(PaperOrder("0xold", YES_TOKEN, "BUY", "0.4", MICROS, "GTC"), 1)
        self.venue.trades.remove(trade)
        self.venue.frames.clear()
        for number in range(markets):
            old = {"id": f"old-{number}", "market": f"0x{number:064x}", "match_time": str(START_NS // S - 60 * number)}
            self.venue.trades.insert(0, trade | old | {"status": "CONFIRMED"})
            self.venue.markets.add(str(old["market"]))

    def asked(self) -> int:
        return len(self.venue.requests)

    def stranger(self) -> None:
        stray = PaperOrder("0x" + "77" * 32, YES_TOKEN, "BUY", "0.4", 10_000_000, "GTC")
        self.venue.orders[stray.order_id] = stray
        self.venue.tell_order(stray, "PLACEMENT")
        if not self.hold:
            self.deliver()

    def repeat(self) -> None:
        self.venue.tell(self.venue.trades[-1])
        self.deliver()


STAGES: dict[str, Callable[[], Stage]] = {
    "binance": BinanceStage,
    "degen": DegenStage,
    "kraken": KrakenStage,
    "polymarket": PolymarketStage,
}
WITHOUT_OUTCOMES = frozenset(("binance", "kraken"))
"""Venues of spot symbols alone."""
WITHOUT_SWITCH = frozenset(("binance",))
"""Venues that do not cancel our orders when they do not hear from us."""
