from pathlib import Path

import pytest
from common.versions import Version
from toolkit.layout import nats_store_dir, redis_store_dir
from toolkit.server_record import RECORD_FILE, CannotReadError, note_writers, ran_in_containers, server_for, writers_of
from toolkit.server_table import Kind
from toolkit.servers import NATS, REDIS, Origin, Program, Server

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

    monkeypatch.setattr("toolkit.servers.candidates", candidates)
    return found


def write_something(data_dir: Path) -> None:
    for store in (nats_store_dir(data_dir) / "jetstream", redis_store_dir(data_dir)):
        store.mkdir(parents=True, exist_ok=True)
        (store / "something").touch()


def test_a_newer_server_takes_over_and_is_noted_before_it_opens(tmp_path: Path, here: list[Server]) -> None:
    here.append(a_server(Kind.NATS, OLD, Origin.SYSTEM))
    note_writers(tmp_path, {NATS.name: server_for(NATS, tmp_path, None)})
    write_something(tmp_path)
    assert str(writers_of(tmp_path)[NATS.name]) == "NATS 2.9.10 (system)"
    here[:] = [a_server(Kind.NATS, NEW, Origin.WHEELS)]
    note_writers(tmp_path, {NATS.name: server_for(NATS, tmp_path, None)})
    assert str(writers_of(tmp_path)[NATS.name]) == "NATS 2.15.1 (wheels)"
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
    assert writers_of(tmp_path) == {}, "nothing is stored yet"
    write_something(tmp_path)
    assert sorted(writers_of(tmp_path)) == ["nats", "redis"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"nats": {}}',
        '{"nats": {"kind": "X", "version": "1.2.3", "origin": ""}}',
        '{"nats": {"kind": "NATS", "version": "3.0", "origin": "system"}}',
    ],
)
def test_a_record_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD_FILE).write_text(text)
    with pytest.raises(CannotReadError, match=RECORD_FILE):
        writers_of(tmp_path)


def test_a_record_that_is_no_file_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).mkdir()
    assert not ran_in_containers(tmp_path)
    with pytest.raises(CannotReadError, match=RECORD_FILE):
        writers_of(tmp_path)
