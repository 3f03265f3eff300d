"""A thief with the bus passwords of a running platform: finds genuine messages of before and stores them again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from common.bus.jetstream import JetStreamApi, Stored
from common.bus.nats import NatsConnection
from common.settings import ServiceSettings
from toolkit.layout import nats_password_file, platform_id_file
from toolkit.testing.trial import Trial

from tests.integration.replays import forget_ids_soon, name_of_stream, remember_ids, store_again


@asynccontextmanager
async def stolen(trial: Trial, user: str) -> AsyncIterator[NatsConnection]:
    """Yield a connection with a service's password, but without its key."""
    settings = ServiceSettings(
        nats_url=f"nats://127.0.0.1:{trial.ports.nats}",
        nats_user=user,
        nats_password_file=nats_password_file(trial.data_dir, user),
        platform_id=platform_id_file(trial.data_dir).read_text().strip(),
        data_dir=trial.data_dir / "thief",
    )
    connection = NatsConnection(settings, user)
    await connection.connect()
    try:
        yield connection
    finally:
        await connection.close()


def history(trial: Trial, reader: str, subject: str) -> list[Stored]:
    """Return what a stream keeps of a subject, oldest first."""

    async def read() -> list[Stored]:
        async with stolen(trial, reader) as connection:
            # Not up to an end that was asked for before: the newest word may be newer by now.
            return [each async for each in JetStreamApi(connection).following(name_of_stream(subject), 0, subject)]

    return asyncio.run(read())


def put_back(trial: Trial, owner: str, old: Stored) -> None:
    """Store a genuine message again as its owner might, once the broker has forgotten its id."""

    async def put() -> None:
        stream = name_of_stream(old.subject)
        async with stolen(trial, "streams") as admin, stolen(trial, owner) as thief:
            api = JetStreamApi(admin)
            window_ns = await forget_ids_soon(api, stream)
            try:
                await store_again(thief, old)
            finally:
                # A service that starts compares the stream with what it expects.
                await remember_ids(api, stream, window_ns)

    asyncio.run(put())
