"""Start, state file and stop of a whole (fake) platform in a process of its own."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from toolkit import cli
from toolkit.instance import CannotStartError, control_path, find_running, read_control
from toolkit.layout import nats_config_file, nats_store_dir
from toolkit.platform.down import down
from toolkit.platform.processes import Process
from toolkit.platform.screen import Screen, duration
from toolkit.platform.up import UpOptions, is_installed, plan
from toolkit.ports import port_map
from toolkit.servers.programs import NATS
from toolkit.servers.record import writer_of
from toolkit.testing.trial import free_port_base

PATIENCE_S = 30.0

FakeProcess = Callable[..., Process]


class FakePlatform:
    """Runs `supervise` over a table of fake services."""

    def __init__(self, data_dir: Path, table: list[Process]) -> None:
        rows = [(p.name, p.argv, p.after, p.health_url, p.stop_wave) for p in table]
        program = f"""
import asyncio
from pathlib import Path
from rich.console import Console
from toolkit.instance import Instance
from toolkit.ports import port_map
from toolkit.platform.processes import Process
from toolkit.platform.screen import Screen
from toolkit.platform.up import supervise

table = [Process(name, argv, {{}}, after=after, health_url=url, stop_wave=wave)
         for name, argv, after, url, wave in {rows!r}]
instance = Instance(data_dir=Path({str(data_dir)!r}), ports=port_map(None), platform_id="p", source="model")
raise SystemExit(asyncio.run(supervise(instance, table, Screen(Console(width=200)))))
"""
        self.process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        self.said: list[str] = []

    def until(self, text: str) -> None:
        """Read what it says up to a line with the text."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if text in line:
                return
        pytest.fail(f"ended without saying {text!r}: {self.said}")

    def end(self) -> int:
        assert self.process.stdout is not None
        self.said += [line.rstrip() for line in self.process.stdout]
        return self.process.wait()


def test_a_platform_starts_says_where_it_is_and_stops_on_request(
    fake_process: FakeProcess, events: Path, tmp_path: Path
) -> None:
    table = [fake_process("nats", stop_wave=4), fake_process("quoter", after=("nats",))]
    platform = FakePlatform(tmp_path, table)
    platform.until("logs ")
    # The lines come first: whoever waits for the state in the background has them all by then.
    while (running := find_running(tmp_path)) is not None and running.state == "up":
        time.sleep(0.01)
    assert running is not None
    assert (running.state, running.pid, running.source) == ("ready", platform.process.pid, "model")
    assert running.children["quoter"]["state"] == "ready"
    assert down(tmp_path, Screen(Console(quiet=True))) == 0
    assert platform.end() == 0
    assert "dashboard  http://127.0.0.1:8080" in platform.said
    assert f"login      admin, password in {tmp_path}/gateway/admin-password" in platform.said
    assert platform.said[-2:] == ["quoter: no order of ours remains open at the venue", "stopped; no process remains"]
    assert events.read_text().split("\n")[-3:-1] == ["stop quoter", "stop nats"]
    assert find_running(tmp_path) is None


def test_r20_a_reader_of_the_screen_that_stands_still_keeps_no_process_from_being_started_again(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    platform = FakePlatform(tmp_path, [fake_process("feed")])
    platform.until("logs ")
    fill_up(platform.process.pid)
    before = 0
    for _ in range(3):
        until_s = time.monotonic() + PATIENCE_S
        while (pid := feed_of(tmp_path)) in (0, before):
            assert time.monotonic() < until_s, "nobody starts it again"
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        before = pid
    os.kill(platform.process.pid, signal.SIGTERM)
    # Nobody has read until now, and it ends all the same.
    assert platform.process.wait(PATIENCE_S) == 0
    assert platform.process.stdout is not None
    platform.process.stdout.close()


def fill_up(pid: int) -> None:
    """Leave no room in the pipe a process writes its screen to."""
    descriptor = os.open(f"/proc/{pid}/fd/1", os.O_WRONLY | os.O_NONBLOCK)
    try:
        while True:
            os.write(descriptor, b"x" * 512)
    except BlockingIOError:
        return
    finally:
        os.close(descriptor)


def feed_of(data_dir: Path) -> int:
    """Return the pid of the feed, 0 while it is between two lives."""
    running = read_control(data_dir)
    return int(running.children["feed"]["pid"] or 0) if running is not None else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_a_request_to_end_and_a_closed_terminal_all_stop_cleanly(
    fake_process: FakeProcess, tmp_path: Path, number: signal.Signals
) -> None:
    platform = FakePlatform(tmp_path, [fake_process("feed")])
    platform.until("logs ")
    os.kill(platform.process.pid, number)
    assert platform.end() == 0
    assert platform.said[-1] == "stopped; no process remains"


def test_a_quoter_that_could_not_cancel_is_reported_and_fails_the_stop(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    platform = FakePlatform(tmp_path, [fake_process("quoter", "--cannot-cancel")])
    platform.until("logs ")
    paper = io.StringIO()
    assert down(tmp_path, Screen(Console(file=paper))) == 1
    assert "quoter: ended with code 1, orders may rest at the venue" in paper.getvalue()
    assert platform.end() == 1
    assert "quoter: ended with code 1, orders may rest at the venue; its last lines:" in platform.said
    assert "  2 orders still rest" in platform.said


def test_a_start_that_fails_stops_what_had_started_and_shows_why(fake_process: FakeProcess, tmp_path: Path) -> None:
    platform = FakePlatform(tmp_path, [fake_process("nats"), fake_process("risk", "--fails", after=("nats",))])
    assert platform.end() == 1
    assert "risk does not start (ended with code 1):" in platform.said
    assert "  MM_ADMIN_PORT: must be a number" in platform.said
    assert platform.said[-1] == "stopped; no process remains"
    control = read_control(tmp_path)
    assert control is not None
    assert control.children["nats"]["pid"] is None


def test_a_state_that_cannot_be_written_ends_nothing(fake_process: FakeProcess, tmp_path: Path) -> None:
    control_path(tmp_path).mkdir()
    platform = FakePlatform(tmp_path, [fake_process("feed")])
    platform.until("logs ")
    platform.process.terminate()
    assert platform.end() == 0
    unwritten = f"the state of the platform could not be written: {control_path(tmp_path)}: Is a directory; move away"
    assert any(line.startswith(unwritten) for line in platform.said)
    assert platform.said[-1] == "stopped; no process remains"


def test_a_server_that_is_replaced_is_configured_and_noted_as_what_it_is_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def put(name: str, says: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{says}'\n")
        (tmp_path / name).chmod(0o755)

    monkeypatch.setattr("toolkit.servers.programs.on_path", lambda program: tmp_path / program.commands[0])
    put("nats-server", "nats-server: v2.9.10")
    put("redis-server", "Redis server v=7.0.15 sha=00000000:0")
    data_dir = tmp_path / "data"
    options = UpOptions(data_dir, port_map(free_port_base()), source="model", servers="system")
    _, table = plan(options, Screen(Console(quiet=True)))
    checks = {process.name: process.before_start for process in table if process.before_start is not None}
    assert set(checks) == {"nats", "redis"}
    (nats_store_dir(data_dir) / "1.blk").touch()
    old = nats_config_file(data_dir).read_text()

    checks["nats"]()
    assert nats_config_file(data_dir).read_text() == old
    put("nats-server", "nats-server: v2.15.1")
    checks["nats"]()
    assert 'sync_interval: "always"' not in old
    assert 'sync_interval: "always"' in nats_config_file(data_dir).read_text()
    assert str(writer_of(NATS, data_dir)) == "NATS 2.15.1 (system)"
    put("nats-server", "nats-server: v2.9.10")
    with pytest.raises(CannotStartError, match="may not read whole"):
        checks["nats"]()


def test_down_without_a_platform_says_so(tmp_path: Path) -> None:
    paper = io.StringIO()
    assert down(tmp_path, Screen(Console(file=paper))) == 0
    assert paper.getvalue() == f"no platform runs on {tmp_path}\n"


def test_the_command_refuses_what_it_cannot_do_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, rule in [
        (["--port-base", "80"], "port-base 80: must be between 1024 and"),
        (["--source", "tape"], "--source tape: must be one of live, model, replay"),
        (["--profile", "night"], "--profile night: no bot of config/bots.toml runs in it; there is all, demo, spot"),
        (["--set", "quoter.LEVEL=1"], "--set quoter.LEVEL=1: must read PROCESS.MM_NAME=VALUE"),
        (["--source", "replay", "--replay", "/nowhere.gz"], "--replay /nowhere.gz: there is no such file"),
    ]:
        monkeypatch.setattr(sys, "argv", ["mm", "up", "--data-dir", str(tmp_path), *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr().err
        assert ended.value.code == 2, arguments
        assert said.startswith(f"mm: {rule}"), said
        assert len(said.splitlines()) == 1


def test_status_as_json_has_the_promised_shape_even_when_nothing_runs(tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "toolkit", "status", "--json", "--data-dir", str(tmp_path), "--port-base", "61000"],
        capture_output=True,
        text=True,
        check=True,
    )
    picture = json.loads(asked.stdout)
    assert set(picture) == {"provenance", "services", "bots", "halts", "accounts", "streams"}
    assert all({"state", "age_ms"} <= set(row) for row in picture["services"].values())


def test_a_member_that_is_not_in_the_tree_is_noticed() -> None:
    def ours(module: str) -> Process:
        return Process(name="x", argv=(sys.executable, "-m", module), environment={})

    assert is_installed(ours("common.streams"))
    assert not is_installed(ours("no_such_service"))
    assert not is_installed(ours("toolkit.no_such_module"))
    assert not is_installed(ours("common.events"))
    assert is_installed(Process(name="nats", argv=("nats-server", "--config", "x"), environment={}))


def test_lengths_of_time_read_as_people_say_them() -> None:
    assert [duration(seconds) for seconds in (5, 65, 3600 * 2 + 300)] == ["5 s", "1 min", "2 h 5 min"]
