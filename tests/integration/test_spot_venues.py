"""Two named spot venues of one exchange process, over real sockets, for the feed's adapter and the quoter's session."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from common.core import HttpRequest
from common.events import Book, Fill, Market
from common.instruments import Outcome, Side
from common.orders import OrderState
from feed.config import Source, parse_venues, places
from feed.testing.harness import Rehearsal, only
from feed.venues.degen import Degen
from quoter.orders.own_orders import Order, Orders
from quoter.testing.live import LiveClient
from quoter.venues.base import Placement
from quoter.venues.degen.rest import ApiKey
from quoter.venues.degen.session import DegenSession
from toolkit.platform.listening import free_port
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

STATE_MOST_S = 60
CONFIG = """
[world.currencies]
BTC = { value = 60000, volatility = 0.6, market = 0.9 }
JPY = { value = 0.0067, volatility = 0.1 }

[venues.KRAKEN]
transfer_delay_s = 2
deposits = { USD = "100000", BTC = "2" }
takers = { per_s = 0 }
symbols.BTCUSD = { base = "BTC", quote = "USD", tick = "0.1", lot = "0.0001", min_notional = "5" }

[venues.DLTXMM]
deposits = { JPY = "10000000", BTC = "2" }
takers = { per_s = 0 }
symbols.BTCJPY = { base = "BTC", quote = "JPY", tick = "1", lot = "0.0001", min_notional = "500" }
"""
VENUES = (Path(__file__).parents[2] / "config" / "venues.toml").read_text(encoding="utf-8")


class Exchange:
    """The exchange as a process, with both venues."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.url = folder, f"http://127.0.0.1:{free_port()}"
        (folder / "exchange.toml").write_text(CONFIG)
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
        own = {
            "MM_EXCHANGE_PORT": self.url.rpartition(":")[2],
            "MM_DATA_DIR": str(self.folder),
            "MM_CONFIG_DIR": str(self.folder),
            "MM_SPOT_VENUES": "KRAKEN,DLTXMM",
            "MM_TAKERS": "false",
            "MM_RIVAL": "false",
        }
        self.running = subprocess.Popen([sys.executable, "-m", "exchange"], env=kept | own)

    def kill(self) -> None:
        assert self.running is not None, "it was started"
        self.running.send_signal(signal.SIGKILL)
        self.running.wait(timeout=STATE_MOST_S)

    async def until_ready(self) -> None:
        async with httpx.AsyncClient(base_url=self.url) as client, asyncio.timeout(STATE_MOST_S):
            while True:
                try:
                    answer = await client.get("/venues/dltxmm/symbols/BTCJPY/orderbook")
                    if answer.status_code == 200 and answer.json()["bids"]:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    def key(self, venue: str) -> ApiKey:
        path = self.folder / "exchange" / "venues" / venue / "keys" / "mm1.json"
        row = next(row for row in json.loads(path.read_text()) if row["name"] == "trade")
        return ApiKey(row["name"], row["api_key"], row["api_secret"], tuple(row["scopes"]))

    @asynccontextmanager
    async def user(self, venue: str) -> AsyncIterator[httpx.AsyncClient]:
        key = self.key(venue)
        async with httpx.AsyncClient(base_url=f"{self.url}/venues/{venue}") as http:
            body = {"api_key": key.api_key, "api_secret": key.api_secret}
            http.headers["Authorization"] = f"Bearer {(await http.post('/auth/login', json=body)).json()['token']}"
            yield http


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    found = Exchange(tmp_path)
    found.start()
    try:
        yield found
    finally:
        found.kill()


async def followed(exchange: Exchange, venue: str) -> tuple[Market, Book]:
    """Return what the feed says of the venue's one symbol, with nothing but its entry in venues.toml."""
    (place,) = places(parse_venues(VENUES), Source.MODEL, venue, exchange.url, "KRAKEN,DLTXMM")
    rehearsal = Rehearsal(Degen(place.symbols, place.websocket, place.rest))
    async with connect(place.websocket) as socket, httpx.AsyncClient() as http, asyncio.timeout(STATE_MOST_S):
        effects = rehearsal.open()
        for frame in rehearsal.feed.adapter.subscribe(()):
            await socket.send(frame.decode())
        while {Market, Book} - {type(effect) for effect in rehearsal.effects}:
            for ask in only(effects, HttpRequest):
                answer = await http.get(ask.url)
                rehearsal.answer(ask, answer.content, answer.status_code)
            raw: Any = await socket.recv()
            effects = rehearsal.frame(raw.encode())
    (market, *_), (book, *_) = only(rehearsal.effects, Market), only(rehearsal.effects, Book)
    return market, book


async def test_the_feed_shows_both_books_by_configuration_alone(exchange: Exchange) -> None:
    await exchange.until_ready()
    dollars, yen = await followed(exchange, "kraken_spot"), await followed(exchange, "dltxmm_spot")
    assert [(m.symbol, m.base, m.currency, m.tick_size) for m, _ in (dollars, yen)] == [
        ("BTCUSD", "BTC", "USD", Decimal("0.1")),
        ("BTCJPY", "BTC", "JPY", Decimal(1)),
    ]
    for _, book in (dollars, yen):
        assert (len(book.bids), len(book.asks)) == (20, 20)
        assert book.bids[0].price < book.asks[0].price
    # One session of prices: a bitcoin for dollars and for yen differ by the rate of the yen alone.
    rate = yen[1].bids[0].price / dollars[1].bids[0].price
    assert rate == pytest.approx(1 / 0.0067, rel=0.01)


async def test_an_order_is_placed_and_filled_by_the_quoters_session(exchange: Exchange) -> None:
    await exchange.until_ready()
    orders = Orders()
    url = f"{exchange.url}/venues/kraken"
    session = DegenSession(exchange.key("kraken"), url, orders, venue="kraken_spot")
    client = LiveClient("kraken_spot", session, orders, 3, STATE_MOST_S)
    await client.relay(session.start(3, 0, client.now_ns))
    await client.until(lambda: session.reconciled)
    async with exchange.user("kraken") as http:
        before = {row["currency"]: Decimal(row["total"]) for row in (await http.get("/balances")).json()["balances"]}
        ask = Decimal((await http.get("/symbols/BTCUSD")).json()["symbol"]["ask"])
    tick, lot = Decimal("0.1"), Decimal("0.0001")
    ticks = int(ask / tick) + 1_000
    order_id = client.ids.next(client.now_ns)
    orders.add(Order(order_id, "1", "BTCUSD", Outcome.NONE, Side.BUY, ticks, 100, immediate=True))
    place = Placement(order_id, "BTCUSD", Outcome.NONE, Side.BUY, ticks, 100, False, True, tick, lot)
    await client.carry(session.send([], [place], client.now_ns))
    found = orders.get(order_id)
    assert found is not None
    await client.until(lambda: found.state is OrderState.FILLED)
    fills = [event for event in client.told if isinstance(event, Fill)]
    assert sum(fill.quantity_lots for fill in fills) == 100
    assert {(fill.instrument.venue, fill.instrument.base, fill.fee_currency) for fill in fills} == {
        ("kraken_spot", "BTC", "USD")
    }
    paid = sum((fill.price * fill.quantity_lots * lot + fill.fee for fill in fills), Decimal(0))
    async with exchange.user("kraken") as http:
        after = {row["currency"]: Decimal(row["total"]) for row in (await http.get("/balances")).json()["balances"]}
    assert after == {"USD": before["USD"] - paid, "BTC": before["BTC"] + 100 * lot}
    async with exchange.user("dltxmm") as http:
        elsewhere = (await http.get("/balances")).json()["balances"]
    assert {row["currency"]: row["total"] for row in elsewhere}["BTC"] == "2.00000000"
    client.wire.end()
    await client.http.close()


async def test_killed_without_mercy_it_goes_on_with_values_and_money_where_they_were(exchange: Exchange) -> None:
    await exchange.until_ready()
    path = exchange.folder / "exchange" / "venues" / "kraken" / "transfer-keys" / "mm1.json"
    (key,) = json.loads(path.read_text())
    half = {"client_transfer_id": "1", "currency": "BTC", "amount": "0.5"}
    async with httpx.AsyncClient(base_url=f"{exchange.url}/venues/kraken") as http:
        body = {"api_key": key["api_key"], "api_secret": key["api_secret"]}
        http.headers["Authorization"] = f"Bearer {(await http.post('/auth/login', json=body)).json()['token']}"
        sent = await http.post("/transfers", json={**half, "to_venue": "DLTXMM", "to_account": "mm1"})
        assert sent.status_code == 201
    exchange.kill()
    # As if the yen had risen by half in the run before.
    (exchange.folder / "exchange" / "world.json").write_text(json.dumps({"JPY": 0.01}))
    exchange.start()
    await exchange.until_ready()
    dollars, yen = await followed(exchange, "kraken_spot"), await followed(exchange, "dltxmm_spot")
    assert yen[1].bids[0].price / dollars[1].bids[0].price == pytest.approx(1 / 0.01, rel=0.01)
    async with exchange.user("kraken") as http:
        rows = (await http.get("/balances")).json()["balances"]
        assert {row["currency"]: row["total"] for row in rows}["BTC"] == "1.50000000"
    async with exchange.user("dltxmm") as http, asyncio.timeout(STATE_MOST_S):
        while True:
            rows = (await http.get("/statement?currency=BTC")).json()["entries"]
            if rows[-1]["type"] == "transfer":
                break
            await asyncio.sleep(0.05)
        assert (rows[-1]["amount"], rows[-1]["transfer_id"]) == ("0.50000000", "KRAKEN-DLTXMM-1")


async def test_venues_that_are_not_there_are_refused_and_those_that_are_listed(exchange: Exchange) -> None:
    await exchange.until_ready()
    async with httpx.AsyncClient(base_url=exchange.url) as http:
        rows = (await http.get("/venues")).json()["venues"]
        assert [(row["name"], row["path"]) for row in rows] == [
            ("KRAKEN", "/venues/kraken"),
            ("DLTXMM", "/venues/dltxmm"),
        ]
        assert (await http.get("/venues/kraken/info")).json()["venue"] == "KRAKEN"
        assert (await http.get("/info")).json()["venue"] == "degen"
        missing = await http.get("/venues/mtgox/info")
        assert (missing.status_code, missing.json()["error"]["code"]) == (404, "unknown_path")
        assert (await http.get("/venues/kraken/binance/api/v3/time")).status_code == 404
        figures = (await http.get("/metrics")).text
        assert 'mm_exchange_journal_writable{venue="kraken"} 1' in figures
        assert "mm_exchange_journal_writable 1" in figures
    with pytest.raises(InvalidStatus):
        async with connect(f"ws{exchange.url.removeprefix('http')}/venues/mtgox/ws"):
            pass


def test_a_venue_that_the_file_does_not_know_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "exchange.toml").write_text(CONFIG)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
    own = {"MM_EXCHANGE_PORT": "0", "MM_DATA_DIR": str(tmp_path), "MM_CONFIG_DIR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-m", "exchange"],
        env={**kept, **own, "MM_SPOT_VENUES": "KRAKEN,MTGOX"},
        capture_output=True,
        text=True,
        timeout=STATE_MOST_S,
        check=False,
    )
    assert found.returncode == 2
    assert "MM_SPOT_VENUES: MTGOX: must be among KRAKEN, DLTXMM" in found.stderr
