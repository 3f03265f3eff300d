"""Who wrote a store that has no record, as far as its files tell: never an older server than the one that did."""

import re
from pathlib import Path

from common.versions import Version, version_in

from toolkit.servers.table import Kind

NATS_BEFORE_RECORDS: Version = (2, 14, 0)
"""The newest NATS that a platform without a record started of its own accord, in a container."""
OLD_INDEXES: Version = (2, 9, 0)
"""NATS before 2.10 keeps an index beside each block of messages; newer ones remove it when they open a store."""
FIRST_FOLDERS_OF_COMMANDS: Version = (7, 0, 0)
"""Redis from this version on keeps its commands in a folder, which older ones do not look at."""
OLDEST_REDIS: Version = (6, 2, 0)

# A database begins with its format, then with the version that wrote it: a name, one byte of length, a value.
_DATABASE = re.compile(rb"(?:REDIS|VALKEY)\d{3,4}\xfa.(redis|valkey)-ver.(\d+\.\d+\.\d+)", re.DOTALL)
HEADER_BYTES = 64
UNFINISHED = "temp-"
"""How a file begins its name that a killed Redis was writing; nobody reads it."""


class UnknownWriterError(Exception):
    """The files of a store do not tell who wrote them; the message names the file."""


def nats_that_wrote(store: Path) -> tuple[Kind, Version]:
    """Return the newest NATS that may have written a store."""
    folders = {block.parent for block in store.rglob("*.blk")}
    old = [any(folder.glob("*.idx")) and not (folder / "index.db").exists() for folder in folders]
    # A broker that was killed while it opened the store has left some of both.
    return Kind.NATS, OLD_INDEXES if old and all(old) else NATS_BEFORE_RECORDS


def redis_that_wrote(store: Path) -> tuple[Kind, Version]:
    """Return the server that wrote a store's databases, the hardest to read of several.

    Commands that come after a database are plain text, which every version reads. UnknownWriterError when a database
    does not begin as one.
    """
    found = [_of_database(path) for path in store.rglob("*.rdb") if not path.name.startswith(UNFINISHED)]
    found += [_of_commands(path) for path in store.glob("*.aof") if not path.name.startswith(UNFINISHED)]
    if (store / "appendonlydir").is_dir():
        found.append((Kind.REDIS, FIRST_FOLDERS_OF_COMMANDS))
    found.append((Kind.REDIS, OLDEST_REDIS))
    return max(found, key=lambda each: (each[0] is Kind.VALKEY, each[1]))


def _of_database(path: Path) -> tuple[Kind, Version]:
    begins = _first_bytes(path)
    said = _DATABASE.match(begins)
    version = version_in(said[2].decode()) if said else None
    if said is None or version is None:
        raise UnknownWriterError(f"{path} does not begin with the version that wrote it")
    return Kind.VALKEY if said[1] == b"valkey" else Kind.REDIS, version


def _of_commands(path: Path) -> tuple[Kind, Version]:
    """Likewise of a file of commands, which may begin with a database."""
    return (Kind.REDIS, OLDEST_REDIS) if _first_bytes(path)[:1] in (b"", b"*", b"#") else _of_database(path)


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEADER_BYTES)
