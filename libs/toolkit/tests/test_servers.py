import shlex
import subprocess
from pathlib import Path

import pytest
from toolkit import servers
from toolkit.servers import NATS, REDIS, ServerMissingError, container_name, find_servers


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with an empty PATH on which nothing may be installed; returns the folder of programs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setattr(servers, "SEARCH_PATH", str(programs))
    monkeypatch.setattr(servers, "can_apt", lambda: False)
    monkeypatch.setattr(servers, "engine_answers", lambda: False)
    return programs


def add_program(folder: Path, name: str, says: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)


def test_servers_on_the_path_are_used(bare_machine: Path, tmp_path: Path) -> None:
    add_program(bare_machine, "nats-server", "nats-server: v2.10.24")
    add_program(bare_machine, "redis-server", "Redis server v=7.0.15 sha=00000000:0")
    found = find_servers(tmp_path, print)
    assert found.nats == (str(bare_machine / "nats-server"),)
    assert found.redis == (str(bare_machine / "redis-server"),)
    assert (servers.version(NATS), servers.version(REDIS)) == ("2.10.24", "7.0.15")


def test_a_missing_server_that_cannot_be_installed_is_named_in_one_sentence(bare_machine: Path, tmp_path: Path) -> None:
    add_program(bare_machine, "redis-server", "")
    with pytest.raises(ServerMissingError) as refused:
        find_servers(tmp_path, print)
    assert str(refused.value) == "needs nats-server: install with 'apt-get install nats-server' (as root), then retry"


def test_a_missing_server_is_installed_from_the_system_packages_where_that_is_allowed(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[str] = []

    def install(programs: list[servers.Program], report: servers.Report) -> None:
        for program in programs:
            installed.append(program.package)
            add_program(bare_machine, program.name, "")

    monkeypatch.setattr(servers, "can_apt", lambda: True)
    monkeypatch.setattr(servers, "apt_install", install)
    assert find_servers(tmp_path, print).nats == (str(bare_machine / "nats-server"),)
    assert installed == ["nats-server", "redis-server"]


def test_where_an_engine_answers_servers_run_in_containers_on_the_same_paths(
    bare_machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "engine_answers", lambda: True)
    add_program(bare_machine, "docker", "")
    (bare_machine / "docker").write_text('#!/bin/sh\necho "$@"\n')
    command = find_servers(tmp_path, print).nats
    ran = subprocess.run(
        [*command, "--config", "/x.conf"], env={"PATH": str(bare_machine)}, capture_output=True, text=True, check=True
    ).stdout
    words = shlex.split(ran)
    assert words[0] == "run"
    assert f"{tmp_path}:{tmp_path}" in words
    assert words[words.index("--name") + 1] == container_name(NATS, tmp_path)
    assert words[-3:] == [NATS.image, "--config", "/x.conf"]


def test_two_platforms_name_their_containers_differently(tmp_path: Path) -> None:
    assert container_name(NATS, tmp_path / "a") != container_name(NATS, tmp_path / "b")
    assert container_name(NATS, tmp_path) != container_name(REDIS, tmp_path)


def test_what_apt_said_last_is_reported_when_it_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    add_program(tmp_path, "sudo", "E: Unable to locate package nats-server")
    monkeypatch.setattr(servers, "_root_prefix", lambda: [str(tmp_path / "sudo")])
    (tmp_path / "sudo").write_text((tmp_path / "sudo").read_text() + "exit 100\n")
    servers.apt_install([NATS], said.append)
    assert said == [
        "installing nats-server with apt-get",
        "apt-get failed: E: Unable to locate package nats-server",
    ]
