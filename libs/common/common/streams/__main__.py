"""The `streams` step: create or update every stream and durable reader, then say what was done.

Runs once before the services, as its own NATS user, the only one that may administer streams.
"""

from __future__ import annotations

import asyncio
import sys

from common.bus.jetstream import JetStreamApi
from common.bus.nats import NatsConnection
from common.errors import MarketMakerError
from common.settings import ServiceSettings, load_settings
from common.streams import DURABLES, STREAMS


async def create_all(settings: ServiceSettings) -> None:
    """Create or update all streams and durables; MarketMakerError when the server has something else in the end."""
    connection = NatsConnection(settings, "streams")
    await connection.connect()
    try:
        api = JetStreamApi(connection)
        for stream in STREAMS:
            done = await api.ensure_stream(stream, settings.replicas)
            print(f"stream {stream.name}: {done}")
        for reader in DURABLES:
            done = await api.ensure_durable(reader)
            print(f"durable {reader.name} on {reader.stream}: {done}")
    finally:
        await connection.close()


def main() -> int:
    try:
        asyncio.run(create_all(load_settings(ServiceSettings, "streams")))
    except MarketMakerError as error:
        print(f"streams: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
