"""A backup of the streams that nobody could make anew: written so that half of one, a damaged one, another's is told.

It is a folder of archives, one per stream, as the broker makes them, and `backup.json`, which says what they are and is
written last: without it the backup was not finished.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from common.bus.jetstream import STREAM_NOT_FOUND, ApiError, JetStreamApi, Stored
from common.bus.messages import Message
from common.bus.nats import NatsConnection
from common.bus.snapshots import CHUNK_BYTES, put_back, take
from common.clock import NS_PER_MS
from common.errors import ContractError, MarketMakerError
from common.events import Lease, LeaseIdentity, StoreIdentity, address_filter, decode
from common.machine.disk import write_durably
from common.signing import Refusal, Verifier
from common.signing.judge import read
from common.streams import MIB, STREAM_BY_NAME
from common.versions import version_in

CONTENTS = "backup.json"
FORMAT = 1
KEPT = ("AUDIT", "PARKED", "ACCOUNT", "CONFIG", "USER", "RISK", "LEASE", "FILL")
"""In this order, while everybody works: FILL comes last, so that it has whatever an earlier one speaks of. What only it
has, such as the entry of an adjustment that RISK still calls open, counts once when it is said again. The others are
renewed by their services, or forget within days."""

Report = Callable[[str], None]


class BackupError(MarketMakerError):
    """A backup cannot be made or cannot be used; the message says why."""


class Archive(msgspec.Struct, frozen=True):
    """One stream of a backup."""

    stream: str
    size_bytes: int
    sha256: str
    made: dict[str, Any]
    """Its configuration and its state when the archive was begun, as the broker says them."""

    @property
    def file(self) -> str:
        return f"{self.stream}.archive"


class Word(msgspec.Struct, frozen=True):
    """The signed identity in LEASE, as it was stored: it says whose backup this is."""

    subject: str
    sequence: int
    headers: dict[str, str]
    data: bytes


class Contents(msgspec.Struct, frozen=True):
    """What a backup holds."""

    format: int
    platform_id: str
    generation: int
    made_at: str
    word: Word
    public_keys: str
    """The signed list of public keys as it was: which of them held for what is in the archives."""
    archives: list[Archive]
    broker: str = ""
    """Version of the broker that made the archives; versions of ours before this one did not say."""

    @property
    def label(self) -> str:
        """Return what people call it."""
        return f"the backup of {self.made_at}"


async def make(
    connection: NatsConnection, stored: Stored, identity: StoreIdentity, public_keys: str, folder: Path, report: Report
) -> Contents:
    """Write a backup into a new folder and return what it holds; BackupError when there is something already.

    `stored` is the identity in LEASE, `identity` what it says, `public_keys` the content of the list's file.
    """
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise BackupError(f"{folder}: is there already; a backup gets a folder of its own") from None
    api = JetStreamApi(connection)
    archives = []
    for number, stream in enumerate(KEPT, 1):
        archive = await _archive(connection, api, stream, folder)
        archives.append(archive)
        state = archive.made["state"]
        report(
            f"{number} of {len(KEPT)}: {stream}, {state['messages']} messages up to sequence {state['last_seq']}, "
            f"{archive.size_bytes / MIB:.1f} MiB"
        )
    contents = Contents(
        format=FORMAT,
        platform_id=identity.platform_id,
        generation=identity.generation,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        word=Word(stored.subject, stored.sequence, dict(stored.headers), stored.data),
        public_keys=public_keys,
        archives=archives,
        broker=connection.server_version,
    )
    write_durably(folder / CONTENTS, msgspec.json.format(msgspec.json.encode(contents), indent=1))
    return contents


async def _archive(connection: NatsConnection, api: JetStreamApi, stream: str, folder: Path) -> Archive:
    digest, size = hashlib.sha256(), 0
    path = folder / f"{stream}.archive"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:

        def write(piece: bytes) -> None:
            nonlocal size
            size += len(piece)
            digest.update(piece)
            file.write(piece)

        made = await take(connection, api, stream, write)
        file.flush()
        os.fsync(file.fileno())
    return Archive(stream, size, digest.hexdigest(), made)


def examine(folder: Path, platform_id: str, verifier: Verifier) -> Contents:
    """Return what a backup holds, when it is whole and this platform's; BackupError says why it is not used."""
    contents = _contents(folder)
    if contents.platform_id != platform_id:
        raise BackupError(f"{folder}: is of platform {contents.platform_id!r}, this is {platform_id!r}")
    word = contents.word
    try:
        event, _ = read(verifier, LeaseIdentity, Message(word.subject, word.data, word.sequence, headers=word.headers))
    except ContractError as error:
        raise BackupError(f"{folder}: the identity in it cannot be read: {error}") from None
    if isinstance(event, Refusal):
        raise BackupError(f"{folder}: the identity in it is not this platform's: {event.reason}")
    missing = sorted(set(KEPT) - {archive.stream for archive in contents.archives})
    if missing:
        raise BackupError(f"{folder}: holds no {', '.join(missing)}")
    for archive in contents.archives:
        _demand_whole(folder, archive)
    return contents


def demand_readable(contents: Contents, folder: Path, broker: str) -> None:
    """Refuse archives of a newer broker: an older one does not read them, and says so only half way."""
    made_by, here = version_in(contents.broker), version_in(broker)
    if made_by is not None and here is not None and made_by > here:
        raise BackupError(f"{folder}: was made by NATS {contents.broker}, which NATS {broker} cannot read")


def _contents(folder: Path) -> Contents:
    try:
        data = (folder / CONTENTS).read_bytes()
    except FileNotFoundError:
        held = folder.is_dir() and any(folder.glob("*.archive"))
        why = f"it has no {CONTENTS}: the backup was not finished" if held else "there is no backup"
        raise BackupError(f"{folder}: {why}") from None
    except OSError as error:
        raise BackupError(f"{folder}: {error.strerror}") from None
    try:
        contents = msgspec.json.decode(data, type=Contents)
    except msgspec.DecodeError as error:
        raise BackupError(f"{folder / CONTENTS}: is damaged: {error}") from None
    if contents.format != FORMAT:
        raise BackupError(f"{folder}: is of format {contents.format}, this version reads {FORMAT}")
    return contents


def _demand_whole(folder: Path, archive: Archive) -> None:
    if archive.stream not in STREAM_BY_NAME:
        raise BackupError(f"{folder}: {archive.stream}: no stream has this name")
    path, digest = folder / archive.file, hashlib.sha256()
    try:
        for piece in _pieces(path):
            digest.update(piece)
        size = path.stat().st_size
    except OSError as error:
        raise BackupError(f"{path}: {error.strerror}") from None
    if size != archive.size_bytes:
        raise BackupError(f"{path}: has {size} bytes, {archive.size_bytes} were written")
    if digest.hexdigest() != archive.sha256:
        raise BackupError(f"{path}: is damaged: its SHA-256 is not the one written beside it")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            yield piece


async def in_the_way(api: JetStreamApi, contents: Contents) -> dict[str, int]:
    """Return the streams of a backup that hold something now, and how many messages."""
    held = {}
    for archive in contents.archives:
        try:
            messages = int((await api.call(f"STREAM.INFO.{archive.stream}"))["state"]["messages"])
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
            continue
        if messages:
            held[archive.stream] = messages
    return held


async def holders(api: JetStreamApi, now_ns: int) -> list[str]:
    """Return the leases that are held at this moment: whoever holds one writes into the streams."""
    try:
        leases = [stored async for stored in api.last_values("LEASE", address_filter(Lease))]
    except ApiError as error:
        if error.code != STREAM_NOT_FOUND:
            raise
        return []
    held = []
    for stored in leases:
        try:
            lease = decode(Lease, stored.data)
        except ContractError:
            continue
        if lease.holder and now_ns - stored.stored_ns < lease.ttl_ms * NS_PER_MS:
            held.append(f"{lease.role}/{lease.key}")
    return held


async def bring_back(connection: NatsConnection, contents: Contents, folder: Path, report: Report) -> None:
    """Put every stream of an examined backup in the place of what is there; BackupError when one is not what it was."""
    api = JetStreamApi(connection)
    for number, archive in enumerate(contents.archives, 1):
        try:
            await api.call(f"STREAM.DELETE.{archive.stream}")
        except ApiError as error:
            if error.code != STREAM_NOT_FOUND:
                raise
        told = await put_back(connection, api, archive.stream, archive.made, _pieces(folder / archive.file))
        report(f"{number} of {len(contents.archives)}: {_demand_same(archive, told['state'])}")


def _demand_same(archive: Archive, state: dict[str, Any]) -> str:
    """Return what was brought back as a line; what was written while the archive was made may be in it as well."""
    stream, wanted = archive.stream, archive.made["state"]
    short = state["last_seq"] < wanted["last_seq"]
    if STREAM_BY_NAME[stream].refuse_when_full:
        # Nothing ever leaves it.
        short = short or state["messages"] < wanted["messages"]
    if short:
        raise BackupError(
            f"{stream}: came back with {state['messages']} messages up to sequence {state['last_seq']}, "
            f"the backup was made of {wanted['messages']} up to {wanted['last_seq']}"
        )
    return f"{stream}, {state['messages']} messages up to sequence {state['last_seq']}"
