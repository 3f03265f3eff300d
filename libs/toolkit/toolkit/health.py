"""Ask one process whether it works: over HTTP, or for Redis with its own PING."""

import asyncio
from urllib.parse import urlsplit

import httpx

from toolkit.processes import Process

ASK_TIMEOUT_S = 2.0


async def is_healthy(process: Process, client: httpx.AsyncClient) -> bool:
    if process.health_url is None:
        return False
    if process.health_url.startswith("redis://"):
        return await _redis_answers(process)
    return await answers(process.health_url, client)


async def is_ready(process: Process, client: httpx.AsyncClient) -> bool:
    """Say whether a process works and its inputs are fresh; one without that notion is ready when healthy."""
    if process.ready_url is None:
        return await is_healthy(process, client)
    return await answers(process.ready_url, client)


async def answers(url: str, client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get(url, timeout=ASK_TIMEOUT_S)).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


async def _redis_answers(process: Process) -> bool:
    """Log in and ping: while Redis still reads its file it answers LOADING, which is not yet healthy."""
    address = urlsplit(process.health_url or "")
    password = process.redis_password_file.read_text().strip() if process.redis_password_file else ""
    try:
        async with asyncio.timeout(ASK_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(f"AUTH {password}\r\nPING\r\n".encode())
                return await reader.readline() == b"+OK\r\n" and await reader.readline() == b"+PONG\r\n"
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
