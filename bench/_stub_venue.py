"""A stand-in for both venues of a tick-to-order run: Binance-shaped prices out, Degen Terminal orders in, both timed.

It accepts every order and fills none, so that all it costs is the frames. One process sends the ticks and receives the
orders, so both ends of a latency are read from the same CLOCK_MONOTONIC. Ticks leave on the milliseconds of the event
loop's timer: at 3,000 a second three at a time, one per symbol. Order books of the markets are not sent per order but
every 100 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import time
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import uvloop
from _front import Front, Request, Socket
from _orders import Book, Orders
from _ticks import PLACE_OF_QUOTE, PLACES, Track, fair_of

# Volatility and life of the stand-in markets, from which the price for a wanted fair value follows; the bot that is
# measured has its volatility pinned to the same number.
VOLATILITY = 0.5
LIFE_S = 86_400
SECONDS_PER_YEAR = 365 * 24 * 3600

STRIKES = {"BTC": 60_000.0, "ETH": 3_000.0, "SOL": 150.0}
HALF_TOP_SPREAD = 0.005

# Between runs prices stand still and only their sizes change, often enough that nobody takes them for stale.
IDLE_TICKS_PER_S = 10
IDLE_PLACE = PLACES // 2
DEPTH_PERIOD_S = 0.1
CATCH_UP_S = 2.0
BURST_S = 1.0
TIMER_S = 0.001
RATE_MAX, SECONDS_MAX = 50_000, 120


@dataclass(slots=True)
class Asset:
    """One underlying with its market and its place in the benchmark."""

    name: str
    market: str
    strike: float
    stream_head: bytes
    update_id: int = 1_000
    depth_id: int = 1_000
    place: int = IDLE_PLACE
    bid: str = ""
    ask: str = ""
    depth_bid: str = ""
    depth_ask: str = ""
    prices: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Best bid and offer that make the fair value of each place."""
    listeners: list[Socket] = field(default_factory=list)
    depth_listeners: list[Socket] = field(default_factory=list)


class StubVenue:
    """Both venues behind one port."""

    def __init__(self) -> None:
        opened_s = int(time.time())
        self.opened_ns, self.expiry_ns = opened_s * 10**9, (opened_s + LIFE_S) * 10**9
        self.assets = {
            name: Asset(
                name=name,
                market=f"{name}-5M-{opened_s + LIFE_S}",
                strike=strike,
                stream_head=f'{{"stream":"{name.lower()}usdt@bookTicker","data":{{"u":'.encode(),
            )
            for name, strike in STRIKES.items()
        }
        self.orders = Orders([asset.market for asset in self.assets.values()], self._on_quote, self._markets)
        self.tracks: dict[str, Track] = {}
        self.running = False
        self._quoted = asyncio.Event()
        self.frames_in = self.bytes_in = 0
        for asset in self.assets.values():
            self._state_prices(asset)

    # --- ticks --------------------------------------------------------------------------------------------------

    def _state_prices(self, asset: Asset) -> None:
        """Work out the best bid and offer for each fair value; minutes later they still make the same quotes."""
        left_s = self.expiry_ns / 1e9 - time.time()
        deviation = VOLATILITY * math.sqrt(left_s / SECONDS_PER_YEAR)
        for place in range(PLACES):
            mid = asset.strike * math.exp(deviation * NormalDist().inv_cdf(fair_of(place)))
            asset.prices[place] = (f"{mid - HALF_TOP_SPREAD:.8f}", f"{mid + HALF_TOP_SPREAD:.8f}")
        asset.bid, asset.ask = asset.prices[asset.place]
        if not asset.depth_bid:
            asset.depth_bid, asset.depth_ask = asset.bid, asset.ask

    def _tick(self, asset: Asset, place: int) -> None:
        # The bid size tells the bare pipeline which place this is; nobody else reads it.
        asset.place = place
        asset.update_id += 1
        asset.bid, asset.ask = asset.prices[place]
        frame = (
            f'{asset.update_id},"s":"{asset.name}USDT","b":"{asset.bid}","B":"{place}.00000000",'
            f'"a":"{asset.ask}","A":"1.{asset.update_id % 100_000_000:08d}"}}}}'
        )
        text = asset.stream_head + frame.encode()
        for socket in asset.listeners:
            socket.send(text)

    async def idle(self) -> None:
        """Keep prices fresh between runs, and books in step with them."""
        while True:
            await asyncio.sleep(DEPTH_PERIOD_S)
            for asset in self.assets.values():
                if not self.running:
                    for _ in range(max(1, int(IDLE_TICKS_PER_S * DEPTH_PERIOD_S))):
                        self._tick(asset, asset.place)
                self._depth(asset)
            self.orders.publish_books(time.time_ns())

    def _depth(self, asset: Asset) -> None:
        if asset.update_id == asset.depth_id:
            return
        sides = []
        for old, new in ((asset.depth_bid, asset.bid), (asset.depth_ask, asset.ask)):
            sides.append(([] if old == new else [[old, "0.00000000"]]) + [[new, f"{asset.place}.00000000"]])
        document = {
            "stream": f"{asset.name.lower()}usdt@depth@100ms",
            "data": {
                "e": "depthUpdate",
                "E": time.time_ns() // 1_000_000,
                "s": f"{asset.name}USDT",
                "U": asset.depth_id + 1,
                "u": asset.update_id,
                "b": sides[0],
                "a": sides[1],
            },
        }
        asset.depth_id, asset.depth_bid, asset.depth_ask = asset.update_id, asset.bid, asset.ask
        for socket in asset.depth_listeners:
            socket.send(json.dumps(document).encode())

    async def run(self, rate: int, seconds: float, *, conflates: bool) -> dict[str, Any]:
        """Send ticks at a rate in bursts of a second, each followed by silence until the newest were acted on."""
        assets = list(self.assets.values())
        self.tracks = {asset.market: Track(conflates) for asset in assets}
        for asset in assets:
            self._state_prices(asset)
        self.frames_in = self.bytes_in = 0
        placed, frames_out = self.orders.placed, self.orders.frames_out
        never_acted, sending_s = 0, 0.0
        self.running = True
        try:
            left_s = seconds
            while left_s > 0:
                sending_s += await self._burst(assets, rate, min(BURST_S, left_s))
                left_s -= BURST_S
                await self._caught_up()
                never_acted += sum(track.behind() for track in self.tracks.values())
        finally:
            self.running = False
        sent = sum(len(track.sent_ns) for track in self.tracks.values())
        return {
            "rate": rate,
            "rate_achieved": sent / sending_s,
            "sent": sent,
            "acted": sum(track.acted_count for track in self.tracks.values()),
            "superseded_waiting": sum(track.superseded_waiting for track in self.tracks.values()),
            "never_acted": never_acted,
            "ambiguous": sum(track.ambiguous for track in self.tracks.values()),
            "order_frames": self.frames_in,
            "order_bytes": self.bytes_in,
            "orders": self.orders.placed - placed,
            "venue_frames": self.frames_in + self.orders.frames_out - frames_out,
            "latencies_ns": [latency for track in self.tracks.values() for latency in track.latencies_ns],
        }

    async def _burst(self, assets: list[Asset], rate: int, seconds: float) -> float:
        began_ns = time.monotonic_ns()
        total, sent = max(1, int(rate * seconds)), 0
        while sent < total:
            due = min(total, 1 + (time.monotonic_ns() - began_ns) * rate // 10**9)
            while sent < due:
                asset = assets[sent % len(assets)]
                track = self.tracks[asset.market]
                place = track.next_place()
                track.sent_ns.append(time.monotonic_ns())
                self._tick(asset, place)
                sent += 1
            # The loop's timer counts milliseconds, and a shorter sleep would spin on a core the pipeline needs.
            await asyncio.sleep(max(TIMER_S, sent / rate - (time.monotonic_ns() - began_ns) / 1e9))
        return max((time.monotonic_ns() - began_ns) / 1e9, total / rate)

    async def _caught_up(self) -> None:
        self._quoted.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CATCH_UP_S):
                while any(track.behind() for track in self.tracks.values()):
                    await self._quoted.wait()
                    self._quoted.clear()

    def _on_quote(self, market: str, bid_cents: int | None, ask_cents: int | None, received_ns: int) -> None:
        track = self.tracks.get(market)
        place = PLACE_OF_QUOTE.get((bid_cents, ask_cents))
        if track is not None and place is not None:
            track.on_quote(place, received_ns)
            self._quoted.set()

    # --- sockets ------------------------------------------------------------------------------------------------

    def on_open(self, socket: Socket) -> None:
        address, _, query = socket.path.partition("?")
        if address == "/binance/stream":
            self._subscribe(socket, query.removeprefix("streams=").split("/"))

    def on_text(self, socket: Socket, text: bytes) -> None:
        received_ns = time.monotonic_ns()
        if socket.path.startswith("/binance/"):
            request = json.loads(text)
            if request.get("method") == "SUBSCRIBE":
                self._subscribe(socket, request["params"])
            socket.send(json.dumps({"result": None, "id": request.get("id")}).encode())
            return
        if self.orders.on_text(socket, text, received_ns):
            self.frames_in += 1
            self.bytes_in += len(text)

    def on_close(self, socket: Socket) -> None:
        for asset in self.assets.values():
            for listeners in (asset.listeners, asset.depth_listeners):
                if socket in listeners:
                    listeners.remove(socket)
        self.orders.on_close(socket)

    def _subscribe(self, socket: Socket, streams: list[str]) -> None:
        for asset in self.assets.values():
            symbol = f"{asset.name.lower()}usdt"
            if f"{symbol}@bookTicker" in streams and socket not in asset.listeners:
                asset.listeners.append(socket)
            if f"{symbol}@depth@100ms" in streams and socket not in asset.depth_listeners:
                asset.depth_listeners.append(socket)

    # --- REST ---------------------------------------------------------------------------------------------------

    async def answer(self, request: Request) -> tuple[int, Any]:
        if request.path == "/bench/run":
            rate, seconds = int(request.query["rate"]), float(request.query["seconds"])
            if self.running or not 0 < rate <= RATE_MAX or not 0 < seconds <= SECONDS_MAX:
                return 409, {"error": f"one run at a time, rate up to {RATE_MAX}/s, up to {SECONDS_MAX} s"}
            return 200, await self.run(rate, seconds, conflates=request.query["conflates"] == "1")
        if request.path == "/bench/quoted":
            return 200, {"quoted": [book.market for book in self.orders.books.values() if book.two_sided()]}
        if request.path == "/markets":
            return 200, {"markets": self._markets(), "ts_ns": time.time_ns()}
        if request.path.startswith("/binance/api/v3/"):
            return self._binance(request)
        return self.orders.answer(request, time.time_ns())

    def _binance(self, request: Request) -> tuple[int, Any]:
        call = request.path.rsplit("/", 1)[1]
        if call == "time":
            return 200, {"serverTime": time.time_ns() // 1_000_000}
        asset = self.assets.get(request.query.get("symbol", "").removesuffix("USDT"))
        if call != "depth" or asset is None:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        size = f"{asset.place}.00000000"
        return 200, {"lastUpdateId": asset.update_id, "bids": [[asset.bid, size]], "asks": [[asset.ask, size]]}

    def _markets(self) -> list[dict[str, Any]]:
        return [self._market(asset) for asset in self.assets.values()]

    def _market(self, asset: Asset) -> dict[str, Any]:
        book: Book = self.orders.books[asset.market]
        return {
            "id": asset.market,
            "asset": asset.name,
            "series": f"{asset.name}-5M",
            "title": f"{asset.name} above {asset.strike:.2f}?",
            "status": "OPEN",
            "strike": f"{asset.strike:.8f}",
            "open_ns": self.opened_ns,
            "expiry_ns": self.expiry_ns,
            "opened_ns": self.opened_ns,
            "tick": "0.01",
            "min_size": 1,
            "tie": "strictly_above",
            "settlement": "last_mid",
            "yes_price": book.best_ask(),
            "no_price": book.best_no(),
            "last_price": None,
            "settlement_price": None,
            "result": None,
            "resolved_ns": None,
        }


async def serve(port: int) -> None:
    venue = StubVenue()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Front(venue.answer, venue.on_open, venue.on_text, venue.on_close), "127.0.0.1", port
    )
    async with server:
        await venue.idle()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))


if __name__ == "__main__":
    main()
