"""The real exchange core in the place of the rehearsal's small venue: the quoter's own bytes, other people's orders."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from common.core import HttpRequest, HttpResponse, Open, Send
from common.events import Book, Level
from exchange.entry.session import Output
from exchange.entry.session import Send as Sent
from exchange.testing.venue import MARKET, Client, config, opened
from quoter.testing.script import Script, degen_quoter
from quoter.testing.venue import Venue
from quoter.venues.degen.rest import ApiKey

CONNECTION = 7
KEY = ApiKey("trade", "mm1-trade", "secret-of-mm1-trade", ("read", "trade", "cancel"))


class ExchangeVenue(Venue):
    """What a script asks of its venue, answered by the exchange."""

    def __init__(self, *spot: str) -> None:
        """`spot` are the assets that trade for dollars as well; the others begin with ten of each."""
        super().__init__()
        self.exchange = opened(config(spot=spot))
        self.script: Script | None = None
        self.sent: list[bytes] = []
        """Frames of the quoter's."""
        self.other = Client(self.exchange, "taker1", connection=8)
        self.maker = Client(self.exchange, "taker2", connection=9)
        for account, asset in product(("taker1", "taker2"), spot):
            self.deposit(account, asset, "10.00000000")

    def deposit(self, account: str, currency: str, amount: str) -> None:
        """Give an account some of a currency."""
        admin = Client(self.exchange, "admin", "admin", connection=10)
        coins = {"amount": amount, "currency": currency}
        assert "balance" in admin.rest("POST", f"/admin/accounts/{account}/deposit", coins)

    @property
    def now_ns(self) -> int:
        assert self.script is not None
        return self.script.now_ns

    def _keep(self, outputs: list[Output]) -> None:
        self.frames += [out.data for out in outputs if isinstance(out, Sent) and out.connection == CONNECTION]

    def on_send(self, effect: Send) -> None:
        self.sent.append(effect.data)
        self._keep(self.exchange.on_frame(CONNECTION, effect.data, self.now_ns))

    def on_ask(self, ask: HttpRequest) -> HttpResponse:
        url = urlsplit(ask.url)
        self.requests.append((ask.method, url.path))
        query, headers = dict(parse_qsl(url.query)), {name.lower(): value for name, value in ask.headers.items()}
        response = self.exchange.on_request(ask.method, url.path, query, headers, ask.body, self.now_ns)
        self._keep(response.outputs)
        return HttpResponse(ask.request_id, response.status, response.body, response.headers)

    def opened(self, effect: Open) -> bool:
        self.connected = True
        self._keep(self.exchange.on_connect(CONNECTION, self.now_ns))
        return True

    def disconnect(self) -> None:
        self.connected = False
        self.exchange.on_close(CONNECTION, self.now_ns)
        self.frames.clear()

    def take_frames(self) -> Iterator[bytes]:
        while self.frames:
            yield self.frames.pop(0)

    # --- other people -------------------------------------------------------------------------------------------

    def trade(self, side: str, outcome: str, price: str, size: int, **more: object) -> None:
        """Let somebody else place an order; what it causes reaches the quoter."""
        self.other.now_ns = self.now_ns
        before = len(self.other.outputs)
        answer = self.other.order(side, outcome, price, size, **more)
        assert "order" in answer, answer
        self._keep(self.other.outputs[before:])
        assert self.script is not None
        self.script.deliver()

    def spot(self, client: Client, side: str, price: str, size: str, **more: Any) -> None:
        """Let somebody place a spot order; what it causes reaches the quoter."""
        client.now_ns = self.now_ns
        before = len(client.outputs)
        answer = client.spot(side, price, size, **more)
        assert "order" in answer, answer
        self._keep(client.outputs[before:])
        assert self.script is not None
        self.script.deliver()

    def book(self, symbol: str = MARKET) -> Book:
        """Return a book as the feed would tell it."""
        self.other.now_ns = self.now_ns
        kind = "symbols" if symbol in self.exchange.trading.symbols else "markets"
        shown = self.other.rest("GET", f"/{kind}/{symbol}/orderbook")
        bids, asks = ([Level(float(price), float(size)) for price, size in shown[side]] for side in ("bids", "asks"))
        return Book(venue="degen", symbol=symbol, bids=bids, asks=asks, ts_received_ns=self.now_ns)

    def resting(self, symbol: str) -> list[tuple[str, str, str]]:
        """Return outcome or side, price and size left of what rests of the quoter's."""
        orders = Client(self.exchange, "mm1", connection=11).rest("GET", "/orders?status=open")["orders"]
        found = [order for order in orders if symbol in (order.get("symbol"), order.get("market"))]
        return sorted((order.get("outcome", order["side"]), order["price"], str(order["leaves"])) for order in found)

    def holding(self) -> tuple[int, int]:
        position = self.exchange.ledger.account("mm1").positions.get(MARKET)
        return (position.yes, position.no) if position else (0, 0)


def scripted(*spot: str) -> tuple[Script, ExchangeVenue]:
    """Return a quoter at the exchange, not yet started; `spot` as above."""
    venue = ExchangeVenue(*spot)
    script = Script(venue)
    venue.script = script
    script.core = degen_quoter(KEY)
    script.core.epoch = 3
    return script, venue
