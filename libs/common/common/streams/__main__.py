"""The `streams` step: create, update, list, resize, back up and bring back streams, and give the stores their identity.

Runs once before the services, as its own NATS user, the only one that may administer streams.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from common.bus.jetstream import ApiError, JetStreamApi
from common.bus.nats import NatsConnection
from common.errors import BusUnavailable, ConfigError, MarketMakerError
from common.machine.output import reader_may_leave
from common.settings import ServiceSettings, load_settings
from common.stores.memory import FILE
from common.streams import DURABLES, MIB, NS, STREAM_BY_NAME, STREAMS, backup
from common.streams.levels import Level, alarming, said
from common.streams.sealing import Sealing

HOUR_S = 3600
CONNECT_S_MAX = 10.0
"""How long a person waits for the broker."""


async def create_all(settings: ServiceSettings) -> None:
    """Create or update all streams and durables; MarketMakerError when the server has something else in the end."""
    # Before the services start the broker may still be starting as well.
    async with _connection(settings, patient=True) as connection:
        await _create(JetStreamApi(connection), settings.replicas)
        print(await _sealing(connection, settings).first())


async def renew(settings: ServiceSettings, who: str, reason: str) -> None:
    """Make what is missing and write the next generation of the stores, for which a person answers."""
    async with _connection(settings) as connection:
        await _create(JetStreamApi(connection), settings.replicas)
        print(f"stores: generation {await _sealing(connection, settings).renew(who, reason)}")


async def back_up(settings: ServiceSettings, folder: Path) -> None:
    """Write a backup of the streams that nobody could make anew, while everybody works or stands still."""
    async with _connection(settings) as connection:
        stored, identity = await _sealing(connection, settings).proven()
        assert settings.public_keys_file is not None, "an identity was read with it"
        keys = settings.public_keys_file.read_text(encoding="utf-8")
        contents = await backup.make(connection, stored, identity, keys, folder, _say)
        print(f"{folder}: {contents.label}, generation {contents.generation}")


async def restore(settings: ServiceSettings, folder: Path, who: str, reason: str, *, replace: bool) -> None:
    """Bring the streams of a backup back and write the next generation, which everybody stands still before.

    BackupError when the backup is not to be used, when a service works, or when a stream holds something that nobody
    said may be replaced; then nothing has been changed.
    """
    async with _connection(settings) as connection:
        sealing, api = _sealing(connection, settings), JetStreamApi(connection)
        contents = backup.examine(folder, settings.platform_id, sealing.verifier)
        backup.demand_readable(contents, folder, connection.server_version)
        if working := await backup.holders(api, time.time_ns()):
            raise backup.BackupError(f"{', '.join(working)} works: stop the services first")
        held = await backup.in_the_way(api, contents)
        if held and not replace:
            there = ", ".join(f"{stream} ({messages} messages)" for stream, messages in held.items())
            raise backup.BackupError(f"{there}: not empty; with --replace they are deleted first, and gone")
        await backup.bring_back(connection, contents, folder, _say)
        await _create(api, settings.replicas)
        generation = await sealing.renew(who, reason, restored=contents.label)
        print(f"stores: generation {generation}, from {contents.label}; services stand still, see ./mm resume")


def _say(line: str) -> None:
    print(line, flush=True)


async def report(settings: ServiceSettings) -> None:
    """Print, as JSON, what is remembered of each store and what is there."""
    async with _connection(settings) as connection:
        print(json.dumps(await _sealing(connection, settings).report()))


def _sealing(connection: NatsConnection, settings: ServiceSettings) -> Sealing:
    return Sealing(connection, settings.platform_id, settings.data_dir / "streams" / FILE)


async def _create(api: JetStreamApi, replicas: int) -> None:
    """Make every stream and reader what it is declared to be; ConfigError lists all that could not be."""
    faults: list[str] = []
    for stream in STREAMS:
        with _noting(f"stream {stream.name}", faults):
            print(f"stream {stream.name}: {await api.ensure_stream(stream, replicas)}")
    for reader in DURABLES:
        with _noting(f"durable {reader.name} on {reader.stream}", faults):
            print(f"durable {reader.name} on {reader.stream}: {await api.ensure_durable(reader)}")
    if faults:
        raise ConfigError(faults)


@contextmanager
def _noting(what: str, faults: list[str]) -> Iterator[None]:
    """Note why the broker did not do what was asked, and go on; one that does not answer ends it all."""
    try:
        yield
    except ConfigError as error:
        faults.extend(error.faults)
    except ApiError as error:
        faults.append(f"{what}: {error}")


async def list_all(settings: ServiceSettings) -> None:
    """Print size, bound, share and age held of every stream."""
    async with _api(settings) as api:
        levels = await api.levels()
    print(f"{'stream':<9} {'holds':>10} {'of':>9} {'full':>5} {'messages':>9}  holds since    kept")
    for level in levels:
        print(row(level, time.time_ns()) + (f"  {resize_hint(level)}" if alarming(level) else ""))


async def resize(settings: ServiceSettings, name: str, mib: int) -> None:
    """Give one stream another size; ConfigError when it is no stream of ours or the size cannot be."""
    stream = STREAM_BY_NAME.get(name.upper())
    if stream is None:
        raise ConfigError([f"stream {name}: there is none; there are {', '.join(STREAM_BY_NAME)}"])
    async with _api(settings) as api:
        print(f"stream {said(await api.resize_stream(stream, mib))}")


def row(level: Level, now_ns: int) -> str:
    """Return a stream as one line of the list."""
    age_s = (now_ns - level.first_ns) // NS if level.first_ns else 0
    kept = f"{_length(level.max_age_s)} at most" if level.max_age_s else "without an age limit"
    return (
        f"{level.stream:<9} {level.held_bytes / MIB:>6.1f} MiB {level.mib_max:>5} MiB {level.share:>5.0%} "
        f"{level.messages:>9}  {_length(age_s):<12}  {kept}"
    )


def resize_hint(level: Level) -> str:
    """Return the command that gives a nearly full stream twice its size."""
    return f"enlarge it: ./mm streams resize {level.stream} {2 * level.mib_max}"


def _length(seconds: int) -> str:
    if seconds < 2 * HOUR_S:
        return f"{seconds} s"
    return f"{seconds // HOUR_S} h" if seconds < 48 * HOUR_S else f"{seconds // (24 * HOUR_S)} days"


@asynccontextmanager
async def _api(settings: ServiceSettings) -> AsyncIterator[JetStreamApi]:
    async with _connection(settings) as connection:
        yield JetStreamApi(connection)


@asynccontextmanager
async def _connection(settings: ServiceSettings, *, patient: bool = False) -> AsyncIterator[NatsConnection]:
    """Yield a connection; BusUnavailable when no broker answers in time, unless it is waited for patiently."""
    connection = NatsConnection(settings, "streams")
    try:
        async with asyncio.timeout(None if patient else CONNECT_S_MAX):
            await connection.connect()
    except TimeoutError:
        raise BusUnavailable(f"no broker answers at {settings.nats_url}") from None
    try:
        yield connection
    finally:
        await connection.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m common.streams", description=__doc__)
    steps = parser.add_subparsers(
        dest="step", metavar="list | resize | backup | restore | report | renew", help="without one: make or update all"
    )
    steps.add_parser("list", help="how full each stream is")
    resizing = steps.add_parser("resize", help="give one stream another size; it is never made smaller than built for")
    resizing.add_argument("stream", help="such as FILL")
    resizing.add_argument("mib", type=int, help="its new bound in MiB")
    backing_up = steps.add_parser("backup", help="write FILL and whatever else cannot be rebuilt into a new folder")
    backing_up.add_argument("folder", type=Path, metavar="DIR")
    restoring = steps.add_parser("restore", help="restore the streams of a backup; the services are stopped")
    restoring.add_argument("folder", type=Path, metavar="DIR")
    restoring.add_argument("--who", required=True, help="who answers for it")
    restoring.add_argument("--reason", required=True)
    restoring.add_argument("--replace", action="store_true", help="delete what those streams hold now")
    steps.add_parser("report", help="what is known of the stores and what is there, as JSON")
    renewing = steps.add_parser("renew", help="write the next generation of the stores (./mm resume calls it)")
    renewing.add_argument("--who", required=True, help="who answers for it")
    renewing.add_argument("--reason", required=True)
    options = parser.parse_args(arguments)
    try:
        settings = load_settings(ServiceSettings, "streams")
        if options.step == "list":
            asyncio.run(list_all(settings))
        elif options.step == "resize":
            asyncio.run(resize(settings, options.stream, options.mib))
        elif options.step == "backup":
            asyncio.run(back_up(settings, options.folder))
        elif options.step == "restore":
            asyncio.run(restore(settings, options.folder, options.who, options.reason, replace=options.replace))
        elif options.step == "report":
            asyncio.run(report(settings))
        elif options.step == "renew":
            asyncio.run(renew(settings, options.who, options.reason))
        else:
            asyncio.run(create_all(settings))
    except MarketMakerError as error:
        faults = error.faults if isinstance(error, ConfigError) else [str(error)]
        print("\n".join(f"streams: {fault}" for fault in faults), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    with reader_may_leave():
        sys.exit(main())
