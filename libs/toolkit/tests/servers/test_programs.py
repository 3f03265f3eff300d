import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from toolkit.servers import apt
from toolkit.servers import programs as servers
from toolkit.servers.programs import (
    NATS,
    REDIS,
    NoServerError,
    Origin,
    Program,
    Server,
    container_name,
    find_server,
    wished_for,
)
from toolkit.servers.table import Kind


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty PATH, no wheels, no engine, where nothing may be installed; its folder of programs."""
    programs, scripts = tmp_path / "bin", tmp_path / "scripts"
    programs.mkdir()
    scripts.mkdir()
    monkeypatch.setattr(servers, "SEARCH_PATH", str(programs))
    monkeypatch.setattr(servers, "can_apt", lambda: False)
    monkeypatch.setattr(servers, "engine_answers", lambda: False)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(scripts))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    return programs


def add_program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def nothing(text: str) -> None:
    raise AssertionError(text)


def test_the_machine_s_own_servers_are_used_where_the_table_allows(bare_machine: Path, tmp_path: Path) -> None:
    add_program(bare_machine, "nats-server", "nats-server: v2.10.24")
    add_program(tmp_path / "scripts", "nats-server", "nats-server: v2.15.1")
    add_program(bare_machine, "valkey-server", "Valkey server v=8.1.0 sha=00000000:0")
    nats, redis = find_server(NATS, tmp_path, nothing), find_server(REDIS, tmp_path, nothing)
    assert str(nats) == "NATS 2.10.24 (system)"
    assert nats.command == (str(bare_machine / "nats-server"),)
    assert (str(redis), redis.kind) == ("Valkey 8.1.0 (system)", Kind.VALKEY)


def test_the_wheel_s_is_used_where_the_machine_s_own_may_not_run(bare_machine: Path, tmp_path: Path) -> None:
    add_program(bare_machine, "nats-server", "nats-server: v2.10.22")
    add_program(tmp_path / "scripts", "nats-server", "nats-server: v2.15.1")
    assert str(find_server(NATS, tmp_path, nothing)) == "NATS 2.15.1 (wheels)"
    with pytest.raises(NoServerError) as refused:
        find_server(NATS, tmp_path, None, Origin.SYSTEM.value)
    assert str(refused.value) == (
        "nats-server may not run: NATS 2.10.22 (system): kill -9 can lose a whole stream (fixed in 2.10.23); "
        "start with --servers wheels"
    )


def test_only_what_is_wished_for_is_used(bare_machine: Path, tmp_path: Path) -> None:
    add_program(bare_machine, "nats-server", "nats-server: v2.10.24")
    with pytest.raises(NoServerError, match="no wheel is installed for this machine; start with --servers system"):
        find_server(NATS, tmp_path, nothing, Origin.WHEELS.value)
    with pytest.raises(NoServerError, match="no container engine answers"):
        find_server(NATS, tmp_path, nothing, Origin.CONTAINERS.value)
    add_program(tmp_path / "scripts", "nats-server", "nats-server: v2.15.1")
    assert find_server(NATS, tmp_path, nothing, Origin.WHEELS.value).origin is Origin.WHEELS


@pytest.mark.parametrize("said", ["nonsense", "Wheels", "system,wheels", " "])
def test_a_wish_that_is_none_is_refused_by_the_name_of_its_variable(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setenv("MM_SERVERS", said)
    with pytest.raises(NoServerError) as refused:
        wished_for()
    assert str(refused.value) == f"MM_SERVERS={said}: must be one of auto, system, wheels, containers"


def test_without_a_wish_the_first_that_may_run_is_wished_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MM_SERVERS", raising=False)
    assert wished_for() == "auto"
    monkeypatch.setenv("MM_SERVERS", "")
    assert wished_for() == "auto"


def test_an_active_environment_s_programs_are_not_the_machine_s_own(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "SEARCH_PATH", f"{tmp_path / 'scripts'}:{bare_machine}")
    add_program(tmp_path / "scripts", "nats-server", "nats-server: v2.15.1")
    assert servers.on_path(NATS) is None
    assert find_server(NATS, tmp_path, nothing).origin is Origin.WHEELS


@pytest.mark.parametrize("says", ["", "nats-server: development", "something else 1.2.3"])
def test_a_program_that_does_not_say_what_it_is_does_not_run(bare_machine: Path, tmp_path: Path, says: str) -> None:
    add_program(bare_machine, "nats-server", says)
    with pytest.raises(NoServerError):
        find_server(NATS, tmp_path, nothing)


def test_a_missing_server_that_cannot_be_installed_is_named_in_one_sentence(bare_machine: Path, tmp_path: Path) -> None:
    with pytest.raises(NoServerError) as refused:
        find_server(NATS, tmp_path, nothing)
    assert str(refused.value) == "needs nats-server: install with 'apt-get install nats-server' (as root), then retry"


def test_a_missing_server_is_installed_from_the_system_packages_where_that_is_allowed(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []

    def install(packages: list[str], report: apt.Report) -> None:
        installed.extend(packages)
        add_program(bare_machine, "nats-server", "nats-server: v2.9.10")

    monkeypatch.setattr(servers, "can_apt", lambda: True)
    monkeypatch.setattr(servers, "apt_install", install)
    with pytest.raises(NoServerError):
        find_server(NATS, tmp_path, None)
    assert installed == [], "who only asks installs nothing"
    assert find_server(NATS, tmp_path, print).command == (str(bare_machine / "nats-server"),)
    assert installed == ["nats-server"]


def test_where_an_engine_answers_servers_run_in_containers_on_the_same_paths(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_engine(bare_machine, monkeypatch, "echo 'nats-server: v2.14.6'")
    command = find_server(NATS, tmp_path, nothing).command
    (bare_machine / "docker").write_text('#!/bin/sh\necho "$@"\n')
    ran = subprocess.run(
        [*command, "--config", "/x.conf"], env={"PATH": str(bare_machine)}, capture_output=True, text=True, check=True
    ).stdout
    words = shlex.split(ran)
    assert words[0] == "run"
    assert f"{tmp_path}:{tmp_path}" in words
    assert words[words.index("--name") + 1] == container_name(NATS, tmp_path)
    assert words[-3:] == [NATS.image, "--config", "/x.conf"]


def with_engine(folder: Path, monkeypatch: pytest.MonkeyPatch, runs: str) -> Callable[[Program], Server]:
    """Put a container engine on the PATH that answers, and does this to run an image; return what finds a server."""
    (folder / "docker").write_text(
        f'#!/bin/sh\n[ "$1" = info ] && exit 0\necho "$@" >> {folder}/asked\n[ "$1" = rm ] || {{\n{runs}\n}}\n'
    )
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setattr(servers, "engine_answers", lambda: True)
    servers.image_answer.cache_clear()
    return lambda program: find_server(program, folder, nothing)


def test_what_an_image_holds_is_asked_of_the_image_once(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "echo 'Redis server v=7.4.2 sha=00000000:0'; echo 'redis: Pulling 10.0.0.1:443' >&2"
    found = with_engine(bare_machine, monkeypatch, text)
    assert {str(found(REDIS)) for _ in range(2)} == {"Redis 7.4.2 (containers)"}
    assert (bare_machine / "asked").read_text() == "run --rm --entrypoint redis-server redis:7-alpine --version\n"


def test_an_image_that_cannot_be_had_is_said_with_the_reason(
    bare_machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = "docker: Error response from daemon: Get https://10.0.0.1:443/v2/nats: connection refused."
    found = with_engine(bare_machine, monkeypatch, f"echo '{error}' >&2; exit 125")
    why = (
        f"the image nats:2.14-alpine does not say which version it holds ({error}): "
        "bring it here with 'docker pull nats:2.14-alpine', or start with --servers wheels"
    )
    with pytest.raises(NoServerError) as refused:
        find_server(NATS, bare_machine, nothing, Origin.CONTAINERS.value)
    assert str(refused.value) == f"nats-server: {why}"
    with pytest.raises(NoServerError) as refused:
        found(NATS)
    assert str(refused.value).endswith(f"(as root), then retry; {why}")


def test_a_tag_that_has_moved_is_noticed_at_the_next_start(bare_machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = with_engine(bare_machine, monkeypatch, f"cat {bare_machine}/holds")
    (bare_machine / "holds").write_text("nats-server: v2.14.0")
    before = found(NATS)
    (bare_machine / "holds").write_text("nats-server: v2.14.6")
    assert str(found(NATS)) == "NATS 2.14.0 (containers)"
    assert str(servers.as_it_is_now(NATS, before)) == "NATS 2.14.6 (containers)"


def test_two_platforms_name_their_containers_differently(tmp_path: Path) -> None:
    assert container_name(NATS, tmp_path / "a") != container_name(NATS, tmp_path / "b")
    assert container_name(NATS, tmp_path) != container_name(REDIS, tmp_path)


def test_the_environment_of_mm_brings_both_servers(tmp_path: Path) -> None:
    for program in (NATS, REDIS):
        found = find_server(program, tmp_path, nothing, Origin.WHEELS.value)
        said = subprocess.run([*found.command, "--version"], capture_output=True, text=True, check=True).stdout
        assert found.kind.value.lower() in said.lower()


def test_what_apt_said_last_is_reported_when_it_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    add_program(tmp_path, "sudo", "E: Unable to locate package nats-server")
    monkeypatch.setattr(apt, "_root_prefix", lambda: [str(tmp_path / "sudo")])
    (tmp_path / "sudo").write_text((tmp_path / "sudo").read_text() + "exit 100\n")
    apt.apt_install(["nats-server"], said.append)
    assert said == [
        "installing nats-server with apt-get",
        "apt-get failed: E: Unable to locate package nats-server",
    ]


def test_a_program_that_says_rubbish_is_not_there(tmp_path: Path) -> None:
    rubbish = tmp_path / "nats-server"
    rubbish.write_bytes(b"#!/bin/sh\nprintf '\\244\\377'\n")
    rubbish.chmod(0o755)
    assert servers.what_it_is(rubbish) is None


def test_an_engine_that_does_not_run_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    servers.engine_answers.cache_clear()
    assert not servers.engine_answers()
    servers.engine_answers.cache_clear()
