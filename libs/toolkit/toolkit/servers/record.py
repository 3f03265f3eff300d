"""Which servers wrote a data directory: kept beside their stores, so that none opens what it cannot read whole.

An older NATS or Redis on the files of a newer one does not always fail: it may skip what it does not know. So that is
refused before anything is opened, with the way to go on.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.machine.disk import write_durably
from common.versions import Version, text_of, version_in

from toolkit.instance import CannotStartError
from toolkit.layout import nats_store_dir, redis_store_dir
from toolkit.servers.apt import Report
from toolkit.servers.programs import (
    AUTO,
    NATS,
    REDIS,
    NoServerError,
    Origin,
    Program,
    Server,
    ServerPair,
    as_it_is_now,
    find_server,
)
from toolkit.servers.table import Kind, Use, reads
from toolkit.servers.unrecorded import UnknownWriterError, nats_that_wrote, redis_that_wrote

RECORD_FILE = "servers.json"
STORES = {NATS.name: nats_store_dir, REDIS.name: redis_store_dir}
KINDS = {NATS.name: (Kind.NATS,), REDIS.name: (Kind.VALKEY, Kind.REDIS)}
EXAMPLES = {NATS.name: "2.15.1", REDIS.name: "9.1.2"}


class CannotReadError(CannotStartError):
    """The servers that would start cannot read what the data directory holds; the message says the ways to go on."""


class BadRowError(Exception):
    """A row of the record breaks a rule; the message names the field."""


@dataclass(frozen=True)
class Writer:
    """The newest server that opened a store, and where it came from."""

    kind: Kind
    version: Version
    origin: Origin | None
    """None for a store without a record: then the version is the newest that may have written it."""

    def __str__(self) -> str:
        if self.origin is None:
            return f"{self.kind.value} up to {text_of(self.version)} (it has no entry in {RECORD_FILE})"
        return f"{self.kind.value} {text_of(self.version)} ({self.origin.value})"


def servers_for(data_dir: Path, report: Report | None, wish: str = AUTO) -> ServerPair:
    """Return both servers of a data directory; see `server_for`."""
    return ServerPair(server_for(NATS, data_dir, report, wish), server_for(REDIS, data_dir, report, wish))


def server_for(
    program: Program, data_dir: Path, report: Report | None, wish: str = AUTO, at_least: Version | None = None
) -> Server:
    """Return the server that is to open a data directory, installing one where there is none.

    One of a version of `at_least` is taken before older ones, for what it is to read besides.

    NoServerError when there is none, CannotReadError when it is older than the one that wrote there, or another.
    """
    writer = writer_of(program, data_dir)

    def fits(server: Server) -> bool:
        return _reads(server, writer) and (at_least is None or server.version >= at_least)

    server = find_server(program, data_dir, report, wish, fits)
    if writer is not None and not _reads(server, writer):
        raise CannotReadError(_way_on(program, server, writer, STORES[program.name](data_dir)))
    return server


def note_writers(data_dir: Path, servers: Mapping[str, Server]) -> None:
    """Put on disk who opens the stores now, by the name of the process; called before they do.

    What is noted of the others stays as it is. CannotReadError when the record cannot be read.
    """
    before = _read_record(data_dir)
    now = {
        name: {"kind": server.kind.value, "version": text_of(server.version), "origin": server.origin.value}
        for name, server in servers.items()
    }
    after = before | now
    if after != before:
        write_durably(data_dir / RECORD_FILE, json.dumps(after, indent=1).encode() + b"\n")


def writer_of(program: Program, data_dir: Path) -> Writer | None:
    """Return who wrote a store, or None when it holds nothing; where no record says it, who may have.

    CannotReadError when there is a record that cannot be read, or when nothing tells who wrote it.
    """
    record = _read_record(data_dir)
    store = STORES[program.name](data_dir)
    if not _holds(store):
        return None
    try:
        if program.name in record:
            return _writer_in(record[program.name], KINDS[program.name])
        return Writer(*(nats_that_wrote(store) if program is NATS else redis_that_wrote(store)), origin=None)
    except BadRowError as error:
        reason = f"{data_dir / RECORD_FILE}: {program.name}{error}"
    except UnknownWriterError as error:
        reason = f"{data_dir / RECORD_FILE}: {program.name}: is not there, and {error}"
    raise CannotReadError(f"{reason}: {_by_hand(program)}, of what wrote {store}; or {_put_away(program)}") from None


def check_again(program: Program, server: Server, data_dir: Path, configure: Callable[[Version], object]) -> None:
    """Note what a server is by now, before it is started again: an upgrade may have replaced its program.

    `configure` writes the configuration for a version other than the one it began with. CannotStartError when it may
    not open the store.
    """
    try:
        now = as_it_is_now(program, server)
    except NoServerError as error:
        raise CannotStartError(str(error)) from error
    if now.row.use is Use.REFUSED:
        raise CannotStartError(f"{now} may not run: {now.row.lacks}")
    writer = writer_of(program, data_dir)
    if writer is not None and not _reads(now, writer):
        raise CannotReadError(_way_on(program, now, writer, STORES[program.name](data_dir)))
    if now != server:
        configure(now.version)
    note_writers(data_dir, {program.name: now})


def _read_record(data_dir: Path) -> dict[str, Any]:
    """Return the record by the name of the process, its rows as they are; CannotReadError when it is no such thing."""
    path = data_dir / RECORD_FILE
    try:
        record = json.loads(path.read_text())
        fault = "" if isinstance(record, dict) else f"is {type(record).__name__}"
    except FileNotFoundError:
        return {}
    except OSError as error:
        fault = error.strerror or type(error).__name__
    except (ValueError, RecursionError) as error:
        fault = str(error) or type(error).__name__
    if fault:
        rows = " and ".join(_by_hand(program) for program in (NATS, REDIS))
        stores = " and ".join(str(store(data_dir)) for store in STORES.values())
        raise CannotReadError(
            f"{path}: must be an object in JSON that says which servers wrote this data directory ({fault}): "
            f"{rows}, of what wrote the stores; or move it away, but only together with {stores}"
        )
    assert isinstance(record, dict)
    return record


def _writer_in(row: Any, kinds: Sequence[Kind]) -> Writer:
    """Return what a row of the record says; BadRowError with the field, after the name of the process, and the rule."""
    if not isinstance(row, dict):
        raise BadRowError(f": must be an object with kind, version and origin, is {row!r}")
    kind = next((each for each in kinds if each.value == row.get("kind")), None)
    if kind is None:
        raise BadRowError(f".kind: must be {' or '.join(each.value for each in kinds)}, is {row.get('kind')!r}")
    version = version_in(str(row.get("version")))
    if version is None or text_of(version) != row["version"]:
        raise BadRowError(f".version: must be three numbers such as 2.15.1, is {row.get('version')!r}")
    origin = next((each for each in Origin if each.value == row.get("origin")), None)
    if origin is None:
        allowed = ", ".join(each.value for each in Origin)
        raise BadRowError(f".origin: must be one of {allowed}, is {row.get('origin')!r}")
    return Writer(kind, version, origin)


def _by_hand(program: Program) -> str:
    kind, version = KINDS[program.name][0], EXAMPLES[program.name]
    row = {"kind": kind.value, "version": version, "origin": Origin.WHEELS.value}
    return f'write {json.dumps(row)} as its "{program.name}"'


def ran_in_containers(data_dir: Path) -> bool:
    """Say whether a server of this data directory may have been a container, which outlives who started it."""
    try:
        return f'"{Origin.CONTAINERS.value}"'.encode() in (data_dir / RECORD_FILE).read_bytes()
    except OSError:
        return False


def _holds(store: Path) -> bool:
    return any(path.is_file() for path in store.rglob("*"))


def _reads(server: Server, writer: Writer | None) -> bool:
    return writer is None or reads(server.kind, server.version, writer.kind, writer.version)


def _way_on(program: Program, server: Server, writer: Writer, store: Path) -> str:
    # Where that program has been replaced by this one, its origin is no way on.
    other = writer.origin not in (None, server.origin)
    start = f"start with --servers {writer.origin.value}" if writer.origin and other else _newer(writer)
    text = f"{store} was written by {writer}, which {server} may not read whole: {start}; or {_put_away(program)}"
    return text if program is REDIS else f"{text} from a backup made with {text_of(server.version)} or older"


def _newer(writer: Writer) -> str:
    brings = "system or containers" if writer.kind is Kind.REDIS else "wheels"
    return f"start with {writer.kind.value} {text_of(writer.version)} or newer, as --servers {brings} may have"


def _put_away(program: Program) -> str:
    if program is REDIS:
        return "move that folder away and start: positions are built again from the fills"
    return "move that folder away and bring the streams back with ./mm restore"
