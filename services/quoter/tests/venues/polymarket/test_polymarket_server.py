"""The session at Polymarket over real sockets, against a local server that checks what it is sent as the venue does.

The server speaks the documented messages and shares nothing with the session but the tiny venue's book of orders: it
recomputes the proof of every request and the hash of every order, and recovers who signed it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from common.core import HttpRequest
from common.events import Fill
from common.instruments import Outcome, Side
from common.orders import OrderState
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from quoter.orders.own_orders import Order, Orders
from quoter.testing import polymarket as tiny
from quoter.testing.live import LiveClient, LiveServer
from quoter.testing.polymarket import MARKET, PolymarketVenue
from quoter.venues.base import Placement
from quoter.venues.polymarket.session import PolymarketSession
from quoter.venues.polymarket.signing.keys import LibraryKeys
from quoter.venues.polymarket.signing.ticket import PolymarketKey
from websockets.asyncio.server import ServerConnection, serve

STATE_MOST_S = 120
"""A state that has not come by then does not come, however busy the machine."""
SECRET = "c2VjcmV0LW9mLXRoZS1rZXk="
KEY = PolymarketKey("0x" + "11" * 32, tiny.OWNER, SECRET, "passphrase-of-the-key")
WALLET = Account.from_key(KEY.wallet_key).address
EXCHANGE = "0xE111180000d2663C0091e4f400237545B87B996B"
FIELDS = [
    *(("salt", "uint256"), ("maker", "address"), ("signer", "address"), ("tokenId", "uint256")),
    *(("makerAmount", "uint256"), ("takerAmount", "uint256"), ("side", "uint8"), ("signatureType", "uint8")),
    *(("timestamp", "uint256"), ("metadata", "bytes32"), ("builder", "bytes32")),
]
DOMAIN = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address")]


def name_of(order: dict[str, Any]) -> str:
    """Return an order's hash, after a look at who signed it."""
    message = {name: order[name] if kind == "address" else _number(order[name]) for name, kind in FIELDS}
    message |= {"side": ("BUY", "SELL").index(order["side"])}
    message |= {name: bytes.fromhex(order[name][2:]) for name in ("metadata", "builder")}
    typed = {
        "primaryType": "Order",
        "types": {
            "EIP712Domain": [{"name": name, "type": kind} for name, kind in DOMAIN],
            "Order": [{"name": name, "type": kind} for name, kind in FIELDS],
        },
        "domain": {
            "name": "Polymarket CTF Exchange",
            "version": "2",
            "chainId": 137,
            "verifyingContract": EXCHANGE,
        },
        "message": message,
    }
    signable = encode_typed_data(full_message=typed)
    assert Account.recover_message(signable, signature=order["signature"]) == order["signer"] == WALLET
    return "0x" + keccak(primitive=b"\x19" + signable.version + signable.header + signable.body).hex()


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class Server(LiveServer):
    """REST and the user channel of one account on loopback."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.venue = PolymarketVenue()
        super().__init__(loop)

    def answer(self, method: str, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        route = path.partition("?")[0]
        if route == "/positions":
            # Open to everybody, and nothing that proves who asks belongs there.
            if any(name.upper().startswith("POLY") for name in headers):
                self.faults.append(f"{method} {path}: signed")
            with self.lock:
                listed = self.venue.on_ask(HttpRequest("", 0, method, tiny.POSITIONS_URL + path, {}, body))
            return listed.status, listed.body
        told = f"{headers['POLY_TIMESTAMP']}{method}{route}".encode() + body
        proof = hmac.new(base64.urlsafe_b64decode(SECRET), told, hashlib.sha256).digest()
        if base64.urlsafe_b64encode(proof).decode() != headers["POLY_SIGNATURE"] or headers["POLY_ADDRESS"] != WALLET:
            self.faults.append(f"{method} {path}: not signed")
            return 401, b'{"error":"Unauthorized/Invalid api key"}'
        with self.lock:
            answer = self.venue.on_ask(HttpRequest("", 0, method, tiny.URL + path, {}, body))
            frames = list(self.venue.take_frames())
        self.tell_later(frames)
        return answer.status, answer.body

    async def channel(self, socket: ServerConnection) -> None:
        login = json.loads(await socket.recv())
        assert login["auth"] == {"apiKey": tiny.OWNER, "secret": SECRET, "passphrase": "passphrase-of-the-key"}
        assert login["type"] == "user"
        self.sockets.add(socket)
        self.venue.connected = True
        async for message in socket:
            if message == "PING":
                await socket.send("PONG")
        self.sockets.discard(socket)
        self.venue.connected = False

    async def fill(self, order_hash: str, shares: float) -> None:
        self.venue.fill(self.venue.orders[order_hash], shares)
        await self.tell(self.venue.take_frames())


class Client(LiveClient):
    """The session with its sockets, as the shell runs it."""

    def __init__(self, server: Server, channel_url: str) -> None:
        orders = Orders()
        self.session = PolymarketSession(LibraryKeys(KEY), server.url, channel_url, orders, positions_url=server.url)
        super().__init__("polymarket", self.session, orders, 3, STATE_MOST_S)

    async def place(self, ticks: int, lots: int = 10_000) -> int:
        order_id = self.ids.next(self.now_ns)
        self.orders.add(Order(order_id, "1", MARKET, Outcome.YES, Side.BUY, ticks, lots))
        place = Placement(order_id, MARKET, Outcome.YES, Side.BUY, ticks, lots, True)
        await self.carry(self.session.send([], [place], self.now_ns))
        return order_id

    def state(self, order_id: int) -> OrderState:
        order = self.orders.get(order_id)
        assert order is not None
        return order.state


@pytest.fixture
async def pair(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Server, Client]]:
    monkeypatch.setattr(tiny, "digest", name_of)
    server = Server(asyncio.get_running_loop())
    async with serve(server.channel, "127.0.0.1", 0) as channel:
        port = next(iter(channel.sockets)).getsockname()[1]
        client = Client(server, f"ws://127.0.0.1:{port}/ws/user")
        await client.relay(client.session.start(3, 0, client.now_ns))
        await client.until(lambda: client.session.reconciled)
        # The first order for a market makes it known, once the answer to the question it caused is there.
        known = await client.place(1)
        await client.until(lambda: client.state(known).terminal and MARKET in client.session._account.details)
        yield server, client
        client.wire.end()
        await client.http.close()
    server.end()
    assert not server.faults


async def test_an_order_lives_from_signature_to_fill_and_cancel_over_real_sockets(
    pair: tuple[Server, Client],
) -> None:
    server, client = pair
    order_id = await client.place(40)
    await client.until(lambda: client.state(order_id) is OrderState.LIVE)
    (order_hash,) = server.venue.orders
    known = client.session.own_book.by_id(order_id)
    assert known is not None and known.order_hash == order_hash, "named before it was sent"
    await server.fill(order_hash, 25)
    await client.until(lambda: any(isinstance(event, Fill) for event in client.told))
    (fill,) = [event for event in client.told if isinstance(event, Fill)]
    assert (fill.order_id, fill.quantity_lots, fill.price_ticks) == (order_id, 2_500, 40)
    client.orders.step(client.orders.get(order_id) or pytest.fail("it is known"), OrderState.CANCELLING)
    await client.carry(client.session.send([order_id], [], client.now_ns))
    await client.until(lambda: client.state(order_id) is OrderState.CANCELLED)


async def test_a_channel_cut_in_the_middle_leaves_nothing_resting(pair: tuple[Server, Client]) -> None:
    server, client = pair
    order_id = await client.place(40)
    await client.until(lambda: client.state(order_id) is OrderState.LIVE)
    for socket in list(server.sockets):
        await socket.close()
    await client.until(lambda: not client.session.reconciled)
    await client.until(lambda: client.session.reconciled)
    assert not server.venue.open_orders()
    assert client.state(order_id) is OrderState.CANCELLED
