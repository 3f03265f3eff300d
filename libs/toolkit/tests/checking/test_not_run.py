import subprocess
import sys
from pathlib import Path

import pytest
from toolkit.checking.not_run import EXIT_CODE

TESTS = """
from toolkit.checking.not_run import not_run
def test_a():
    pass
def test_b():
    not_run("a browser")
"""


def ran(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_some.py").write_text(text)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "toolkit.checking.not_run",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    return subprocess.run([*command, str(folder)], cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("options", [(), ("-n", "2")])
def test_what_did_not_run_is_listed_and_is_no_pass(tmp_path: Path, options: tuple[str, ...]) -> None:
    done = ran(tmp_path, TESTS, *options)
    assert done.returncode == EXIT_CODE
    assert "NOT RUN test_some.py::test_b: a browser" in done.stdout


def test_what_has_no_server_to_run_on_is_listed_too(tmp_path: Path) -> None:
    tests = """
import pytest
@pytest.fixture(params={})
def broker(request):
    return request.param
def test_a(broker):
    pass
@pytest.mark.parametrize("program", {})
def test_b(program):
    pass
"""
    done = ran(tmp_path, tests)
    assert done.returncode == EXIT_CODE
    for test in ("test_a", "test_b"):
        assert f"NOT RUN test_some.py::{test}" in done.stdout
    assert done.stdout.count(": a server to run it on (apt-get install nats-server redis-server as root)") == 2


def test_a_server_that_is_not_here_keeps_a_test_from_running(tmp_path: Path) -> None:
    tests = """
from toolkit.servers import programs as servers
from toolkit.testing.servers import server_here
def test_a(monkeypatch):
    monkeypatch.setattr(servers, "candidates", lambda *asked: [])
    server_here(servers.NATS)
"""
    assert "NOT RUN test_some.py::test_a: needs nats-server: install with" in ran(tmp_path, tests).stdout


def test_a_failure_remains_one_and_a_whole_run_passes(tmp_path: Path) -> None:
    assert ran(tmp_path, TESTS + "def test_c():\n    assert False\n").returncode == 1
    done = ran(tmp_path, "def test_a():\n    pass\n")
    assert done.returncode == 0
    assert "NOT RUN" not in done.stdout
