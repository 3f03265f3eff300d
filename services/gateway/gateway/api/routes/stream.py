"""The live page's stream: lines of JSON, the chart's past first, then the whole picture four times a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from typing import Annotated

import msgspec
from common.clock import NS_PER_MS
from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from gateway.api.access import ContextOf, Viewer
from gateway.api.errors import ApiError
from gateway.context import Context
from gateway.kinds.parts import Json
from gateway.state.history import Point
from gateway.state.picture import picture
from gateway.state.rows import market_rows
from gateway.state.view import View

PERIOD_S = 0.25
STREAMS_MAX = 64
STREAMS_PER_USER_MAX = 8
STALLED_S = 10.0
"""A reader that takes nothing for this long is let go."""
RECHECK_LINES = 20
"""Lines, 5 s of them, between two looks at the token: a revoked one ends the stream."""

router = APIRouter(prefix="/api", tags=["views"])


class Streams:
    """The streams open in this replica, and the one picture they share."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()
        self._line = b""
        self._line_ns = 0

    def __len__(self) -> int:
        return self._open.total()

    def enter(self, user_id: str) -> None:
        """Count one more stream; ApiError when there are too many."""
        if len(self) >= STREAMS_MAX or self._open[user_id] >= STREAMS_PER_USER_MAX:
            raise ApiError(429, "too_many_streams", f"at most {STREAMS_PER_USER_MAX} streams a user; close one first")
        self._open[user_id] += 1

    def leave(self, user_id: str) -> None:
        self._open[user_id] -= 1
        if not self._open[user_id]:
            del self._open[user_id]

    def line(self, view: View, now_ns: int) -> bytes:
        """Return the picture as one line; readers within half a period share it."""
        if now_ns - self._line_ns > PERIOD_S * 500 * NS_PER_MS or not self._line:
            self._line = encode_line({"type": "picture", **picture(view, now_ns)})
            self._line_ns = now_ns
        return self._line


def encode_line(document: Json) -> bytes:
    return msgspec.json.encode(document) + b"\n"


def chart_past(view: View, now_ns: int) -> Json:
    """Return the last minutes of every market shown: [time in ms, fair, our bid, our ask]."""
    keys = [(row["algo_id"], row["venue"], row["symbol"]) for row in market_rows(view, now_ns)]
    lines: list[tuple[tuple[str, str, str], list[Point]]] = [(key, view.history.line(key)) for key in keys]
    return {
        "type": "history",
        "lines": [
            {"algo_id": algo_id, "venue": venue, "symbol": symbol, "points": points}
            for (algo_id, venue, symbol), points in lines
        ],
    }


class PatientStream(StreamingResponse):
    """A stream that gives up on a reader who takes nothing, and gives its place back however it ends."""

    def __init__(self, lines: AsyncGenerator[bytes, None], release: Callable[[], None]) -> None:
        # Proxies are told not to collect lines before they pass them on.
        super().__init__(lines, media_type="application/x-ndjson", headers={"X-Accel-Buffering": "no"})
        self._lines, self._release = lines, release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._release()
            await self._lines.aclose()

    async def stream_response(self, send: Send) -> None:
        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(STALLED_S):
                await send(message)

        with contextlib.suppress(TimeoutError):
            await super().stream_response(send_soon)


@router.get("/stream", response_class=StreamingResponse)
async def get_stream(
    request: Request, context: ContextOf, caller: Viewer, authorization: Annotated[str, Header(include_in_schema=False)]
) -> PatientStream:
    """Stream lines of JSON: one `history`, then a `picture` every 250 ms until the access token ends."""
    streams: Streams = request.app.state.streams
    streams.enter(caller.user_id)
    token = authorization.partition(" ")[2].strip()
    return PatientStream(
        _lines(context, streams, token, caller.token_expires_ns), lambda: streams.leave(caller.user_id)
    )


async def _lines(context: Context, streams: Streams, token: str, expires_ns: int) -> AsyncGenerator[bytes, None]:
    yield encode_line(chart_past(context.view, context.now_ns()))
    count = 0
    while context.now_ns() < expires_ns and not context.view.stopping:
        count += 1
        if count % RECHECK_LINES == 0 and await context.sessions.check(token) is None:
            return
        yield streams.line(context.view, context.now_ns())
        await asyncio.sleep(PERIOD_S)
