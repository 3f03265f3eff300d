"""Decide what drives the prices: live venues when one answers, else the model; or recordings, and which."""

import asyncio
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import websockets

from toolkit.paths import ROOT

SOURCES = ("live", "model", "replay")

LIVE_ANSWER_TIMEOUT_S = 5.0

# One public stream per live venue, with what must be sent before it speaks.
LIVE_STREAMS = (
    ("wss://stream.binance.com:9443/ws/btcusdt@bookTicker", None),
    ("wss://ws-feed.exchange.coinbase.com", '{"type":"subscribe","product_ids":["BTC-USD"],"channels":["ticker"]}'),
    ("wss://ws.kraken.com/v2", '{"method":"subscribe","params":{"channel":"ticker","symbol":["BTC/USD"]}}'),
)

RECORDING_GLOB = "*.jsonl.gz"


class NoRecordingError(Exception):
    """Replay was asked for and there is nothing to replay; the message says where recordings are looked for."""


def recordings(given: Iterable[Path]) -> tuple[Path, ...]:
    """Return the recordings to replay: those named, else all of the first folder that holds any."""
    named = tuple(path.resolve() for path in given)
    for path in named:
        if not path.is_file():
            raise NoRecordingError(f"--replay {path}: there is no such file")
    if named:
        return named
    folders = recording_folders()
    for folder in folders:
        found = tuple(sorted(folder.glob(RECORDING_GLOB)))
        if found:
            return found
    looked = ", ".join(str(folder) for folder in folders)
    raise NoRecordingError(f"--source replay: no {RECORDING_GLOB} in {looked}; name recordings with --replay FILE")


def recording_folders() -> list[Path]:
    """Return where recordings may lie, the first folder first."""
    shared = os.environ.get("MM_SHARED_DATA")
    folders = [ROOT / "data" / "recordings", ROOT.parent / "shared" / "data" / "recordings"]
    return [Path(shared) / "recordings", *folders] if shared else folders


def live_or_model(report: Callable[[str], None]) -> str:
    """Return `live` when a public stream speaks within 5 s, else `model`, and say which."""
    report("asking the live venues for prices")
    address = asyncio.run(first_to_answer(LIVE_STREAMS))
    if address is None:
        report(f"no live venue answered within {LIVE_ANSWER_TIMEOUT_S:.0f} s: prices come from the seeded model")
        return "model"
    report(f"live prices: {address} answers")
    return "live"


async def first_to_answer(
    streams: Iterable[tuple[str, str | None]], timeout_s: float = LIVE_ANSWER_TIMEOUT_S
) -> str | None:
    """Return the address of the first stream that sends anything, or None when none does in time."""
    asked = [asyncio.create_task(_speaks(address, request)) for address, request in streams]
    try:
        async with asyncio.timeout(timeout_s):
            for answer in asyncio.as_completed(asked):
                if address := await answer:
                    return address
    except TimeoutError:
        return None
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    return None


async def _speaks(address: str, request: str | None) -> str | None:
    try:
        async with websockets.connect(address, open_timeout=LIVE_ANSWER_TIMEOUT_S) as socket:
            if request is not None:
                await socket.send(request)
            await socket.recv()
            return address
    except (OSError, TimeoutError, websockets.WebSocketException):
        return None
