import re
from pathlib import Path

import pytest
from common.versions import Version
from toolkit.instance import CannotStartError
from toolkit.layout import nats_store_dir, redis_store_dir
from toolkit.servers.programs import NATS, REDIS, Origin, Program, Server
from toolkit.servers.record import (
    RECORD_FILE,
    CannotReadError,
    check_again,
    note_writers,
    ran_in_containers,
    server_for,
    writer_of,
)
from toolkit.servers.table import Kind

OLD, NEW = (2, 9, 10), (2, 15, 1)


def a_server(kind: Kind, version: Version, origin: Origin) -> Server:
    return Server(kind, version, origin, (f"/{origin.value}/{kind.value}",))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Server]:
    """The servers of a machine, in the order they are preferred; a test fills it."""
    found: list[Server] = []

    def candidates(program: Program, data_dir: Path, wish: str = "auto") -> list[Server]:
        kinds = {Kind.NATS} if program is NATS else {Kind.REDIS, Kind.VALKEY}
        return [server for server in found if server.kind in kinds and wish in ("auto", server.origin.value)]

    monkeypatch.setattr("toolkit.servers.programs.candidates", candidates)
    return found


def write_something(data_dir: Path) -> None:
    for store in (nats_store_dir(data_dir) / "jetstream", redis_store_dir(data_dir)):
        store.mkdir(parents=True, exist_ok=True)
        (store / "something").touch()


def test_a_newer_server_takes_over_and_is_noted_before_it_opens(tmp_path: Path, here: list[Server]) -> None:
    here.append(a_server(Kind.NATS, OLD, Origin.SYSTEM))
    note_writers(tmp_path, {NATS.name: server_for(NATS, tmp_path, None)})
    write_something(tmp_path)
    assert str(writer_of(NATS, tmp_path)) == "NATS 2.9.10 (system)"
    here[:] = [a_server(Kind.NATS, NEW, Origin.WHEELS)]
    note_writers(tmp_path, {NATS.name: server_for(NATS, tmp_path, None)})
    assert str(writer_of(NATS, tmp_path)) == "NATS 2.15.1 (wheels)"
    assert (tmp_path / RECORD_FILE).stat().st_mode & 0o777 == 0o600


def test_an_older_one_is_refused_with_the_ways_to_go_on(tmp_path: Path, here: list[Server]) -> None:
    note_writers(tmp_path, {NATS.name: a_server(Kind.NATS, NEW, Origin.WHEELS)})
    write_something(tmp_path)
    here.append(a_server(Kind.NATS, OLD, Origin.SYSTEM))
    with pytest.raises(CannotReadError) as refused:
        server_for(NATS, tmp_path, None)
    store = nats_store_dir(tmp_path)
    assert str(refused.value) == (
        f"{store} was written by NATS 2.15.1 (wheels), which NATS 2.9.10 (system) may not read whole: start with "
        "--servers wheels; or move that folder away and bring the streams back with ./mm restore from a backup made "
        "with 2.9.10 or older"
    )
    store.rename(tmp_path / "away")
    assert server_for(NATS, tmp_path, None).version == OLD


def test_without_a_wish_the_first_that_reads_the_store_is_taken(tmp_path: Path, here: list[Server]) -> None:
    here += [a_server(Kind.NATS, OLD, Origin.SYSTEM), a_server(Kind.NATS, NEW, Origin.WHEELS)]
    assert server_for(NATS, tmp_path, None).origin is Origin.SYSTEM
    note_writers(tmp_path, {NATS.name: here[1]})
    write_something(tmp_path)
    assert server_for(NATS, tmp_path, None).origin is Origin.WHEELS
    with pytest.raises(CannotReadError):
        server_for(NATS, tmp_path, None, Origin.SYSTEM.value)


def test_only_who_ever_ran_containers_looks_for_those_left_over(tmp_path: Path) -> None:
    assert not ran_in_containers(tmp_path)
    note_writers(tmp_path, {NATS.name: a_server(Kind.NATS, NEW, Origin.WHEELS)})
    assert not ran_in_containers(tmp_path)
    note_writers(tmp_path, {REDIS.name: a_server(Kind.REDIS, (7, 0, 0), Origin.CONTAINERS)})
    assert ran_in_containers(tmp_path)


def test_what_is_to_read_a_newer_backup_is_new_enough_even_for_an_empty_store(
    tmp_path: Path, here: list[Server]
) -> None:
    here += [a_server(Kind.NATS, OLD, Origin.SYSTEM), a_server(Kind.NATS, NEW, Origin.WHEELS)]
    assert server_for(NATS, tmp_path, None, at_least=OLD).version == OLD
    assert server_for(NATS, tmp_path, None, at_least=NEW).version == NEW
    assert server_for(NATS, tmp_path, None, Origin.SYSTEM.value, NEW).version == OLD, "as wished; the step refuses"


def test_valkey_s_positions_are_no_redis_and_are_built_again(tmp_path: Path, here: list[Server]) -> None:
    note_writers(tmp_path, {REDIS.name: a_server(Kind.VALKEY, (9, 1, 2), Origin.WHEELS)})
    write_something(tmp_path)
    here.append(a_server(Kind.REDIS, (7, 0, 15), Origin.SYSTEM))
    with pytest.raises(CannotReadError, match="positions are built again from the fills"):
        server_for(REDIS, tmp_path, None)


def test_noting_one_server_leaves_what_is_noted_of_the_other(tmp_path: Path) -> None:
    note_writers(tmp_path, {REDIS.name: a_server(Kind.VALKEY, (9, 1, 2), Origin.WHEELS)})
    note_writers(tmp_path, {NATS.name: a_server(Kind.NATS, NEW, Origin.WHEELS)})
    assert (writer_of(NATS, tmp_path), writer_of(REDIS, tmp_path)) == (None, None), "nothing is stored yet"
    write_something(tmp_path)
    assert str(writer_of(NATS, tmp_path)) == "NATS 2.15.1 (wheels)"
    assert str(writer_of(REDIS, tmp_path)) == "Valkey 9.1.2 (wheels)"


GOOD = '"redis": {"kind": "Valkey", "version": "9.1.2", "origin": "wheels"}'
ROW = '"kind": "NATS", "version": "2.15.1", "origin": "wheels"'


@pytest.mark.parametrize("text", ["", "[]", "\xff", "[" * 100_000])
def test_a_record_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD_FILE).write_text(text)
    for program in (NATS, REDIS):
        with pytest.raises(CannotReadError, match=f'{RECORD_FILE}.*as its "nats".*as its "redis".*only together with'):
            writer_of(program, tmp_path)
    with pytest.raises(CannotReadError, match=RECORD_FILE):
        note_writers(tmp_path, {NATS.name: a_server(Kind.NATS, NEW, Origin.WHEELS)})
    assert (tmp_path / RECORD_FILE).read_text() == text


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("7", "nats: must be an object with kind, version and origin, is 7"),
        ("{}", "nats.kind: must be NATS, is None"),
        ("{" + ROW.replace("NATS", "Redis") + "}", "nats.kind: must be NATS, is 'Redis'"),
        ('{"kind": ["NATS"]}', "nats.kind: must be NATS, is ['NATS']"),
        ("{" + ROW.replace("2.15.1", "3.0") + "}", "nats.version: must be three numbers such as 2.15.1, is '3.0'"),
        ("{" + ROW.replace('"2.15.1"', "3") + "}", "nats.version: must be three numbers such as 2.15.1, is 3"),
        ("{" + ROW.replace("wheels", "w") + "}", "nats.origin: must be one of system, wheels, containers, is 'w'"),
    ],
)
def test_a_row_that_cannot_be_read_costs_its_own_program(tmp_path: Path, row: str, rule: str) -> None:
    (tmp_path / RECORD_FILE).write_text(f'{{"nats": {row}, {GOOD}}}')
    assert writer_of(NATS, tmp_path) is None, "a store that holds nothing may be opened by any"
    write_something(tmp_path)
    with pytest.raises(CannotReadError) as refused:
        writer_of(NATS, tmp_path)
    assert str(refused.value) == (
        f'{tmp_path / RECORD_FILE}: {rule}: write {{{ROW}}} as its "nats", of what wrote '
        f"{nats_store_dir(tmp_path)}; or move that folder away and bring the streams back with ./mm restore"
    )
    assert str(writer_of(REDIS, tmp_path)) == "Valkey 9.1.2 (wheels)"
    note_writers(tmp_path, {REDIS.name: a_server(Kind.VALKEY, (9, 1, 3), Origin.WHEELS)})
    note_writers(tmp_path, {NATS.name: a_server(Kind.NATS, NEW, Origin.WHEELS)})
    assert str(writer_of(NATS, tmp_path)) == "NATS 2.15.1 (wheels)"
    assert str(writer_of(REDIS, tmp_path)) == "Valkey 9.1.3 (wheels)"


def test_a_record_that_is_no_file_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).mkdir()
    assert not ran_in_containers(tmp_path)
    with pytest.raises(CannotReadError, match=f"{RECORD_FILE}.*Is a directory"):
        writer_of(NATS, tmp_path)


@pytest.mark.parametrize(
    ("files", "writer"),
    [
        ({"1.blk": b"x", "1.idx": b"x"}, "NATS up to 2.9.0"),
        ({"1.blk": b"x", "index.db": b"x"}, "NATS up to 2.14.0"),
        ({"1.blk": b"x", "1.idx": b"x", "index.db": b"x"}, "NATS up to 2.14.0"),
        ({"1.blk": b"x"}, "NATS up to 2.14.0"),
        ({"meta.inf": b"x"}, "NATS up to 2.14.0"),
    ],
)
def test_a_broker_s_store_without_a_record_may_be_of_the_newest_that_made_such_files(
    tmp_path: Path, files: dict[str, bytes], writer: str
) -> None:
    put(nats_store_dir(tmp_path) / "jetstream" / "A" / "streams" / "S" / "msgs", files)
    assert str(writer_of(NATS, tmp_path)) == f"{writer} (it has no entry in servers.json)"


def test_an_older_broker_does_not_open_what_a_newer_one_may_have_written(tmp_path: Path, here: list[Server]) -> None:
    put(nats_store_dir(tmp_path), {"1.blk": b"x", "index.db": b"x"})
    here += [a_server(Kind.NATS, OLD, Origin.SYSTEM), a_server(Kind.NATS, NEW, Origin.WHEELS)]
    assert server_for(NATS, tmp_path, None).origin is Origin.WHEELS
    way_on = "start with NATS 2.14.0 or newer, as --servers wheels may have; or move"
    with pytest.raises(CannotReadError, match=re.escape(way_on)):
        server_for(NATS, tmp_path, None, Origin.SYSTEM.value)


REDIS_BASE = bytes.fromhex("5245444953 30303130 fa 09 72656469732d766572 06 372e302e3135 fa 0a")
VALKEY_BASE = b"VALKEY080\xfa\nvalkey-ver\x059.1.2\xfa\nredis-bits"
FOLDER = "appendonlydir"


@pytest.mark.parametrize(
    ("files", "writer"),
    [
        ({f"{FOLDER}/appendonly.aof.1.base.rdb": REDIS_BASE}, "Redis up to 7.0.15"),
        ({f"{FOLDER}/appendonly.aof.1.base.rdb": VALKEY_BASE}, "Valkey up to 9.1.2"),
        ({f"{FOLDER}/appendonly.aof.1.base.rdb": VALKEY_BASE, "dump.rdb": REDIS_BASE}, "Valkey up to 9.1.2"),
        ({f"{FOLDER}/appendonly.aof.1.base.aof": b"*2"}, "Redis up to 7.0.0"),
        ({"appendonly.aof": b"*2\r\n$6"}, "Redis up to 6.2.0"),
        ({"appendonly.aof": REDIS_BASE, "temp-12.rdb": b"REDIS"}, "Redis up to 7.0.15"),
    ],
)
def test_a_store_of_positions_without_a_record_says_itself_what_wrote_it(
    tmp_path: Path, files: dict[str, bytes], writer: str
) -> None:
    put(redis_store_dir(tmp_path), files)
    assert str(writer_of(REDIS, tmp_path)) == f"{writer} (it has no entry in servers.json)"


def test_a_store_that_says_nothing_is_opened_by_nobody(tmp_path: Path) -> None:
    put(redis_store_dir(tmp_path), {"dump.rdb": b"REDIS0011"})
    with pytest.raises(CannotReadError) as refused:
        writer_of(REDIS, tmp_path)
    store = redis_store_dir(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path / RECORD_FILE}: redis: is not there, and {store}/dump.rdb does not begin with the version that "
        'wrote it: write {"kind": "Valkey", "version": "9.1.2", "origin": "wheels"} as its "redis", of what wrote '
        f"{store}; or move that folder away and start: positions are built again from the fills"
    )


def put(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


class Replaced:
    """A server whose program is replaced while it runs."""

    def __init__(self, folder: Path) -> None:
        self.data_dir, self.path = folder / "data", folder / "nats-server"
        self.configured: list[Version] = []
        self.says("nats-server: v2.12.1")
        self.server = Server(Kind.NATS, (2, 12, 1), Origin.SYSTEM, (str(self.path),))
        note_writers(self.data_dir, {NATS.name: self.server})
        put(nats_store_dir(self.data_dir), {"1.blk": b"x"})

    def says(self, text: str) -> None:
        self.path.write_text(f"#!/bin/sh\necho '{text}'\n")
        self.path.chmod(0o755)

    def starts_again(self) -> str:
        """Do what is done before it starts again and return who is noted then."""
        check_again(NATS, self.server, self.data_dir, self.configured.append)
        return str(writer_of(NATS, self.data_dir))


def test_a_program_that_was_replaced_is_noted_before_it_opens_the_store(tmp_path: Path) -> None:
    replaced = Replaced(tmp_path)
    assert (replaced.starts_again(), replaced.configured) == ("NATS 2.12.1 (system)", [])
    replaced.says("nats-server: v2.15.1")
    assert (replaced.starts_again(), replaced.configured) == ("NATS 2.15.1 (system)", [(2, 15, 1)])


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("nats-server: v2.12.0", "may not read whole: start with NATS 2.12.1 or newer, as --servers wheels may have"),
        ("nats-server: v2.9.10", "was written by NATS 2.12.1 (system), which NATS 2.9.10 (system) may not read whole"),
        ("nats-server: v2.10.1", "NATS 2.10.1 (system) may not run: kill -9 can lose a whole stream"),
        ("", "does not say which version it is any more"),
    ],
)
def test_a_program_that_was_replaced_by_one_that_may_not_open_the_store_does_not(
    tmp_path: Path, says: str, reason: str
) -> None:
    replaced = Replaced(tmp_path)
    replaced.says(says)
    with pytest.raises(CannotStartError, match=re.escape(reason)):
        replaced.starts_again()
    assert replaced.configured == []
    assert str(writer_of(NATS, replaced.data_dir)) == "NATS 2.12.1 (system)"
