"""The real exchange core in the place of the rehearsal's small venue: the quoter's own bytes, other people's orders."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

from common.core import HttpRequest, HttpResponse, Open, Send
from common.events import Book, Level
from exchange.entry.session import Output
from exchange.entry.session import Send as Sent
from exchange.testing.venue import MARKET, Client, opened
from quoter.testing.script import Script, degen_quoter
from quoter.testing.venue import Venue
from quoter.venues.degen.rest import ApiKey

CONNECTION = 7
KEY = ApiKey("trade", "mm1-trade", "secret-of-mm1-trade", ("read", "trade", "cancel"))


class ExchangeVenue(Venue):
    """What a script asks of its venue, answered by the exchange."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = opened()
        self.script: Script | None = None
        self.other = Client(self.exchange, "taker1", connection=8)

    @property
    def now_ns(self) -> int:
        assert self.script is not None
        return self.script.now_ns

    def _keep(self, outputs: list[Output]) -> None:
        self.frames += [out.data for out in outputs if isinstance(out, Sent) and out.connection == CONNECTION]

    def on_send(self, effect: Send) -> None:
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

    def book(self) -> Book:
        """Return the market's book as the feed would tell it."""
        self.other.now_ns = self.now_ns
        shown = self.other.rest("GET", f"/markets/{MARKET}/orderbook")
        bids, asks = ([Level(float(price), float(size)) for price, size in shown[side]] for side in ("bids", "asks"))
        return Book(venue="degen", symbol=MARKET, bids=bids, asks=asks, ts_received_ns=self.now_ns)

    def holding(self) -> tuple[int, int]:
        position = self.exchange.ledger.account("mm1").positions.get(MARKET)
        return (position.yes, position.no) if position else (0, 0)


def scripted() -> tuple[Script, ExchangeVenue]:
    """Return a quoter at the exchange, not yet started."""
    venue = ExchangeVenue()
    script = Script(venue)
    venue.script = script
    script.core = degen_quoter(KEY)
    script.core.epoch = 3
    return script, venue
