"""A spot bot at the sandbox of Binance: feed, pricer and quoter over real sockets, and a venue as it is documented.

The sandbox's addresses lead to loopback; the test carries events between the cores, and says what risk says.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from common.clock import NS_PER_MS
from common.core import Close, Core, Effect, Every, Http, HttpRequest, Newest, Open, Ordered, Receipt, Send, Turn, Wire
from common.events import BotConfig, BotLimits, Event, Fill, Market, MarketStatus, Position, QuoteTarget, SourcePrice
from common.running.wires import LiveHttp, LiveWire
from common.testing.limits import binary_limits, spot_limits
from feed.config import Source, parse_venues, places
from feed.service import Feed
from feed.wiring import venue_feed
from pricer.service import Pricer
from pricer.wiring import read_venues
from quoter.accounts.reached import accounts_of, exchanges_of
from quoter.accounts.settings import AccountSettings
from quoter.testing.ccxt.binance import PaperBinance
from quoter.testing.ccxt.paper import KEY, SECRET
from quoter.testing.ccxt.server import PaperServer
from quoter.testing.live import ORIGIN_NS
from quoter.testing.script import risk_state
from quoter.venues import VenueSettings
from quoter.venues.ccxt.session import CcxtSession
from quoter.wiring import make_quoter
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

STATE_MOST_S = 90
"""A state that has not come by then does not come, however busy the machine."""
SYMBOL, SIZE = "BTCUSDT", "2.00000"
SANDBOX = "https://testnet.binance.vision/api"
LIMITS = BotLimits(
    binary_limits(max_order_notional=100_000.0, max_notional=1e6, max_account_notional=1e6).common,
    spot_limits(price_collar_bps=500.0).kinds,
)
SECTIONS: dict[str, Any] = {
    "instrument": {
        "account": "mm2",
        "instrument": "BTC/USDT",
        "exchange": "BINANCE_REAL",
        "source_exchange": "BINANCE",
    },
    "pricer": {
        "running": True,
        "buy_quote_sizes": "0.01 0.02",
        "sell_quote_sizes": "0.01 0.02",
        "buy_margins": "5 10",
        "sell_margins": "5 10",
        "source_aggregation": "BEST_AGGREGATED",
    },
    "risk_limits": {"max_long_exposure": "0.5", "max_short_exposure": "0.5"},
}
VENUES = """
[venues.binance]
adapter = "binance"
symbols = ["BTCUSDT"]
websocket = "{stream}/stream"
rest = "{rest}"

[venues.binance_real]
adapter = "binance"
exchange = "BINANCE_REAL"
quoted = true
symbols = ["BTCUSDT"]
websocket = "{stream}/stream"
rest = "{rest}"
"""


class Server(PaperServer):
    """Binance with its public side: one level on either side of a price."""

    venue: PaperBinance

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(PaperBinance(), loop)
        self.price = self._told = Decimal(60_000)
        self.number = 1_000
        self._public: set[ServerConnection] = set()

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        self.venue.time_ms = now_ns(self._loop) // NS_PER_MS
        if path.startswith("/api/v3/depth"):
            levels = {"bids": [[f"{self._told - 1}", SIZE]], "asks": [[f"{self._told + 1}", SIZE]]}
            return 200, json.dumps({"lastUpdateId": self.number, **levels}).encode()
        return super().answer(method, path, headers, body)

    async def connected(self, socket: ServerConnection) -> None:
        """Serve a connection: the combined public stream, or the private one."""
        assert socket.request is not None
        if not socket.request.path.startswith("/stream"):
            await self.stream(socket)
            return
        self._public.add(socket)
        await socket.wait_closed()
        self._public.discard(socket)

    async def tell_prices(self) -> None:
        """Tell what the book is, again and again."""
        while True:
            for frame in self._frames():
                for socket in list(self._public):
                    with suppress(ConnectionClosed):
                        await socket.send(json.dumps(frame))
            await asyncio.sleep(0.05)

    def _frames(self) -> Iterable[Mapping[str, Any]]:
        """Return the changes of the book since it was last told, under ids that grow by one."""
        old, self._told = self._told, self.price
        self.number += 1
        gone_bid, gone_ask = ([[f"{old + side}", "0.00000"]] if old != self._told else [] for side in (-1, 1))
        bid, ask = f"{self._told - 1}", f"{self._told + 1}"
        best = {"u": self.number, "s": SYMBOL, "b": bid, "B": SIZE, "a": ask, "A": SIZE}
        ids = {
            "e": "depthUpdate",
            "E": now_ns(self._loop) // NS_PER_MS,
            "s": SYMBOL,
            "U": self.number,
            "u": self.number,
        }
        changes = {"b": [*gone_bid, [bid, SIZE]], "a": [*gone_ask, [ask, SIZE]]}
        yield {"stream": "btcusdt@depth@100ms", "data": {**ids, **changes}}
        yield {"stream": "btcusdt@bookTicker", "data": best}

    async def sell_to(self, price: Decimal, lots: int) -> None:
        """Let somebody sell to the bid at a price."""
        with self.lock:
            (order,) = [each for each in self.venue.open_orders() if each.price == price]
            self.venue.execute(order, self.venue.coin.quantity(lots))
            frames = list(self.venue.take_frames())
        await self.tell(frames)

    def resting(self) -> list[tuple[str, Decimal, Decimal]]:
        with self.lock:
            return sorted((order.side.name, order.price, order.leaves) for order in self.venue.open_orders())


def now_ns(loop: asyncio.AbstractEventLoop) -> int:
    return int(loop.time() * 1e9) + ORIGIN_NS


class Platform:
    """Feed, pricer and the quoter of one account, each with its sockets."""

    def __init__(self, folder: Path, rest: str, stream: str) -> None:
        text = VENUES.format(rest=rest, stream=stream)
        (folder / "venues.toml").write_text(text)
        self.feed = Feed([venue_feed(place, "7") for place in places(parse_venues(text), Source.LIVE, "", rest)])
        listed = read_venues(folder)
        self.pricer = Pricer(listed.elsewhere, quoted_venues=listed.quoted, venues=listed.venues)
        (reached,) = accounts_of(
            AccountSettings.model_validate({"accounts": "mm2@binance_real"}),
            folder,
            {"BINANCE_API_KEY": KEY, "BINANCE_API_SECRET": SECRET},
        )
        settings = VenueSettings(binance_symbols=(SYMBOL,), binance_resting_orders=True)
        self.quoter = make_quoter(reached, settings=settings, exchanges=exchanges_of(folder))
        self.quoter.epoch = 3
        self.session = self.quoter.session
        assert isinstance(self.session, CcxtSession)
        addresses = self.session.dialect.exchange.urls["api"]
        assert all(addresses[name].startswith(SANDBOX) for name in ("public", "private"))
        addresses |= {"public": f"{rest}/api/v3", "private": f"{rest}/api/v3"}
        self.session.dialect.stream_url = f"{stream}/ws-api/v3"
        self.told: list[Event] = []
        self._cores: tuple[Core, ...] = (self.feed, self.pricer, self.quoter)
        self._sequence = 0
        self._wires: dict[tuple[Core, str], LiveWire] = {}
        self._http: dict[tuple[Core, str], LiveHttp] = {}
        for core in self._cores:
            for each in core.inputs():
                if isinstance(each, Wire):
                    self._wires[core, each.name] = self._wire(core, each)
                elif isinstance(each, Http):
                    self._http[core, each.name] = LiveHttp(partial(self._answered, core, each))

    # --- sockets ------------------------------------------------------------------------------------------------

    def _wire(self, core: Core, wire: Wire) -> LiveWire:
        async def opened() -> None:
            await self.carry(core, wire.on_open(self.receipt()))

        async def arrived(frames: list[bytes]) -> None:
            for frame in frames:
                await self.carry(core, wire.on_frame(frame, self.receipt()))

        async def closed(reason: str) -> None:
            await self.carry(core, wire.on_close(reason, self.receipt()))

        return LiveWire(opened, arrived, closed)

    async def _answered(self, core: Core, http: Http, answer: Any) -> None:
        await self.carry(core, http.on_answer(answer, self.receipt()))

    def receipt(self) -> Receipt:
        self._sequence += 1
        return Receipt(now_ns(asyncio.get_running_loop()), 0, self._sequence)

    # --- what the shell and the bus do ---------------------------------------------------------------------------

    async def carry(self, core: Core, effects: Iterable[Effect]) -> None:
        for effect in [*effects, *core.after_burst(self.receipt())]:
            if isinstance(effect, Event):
                await self.tell(effect)
            elif isinstance(effect, Turn):
                await self.carry(core, effect.handler(self.receipt()))
            elif isinstance(effect, HttpRequest):
                self._http[core, effect.http].ask(effect)
            elif isinstance(effect, Open):
                self._wires[core, effect.wire].open(effect)
            elif isinstance(effect, Send):
                await self._wires[core, effect.wire].send(effect.data)
            elif isinstance(effect, Close):
                self._wires[core, effect.wire].close(effect)

    async def tell(self, event: Event) -> None:
        """Hand an event to every core that listens to it."""
        self.told.append(event)
        if isinstance(event, Fill):
            await self.carry(self.quoter, self.quoter.on_published(event, self._sequence, self.receipt()))
        for core in self._cores:
            for each in core.inputs():
                if not isinstance(each, Newest | Ordered) or each.event is not type(event):
                    continue
                if all(getattr(event, name) == value for name, value in each.tokens.items()):
                    await self.carry(core, each.handler(event, self.receipt()))

    async def start(self) -> None:
        await self.tell(config())
        await self.tell(flat())
        await self.tell(risk_state(self.receipt().now_ns, limits=LIMITS))
        for core in self._cores:
            await self.carry(core, core.start(self.receipt()))

    async def until(self, reached: Callable[[], bool]) -> None:
        """Let timers run and risk say what it says, until a state has come."""
        timers = [(core, each) for core in self._cores for each in core.inputs() if isinstance(each, Every)]
        due = dict.fromkeys(range(len(timers)), 0)
        async with asyncio.timeout(STATE_MOST_S):
            while not reached():
                now = self.receipt().now_ns
                await self.tell(risk_state(now, limits=LIMITS))
                for number, (core, timer) in enumerate(timers):
                    if now >= due[number]:
                        due[number] = now + timer.period_ms * NS_PER_MS
                        await self.carry(core, timer.handler(self.receipt()))
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        for wire in self._wires.values():
            wire.end()
        for http in self._http.values():
            await http.close()

    def of(self, cls: type[Any]) -> list[Any]:
        return [event for event in self.told if isinstance(event, cls)]


def config() -> BotConfig:
    return BotConfig(algo_id="1", kind="spot", revision=1, running=True, sections=SECTIONS, actor="test", ts_ns=0)


def flat() -> Position:
    return Position(algo_id="1", lines=[], realized=Decimal(0), fees=Decimal(0), fill_sequence=0, ts_ns=0)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[Server, Platform]]:
    server = Server(asyncio.get_running_loop())
    async with serve(server.connected, "127.0.0.1", 0) as streams:
        port = next(iter(streams.sockets)).getsockname()[1]
        platform = Platform(tmp_path, server.url, f"ws://127.0.0.1:{port}")
        await platform.start()
        prices = asyncio.create_task(server.tell_prices())
        yield server, platform
        prices.cancel()
        await platform.end()
    server.end()
    assert not server.faults


def ladder(price: int) -> list[tuple[str, Decimal, Decimal]]:
    """Return what rests: of either side's best price, 1 apart from `price`, two sizes 5 and 10 basis points away."""
    cent = Decimal("0.01")
    bids = [(Decimal(price - 1) * (1 - Decimal(bps) / 10_000)).quantize(cent, "ROUND_FLOOR") for bps in (5, 10)]
    asks = [(Decimal(price + 1) * (1 + Decimal(bps) / 10_000)).quantize(cent, "ROUND_CEILING") for bps in (5, 10)]
    sizes = (Decimal("0.01"), Decimal("0.02"))
    return sorted([*zip(("BUY", "BUY"), bids, sizes, strict=True), *zip(("SELL", "SELL"), asks, sizes, strict=True)])


async def test_a_spot_bot_quotes_at_binances_sandbox(running: tuple[Server, Platform]) -> None:
    server, platform = running
    await platform.until(lambda: server.resting() == ladder(60_000))
    assert {(market.venue, market.symbol, market.status) for market in platform.of(Market)} == {
        ("binance", SYMBOL, MarketStatus.OPEN),
        ("binance_real", SYMBOL, MarketStatus.OPEN),
    }
    assert platform.of(SourcePrice)
    assert platform.of(QuoteTarget)
    server.price = Decimal(60_300)
    await platform.until(lambda: server.resting() == ladder(60_300))
    bid = max(price for side, price, _ in server.resting() if side == "BUY")
    await server.sell_to(bid, 400)
    await platform.until(lambda: bool(platform.of(Fill)))
    (fill,) = platform.of(Fill)
    assert (fill.algo_id, fill.account, fill.symbol, fill.quantity_lots) == ("1", "mm2", SYMBOL, 400)
    assert fill.price_ticks * Decimal("0.01") == bid
    assert (fill.fee, fill.fee_currency) == (Decimal("0.008"), "BNB")
