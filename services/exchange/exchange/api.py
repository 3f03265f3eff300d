"""The venue's sockets: REST by FastAPI, order entry and Binance-shaped streams by websocket."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from fastapi import FastAPI, Request, WebSocket
from fastapi import Response as HttpResponse
from msgspec import json
from starlette.websockets import WebSocketDisconnect

from exchange.entry.parse import FRAME_BYTES_MAX
from exchange.entry.session import Close, Output
from exchange.market.refusals import Refusal
from exchange.rest.report import figures
from exchange.rest.request import Route
from exchange.rest.routes import ROUTES
from exchange.shell import Outbound, Shell

CLOSE_WAIT_S: Final = 0.5

_METHODS: Final = ["GET", "POST", "PUT", "DELETE", "PATCH"]
_COUNTERS: Final = ("orders_total", "trades_total")

Responder = Callable[[Request], Any]


def make_app(shell: Shell, named: Mapping[str, Shell] | None = None) -> FastAPI:
    """The web application around a venue, and around named ones by the part of the address that is each one's own."""
    venues = named or {}
    # Without pages: FastAPI's load their scripts from strangers. The document itself is at /openapi.json.
    app = FastAPI(
        title="Degen Terminal",
        version="1",
        description="See docs/degen-terminal-api.md",
        docs_url=None,
        redoc_url=None,
    )

    async def answer(request: Request) -> HttpResponse:
        return await _answer(shell, request, request.url.path)

    async def answer_named(request: Request) -> HttpResponse:
        asked = venues.get(request.path_params["venue"])
        if asked is None:
            error = Refusal("unknown_path", "no such venue").error()
            return HttpResponse(json.encode({"error": error}), 404, media_type="application/json")
        return await _answer(asked, request, f"/{request.path_params['path']}")

    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def metrics() -> HttpResponse:
        return HttpResponse(_metrics_text(shell, venues), media_type="text/plain; version=0.0.4")

    async def list_venues() -> HttpResponse:
        rows = [{"name": each.exchange.config.name, "path": f"/venues/{path}"} for path, each in venues.items()]
        return HttpResponse(json.encode({"venues": rows}), media_type="application/json")

    async def binance(request: Request) -> HttpResponse:
        query = dict(request.query_params)
        status, body = shell.streams.on_request(request.method, request.url.path, query, shell.clock.now_ns())
        return HttpResponse(json.encode(body), status, media_type="application/json")

    # The annotation is what makes FastAPI hand the socket in; an unannotated parameter is a query to it.
    async def trade(socket: WebSocket) -> None:
        await _trade(shell, socket)

    async def trade_named(socket: WebSocket) -> None:
        if (asked := venues.get(socket.path_params["venue"])) is None:
            await socket.close(1008, "no such venue")
            return
        await _trade(asked, socket)

    async def stream(socket: WebSocket) -> None:
        await _stream(shell, socket)

    app.add_api_route("/health", health, methods=["GET"], summary="Is the venue up")
    app.add_api_route("/metrics", metrics, methods=["GET"], summary="Figures in Prometheus' text format")
    app.add_api_route("/binance/{path:path}", binance, methods=_METHODS, include_in_schema=False)
    for route in ROUTES:
        app.add_api_route(
            route.path, answer, methods=[route.method], summary=route.summary, openapi_extra=_openapi(route)
        )
    app.add_api_route("/venues", list_venues, methods=["GET"], summary="The named spot venues")
    app.add_api_route("/venues/{venue}/{path:path}", answer_named, methods=_METHODS, include_in_schema=False)
    app.add_api_websocket_route("/venues/{venue}/ws", trade_named)
    app.add_api_websocket_route("/ws", trade)
    app.add_api_websocket_route("/binance/stream", stream)
    app.add_api_route("/{path:path}", answer, methods=_METHODS, include_in_schema=False)
    return app


async def _answer(shell: Shell, request: Request, path: str) -> HttpResponse:
    body = await _bounded_body(request)
    headers = {"authorization": request.headers.get("authorization", "")}
    exchange = shell.exchange
    if exchange.latency_in_s:
        await asyncio.sleep(exchange.latency_in_s)
    response = exchange.on_request(
        request.method, path, dict(request.query_params), headers, body, shell.clock.now_ns()
    )
    shell.deliver(response.outputs)
    if exchange.latency_out_s:
        await asyncio.sleep(exchange.latency_out_s)
    return HttpResponse(response.body, response.status, response.headers)


async def _bounded_body(request: Request) -> bytes:
    """The body, read only as far as it can still be accepted."""
    parts: list[bytes] = []
    length = 0
    async for part in request.stream():
        parts.append(part)
        length += len(part)
        if length > FRAME_BYTES_MAX:
            break
    return b"".join(parts)


def _openapi(route: Route) -> dict[str, Any]:
    names = re.findall(r"\{(\w+)\}", route.path)
    path_parameters = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
    scopes = f"Needs a token with scope {' or '.join(route.scopes)}." if route.scopes else "Needs no token."
    return {"parameters": path_parameters, "description": scopes}


def _metrics_text(shell: Shell, venues: Mapping[str, Shell]) -> str:
    lines: list[str] = []
    by_label = {"": _figures(shell)} | {f'{{venue="{path}"}}': _figures(each) for path, each in venues.items()}
    for name in by_label[""]:
        lines.append(f"# TYPE mm_exchange_{name} {'counter' if name in _COUNTERS else 'gauge'}")
        lines += [f"mm_exchange_{name}{label} {values[name]}" for label, values in by_label.items()]
    return "\n".join(lines) + "\n"


def _figures(shell: Shell) -> dict[str, int]:
    journal = shell.journal
    kept = {"journal_writable": int(not journal.fault), "journal_tail_bytes": journal.tail_bytes}
    return figures(shell.exchange) | kept


async def _trade(shell: Shell, socket: WebSocket) -> None:
    """One order-entry connection."""
    connection, outbound = shell.open()
    exchange, clock = shell.exchange, shell.clock

    def take(text: str) -> list[Output]:
        return exchange.on_frame(connection, text.encode(), clock.now_ns())

    await socket.accept()
    shell.deliver(exchange.on_connect(connection, clock.now_ns()))
    try:
        await _converse(shell, socket, outbound, take)
    finally:
        shell.deliver(exchange.on_close(connection, clock.now_ns()))
        shell.forget(connection)


async def _stream(shell: Shell, socket: WebSocket) -> None:
    """One connection of the Binance-shaped streams."""
    connection, outbound = shell.open()

    def take(text: str) -> list[Output]:
        return shell.streams.on_frame(connection, text.encode())

    await socket.accept()
    shell.deliver(shell.streams.on_connect(connection, socket.query_params.get("streams", "")))
    try:
        await _converse(shell, socket, outbound, take)
    finally:
        shell.streams.on_close(connection)
        shell.forget(connection)


async def _converse(shell: Shell, socket: WebSocket, outbound: Outbound, take: Callable[[str], list[Output]]) -> None:
    """Read and write until either side ends, a binary frame arrives, or the client reads too slowly."""

    async def read() -> None:
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                await socket.close(1003, "text frames only")
                return
            shell.deliver(take(text))

    async def write() -> None:
        while True:
            output = await outbound.next()
            if isinstance(output, Close):
                await socket.close(output.code, output.reason)
                return
            await socket.send_text(output.data.decode())

    tasks = [asyncio.create_task(work()) for work in (read, write, outbound.overflowed.wait)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if outbound.overflowed.is_set():
            # A client that does not read may not take the closing either, so nobody waits for it.
            with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
                await asyncio.wait_for(socket.close(1013, "reading too slowly"), CLOSE_WAIT_S)
    finally:
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            # A socket that is already gone raises on the last send; everything else is a fault of ours.
            with suppress(asyncio.CancelledError, RuntimeError, WebSocketDisconnect):
                if isinstance(result, BaseException):
                    raise result
