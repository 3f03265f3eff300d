"""Which servers wrote a data directory: kept beside their stores, so that none opens what it cannot read whole.

An older NATS or Redis on the files of a newer one does not always fail: it may skip what it does not know. So that is
refused before anything is opened, with the way to go on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from common.disk import write_durably
from common.versions import Version, text_of, version_in

from toolkit.apt import Report
from toolkit.layout import nats_store_dir, redis_store_dir
from toolkit.server_table import Kind, reads
from toolkit.servers import AUTO, NATS, REDIS, Origin, Program, Server, ServerPair, find_server

RECORD_FILE = "servers.json"
STORES = {NATS.name: nats_store_dir, REDIS.name: redis_store_dir}


class CannotReadError(Exception):
    """The servers that would start cannot read what the data directory holds; the message says the ways to go on."""


@dataclass(frozen=True)
class Writer:
    """The newest server that opened a store, and where it came from."""

    kind: Kind
    version: Version
    origin: str

    def __str__(self) -> str:
        return f"{self.kind.value} {text_of(self.version)} ({self.origin})"


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
    writer = writers_of(data_dir).get(program.name)

    def fits(server: Server) -> bool:
        return _reads(server, writer) and (at_least is None or server.version >= at_least)

    server = find_server(program, data_dir, report, wish, fits)
    if writer is not None and not _reads(server, writer):
        raise CannotReadError(_way_on(program, server, writer, STORES[program.name](data_dir)))
    return server


def note_writers(data_dir: Path, servers: Mapping[str, Server]) -> None:
    """Put on disk who opens the stores now, by the name of the process; called before they do."""
    path = data_dir / RECORD_FILE
    before = path.read_bytes() if path.exists() else b"{}"
    record = json.loads(before)
    for name, server in servers.items():
        version = text_of(server.version)
        record[name] = {"kind": server.kind.value, "version": version, "origin": server.origin.value}
    text = json.dumps(record, indent=1).encode() + b"\n"
    if text != before:
        write_durably(path, text)


def writers_of(data_dir: Path) -> dict[str, Writer]:
    """Return who wrote each store that holds anything, by the name of its process; nobody of one without a record.

    CannotReadError when there is a record that cannot be read.
    """
    path = data_dir / RECORD_FILE
    try:
        record = json.loads(path.read_text())
        writers = {
            name: Writer(Kind(row["kind"]), _version_of(name, row["version"]), str(row["origin"]))
            for name, row in record.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CannotReadError(f"{path}: does not say which servers wrote this data directory ({error})") from None
    return {name: writer for name, writer in writers.items() if name in STORES and _holds(STORES[name](data_dir))}


def _version_of(name: str, text: str) -> Version:
    found = version_in(text)
    if found is None:
        raise ValueError(f"{name}.version: must be three numbers, is {text!r}")
    return found


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
    text = f"{store} was written by {writer}, which {server} may not read whole: "
    text += f"start with --servers {writer.origin}; or move that folder away and "
    if program is REDIS:
        return text + "start: positions are built again from the fills"
    return text + f"bring the streams back with ./mm restore from a backup made with {text_of(server.version)} or older"
