"""Every command says in one line what it cannot read or write: a path, a reason, a way on."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from common.machine.disk import write_durably
from toolkit import cli
from toolkit.checking.not_run import not_run
from toolkit.file_errors import is_about_files, sentence
from toolkit.servers.programs import NATS, REDIS
from toolkit.servers.record import RECORD_FILE
from toolkit.setup import Addresses, prepare
from toolkit.testing.servers import server_here
from toolkit.testing.trial import free_port_base

ANSWERABLE = ["--who", "ann", "--reason", "drill"]
STARTING = {
    "up": ["up", "--source", "model"],
    "seal": ["keys", "seal", *ANSWERABLE],
    "rotate": ["keys", "rotate", "risk"],
}
"""What writes to the data directory before anything else."""
COMMANDS = STARTING | {
    "down": ["down"],
    "status": ["status"],
    "doctor": ["doctor"],
    "explain": ["explain"],
    "halt": ["halt", "global"],
    "lift": ["lift", "global", "operator"],
    "cancel-all": ["cancel-all"],
    "restore": ["restore", "backup", *ANSWERABLE],
    "import-config": ["import-config", "config.yaml", "--dry-run"],
    "list keys": ["keys", "list"],
    "revoke": ["keys", "revoke", "risk-1"],
    "post": ["post", "list"],
}
EVERY = COMMANDS | {
    "streams": ["streams"],
    "list": ["streams", "list"],
    "backup": ["streams", "backup", "backup"],
    "resume": ["resume"],
    "resume --yes": ["resume", "--yes", *ANSWERABLE],
}
"""With those that first wait for a broker."""

Ran = Callable[[list[str], Path], tuple[int, list[str]]]


@pytest.fixture
def ran(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ran:
    """Return what runs a command and returns its exit code and what it said of its trouble, line by line."""

    def run(arguments: list[str], data_dir: Path) -> tuple[int, list[str]]:
        where = ["--data-dir", str(data_dir)]
        if arguments[0] != "import-config":
            where += ["--port-base", str(free_port_base())]
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["mm", *arguments, *where])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0), capsys.readouterr().err.splitlines()

    return run


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """A platform that was set up and never started, on a machine with servers for it."""
    for program in (NATS, REDIS):
        server_here(program)
    prepare(tmp_path / "platform", Addresses("127.0.0.1", 1, 2, 3))
    return tmp_path / "platform"


@pytest.fixture
def read_only(platform: Path) -> Iterator[Path]:
    """The same on a disk that takes nothing."""
    if os.geteuid() != 0:
        platform.chmod(0o500)
        yield platform
        platform.chmod(0o700)
        return
    # Who may do everything is refused by the disk alone.
    if subprocess.run(["mount", "--bind", platform, platform], capture_output=True, check=False).returncode:
        not_run("the right to mount, or another user than root")
    subprocess.run(["mount", "-o", "remount,bind,ro", platform], check=True)
    yield platform
    subprocess.run(["umount", "--lazy", platform], check=True)


@pytest.fixture
def full() -> Iterator[None]:
    """No file takes another byte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("command", EVERY)
def test_a_data_directory_that_is_none_is_refused_by_every_command(tmp_path: Path, ran: Ran, command: str) -> None:
    file = tmp_path / "file"
    file.touch()
    for data_dir in (file, file / "below"):
        code, said = ran(EVERY[command], data_dir)
        assert (code, said) == (
            2,
            [f"mm: --data-dir {data_dir}: must be a folder, and {file} is none: move it away, or name another"],
        )


@pytest.mark.parametrize("command", COMMANDS)
def test_a_disk_that_takes_nothing_is_no_traceback(read_only: Path, ran: Ran, command: str) -> None:
    code, said = ran(COMMANDS[command], read_only)
    assert code in (0, 1, 2)
    assert len(said) <= 1
    if command in STARTING:
        assert code == 2
        assert said[0].startswith(f"mm: {read_only}/")
        assert said[0].endswith("or name another --data-dir")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_no_traceback(platform: Path, full: None, ran: Ran, command: str) -> None:
    code, said = ran(COMMANDS[command], platform)
    assert code in (0, 1, 2)
    assert len(said) <= 1
    if command in STARTING:
        assert code == 2
        assert said[0].startswith(f"mm: {platform}/")
        assert said[0].endswith(": File too large; make room there, or name another --data-dir, then retry")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_record_that_is_a_folder_is_no_traceback(platform: Path, ran: Ran, command: str) -> None:
    (platform / RECORD_FILE).mkdir()
    code, said = ran(COMMANDS[command], platform)
    assert code in (0, 1, 2)
    assert len(said) <= 1
    if command in ("up", "rotate"):
        assert code == 2
        assert said[0].startswith(f"mm: {platform / RECORD_FILE}: must be an object in JSON")


def test_a_start_in_the_background_says_the_same(read_only: Path) -> None:
    # In a process of its own: it starts itself again.
    command = [sys.executable, "-m", "toolkit", "up", "--detach", "--data-dir", str(read_only)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[0].startswith(f"mm: {read_only}/logs")


def test_a_write_that_finds_no_room_names_the_file(tmp_path: Path, full: None) -> None:
    with pytest.raises(OSError, match="File too large") as failed:
        write_durably(tmp_path / "document", b"x")
    assert failed.value.filename == str(tmp_path / "document")
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_network_is_none_of_the_files() -> None:
    assert not is_about_files(ConnectionRefusedError(111, "Connection refused"))
    assert is_about_files(OSError(28, "No space left on device"))
    assert sentence(OSError(28, "No space left on device")).startswith("the disk: No space left on device; make room")
    assert "retry as the user who owns" in sentence(PermissionError(13, "Permission denied", "/x"))
