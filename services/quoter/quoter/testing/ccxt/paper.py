"""One account at a spot venue, as it is whatever words the venue says it in: orders, trades, balances, faults."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from common.core import HttpRequest, HttpResponse, Open, Send
from common.instruments import Instrument, Side

KEY, SECRET = "key-of-the-account", "c2VjcmV0LW9mLXRoZS1rZXk="
PRIVATE = "private"
FRAME = "frame"


@dataclass
class PaperOrder:
    """An order as the venue keeps it."""

    number: int
    client_id: str
    side: Side
    price: Decimal
    size: Decimal
    immediate: bool = False
    filled: Decimal = Decimal(0)
    over: str = ""
    """The venue's word of how it ended, empty while it rests."""
    reason: str = ""
    ts_ms: int = 0

    @property
    def leaves(self) -> Decimal:
        return self.size - self.filled


@dataclass
class PaperTrade:
    """An execution of one of them."""

    number: int
    order: PaperOrder
    amount: Decimal
    maker: bool
    fee: Decimal
    ts_ms: int


@dataclass
class PaperSpot:
    """What tiny spot venues have in common; frames wait in `frames` until the script delivers them."""

    coin: Instrument
    fee_currency: str
    fee_per_lot: Decimal
    orders: dict[str, PaperOrder] = field(default_factory=dict)
    trades: list[PaperTrade] = field(default_factory=list)
    frames: list[bytes] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    money: dict[str, Decimal] = field(default_factory=dict)
    connected: bool = False
    subscribed: bool = False
    mute: bool = False
    """Do as asked about orders, but the answers are lost."""
    deaf: bool = False
    """Requests about orders are lost on their way to the venue."""
    no_beats: bool = False
    statuses: dict[str, int] = field(default_factory=dict)
    """Answer requests of these routes with a status, without doing them; `private` is all that need a key."""
    refuse: dict[int, str] = field(default_factory=dict)
    """Reason to refuse the n-th order from now, from 0."""
    offered: Decimal = Decimal(0)
    """The best price at which others sell, 0 where nobody does; `takeable` is how much."""
    takeable: Decimal = Decimal(0)
    time_ms: int = 1_795_222_810_000
    next_number: int = 1_001
    change: Callable[[str, Any], Any] | None = None
    """Changes a document before it is sent; told the route, or `frame`."""

    cancelled_word = filled_word = expired_word = ""

    # --- REST ---------------------------------------------------------------------------------------------------

    def on_ask(self, ask: HttpRequest) -> HttpResponse:
        parts = urlsplit(ask.url)
        params = dict(parse_qsl(parts.query, keep_blank_values=True) + parse_qsl(ask.body.decode()))
        route = self.route_of(parts.path)
        self.requests.append((ask.method, route, params))
        about_orders = self.is_about_orders(ask.method, route)
        if (about_orders and self.deaf) or (self.is_beat(route) and self.no_beats):
            return HttpResponse(ask.request_id, 0, b"", {})
        status = self.statuses.get(route, self.statuses.get(PRIVATE, 200) if self.is_private(route) else 200)
        if status != 200:
            return HttpResponse(ask.request_id, status, b'{"msg":"told to"}', {})
        status, document = self.answer(ask, route, params)
        if about_orders and self.mute:
            return HttpResponse(ask.request_id, 0, b"", {})
        return HttpResponse(ask.request_id, status, self.written(route, document), {})

    def written(self, route: str, document: Any) -> bytes:
        """Return a document as it is sent."""
        return json.dumps(self.change(route, document) if self.change else document).encode()

    def route_of(self, path: str) -> str:
        raise NotImplementedError

    def is_about_orders(self, method: str, route: str) -> bool:
        raise NotImplementedError

    def is_beat(self, route: str) -> bool:
        return False

    def is_private(self, route: str) -> bool:
        raise NotImplementedError

    def answer(self, ask: HttpRequest, route: str, params: dict[str, str]) -> tuple[int, Any]:
        raise NotImplementedError

    # --- what happens there -------------------------------------------------------------------------------------

    def take(self, order: PaperOrder) -> str:
        """Take an order in and trade what it can at once; return why not, empty when it was taken."""
        refused = self.refuse.pop(0, "")
        self.refuse = {number - 1: reason for number, reason in self.refuse.items()}
        if refused:
            return refused
        self.orders[order.client_id] = order
        self.tell_order(order)
        crosses = order.side is Side.BUY and self.offered and order.price >= self.offered
        if crosses and self.takeable:
            self.execute(order, min(order.leaves, self.takeable), maker=False)
        if order.immediate and not order.over:
            self.finish(order, self.expired_word)
        return ""

    def would_take(self, side: Side, price: Decimal) -> bool:
        """Say whether an order would meet what others offer."""
        return side is Side.BUY and bool(self.offered) and price >= self.offered

    def execute(self, order: PaperOrder, amount: Decimal, *, maker: bool = True) -> PaperTrade:
        """Execute part of an order, whether it still rests or not."""
        order.filled += amount
        if not order.leaves and not order.over:
            order.over = self.filled_word
        fee = self.fee_per_lot * self.coin.lots(amount)
        trade = PaperTrade(self.number(), order, amount, maker, fee, self.time_ms)
        self.trades.append(trade)
        self._move(self.coin.base, order.side.sign * amount)
        self._move(self.coin.currency, -order.side.sign * amount * order.price)
        self._move(self.fee_currency, -fee)
        self.tell_trade(trade)
        self.tell_money((self.coin.base, self.coin.currency, self.fee_currency))
        return trade

    def finish(self, order: PaperOrder, word: str, reason: str = "") -> None:
        """End an order in a word."""
        order.over, order.reason = word, reason
        self.tell_order(order)

    def number(self) -> int:
        """Return the next number of an order or a trade."""
        self.next_number += 1
        return self.next_number

    def open_orders(self) -> list[PaperOrder]:
        return [order for order in self.orders.values() if not order.over]

    def _move(self, currency: str, amount: Decimal) -> None:
        self.money[currency] = self.money.get(currency, Decimal(0)) + amount

    def held(self, currency: str) -> Decimal:
        """Return what resting orders hold of a currency."""
        total = Decimal(0)
        for order in self.open_orders():
            if order.side is Side.BUY and currency == self.coin.currency:
                total += order.leaves * order.price
            elif order.side is Side.SELL and currency == self.coin.base:
                total += order.leaves
        return total

    def tell_order(self, order: PaperOrder) -> None:
        raise NotImplementedError

    def tell_trade(self, trade: PaperTrade) -> None:
        raise NotImplementedError

    def tell_money(self, currencies: tuple[str, ...]) -> None:
        raise NotImplementedError

    # --- the private stream -------------------------------------------------------------------------------------

    def on_send(self, effect: Send) -> None:
        if self.connected:
            self.on_message(json.loads(effect.data))

    def on_message(self, message: Any) -> None:
        raise NotImplementedError

    def say(self, document: Any) -> None:
        """Send a frame to whoever is connected."""
        if self.connected:
            self.frames.append(self.written(FRAME, document))

    def tell(self, document: Any) -> None:
        """Send a frame to a subscriber."""
        if self.subscribed:
            self.say(document)

    def opened(self, effect: Open) -> bool:
        self.connected = True
        return True

    def disconnect(self) -> None:
        """The stream ends; what rests goes on resting."""
        self.connected = self.subscribed = False
        self.frames.clear()

    def take_frames(self) -> Iterator[bytes]:
        while self.frames:
            yield self.frames.pop(0)
