"""The stages of the venues behind ccxt: how each tiny venue is made to do the faults of the conformance suite."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from common.clock import NS_PER_MS
from common.instruments import Outcome, Side
from common.orders import OrderIds, OrderState

from quoter.orders.own_orders import Order, Orders
from quoter.testing.ccxt.binance import PaperBinance
from quoter.testing.ccxt.kraken import PaperKraken
from quoter.testing.ccxt.paper import KEY, SECRET, PaperOrder, PaperSpot, PaperTrade
from quoter.testing.stage import EPOCH, START_NS, SpotStage
from quoter.testing.venue import GivenKeys
from quoter.venues.base import Placement
from quoter.venues.ccxt.binance import Binance
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.kraken import Kraken
from quoter.venues.ccxt.session import CcxtAmendingSession, CcxtSession
from quoter.venues.ccxt.venue import speaking

PAPER_KEYS = GivenKeys(
    "mm1",
    {
        f"{venue}_API_{part}": value
        for venue in ("BINANCE", "KRAKEN")
        for part, value in (("KEY", KEY), ("SECRET", SECRET))
    },
)


class CcxtStage(SpotStage):
    """What the stages of spot venues have in common."""

    venue: PaperSpot
    secrets = (KEY, SECRET)
    has_switch = False
    ahead_ms = 0
    """How far the venue's clock is ahead of ours."""

    def successor(self) -> CcxtStage:
        """Return the stage of who trades there next: another session at the same venue, that knows no orders."""
        raise NotImplementedError

    @property
    def dialect(self) -> Dialect:
        assert isinstance(self.session, CcxtSession)
        return self.session.dialect

    def begin_epoch(self, epoch: int) -> None:
        """Be the holder of an epoch: of a later one than who traded there before."""
        self.core.epoch, self.ids = epoch, OrderIds(epoch)

    @property
    def fee_currency(self) -> str:
        return self.venue.fee_currency

    @property
    def fee_per_lot(self) -> Decimal:
        return self.venue.fee_per_lot

    def on_time(self) -> None:
        self.venue.time_ms = self.now_ns // NS_PER_MS + self.ahead_ms

    def place(self, *prices: int, outcome: Outcome = Outcome.NONE, cancels: Iterable[int] = ()) -> list[int]:
        places = [self._placement(Side.BUY, ticks, self.lots, immediate=False) for ticks in prices]
        self._leave(cancels)
        self.carry(self.session.send(list(cancels), places, self.now_ns))
        return [place.order_id for place in places]

    def _placement(self, side: Side, ticks: int, lots: int, *, immediate: bool) -> Placement:
        order_id, coin = self.ids.next(self.now_ns), self.coin
        self.orders.add(Order(order_id, "1", coin.symbol, coin.outcome, side, ticks, lots, immediate=immediate))
        self.placed.append(order_id)
        known = (order_id, coin.symbol, coin.outcome, side, ticks, lots, not immediate, immediate)
        return Placement(*known, coin.tick_size, coin.lot_size)

    def order(self, order_id: int) -> PaperOrder:
        return self.venue.orders[self.name_of(order_id)]

    def name_of(self, order_id: int) -> str:
        return self.dialect.client_id(order_id)

    def resting(self) -> set[int]:
        names = {self.name_of(order_id): order_id for order_id in self.placed}
        return {names.get(order.client_id, 0) for order in self.venue.open_orders()}

    def accepted(self) -> list[Any]:
        return [order.client_id for order in self.venue.orders.values()]

    def execute(self, order_id: int, lots: int) -> None:
        self.venue.execute(self.order(order_id), self.coin.quantity(lots))

    def finish(self, order_id: int) -> None:
        self.venue.finish(self.order(order_id), self.venue.expired_word)

    def refuse(self, name: str, *, on: bool) -> None:
        if name == "second_refused":
            self.venue.refuse = {1: "funds"} if on else {}
        else:
            refused = {"private": 401} if name == "login_refused" else dict.fromkeys(self.order_routes, 429)
            self.venue.statuses = refused if on else {}

    order_routes: tuple[str, ...] = ()

    def revive(self, order_id: int) -> None:
        self.order(order_id).over = ""

    def end_in_words(self, order_id: int) -> None:
        self.venue.finish(self.order(order_id), self.venue.expired_word, "SOMETHING_NEW_HAPPENED")
        self.deliver()

    def pay_in(self, dollars: int) -> None:
        self.venue.money[self.coin.currency] = Decimal(dollars)

    def trade_elsewhere(self, markets: int) -> None:
        for number in range(markets):
            old_ms = START_NS // NS_PER_MS - 60_000 * number - 600_000
            order = PaperOrder(9_000 + number, f"old-{number}", Side.BUY, Decimal("0.4"), Decimal("0.001"))
            order.filled, order.over, order.ts_ms = order.size, self.venue.filled_word, old_ms
            self.venue.orders[order.client_id] = order
            self.venue.trades.append(PaperTrade(9_000 + number, order, order.size, True, Decimal(0), old_ms))

    def asked(self) -> int:
        return len(self.venue.requests)

    def stranger(self) -> None:
        stray = PaperOrder(77, "77", Side.BUY, Decimal("0.40"), Decimal("0.00100"), ts_ms=self.venue.time_ms)
        self.venue.orders[stray.client_id] = stray
        self.venue.tell_order(stray)
        if not self.hold:
            self.deliver()

    def repeat(self) -> None:
        self.venue.tell_trade(self.venue.trades[-1])
        self.deliver()

    def offer(self, ticks: int, lots: int) -> None:
        """Let others sell so much at a price."""
        self.venue.offered, self.venue.takeable = self.coin.price(ticks), self.coin.quantity(lots)

    def money(self) -> dict[str, Decimal]:
        """Return what the account has of each currency."""
        return self.venue.money


class BinanceStage(CcxtStage):
    """Binance."""

    venue: PaperBinance

    order_routes = ("/order",)

    def __init__(self, venue: PaperBinance | None = None, *, unguarded: bool = True, epoch: int = EPOCH) -> None:
        self.venue = venue or PaperBinance()
        self.coin = self.venue.coin
        self.symbol, self.tick_size = self.coin.symbol, self.coin.tick_size
        orders = Orders()
        session = CcxtSession(
            speaking(PAPER_KEYS, "binance", Binance, live=False), [self.symbol], orders, unguarded=unguarded
        )
        super().__init__(session, orders, self.venue)
        self.begin_epoch(epoch)

    def successor(self) -> BinanceStage:
        return BinanceStage(self.venue, epoch=self.core.epoch + 1)

    def lists(self) -> tuple[str, ...]:
        return "/openOrders", "/myTrades", "/account"

    def rows_in(self, route: str, document: Any) -> list[Any] | None:
        found: list[Any] | None = None
        if route == "/account":
            found = document["balances"]
        elif route in self.lists() and isinstance(document, list):
            found = document
        return found

    def spoil_fills(self, rows: list[Any]) -> None:
        for row in rows:
            row |= {"price": "", "qty": None}


class KrakenStage(CcxtStage):
    """Kraken."""

    venue: PaperKraken

    order_routes = ("/AddOrder", "/AmendOrder", "/CancelOrder")
    has_switch = True
    refusal_state = OrderState.CANCELLED

    def __init__(self, venue: PaperKraken | None = None, *, epoch: int = EPOCH) -> None:
        self.venue = venue or PaperKraken()
        self.coin = self.venue.coin
        self.symbol, self.tick_size = self.coin.symbol, self.coin.tick_size
        orders = Orders()
        session = CcxtAmendingSession(speaking(PAPER_KEYS, "kraken", Kraken, live=True), [self.symbol], orders)
        super().__init__(session, orders, self.venue)
        self.begin_epoch(epoch)

    def successor(self) -> KrakenStage:
        return KrakenStage(self.venue, epoch=self.core.epoch + 1)

    def lists(self) -> tuple[str, ...]:
        return "/OpenOrders", "/TradesHistory", "/BalanceEx"

    def rows_in(self, route: str, document: Any) -> list[Any] | None:
        result = document.get("result") if isinstance(document, dict) else None
        name = {"/OpenOrders": "open", "/TradesHistory": "trades"}.get(route)
        if not isinstance(result, dict) or route not in self.lists():
            return None
        return RowsById(result[name] if name else result)

    def spoil_fills(self, rows: list[Any]) -> None:
        for row in rows:
            row |= {"price": "", "vol": None, "fee": ""}


class RowsById(list[Any]):
    """The rows of a list that stand under their ids: what is done to the list is done to them."""

    def __init__(self, held: dict[str, Any]) -> None:
        super().__init__(held.values())
        self._held = held

    def append(self, row: Any) -> None:
        super().append(row)
        self._held[f"odd-{len(self)}"] = row

    def __setitem__(self, where: Any, rows: Any) -> None:
        super().__setitem__(where, rows)
        names = {id(row): name for name, row in self._held.items()}
        self._held.clear()
        self._held.update({names.get(id(row), f"odd-{number}"): row for number, row in enumerate(self)})
