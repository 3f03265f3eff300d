"""The least that could carry a tick to an order: the same processes, hops and bytes as the platform, and no logic.

`feed` reads the venue's frame and publishes, `pricer` publishes again, `quoter` sends the order frame: nats-py,
websockets and uvloop, each used as the platform uses it. What travels has the size of the platform's events and its
batch frame the form the venue expects; only the tick's place that the venue hid in the bid size is looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import nats
import uvloop
from _ticks import PLACES, quote_of
from common.events import FairValue, TopOfBook, encode
from nats.aio.client import Client
from nats.aio.msg import Msg
from websockets.asyncio.client import connect

SYMBOLS = {"BTCUSDT": "BTC", "ETHUSDT": "ETH", "SOLUSDT": "SOL"}
HEAD_BYTES = 2
QUOTES = [quote_of(number) for number in range(PLACES)]
# As long as the platform's order ids of a first epoch.
FIRST_ID = 10**13

TOP_BYTES = len(
    encode(
        TopOfBook(
            venue="binance",
            symbol="BTCUSDT",
            bid=59_123.25,
            ask=59_123.26,
            bid_size=1.5,
            ask_size=2.25,
            ts_received_ns=1_795_222_805_000_000_000,
            epoch=1,
        )
    )
)
FAIR_BYTES = len(
    encode(
        FairValue(
            algo_id="1",
            venue="degen",
            symbol="BTC-5M-1795223100",
            fair=0.52345,
            delta=0.00012345,
            volatility=0.5,
            spot=59_123.255,
            seconds_left=86_400.5,
            ready=True,
            age_ns=123_456,
            ts_received_ns=1_795_222_805_000_000_000,
            epoch=1,
        )
    )
)


def payload(place_number: int, size_bytes: int) -> bytes:
    """Return the place of a tick in the first bytes of a message of a given size."""
    return place_number.to_bytes(HEAD_BYTES, "big").ljust(size_bytes, b"x")


async def feed(broker: Client, venue: str) -> None:
    streams = "/".join(f"{symbol.lower()}@bookTicker" for symbol in SYMBOLS)
    async with open_socket(f"ws://{venue}/binance/stream?streams={streams}") as socket:
        while True:
            frame = json.loads(await socket.recv(decode=False))
            data = frame["data"]
            await broker.publish(f"md.top.binance.{data['s']}", payload(int(float(data["B"])), TOP_BYTES))


async def pricer(broker: Client, venue: str) -> None:
    async def on_top(message: Msg) -> None:
        asset = SYMBOLS[message.subject.rsplit(".", 1)[1]]
        place_number = int.from_bytes(message.data[:HEAD_BYTES], "big")
        await broker.publish(f"px.fair.1.{asset}", payload(place_number, FAIR_BYTES))

    await broker.subscribe("md.top.binance.*", cb=on_top)
    await asyncio.Event().wait()


async def quoter(broker: Client, venue: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        listed = (await client.get(f"http://{venue}/markets")).json()["markets"]
    markets = {market["asset"]: market["id"] for market in listed}
    resting: dict[str, tuple[int, int]] = {}
    newest_id = FIRST_ID
    async with open_socket(f"ws://{venue}/ws") as socket:
        await socket.send(b'{"op":"login","id":1,"token":"none"}', text=True)
        await socket.send(b'{"op":"subscribe","id":2,"channels":["orders","fills","account"]}', text=True)

        async def on_fair(message: Msg) -> None:
            nonlocal newest_id
            asset = message.subject.rsplit(".", 1)[1]
            place_number = int.from_bytes(message.data[:HEAD_BYTES], "big")
            items = [cancel(client_id) for client_id in resting.get(asset, ())]
            resting[asset] = bid_id, request_id = newest_id + 1, newest_id + 2
            newest_id += 2
            bid, ask = QUOTES[place_number]
            items.append(place(bid_id, markets[asset], "yes", bid))
            items.append(place(request_id, markets[asset], "no", 100 - ask))
            await socket.send(
                f'{{"op":"batch","id":{newest_id - FIRST_ID},"items":[{",".join(items)}]}}'.encode(), text=True
            )

        await broker.subscribe("px.fair.1.*", cb=on_fair)
        while True:
            await socket.recv(decode=False)


def cancel(client_id: int) -> str:
    return f'{{"op":"cancel","client_order_id":"{client_id}"}}'


def place(client_id: int, market: str, outcome: str, cents: int) -> str:
    return (
        f'{{"op":"place","client_order_id":"{client_id}","market":"{market}","side":"bid","outcome":"{outcome}",'
        f'"price":"0.{cents:02d}","size":100,"post_only":true}}'
    )


def open_socket(url: str) -> Any:
    return connect(url, compression=None, max_queue=4_096, proxy=None)


PARTS: dict[str, Callable[[Client, str], Awaitable[None]]] = {"feed": feed, "pricer": pricer, "quoter": quoter}


async def run(part: str, url: str, venue: str, password_file: Path) -> None:
    broker = await nats.connect(
        url, user=part, password=password_file.read_text().strip(), inbox_prefix=f"_INBOX_{part}"
    )
    await PARTS[part](broker, venue)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--venue", required=True, help="host:port")
    parser.add_argument("--password-file", type=Path, required=True)
    options = parser.parse_args()
    uvloop.run(run(options.part, options.nats, options.venue, options.password_file))


if __name__ == "__main__":
    main()
