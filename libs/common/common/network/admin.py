"""The admin port every service has: health, readiness, figures, a picture of its state, and its commands."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr

from common.errors import CommandUndone
from common.network.door import Door, NameGuard

COMMAND_BYTES_MAX = 64 * 1024

Run = Callable[[str, Mapping[str, Any]], Awaitable[dict[str, Any]]]


def admin_app(
    service: str,
    *,
    health: Callable[[], list[str]],
    ready: Callable[[], list[str]],
    metrics: Callable[[bool], bytes],
    state: Callable[[], dict[str, Any]],
    explain: Callable[[Mapping[str, str]], dict[str, Any] | None],
    commands: Callable[[], list[str]],
    run: Run,
    token: SecretStr | None,
) -> FastAPI:
    """Return the admin application; `health` and `ready` return what is wrong, empty when nothing is."""
    # No pages of its own: FastAPI's load their scripts from strangers.
    app = FastAPI(title=f"{service} admin", docs_url=None, redoc_url=None, openapi_url=None)

    # Coroutines all: FastAPI would run plain functions in a thread, beside the core they look into.

    @app.get("/health")
    async def get_health() -> Response:
        """Say whether the process works: its loop turns and the broker is connected."""
        return _verdict(service, health())

    @app.get("/ready")
    async def get_ready() -> Response:
        """Say whether the service does its job: inputs fresh, lease held, recovered, not halted."""
        return _verdict(service, health() + ready())

    @app.get("/metrics")
    async def get_metrics(request: Request) -> Response:
        """Figures in Prometheus' text format; those of positions and money only with the admin token."""
        return Response(metrics(_authorised(request, token)), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/state")
    async def get_state(request: Request) -> Response:
        """A picture of what the service knows and does; needs the admin token as a bearer token."""
        if not _authorised(request, token):
            return _unauthorised()
        return _json(200, {"service": service, **state()})

    @app.get("/explain")
    async def get_explain(request: Request) -> Response:
        """Why the service does what it does; which parameters there are is its business; needs the admin token."""
        if not _authorised(request, token):
            return _unauthorised()
        try:
            found = explain(dict(request.query_params))
        except ValueError as error:
            return _error(422, "invalid", str(error))
        if found is None:
            return _error(404, "unknown", f"{service} does not know, or does not remember, what was asked for")
        return _json(200, found)

    @app.post("/{command}")
    async def post_command(command: str, request: Request) -> Response:
        """Carry out a command; needs the admin token as a bearer token."""
        if not _authorised(request, token):
            return _unauthorised()
        if command not in commands():
            return _error(404, "unknown_command", f"command: {service} knows {', '.join(commands()) or 'none'}")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > COMMAND_BYTES_MAX:
                return _error(413, "too_large", f"body: at most {COMMAND_BYTES_MAX} bytes")
        try:
            document = msgspec.json.decode(body or b"{}", type=dict[str, Any])
        except msgspec.DecodeError as error:
            return _error(422, "malformed", f"body: {error}")
        try:
            return _json(202, await run(command, document))
        except ValueError as error:
            return _error(422, "invalid", str(error))
        except CommandUndone as error:
            return _error(503, "not_done", str(error))

    return app


def _unauthorised() -> Response:
    return _error(401, "unauthorised", "authorization: needs 'Bearer' and the admin token")


def _authorised(request: Request, token: SecretStr | None) -> bool:
    if token is None:
        return False
    header = request.headers.get("authorization", "")
    return hmac.compare_digest(header.encode(), f"Bearer {token.get_secret_value()}".encode())


def _verdict(service: str, faults: list[str]) -> Response:
    return _json(503 if faults else 200, {"service": service, "ok": not faults, "faults": faults})


def _error(status: int, code: str, message: str) -> Response:
    return _json(status, {"error": {"code": code, "message": message}})


def _json(status: int, document: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(document), status_code=status, media_type="application/json")


class QuietServer(uvicorn.Server):
    """A web server that leaves the signals to the service that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    app: Any, host: str, port: int, *, names: Iterable[str] = (), door: Door | None = None
) -> AsyncIterator[int]:
    """Serve an application in this loop and yield the port; OSError when the port is taken.

    It answers under loopback names, the address it is bound to and `names`; its connections have the door's bounds.
    """
    door = door or Door()
    config = uvicorn.Config(
        NameGuard(app, {host, *names}),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        lifespan="off",
        # Otherwise anybody on this machine could name himself by X-Forwarded-For and escape limits per address.
        proxy_headers=False,
        **door.uvicorn_options(),
    )
    server = QuietServer(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    # Our own bind: uvicorn's ends the process when the port is taken.
    sockets = [socket.create_server((host, port), reuse_port=False)]
    bound: int = sockets[0].getsockname()[1]
    await server.startup(sockets=sockets)
    loop_task = asyncio.create_task(server.main_loop())
    try:
        yield bound
    finally:
        server.should_exit = True
        await loop_task
        await server.shutdown(sockets=sockets)
