"""What stands before every request: bodies of bounded size and time, and headers that tell browsers what not to do."""

from __future__ import annotations

import asyncio
import json

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.api.errors import ApiError, refusal

BODY_BYTES_MAX = 256 * 1024
BODY_TIMEOUT_S = 10.0

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class BoundedBodies:
    """Take a body in whole, within its bounds of size and time, before anything looks at it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                body = await _body(receive)
        except TimeoutError:
            await _refused(scope, 408, "too_slow", f"must arrive within {BODY_TIMEOUT_S:g} s")(scope, receive, send)
            return
        if body is None:
            return
        if len(body) > BODY_BYTES_MAX:
            await _refused(scope, 413, "too_large", f"must have at most {BODY_BYTES_MAX} bytes")(scope, receive, send)
            return
        if not _can_be_written(body):
            rule = "must not hold half of a character, such as \\ud800 alone"
            await _refused(scope, 422, "invalid", rule)(scope, receive, send)
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, replay, send)


def _refused(scope: Scope, status: int, code: str, rule: str) -> Response:
    return refusal(ApiError(status, code, f"body: {rule}", [("body", rule)]), scope["path"])


def _can_be_written(body: bytes) -> bool:
    """Say whether the texts of a JSON body are whole characters; what is no JSON is for others to judge."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    except (ValueError, RecursionError):
        return True
    return True


async def _body(receive: Receive) -> bytes | None:
    """Return the body, one byte too long at least when it is too long; None when the client is gone."""
    body = bytearray()
    while len(body) <= BODY_BYTES_MAX:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


class SecurityHeaders:
    """Put the headers on every answer, refusals included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                # What people see of the platform stays out of caches.
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
