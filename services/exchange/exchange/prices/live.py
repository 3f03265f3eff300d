"""Real prices for paper trading: a client of Binance's public streams, passed on frame by frame."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Final

import httpx
import msgspec
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from exchange.prices.binance import Message
from exchange.prices.frames import is_snapshot, spot_event

FIRST_MESSAGE_WAIT_S: Final = 5.0
SILENCE_MAX_S: Final = 10.0
RETRY_MIN_S: Final = 0.5
RETRY_MAX_S: Final = 30.0
FRAME_BYTES_MAX: Final = 1 << 20
SNAPSHOT_LEVELS: Final = 1_000

log = structlog.get_logger("exchange")


class LiveFeed:
    """Keeps one combined stream of Binance open and hands its messages over."""

    def __init__(
        self,
        url: str,
        rest_url: str,
        symbols: tuple[str, ...],
        now_ns: Callable[[], int],
        take: Callable[[Message], None],
    ) -> None:
        names = [f"{symbol.lower()}@{kind}" for symbol in symbols for kind in ("bookTicker", "trade", "depth@100ms")]
        self._url = f"{url.rstrip('/')}/stream?streams={'/'.join(names)}"
        self._rest_url, self._symbols = rest_url.rstrip("/"), symbols
        self._now_ns, self._take = now_ns, take
        self.first_message = asyncio.Event()

    async def answers(self) -> bool:
        """True once a first message has arrived within FIRST_MESSAGE_WAIT_S."""
        try:
            await asyncio.wait_for(self.first_message.wait(), FIRST_MESSAGE_WAIT_S)
        except TimeoutError:
            return False
        return True

    async def run(self) -> None:
        """Connect, pass messages on, and connect again after a break, later and later."""
        retry_s = RETRY_MIN_S
        while True:
            try:
                async with connect(self._url, max_size=FRAME_BYTES_MAX, open_timeout=FIRST_MESSAGE_WAIT_S) as socket:
                    snapshots = asyncio.create_task(self._snapshots())
                    try:
                        while True:
                            raw = await asyncio.wait_for(socket.recv(), SILENCE_MAX_S)
                            self._pass(raw)
                            retry_s = RETRY_MIN_S
                    finally:
                        snapshots.cancel()
            except (OSError, TimeoutError, WebSocketException) as error:
                log.warning("live prices broke off", error=type(error).__name__, retry_s=round(retry_s, 1))
            await asyncio.sleep(retry_s * random.uniform(0.5, 1.0))
            retry_s = min(RETRY_MAX_S, retry_s * 2)

    def _pass(self, raw: str | bytes) -> None:
        if (message := read_message(raw, self._now_ns())) is not None:
            self.first_message.set()
            self._take(message)

    async def _snapshots(self) -> None:
        """Give each book its depth; without it the book grows from the diffs alone."""
        async with httpx.AsyncClient(timeout=FIRST_MESSAGE_WAIT_S) as client:
            for symbol in self._symbols:
                parameters: dict[str, str | int] = {"symbol": symbol, "limit": SNAPSHOT_LEVELS}
                try:
                    response = await client.get(f"{self._rest_url}/api/v3/depth", params=parameters)
                    response.raise_for_status()
                    body = response.json()
                    if not is_snapshot(body):
                        raise ValueError("not a book")
                    self._take(Message(self._now_ns(), symbol, "", body, for_book_only=True))
                except (httpx.HTTPError, ValueError) as error:
                    log.warning("no depth snapshot", symbol=symbol, error=type(error).__name__)


def read_message(raw: str | bytes, now_ns: int) -> Message | None:
    """A combined-stream frame as an event, or None for anything else, a damaged one too: it costs itself alone."""
    try:
        event = spot_event(msgspec.json.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if event is None else Message(now_ns, *event)
