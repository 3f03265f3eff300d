"""Each venue as a small counterpart that speaks its words and keeps two books, for tests that all adapters must pass.

A stage answers what the feed sends and asks as the venue documents it, and says on demand what the venue would say:
a change of one book, a trade, or any of the venue's documents about one symbol, to be spoilt by the test.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from common.clock import NS_PER_MS, NS_PER_S
from common.core import Effect, HttpRequest, Send
from common.events import TopOfBook

from feed.books.book import LocalBook
from feed.testing.harness import START_NS, Rehearsal
from feed.venues.adapter import Adapter
from feed.venues.binance import Binance
from feed.venues.coinbase import Coinbase
from feed.venues.degen import Degen
from feed.venues.kraken import Kraken, checksum
from feed.venues.polymarket.stream import Polymarket

STEP_MS = 100
SIZE = "2.0"
Document = Any


class Stage:
    """A venue with two symbols, its connection and its REST interface."""

    symbols: tuple[str, str]
    ask = 200.0
    """Best offer of both books; it never moves."""
    first_bid = 100.0
    bid_step = 1.0
    lists_markets = False

    def __init__(self) -> None:
        self.bids = dict.fromkeys(self.symbols, self.first_bid)
        self.ids = dict.fromkeys(self.symbols, 1_000)
        self.spoilt: dict[str, bytes] = {}
        """What is answered, once, in place of the right thing to a question whose address holds a text."""
        self.refusal: tuple[int, str] | None = None
        """Status and Retry-After with which the next question is refused, once."""
        self.rehearsal = Rehearsal(self.adapter())
        self.say(*self.rehearsal.open())
        self.serve(1_000)

    # --- what a venue fills in ---------------------------------------------------------------------------------------

    def adapter(self) -> Adapter:
        """Return the adapter under test."""
        raise NotImplementedError

    def on_send(self, said: Document) -> list[Document]:
        """Return the frames with which the venue answers one of ours."""
        return []

    def on_ask(self, path: str, query: dict[str, list[str]]) -> Document:
        """Return the venue's answer to a question; None where it has none."""
        return None

    def moved(self, symbol: str, old: float, new: float) -> list[Document]:
        """Return the frames that tell that the best bid of a symbol has moved."""
        raise NotImplementedError

    def documents(self, symbol: str) -> dict[str, Document]:
        """Return every kind of frame about a symbol, as it would come now."""
        raise NotImplementedError

    def listed(self, symbol: str) -> Document:
        """Return a symbol's row in the list of markets."""
        raise NotImplementedError

    def terms(self, symbol: str) -> Document:
        """Return the answer about the terms of a configured symbol."""
        raise NotImplementedError

    def list_of(self, rows: list[Document]) -> Document:
        """Return the answer that lists these rows."""
        return rows

    # --- what tests do ----------------------------------------------------------------------------------------------

    @property
    def wire(self) -> str:
        """The wire in use."""
        return self.rehearsal.feed.connections[0].serving or "here-0-a"

    def tell(self, document: Document) -> list[Effect]:
        """Let a frame arrive, of bytes or of a document, and answer what follows from it."""
        frame = document if isinstance(document, bytes) else dumped(document)
        effects = self.rehearsal.frame(frame, self.wire)
        return [*effects, *self.say(*effects)]

    def move(self, symbol: str) -> list[Effect]:
        """Move the best bid of a symbol up by a step."""
        old = self.bids[symbol]
        self.bids[symbol] = new = round(old + self.bid_step, 6)
        return [effect for document in self.moved(symbol, old, new) for effect in self.tell(document)]

    def refuse(self, status: int, retry_after: str) -> None:
        """Let the next question be refused."""
        self.refusal = (status, retry_after)

    def serve(self, ms: int) -> list[Effect]:
        """Let time pass while the venue answers everything and is heard."""
        effects: list[Effect] = []
        for _ in range(ms // STEP_MS):
            now = self.rehearsal.wait(STEP_MS)
            effects += [*now, *self.say(*now)]
        return effects

    def say(self, *effects: Effect) -> list[Effect]:
        """Answer what the feed has sent and asked."""
        told: list[Effect] = []
        for effect in effects:
            if isinstance(effect, Send):
                told += self._answer_frame(effect.data)
            elif isinstance(effect, HttpRequest):
                told += self._answer_question(effect)
        return told

    @property
    def now_ms(self) -> int:
        return self.rehearsal.now_ns // NS_PER_MS

    @property
    def now_iso(self) -> str:
        return iso(self.rehearsal.now_ns)

    def _answer_frame(self, data: bytes) -> list[Effect]:
        try:
            said = json.loads(data)
        except ValueError:
            said = data.decode()
        return [effect for document in self.on_send(said) for effect in self.tell(document)]

    def _answer_question(self, ask: HttpRequest) -> list[Effect]:
        if self.refusal is not None:
            (status, retry_after), self.refusal = self.refusal, None
            return self.rehearsal.answer(ask, b"", status, retry_after)
        spoilt = next((part for part in self.spoilt if part in ask.url), None)
        if spoilt is not None:
            return self._given(ask, self.spoilt.pop(spoilt))
        parts = urlsplit(ask.url)
        answer = self.on_ask(parts.path, parse_qs(parts.query))
        return [] if answer is None else self._given(ask, dumped(answer))

    def _given(self, ask: HttpRequest, body: bytes) -> list[Effect]:
        effects = self.rehearsal.answer(ask, body)
        return [*effects, *self.say(*effects)]


class BinanceStage(Stage):
    """Ids that follow each other, books asked over REST, best prices in frames of their own."""

    symbols = ("BTCUSDT", "ETHUSDT")

    def adapter(self) -> Adapter:
        return Binance(self.symbols, "wss://x/stream", "https://x")

    def on_send(self, said: Document) -> list[Document]:
        return [{"result": None, "id": said["id"]}]

    def on_ask(self, path: str, query: dict[str, list[str]]) -> Document:
        if path.endswith("/time"):
            return {"serverTime": self.now_ms}
        symbol = query["symbol"][0]
        if path.endswith("/exchangeInfo"):
            return self.terms(symbol)
        levels = {"bids": [[f"{self.bids[symbol]}", SIZE]], "asks": [[f"{self.ask}", SIZE]]}
        return {"lastUpdateId": self.ids[symbol], **levels}

    def terms(self, symbol: str) -> Document:
        price = {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01000000"}
        size = {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.0", "stepSize": "0.00001000"}
        notional = {"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True}
        row = {"symbol": symbol, "status": "TRADING", "baseAsset": symbol[:3], "quoteAsset": symbol[3:]}
        other = {"filterType": "ICEBERG_PARTS", "limit": 10}
        rules = {"isSpotTradingAllowed": True, "filters": [price, size, other, notional]}
        return {"timezone": "UTC", "serverTime": self.now_ms, "symbols": [{**row, **rules}]}

    def moved(self, symbol: str, old: float, new: float) -> list[Document]:
        self.ids[symbol] += 1
        documents = self.documents(symbol)
        documents["depth"]["data"]["b"].insert(0, [f"{old}", "0.0"])
        return [documents["depth"], documents["bookTicker"]]

    def documents(self, symbol: str) -> dict[str, Document]:
        number, bid = self.ids[symbol], f"{self.bids[symbol]}"
        top = {"u": number, "s": symbol, "b": bid, "B": SIZE, "a": f"{self.ask}", "A": SIZE}
        depth = {
            "e": "depthUpdate",
            "E": self.now_ms,
            "s": symbol,
            "U": number,
            "u": number,
            "b": [[bid, SIZE]],
            "a": [],
        }
        trade = {"e": "trade", "E": self.now_ms, "s": symbol, "t": number, "p": bid, "q": SIZE, "T": self.now_ms}
        return {
            "bookTicker": _stream(symbol, "bookTicker", top),
            "depth": _stream(symbol, "depth@100ms", depth),
            "trade": _stream(symbol, "trade", {**trade, "m": True}),
        }


class CoinbaseStage(Stage):
    """Books by snapshots and unnumbered changes, and a heartbeat."""

    symbols = ("BTC-USD", "ETH-USD")

    def adapter(self) -> Adapter:
        return Coinbase(self.symbols, "wss://x", "https://x")

    def on_send(self, said: Document) -> list[Document]:
        answer: list[Document] = [{"type": "subscriptions", "channels": []}]
        if said["type"] == "subscribe" and "level2_batch" in said["channels"]:
            answer += [self.documents(symbol)["snapshot"] for symbol in said["product_ids"]]
        return answer

    def on_ask(self, path: str, query: dict[str, list[str]]) -> Document:
        if path == "/time":
            return {"epoch": self.rehearsal.now_ns / NS_PER_S}
        symbol = path.split("/")[2]
        if not path.endswith("/book"):
            return self.terms(symbol)
        return {"bids": [[f"{self.bids[symbol]}", SIZE, 1]], "asks": [[f"{self.ask}", SIZE, 1]]}

    def terms(self, symbol: str) -> Document:
        base, quoted = symbol.split("-")
        named = {"id": symbol, "base_currency": base, "quote_currency": quoted, "display_name": f"{base}/{quoted}"}
        steps = {"quote_increment": "0.01", "base_increment": "0.00000001", "min_market_funds": "1"}
        state = {"status": "online", "trading_disabled": False, "cancel_only": False, "limit_only": False}
        return {**named, **steps, **state, "post_only": False, "auction_mode": False}

    def moved(self, symbol: str, old: float, new: float) -> list[Document]:
        document = self.documents(symbol)["l2update"]
        document["changes"].insert(0, ["buy", f"{old}", "0.0"])
        return [document]

    def documents(self, symbol: str) -> dict[str, Document]:
        self.ids[symbol] += 1
        number, bid, product = self.ids[symbol], f"{self.bids[symbol]}", {"product_id": symbol, "time": self.now_iso}
        best = {"best_bid": bid, "best_bid_size": SIZE, "best_ask": f"{self.ask}", "best_ask_size": SIZE}
        trade = {"trade_id": number, "price": bid, "size": SIZE, "side": "sell", "sequence": number}
        return {
            "snapshot": {"type": "snapshot", **product, "bids": [[bid, SIZE]], "asks": [[f"{self.ask}", SIZE]]},
            "l2update": {"type": "l2update", **product, "changes": [["buy", bid, SIZE]]},
            "ticker": {"type": "ticker", **product, "sequence": number, **best},
            "match": {"type": "match", **product, **trade},
            "heartbeat": {"type": "heartbeat", **product, "sequence": number, "last_trade_id": 0},
        }


class KrakenStage(Stage):
    """Books proved by checksums, whose decimals the venue tells first."""

    symbols = ("BTC/USD", "ETH/USD")

    def adapter(self) -> Adapter:
        return Kraken(self.symbols, "wss://x", "https://x")

    def on_send(self, said: Document) -> list[Document]:
        params = said.get("params", {})
        if said["method"] == "ping":
            return [{"method": "pong"}]
        if said["method"] != "subscribe":
            return [{"method": said["method"], "success": True}]
        if params["channel"] == "instrument":
            pairs = [self.pair(symbol) for symbol in self.symbols]
            return [{"channel": "instrument", "type": "snapshot", "data": {"assets": [], "pairs": pairs}}]
        if params["channel"] == "book":
            return [self._book("snapshot", symbol, [(self.bids[symbol], 2.0)]) for symbol in params["symbol"]]
        return [{"method": "subscribe", "success": True}]

    def pair(self, symbol: str) -> Document:
        """Return how a pair is written."""
        return {"symbol": symbol, "price_precision": 1, "qty_precision": 8}

    def on_ask(self, path: str, query: dict[str, list[str]]) -> Document:
        if path.endswith("/AssetPairs"):
            return self.terms(query["pair"][0])
        symbol = next(each for each in self.symbols if each.replace("/", "") == query["pair"][0])
        row = {"bids": [[f"{self.bids[symbol]}", SIZE, 1]], "asks": [[f"{self.ask}", SIZE, 1]]}
        return {"error": [], "result": {"X": row}}

    def terms(self, symbol: str) -> Document:
        older = symbol.replace("BTC", "XBT")
        named = {"altname": older.replace("/", ""), "wsname": older, "base": "X" + older[:3], "quote": "ZUSD"}
        steps = {"pair_decimals": 1, "cost_decimals": 5, "lot_decimals": 8, "tick_size": "0.1", "status": "online"}
        least = {"ordermin": "0.00005", "costmin": "0.5"}
        fees = {"fees": [[0, 0.4], [10000, 0.35]], "fees_maker": [[0, 0.25], [10000, 0.2]], "leverage_buy": [2, 3]}
        return {"error": [], "result": {named["altname"]: {**named, **steps, **least, **fees}}}

    def moved(self, symbol: str, old: float, new: float) -> list[Document]:
        return [self._book("update", symbol, [(old, 0.0), (new, 2.0)])]

    def documents(self, symbol: str) -> dict[str, Document]:
        self.ids[symbol] += 1
        trade = {"symbol": symbol, "side": "sell", "price": self.bids[symbol], "qty": 2.0, "trade_id": self.ids[symbol]}
        return {
            "book": self._book("update", symbol, [(self.bids[symbol], 2.0)]),
            "snapshot": self._book("snapshot", symbol, [(self.bids[symbol], 2.0)]),
            "trade": {"channel": "trade", "type": "update", "data": [{**trade, "timestamp": self.now_iso}]},
        }

    def _book(self, kind: str, symbol: str, bids: list[tuple[float, float]]) -> Document:
        book = LocalBook(25)
        book.load([(self.bids[symbol], 2.0)], [(self.ask, 2.0)])
        asks = [{"price": self.ask, "qty": 2.0}] if kind == "snapshot" else []
        row = {
            "symbol": symbol,
            "bids": [{"price": price, "qty": size} for price, size in bids],
            "asks": asks,
            "checksum": checksum(book, 1, 8),
            "timestamp": self.now_iso,
        }
        return {"channel": "book", "type": kind, "data": [row]}


class DegenStage(Stage):
    """Markets that come and go, whole books, and everything over REST as well."""

    symbols = ("BTC-5M-1795223100", "ETH-5M-1795223100")
    ask, first_bid, bid_step = 0.9, 0.1, 0.01
    lists_markets = True

    def adapter(self) -> Adapter:
        return Degen([], "ws://x/ws", "http://x")

    def on_send(self, said: Document) -> list[Document]:
        if said["op"] == "heartbeat":
            return [{"type": "reply", "id": said["id"]}]
        kinds = [self.documents(symbol) for symbol in self.symbols]
        return [each[name] for name in ("market", "orderbook") for each in kinds]

    def on_ask(self, path: str, query: dict[str, list[str]]) -> Document:
        if path == "/time":
            return {"ts_ns": self.rehearsal.now_ns}
        if path == "/markets":
            return self.list_of([self.listed(symbol) for symbol in self.symbols])
        if path == "/symbols":
            return {"symbols": [], "ts_ns": self.rehearsal.now_ns}
        symbol = path.split("/")[2]
        if not path.endswith("/orderbook"):
            return {"market": self.listed(symbol), "ts_ns": self.rehearsal.now_ns}
        levels = {"bids": [[f"{self.bids[symbol]}", 20]], "asks": [[f"{self.ask}", 20]]}
        return {"sequence": self.ids[symbol], **levels}

    def moved(self, symbol: str, old: float, new: float) -> list[Document]:
        self.ids[symbol] += 1
        return [self.documents(symbol)["orderbook"]]

    def documents(self, symbol: str) -> dict[str, Document]:
        named = {"market": symbol, "ts_ns": self.rehearsal.now_ns}
        levels = {"bids": [[f"{self.bids[symbol]}", 20]], "asks": [[f"{self.ask}", 20]]}
        trade = {"trade_id": str(self.ids[symbol]), "price": "0.5", "size": 30, "taker_side": "bid"}
        return {
            "orderbook": {"type": "orderbook", **named, "sequence": self.ids[symbol], **levels},
            "trade": {"type": "trade", **named, **trade},
            "market": {"type": "market", "market": self.listed(symbol), "ts_ns": self.rehearsal.now_ns},
        }

    def listed(self, symbol: str) -> Document:
        asset = symbol.partition("-")[0]
        times = {"open_ns": START_NS, "opened_ns": START_NS, "expiry_ns": START_NS + 300 * NS_PER_S}
        terms = {"tick": "0.01", "min_size": 1, "tie": "strictly_above", "strike": "60000", "settlement": "last_mid"}
        named = {"id": symbol, "asset": asset, "series": f"{asset}-5M", "title": "above?", "status": "OPEN"}
        return {**named, **times, **terms, "settlement_price": None, "result": None}

    def list_of(self, rows: list[Document]) -> Document:
        return {"markets": rows, "ts_ns": self.rehearsal.now_ns}


class PolymarketStage(Stage):
    """Markets by their names, unnumbered books by token."""

    symbols = ("0x0a", "0x0b")
    ask, first_bid, bid_step = 0.9, 0.1, 0.01
    lists_markets = True
    assets: ClassVar[dict[str, tuple[str, str, str]]] = {"0x0a": ("btc", "11", "12"), "0x0b": ("eth", "21", "22")}

    def adapter(self) -> Adapter:
        return Polymarket(["btc-updown-5m", "eth-updown-5m"], "wss://x/ws/market", "https://clob.x")

    def on_send(self, said: Document) -> list[Document]:
        if said == "PING":
            return [b"PONG"]
        if said.get("operation") == "unsubscribe":
            return []
        named = [symbol for symbol in self.symbols if self.assets[symbol][1] in said["assets_ids"]]
        return [[self.documents(symbol)["book"]] for symbol in named]

    def on_ask(self, path: str, query: dict[str, list[str]]) -> Document:
        if path == "/markets":
            return self.list_of([] if "closed" in query else [self.listed(symbol) for symbol in self.symbols])
        symbol = next(each for each in self.symbols if self.assets[each][1] == query["token_id"][0])
        return {**_sides(self.bids[symbol], self.ask), "timestamp": str(self.now_ms)}

    def moved(self, symbol: str, old: float, new: float) -> list[Document]:
        document = self.documents(symbol)["price_change"]
        gone = {"asset_id": self.assets[symbol][1], "price": f"{old}", "size": "0", "side": "BUY"}
        document["price_changes"].insert(0, gone)
        return [document]

    def documents(self, symbol: str) -> dict[str, Document]:
        token, bid = self.assets[symbol][1], f"{self.bids[symbol]}"
        named, stamp = {"asset_id": token}, {"timestamp": str(self.now_ms)}
        change = {**named, "price": bid, "size": "15", "side": "BUY"}
        return {
            "book": {"event_type": "book", **named, **stamp, **_sides(self.bids[symbol], self.ask)},
            "price_change": {"event_type": "price_change", "price_changes": [change], **stamp},
            "last_trade_price": {"event_type": "last_trade_price", **change, **stamp},
            "tick_size_change": {"event_type": "tick_size_change", **named, "new_tick_size": "0.01", **stamp},
        }

    def listed(self, symbol: str) -> Document:
        asset, yes, no = self.assets[symbol]
        second = START_NS // NS_PER_S
        return {
            "conditionId": symbol,
            "slug": f"{asset}-updown-5m-{second}",
            "question": "up or down?",
            "endDate": iso(START_NS + 300 * NS_PER_S),
            "eventStartTime": iso(START_NS),
            "outcomes": '["Up", "Down"]',
            "outcomePrices": '["0.5", "0.5"]',
            "clobTokenIds": json.dumps([yes, no]),
            "orderPriceMinTickSize": 0.01,
            "orderMinSize": 5,
            "closed": False,
            "acceptingOrders": True,
            "description": "Up if it is greater than or equal to the beginning.",
            "resolutionSource": f"https://data.chain.link/streams/{asset}-usd-twap-60s-streams",
            "cryptoMarketConfig": {"asset": asset, "twapEnabled": True, "twapLookbackSeconds": 60},
            "events": [{"eventMetadata": {"priceToBeat": 60000.5}}],
        }


STAGES: dict[str, type[Stage]] = {
    "binance": BinanceStage,
    "coinbase": CoinbaseStage,
    "kraken": KrakenStage,
    "degen": DegenStage,
    "polymarket": PolymarketStage,
}


def dumped(document: Document) -> bytes:
    """Return a document as the venue sends it."""
    return json.dumps(document, separators=(",", ":")).encode()


def iso(ns: int) -> str:
    """Return a time of UTC as venues write it."""
    return datetime.fromtimestamp(ns / NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def bids_of(effects: Iterable[Effect], symbol: str) -> list[float]:
    """Return the best bids that were published of a symbol."""
    return [effect.bid for effect in effects if isinstance(effect, TopOfBook) and effect.symbol == symbol]


def _stream(symbol: str, kind: str, data: Document) -> Document:
    return {"stream": f"{symbol.lower()}@{kind}", "data": data}


def _sides(bid: float, ask: float) -> dict[str, Document]:
    return {"bids": [{"price": f"{bid}", "size": "15"}], "asks": [{"price": f"{ask}", "size": "25"}]}
