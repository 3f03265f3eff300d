"""The sessions behind ccxt over real sockets, as the shell runs them, against local servers in the documented formats.

The servers recompute the proof of every request (quoter/testing/ccxt) and know nothing of ccxt.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from common.clock import NS_PER_MS
from common.events import Fill
from common.instruments import Side
from common.orders import OrderState
from quoter.orders.own_orders import Order, Orders
from quoter.testing.ccxt.binance import PaperBinance
from quoter.testing.ccxt.kraken import PaperKraken
from quoter.testing.ccxt.paper import PaperSpot
from quoter.testing.ccxt.server import PaperServer
from quoter.testing.ccxt.stages import PAPER_KEYS
from quoter.testing.live import LiveClient
from quoter.venues.base import Placement
from quoter.venues.ccxt.binance import Binance
from quoter.venues.ccxt.dialect import Dialect
from quoter.venues.ccxt.kraken import Kraken
from quoter.venues.ccxt.session import CcxtSession
from quoter.venues.ccxt.venue import speaking
from websockets.asyncio.server import serve

STATE_MOST_S = 90
"""A state that has not come by then does not come, however busy the machine."""


class Client(LiveClient):
    """The session with its sockets, as the shell runs it."""

    def __init__(self, name: str, server: PaperServer, stream_url: str) -> None:
        orders, self.coin = Orders(), server.venue.coin
        dialect: Callable[..., Dialect] = Binance if name == "binance" else Kraken
        self.session = CcxtSession(
            speaking(PAPER_KEYS, name, dialect, live=True), [self.coin.symbol], orders, unguarded=True
        )
        path = {"binance": "/api/v3", "kraken": ""}[name]
        self.session.dialect.exchange.urls["api"] |= {"public": server.url + path, "private": server.url + path}
        self.session.dialect.stream_url = stream_url
        super().__init__(name, self.session, orders, 3, STATE_MOST_S)

    async def place(self, ticks: int, lots: int = 100) -> int:
        order_id, coin = self.ids.next(self.now_ns), self.coin
        self.orders.add(Order(order_id, "1", coin.symbol, coin.outcome, Side.BUY, ticks, lots))
        terms = (coin.symbol, coin.outcome, Side.BUY, ticks, lots, True, False, coin.tick_size, coin.lot_size)
        await self.carry(self.session.send([], [Placement(order_id, *terms)], self.now_ns))
        return order_id

    def state(self, order_id: int) -> OrderState:
        order = self.orders.get(order_id)
        assert order is not None
        return order.state


async def keep_time(server: PaperServer, client: Client) -> None:
    """Let the server's clock be ours: a request is good for some seconds."""
    while True:
        server.venue.time_ms = client.now_ns // NS_PER_MS
        await asyncio.sleep(0.01)


@pytest.fixture(params=["binance", "kraken"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[tuple[PaperServer, Client]]:
    venue: PaperSpot = PaperBinance() if request.param == "binance" else PaperKraken()
    server = PaperServer(venue, asyncio.get_running_loop())
    async with serve(server.stream, "127.0.0.1", 0) as stream:
        port = next(iter(stream.sockets)).getsockname()[1]
        client = Client(request.param, server, f"ws://127.0.0.1:{port}/")
        server.venue.time_ms = client.now_ns // NS_PER_MS
        clock = asyncio.create_task(keep_time(server, client))
        await client.relay(client.session.start(3, 0, client.now_ns))
        await client.until(lambda: client.session.reconciled)
        yield server, client
        clock.cancel()
        client.wire.end()
        await client.http.close()
    server.end()
    assert not server.faults


async def test_an_order_lives_from_request_to_fill_and_cancel_over_real_sockets(
    pair: tuple[PaperServer, Client],
) -> None:
    server, client = pair
    order_id = await client.place(6_000_000)
    await client.until(lambda: client.state(order_id) is OrderState.LIVE)
    await server.fill(25)
    await client.until(lambda: any(isinstance(event, Fill) for event in client.told))
    (fill,) = [event for event in client.told if isinstance(event, Fill)]
    assert (fill.order_id, fill.quantity_lots, fill.price_ticks) == (order_id, 25, 6_000_000)
    client.orders.step(client.orders.get(order_id) or pytest.fail("it is known"), OrderState.CANCELLING)
    await client.carry(client.session.send([order_id], [], client.now_ns))
    await client.until(lambda: client.state(order_id) is OrderState.CANCELLED)
    assert not server.venue.open_orders()
