"""The real thing: a process with sockets, killed without mercy, and everybody finds what they were told."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

PACKAGE = Path(__file__).parents[1]
START_MAX_S = 30.0
LIFE_MIN_S = 30


class Process:
    """The venue as an operating-system process on a free port."""

    def __init__(self, folder: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self.folder = folder
        self.settings = {"MM_SOURCE": "model", "MM_TAKERS": "false", "MM_RIVAL": "false", **settings}
        self.running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
        own = {"MM_EXCHANGE_PORT": str(self.port), "MM_DATA_DIR": str(self.folder), **self.settings}
        self.running = subprocess.Popen(
            [sys.executable, "-m", "exchange"], env={**kept, **own}, cwd=PACKAGE, stderr=subprocess.PIPE
        )

    async def ready(self) -> None:
        """Wait until the venue answers and a market is open."""
        async with httpx.AsyncClient(base_url=self.url) as client, asyncio.timeout(START_MAX_S):
            while True:
                assert self.running is not None
                if self.running.poll() is not None:
                    assert self.running.stderr is not None
                    raise AssertionError(self.running.stderr.read().decode())
                try:
                    if (await client.get("/markets?status=OPEN")).json()["markets"]:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.05)

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        assert self.running is not None
        self.running.send_signal(how)
        code = self.running.wait(timeout=20)
        assert self.running.stderr is not None
        self.running.stderr.close()
        return code


@contextmanager
def venue_process(folder: Path, **settings: str) -> Iterator[Process]:
    process = Process(folder, **settings)
    process.start()
    try:
        yield process
    finally:
        if process.running is not None and process.running.poll() is None:
            process.kill()


class Trader:
    """A participant with the account's generated key, over REST and websocket."""

    def __init__(self, http: httpx.AsyncClient, ws: ClientConnection, token: str) -> None:
        self.http, self.ws, self.token = http, ws, token
        self.frames: list[dict[str, Any]] = []

    async def ask(self, **frame: Any) -> dict[str, Any]:
        """Send an op and return its answer; other frames are kept."""
        await self.ws.send(json.dumps(frame))
        while True:
            received = json.loads(await self.ws.recv())
            if received["type"] in ("reply", "error") and received["id"] == frame.get("id"):
                return received  # type: ignore[no-any-return]
            self.frames.append(received)

    async def next(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind."""
        while True:
            for index, frame in enumerate(self.frames):
                if frame["type"] == kind:
                    return self.frames.pop(index)
            self.frames.append(json.loads(await self.ws.recv()))

    async def get(self, path: str) -> dict[str, Any]:
        response = await self.http.get(path)
        assert response.status_code == 200, response.text
        return response.json()  # type: ignore[no-any-return]


@asynccontextmanager
async def trader(process: Process, account: str = "mm1") -> AsyncIterator[Trader]:
    keys = json.loads((process.folder / "exchange" / "keys" / f"{account}.json").read_text())
    key = next(row for row in keys if "trade" in row["scopes"])
    async with httpx.AsyncClient(base_url=process.url) as http:
        body = {"api_key": key["api_key"], "api_secret": key["api_secret"]}
        token = (await http.post("/auth/login", json=body)).json()["token"]
        http.headers["Authorization"] = f"Bearer {token}"
        async with connect(f"ws://127.0.0.1:{process.port}/ws", max_queue=None) as ws:
            made = Trader(http, ws, token)
            assert (await made.ask(op="login", id="login", token=token))["type"] == "reply"
            subscribed = await made.ask(op="subscribe", id="sub", channels=["orders", "fills", "account"])
            assert subscribed["type"] == "reply"
            yield made


def second_account(folder: Path) -> None:
    """A further participant: a key file is all it takes."""
    keys = folder / "exchange" / "keys"
    keys.mkdir(parents=True)
    row = {"name": "trade", "api_key": "user", "api_secret": "of the tests", "scopes": ["read", "trade", "cancel"]}
    (keys / "user1.json").write_text(json.dumps([row]))


async def open_market(process: Process) -> str:
    """Return a market that does not end under the test, waiting for the next one when need be."""
    async with httpx.AsyncClient(base_url=process.url) as client, asyncio.timeout(2 * LIFE_MIN_S):
        while True:
            markets = (await client.get("/markets?status=OPEN&asset=BTC")).json()["markets"]
            newest = max(markets, key=lambda market: market["expiry_ns"], default=None)
            if newest is not None and newest["expiry_ns"] - time.time_ns() > LIFE_MIN_S * 1_000_000_000:
                return str(newest["id"])
            await asyncio.sleep(0.1)


async def test_orders_fills_and_a_dropped_connection_over_real_sockets(tmp_path: Path) -> None:
    second_account(tmp_path)
    with venue_process(tmp_path) as process:
        await process.ready()
        market = await open_market(process)
        order = {"market": market, "side": "bid", "price": "0.46", "size": 30, "outcome": "no"}
        async with trader(process) as maker, trader(process, "user1") as user:
            placed = await maker.ask(op="place", id=1, client_order_id="1", **order)
            assert placed["result"]["order"]["status"] == "open"
            bought = await user.http.post(
                "/orders", json={**order, "client_order_id": "1", "outcome": "yes", "price": "0.54", "size": 10}
            )
            assert bought.status_code == 201
            fill = (await maker.next("fill"))["fill"]
            assert (fill["size"], fill["leaves"], fill["liquidity"]) == (10, 20, "maker")
            await maker.ws.send("no JSON at all")
            assert (await maker.next("error"))["error"]["code"] == "malformed"
        async with trader(process) as again:
            changed = await again.get("/orders/by-client-id/1")
            assert (changed["order"]["status"], changed["order"]["reason"]) == ("cancelled", "disconnected")
            assert (await again.get("/positions"))["positions"][0]["no"] == 10
        assert process.kill(signal.SIGTERM) in (0, -signal.SIGTERM)


async def test_frames_that_are_too_large_or_binary_close_only_their_connection(tmp_path: Path) -> None:
    with venue_process(tmp_path) as process:
        await process.ready()
        for data, code in ((" " * 70_000, 1009), (b"\x00", 1003)):
            async with connect(f"ws://127.0.0.1:{process.port}/ws") as ws:
                await ws.send(data)
                with pytest.raises(ConnectionClosed) as caught:
                    await ws.recv()
                assert caught.value.rcvd is not None
                assert caught.value.rcvd.code == code
        async with httpx.AsyncClient(base_url=process.url) as client:
            response = await client.post("/orders", content=b"x" * 70_000)
            assert response.status_code in (401, 413)
            assert (await client.get("/health")).json() == {"status": "ok"}
            assert "mm_exchange_markets_open 3" in (await client.get("/metrics")).text
            paths = (await client.get("/openapi.json")).json()["paths"]
            assert {"/orders", "/markets/{market}/orderbook", "/statement"} <= set(paths)


async def test_a_client_that_does_not_read_is_cut_off_and_its_orders_end(tmp_path: Path) -> None:
    with venue_process(tmp_path) as process:
        await process.ready()
        market = await open_market(process)
        async with trader(process) as watching:
            ws = await connect(f"ws://127.0.0.1:{process.port}/ws", max_queue=1, close_timeout=0.1)
            await ws.send(json.dumps({"op": "login", "id": 1, "token": watching.token}))
            order = {"market": market, "side": "bid", "outcome": "yes", "price": "0.10", "size": 1}
            await ws.send(json.dumps({"op": "place", "id": 2, "client_order_id": "1", **order}))
            unknown = {"op": "cancel", "client_order_id": "9" * 18}
            flood = json.dumps({"op": "batch", "id": 3, "items": [unknown] * 50})

            async def keep_asking() -> None:
                # Each answer is about 10 KB and none is read.
                while True:
                    await ws.send(flood)

            asking = asyncio.create_task(keep_asking())
            async with asyncio.timeout(60):
                while (ended := (await watching.next("order"))["order"])["status"] == "open":
                    continue
            assert (ended["client_order_id"], ended["reason"]) == ("1", "disconnected")
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            ws.transport.abort()


async def test_what_was_told_survives_kill_9(tmp_path: Path) -> None:
    second_account(tmp_path)
    with venue_process(tmp_path) as process:
        await process.ready()
        told: dict[str, dict[str, Any]] = {}
        number = 0
        for _ in range(3):
            market = await open_market(process)
            async with trader(process) as maker, trader(process, "user1") as user:
                for _ in range(15):
                    number += 1
                    quote = {"market": market, "side": "bid", "outcome": "no", "price": "0.46", "size": 3}
                    placed = await maker.ask(op="place", id=number, client_order_id=str(number), **quote)
                    assert placed["type"] == "reply", placed
                    take = {**quote, "outcome": "yes", "price": "0.54", "client_order_id": str(number)}
                    taken = await user.http.post("/orders", json=take)
                    assert taken.is_success, taken.text
                    fill = (await maker.next("fill"))["fill"]
                    assert fill["trade_id"] not in told
                    told[fill["trade_id"]] = fill
                # Killed in the middle of a conversation, with frames on their way.
                await maker.ws.send(json.dumps({"op": "heartbeat", "id": "last"}))
                process.kill()
            process.start()
            await process.ready()
        async with trader(process) as maker, trader(process, "user1") as user:
            fills = (await maker.get("/fills?limit=1000"))["fills"]
            assert {fill["trade_id"]: fill for fill in fills} == told
            for client in (maker, user):
                entries = (await client.get("/statement?limit=1000"))["entries"]
                sequences = [entry["account_sequence"] for entry in entries]
                assert sequences == sorted(set(sequences))
                cents = sum(round(float(entry["amount"]) * 1_000_000) for entry in entries)
                balance = (await client.get("/balance"))["balance"]
                assert cents == round(float(balance["cash"]) * 1_000_000)
                assert balance["locked"] == "0.000000"
            assert (await maker.get("/orders"))["orders"] == []


async def test_a_replay_is_streamed_like_binance_and_goes_on_after_a_kill(tmp_path: Path) -> None:
    recording = tmp_path / "btc.jsonl.gz"
    boundary_ns = 1_723_161_300 * 1_000_000_000
    with gzip.open(recording, "wb") as out:
        for step in range(3_300):
            local_ns = boundary_ns - 20_000_000_000 + step * 100_000_000
            data = {"u": 1_000 + step, "s": "BTCUSDT", "b": "60000.00", "B": "1", "a": "60001.00", "A": "1"}
            out.write(b"%d %s\n" % (local_ns, json.dumps({"stream": "btcusdt@bookTicker", "data": data}).encode()))
    settings = {"MM_SOURCE": "replay", "MM_REPLAY_FILES": str(recording), "MM_REPLAY_SPEED": "10"}
    with venue_process(tmp_path, **settings) as process:
        await process.ready()
        async with connect(f"ws://127.0.0.1:{process.port}/binance/stream?streams=btcusdt@bookTicker") as ws:
            first = json.loads(await ws.recv())
            second = json.loads(await ws.recv())
        assert first["stream"] == "btcusdt@bookTicker"
        assert list(first["data"]) == ["u", "s", "b", "B", "a", "A"]
        assert second["data"]["u"] == first["data"]["u"] + 1
        async with httpx.AsyncClient(base_url=process.url) as client:
            info = (await client.get("/info")).json()
            assert info["assets"] == {"BTC": "replay", "ETH": "model", "SOL": "model"}
            market = (await client.get("/markets?status=OPEN&asset=BTC")).json()["markets"][0]
        process.kill()
        process.start()
        await process.ready()
        async with httpx.AsyncClient(base_url=process.url) as client:
            later = (await client.get("/info")).json()
            again = (await client.get(f"/markets/{market['id']}")).json()["market"]
        assert (later["replay"]["loop"], later["replay"]["position_ms"]) > (
            info["replay"]["loop"],
            info["replay"]["position_ms"],
        )
        assert (again["strike"], again["expiry_ns"]) == (market["strike"], market["expiry_ns"])


async def test_without_live_prices_the_model_takes_over_and_says_so(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as dead:
        url = f"ws://127.0.0.1:{dead.getsockname()[1]}"
    rest = url.replace("ws", "http")
    with venue_process(tmp_path, MM_SOURCE="live", MM_LIVE_URL=url, MM_LIVE_REST_URL=rest) as process:
        await process.ready()
        async with httpx.AsyncClient(base_url=process.url) as client:
            info = (await client.get("/info")).json()
        assert info["mode"] == "model"
        assert "no live price" in info["fallback"]


async def test_live_prices_come_through_another_venue_of_the_same_shape(tmp_path: Path) -> None:
    with venue_process(tmp_path / "first") as real:
        await real.ready()
        live = {"MM_SOURCE": "live", "MM_LIVE_URL": f"ws://127.0.0.1:{real.port}/binance"}
        with venue_process(tmp_path / "second", **live, MM_LIVE_REST_URL=f"{real.url}/binance") as process:
            await process.ready()
            async with httpx.AsyncClient(base_url=process.url) as client:
                info = (await client.get("/info")).json()
                depth = (await client.get("/binance/api/v3/depth?symbol=BTCUSDT&limit=5")).json()
        assert (info["mode"], info["fallback"]) == ("live", None)
        assert len(depth["bids"]) == 5


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MM_SORCE": "model"}, "MM_SORCE"),
        ({"MM_SOURCE": "cinema"}, "MM_SOURCE"),
        ({"MM_SOURCE": "replay"}, "replay_files"),
        ({"MM_SOURCE": "replay", "MM_REPLAY_FILES": "/no/such/file.gz"}, "/no/such/file.gz"),
        ({"MM_SERIES_ASSETS": "btc"}, "MM_SERIES_ASSETS"),
    ],
)
def test_wrong_settings_stop_the_start_with_one_clear_sentence(
    tmp_path: Path, settings: dict[str, str], said: str
) -> None:
    process = Process(tmp_path, **settings)
    process.start()
    assert process.running is not None
    _, errors = process.running.communicate(timeout=START_MAX_S)
    assert process.running.returncode == 2
    assert said in errors.decode()
    assert "Traceback" not in errors.decode()
