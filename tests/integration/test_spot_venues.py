"""Two named spot venues of one exchange process, over real sockets, for the feed's adapter and the quoter's session."""

from __future__ import annotations

import asyncio
import json
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
from common.events import AccountState, Book, Fill, Market
from common.instruments import Outcome, Side
from common.orders import ORDER_ID_MAX, OrderState
from feed.config import Source, parse_venues, places
from feed.testing.harness import Rehearsal, only
from feed.venues.degen import Degen
from quoter.accounts.reached import accounts_of
from quoter.accounts.settings import AccountSettings
from quoter.orders.own_orders import Order, Orders
from quoter.testing.live import LiveClient
from quoter.venues import VENUES, VenueSettings
from quoter.venues.base import Placement
from quoter.venues.degen.session import DegenSession
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.integration.exchange_process import (
    STATE_MOST_S,
    ExchangeProcess,
    balances,
    carried_out,
    environment_without_ours,
)

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
VENUES_FILE = (Path(__file__).parents[2] / "config" / "venues.toml").read_text(encoding="utf-8")


class Exchange(ExchangeProcess):
    """The exchange as a process, with both venues."""

    def __init__(self, folder: Path, makers: str = "") -> None:
        own = {"MM_CONFIG_DIR": str(folder), "MM_SPOT_VENUES": "KRAKEN,DLTXMM"}
        super().__init__(folder, own | ({"MM_MAKERS": makers} if makers else {}))
        (folder / "exchange.toml").write_text(CONFIG)

    async def until_ready(self) -> None:
        await self.until("/venues/dltxmm/symbols/BTCJPY/orderbook", lambda document: bool(document["bids"]))

    @asynccontextmanager
    async def user(self, venue: str, account: str = "mm1") -> AsyncIterator[httpx.AsyncClient]:
        async with self.customer(self.key_of(account, venue=venue), venue) as http:
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
    (place,) = places(parse_venues(VENUES_FILE), Source.MODEL, venue, exchange.url, "KRAKEN,DLTXMM")
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
    session = DegenSession(exchange.key_of("mm1", venue="kraken"), url, orders, venue="kraken_spot")
    client = LiveClient("kraken_spot", session, orders, 3, STATE_MOST_S)
    await client.relay(session.start(3, 0, client.now_ns))
    await client.until(lambda: session.reconciled)
    async with exchange.user("kraken") as http:
        before = await balances(http)
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
        after = await balances(http)
    assert after == {"USD": before["USD"] - paid, "BTC": before["BTC"] + 100 * lot}
    async with exchange.user("dltxmm") as http:
        assert (await balances(http))["BTC"] == 2
    client.wire.end()
    await client.http.close()


async def snapshot(client: LiveClient) -> AccountState:
    """Wait for the account's state, and return it."""

    def states() -> list[AccountState]:
        return [event for event in client.told if isinstance(event, AccountState)]

    await client.until(lambda: bool(states()))
    return states()[-1]


def venues_file(folder: Path) -> Path:
    (folder / "venues.toml").write_text(VENUES_FILE)
    return folder


async def test_a_quoter_and_its_watchdog_reach_each_account_by_its_name_alone(tmp_path: Path) -> None:
    exchange = Exchange(tmp_path, "mm1,mm1-kraken@KRAKEN,mm1-dltxmm@DLTXMM")
    exchange.start()
    try:
        await exchange.until_ready()
        settings = AccountSettings(
            accounts="mm1-kraken@kraken_spot,mm1-dltxmm@dltxmm_spot",  # type: ignore[arg-type]
            exchange_url=exchange.url,
            venue_keys_dir=tmp_path / "exchange" / "keys",
            spot_keys_dir=tmp_path / "exchange" / "venues",
        )
        found: dict[str, dict[str, Decimal]] = {}
        for keys, venue, contract, url, _ in accounts_of(settings, venues_file(tmp_path), {}):
            orders = Orders()
            session = VENUES[contract].session(keys, venue, url, VenueSettings(), orders, 0)
            client = LiveClient(venue, session, orders, 3, STATE_MOST_S, keys.account)
            await client.relay(session.start(3, 0, client.now_ns))
            await client.until(lambda session=session: session.reconciled)  # type: ignore[misc]
            await client.relay(session.request_snapshot("test", client.now_ns))
            state = await snapshot(client)
            assert (state.account, state.venue) == (keys.account, venue)
            found[state.account] = {each.currency: each.total for each in state.balances}
            client.wire.end()
            await client.http.close()
            watching = VENUES[contract].cancel_session(keys, venue, 0)
            async with httpx.AsyncClient(base_url=url) as http:
                await carried_out(watching.log_in(), watching, http)
                assert await carried_out(watching.sweep(ORDER_ID_MAX), watching, http) == ([], [])
        assert found == {
            "mm1-kraken": {"USD": 100_000, "BTC": 2},
            "mm1-dltxmm": {"USD": 0, "JPY": 10_000_000, "BTC": 2},
        }
    finally:
        exchange.kill()


async def test_killed_without_mercy_it_goes_on_with_values_and_money_where_they_were(exchange: Exchange) -> None:
    await exchange.until_ready()
    (key,) = exchange.keys_of("kraken", "mm1", "transfer-keys")
    half = {"client_transfer_id": "1", "currency": "BTC", "amount": "0.5"}
    async with exchange.customer(key, "kraken") as http:
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
        assert (await balances(http))["BTC"] == Decimal("1.5")
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
    own = {"MM_EXCHANGE_PORT": "0", "MM_DATA_DIR": str(tmp_path), "MM_CONFIG_DIR": str(tmp_path)}
    found = subprocess.run(
        [sys.executable, "-m", "exchange"],
        env={**environment_without_ours(), **own, "MM_SPOT_VENUES": "KRAKEN,MTGOX"},
        capture_output=True,
        text=True,
        timeout=STATE_MOST_S,
        check=False,
    )
    assert found.returncode == 2
    assert "MM_SPOT_VENUES: MTGOX: must be among KRAKEN, DLTXMM" in found.stderr
