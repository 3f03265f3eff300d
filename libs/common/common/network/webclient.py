"""HTTP requests that no time-out can poison: every one ends by itself, and a pool that answers nothing is replaced.

A pool whose bookkeeping is interrupted loses connections for good, so it never is. No request is cancelled from
outside. None waits in the pool's own line: httpcore can give a connection to a request in the moment it stops waiting,
and then nobody ever opens or closes that connection. And the whole time of a request is bounded below the pool: each
wait for the network gets at most what is left of it.
"""

from __future__ import annotations

import asyncio
import ssl
import time
import typing
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpcore
import httpx

from common.errors import MarketMakerError

REQUESTS_MAX = 16
"""Requests on their way at once, and connections, at most; others wait in our own line."""
IDLE_S = 5.0
"""An unused connection is kept for so long."""
ANSWER_BYTES_MAX = 16 * 1024 * 1024
ERROR_CHARS_MAX = 200
SILENT_MAX = 8
"""Requests in a row without any answer at which the connections are rebuilt."""

_deadline_s: ContextVar[float] = ContextVar("deadline_s")
"""Until when, on the monotonic clock, the request of this task may take."""


class Answered(NamedTuple):
    """What a server said."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class RequestFailed(MarketMakerError):
    """No answer, or none that can be used: the outcome is unknown."""


class NoAnswerInTime(RequestFailed):
    """The request has had its time."""


class AnswerTooLarge(RequestFailed):
    """The body is larger than the bound; the rest was not read."""


def _left_s(timeout: float | None, too_late: type[Exception]) -> float:
    """Return what is left of the request, in seconds; raise when nothing is."""
    left_s = _deadline_s.get() - time.monotonic()
    if left_s <= 0:
        raise too_late("the request timed out")
    return left_s if timeout is None else min(left_s, timeout)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection whose every wait ends with the request that waits."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        return await self._stream.read(max_bytes, _left_s(timeout, httpcore.ReadTimeout))

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        await self._stream.write(buffer, _left_s(timeout, httpcore.WriteTimeout))

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore.AsyncNetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Network(httpcore.AsyncNetworkBackend):
    """The network as the pool sees it."""

    def __init__(self) -> None:
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        left_s = _left_s(timeout, httpcore.ConnectTimeout)
        return _Stream(await self._network.connect_tcp(host, port, left_s, local_address, socket_options))

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


class _Body(httpx.AsyncByteStream):
    def __init__(self, stream: typing.AsyncIterable[bytes]) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        if hasattr(self._stream, "aclose"):
            await self._stream.aclose()


class _Transport(httpx.AsyncBaseTransport):
    """One pool for what is asked directly and one per proxy that the environment names."""

    def __init__(self, trust_env: bool, ssl_context: ssl.SSLContext) -> None:
        self._trust_env, self._ssl = trust_env, ssl_context
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        response = await self._pool(self._proxy_of(request.url)).handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        assert isinstance(response.stream, typing.AsyncIterable)
        return httpx.Response(
            response.status, headers=response.headers, stream=_Body(response.stream), extensions=response.extensions
        )

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    def _proxy_of(self, url: httpx.URL) -> str:
        if not self._trust_env or urllib.request.proxy_bypass(url.host):
            return ""
        proxies = urllib.request.getproxies()
        return proxies.get(url.scheme) or proxies.get("all") or ""

    def _pool(self, proxy: str) -> httpcore.AsyncConnectionPool:
        if proxy not in self._pools:
            self._pools[proxy] = httpcore.AsyncConnectionPool(
                ssl_context=self._ssl,
                proxy=_as_proxy(proxy) if proxy else None,
                # Without a bound of its own the pool has no line; ours comes before it.
                max_connections=None,
                max_keepalive_connections=REQUESTS_MAX,
                keepalive_expiry=IDLE_S,
                network_backend=_Network(),
            )
        return self._pools[proxy]


def _as_proxy(address: str) -> httpcore.Proxy:
    url = httpx.URL(address)
    plain = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/")
    return httpcore.Proxy(plain, auth=(url.username, url.password) if url.username else None)


@dataclass(slots=True, eq=False)
class _Pooled:
    """A client, and how many requests still use it."""

    client: httpx.AsyncClient
    transport: httpx.AsyncBaseTransport
    open: int = 0
    retired: bool = False


class WebClient:
    """Requests over pooled connections; each ends within its time with an answer or a RequestFailed.

    `on_rebuilt` is called when requests in a row had no answer and the connections were rebuilt.
    """

    def __init__(
        self,
        *,
        trust_env: bool = True,
        on_rebuilt: Callable[[str], None] = lambda why: None,
        transport: Callable[[], httpx.AsyncBaseTransport] | None = None,
    ) -> None:
        self._trust_env, self._on_rebuilt = trust_env, on_rebuilt
        # Made once: reading all certificates takes longer than a tick may.
        ssl_context = httpx.create_ssl_context(trust_env=trust_env)
        self._ssl_context = ssl_context
        self._make_transport = transport or (lambda: _Transport(trust_env, ssl_context))
        self._pooled = self._fresh()
        self._places = asyncio.Semaphore(REQUESTS_MAX)
        self._asking: set[asyncio.Task[Answered]] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._silent = 0
        self.timeouts = 0
        self.rebuilds = 0

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answered:
        """Ask and return the answer; who stops waiting for it stops only his own waiting, not the request."""
        asking = asyncio.create_task(self._ask(method, url, timeout_s, dict(headers or {}), params, body))
        self._asking.add(asking)
        asking.add_done_callback(self._done)
        return await asyncio.shield(asking)

    async def close(self) -> None:
        """Let go of everything; requests on their way end without an answer."""
        for task in list(self._asking):
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)
        await asyncio.gather(self._pooled.client.aclose(), *self._closing, return_exceptions=True)

    def _fresh(self) -> _Pooled:
        transport = self._make_transport()
        client = httpx.AsyncClient(
            transport=transport, verify=self._ssl_context, trust_env=self._trust_env, follow_redirects=False
        )
        return _Pooled(client, transport)

    async def _ask(
        self,
        method: str,
        url: str,
        timeout_s: float,
        headers: dict[str, str],
        params: Mapping[str, str] | None,
        body: bytes,
    ) -> Answered:
        _deadline_s.set(time.monotonic() + timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._places.acquire()
        except TimeoutError:
            raise NoAnswerInTime(f"{REQUESTS_MAX} requests were in flight the whole time") from None
        pooled = self._pooled
        pooled.open += 1
        try:
            request = pooled.client.build_request(
                method, url, headers=headers, params=params, content=body or None, timeout=timeout_s
            )
            response = await pooled.client.send(request, stream=True)
            try:
                content = await _read(response)
            finally:
                await response.aclose()
        except (httpx.TimeoutException, httpcore.TimeoutException) as error:
            self._note_silence(pooled)
            raise NoAnswerInTime(type(error).__name__) from error
        except RequestFailed:
            raise
        except Exception as error:
            # A bad address, a refused connection, half an answer: two libraries and the codecs have a class for each.
            raise RequestFailed(f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX]) from error
        finally:
            self._places.release()
            pooled.open -= 1
            if pooled.retired and not pooled.open:
                self._let_go(pooled)
        if pooled is self._pooled:
            self._silent = 0
        return Answered(response.status_code, content, response.headers)

    def _note_silence(self, pooled: _Pooled) -> None:
        """Count a request without an answer; whatever keeps a pool from answering is not taken along forever."""
        self.timeouts += 1
        if pooled is not self._pooled:
            return
        self._silent += 1
        if self._silent < SILENT_MAX:
            return
        self._silent = 0
        self.rebuilds += 1
        # Requests still under way on the old connections end by themselves; the last one closes them.
        pooled.retired = True
        self._pooled = self._fresh()
        self._on_rebuilt(f"{SILENT_MAX} requests in a row had no answer: connections rebuilt")

    def _let_go(self, pooled: _Pooled) -> None:
        closing = asyncio.create_task(pooled.client.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def _done(self, asking: asyncio.Task[Answered]) -> None:
        self._asking.discard(asking)
        if not asking.cancelled():
            asking.exception()  # taken note of, even when nobody waits for it any more


async def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > ANSWER_BYTES_MAX:
            raise AnswerTooLarge(f"the answer is larger than {ANSWER_BYTES_MAX} bytes")
    return bytes(body)
