import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from toolkit.instance import CannotStartError, start_ticks
from toolkit.platform.processes import Process
from toolkit.platform.supervisor import (
    MAX_RESTART_DELAY_S,
    StartFailedError,
    Supervisor,
    crashes_after,
    restart_delay_s,
)

FakeProcess = Callable[..., Process]
Ends = Callable[[int], bool]


def ignore(message: str) -> None:
    return


def lines(events: Path) -> list[str]:
    return events.read_text().splitlines()


async def state_reached(supervisor: Supervisor, condition: Callable[[], bool]) -> None:
    """Wait for the supervisor to report changes until something holds."""
    while not condition():
        supervisor._changed.clear()
        await supervisor._changed.wait()


@pytest.fixture
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at processes often, and wait for no answer for long."""
    monkeypatch.setattr("toolkit.platform.health.ASK_TIMEOUT_S", 0.2)
    monkeypatch.setattr("toolkit.platform.supervisor.WATCH_POLL_S", 0.05)


async def test_a_process_starts_after_those_it_waits_for(
    fake_process: FakeProcess, events: Path, tmp_path: Path
) -> None:
    table = [fake_process("quoter", after=("exchange",)), fake_process("exchange")]
    supervisor = Supervisor(table, tmp_path / "logs", ignore)
    supervisor.start()
    await supervisor.all_healthy()
    await supervisor.stop()
    assert lines(events)[:2] == ["start exchange", "start quoter"]


async def test_processes_stop_wave_by_wave_and_none_remains(
    fake_process: FakeProcess, events: Path, tmp_path: Path
) -> None:
    table = [
        fake_process("nats", stop_wave=2),
        fake_process("risk", stop_wave=1, after=("nats",)),
        fake_process("quoter", stop_wave=0, after=("nats",)),
    ]
    supervisor = Supervisor(table, tmp_path / "logs", ignore)
    supervisor.start()
    await supervisor.all_healthy()
    pids = [child.pid for child in supervisor.children.values()]
    assert await supervisor.stop() == []
    stops = [line for line in lines(events) if line.startswith("stop")]
    assert stops == ["stop quoter", "stop risk", "stop nats"]
    assert [start_ticks(pid) for pid in pids if pid is not None] == [None, None, None]


async def test_a_crashed_process_is_started_again_and_the_restart_is_counted(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    said: list[str] = []
    supervisor = Supervisor([fake_process("feed"), fake_process("pricer")], tmp_path / "logs", said.append)
    supervisor.start()
    await supervisor.all_healthy()
    feed, pricer = supervisor.children["feed"], supervisor.children["pricer"]
    first_pid = feed.pid
    assert first_pid is not None
    os.kill(first_pid, signal.SIGKILL)
    await state_reached(supervisor, lambda: feed.restarts == 1 and feed.state in ("up", "ready"))
    assert feed.pid not in (None, first_pid)
    assert pricer.restarts == 0
    assert said == ["feed: killed by SIGKILL, starts again in 0.2 s"]
    assert await supervisor.stop() == []


async def test_a_process_that_must_not_start_now_is_tried_again(fake_process: FakeProcess, tmp_path: Path) -> None:
    said: list[str] = []
    checks: list[int] = []

    def check() -> None:
        checks.append(len(checks))
        if len(checks) == 2:
            raise CannotStartError("its store was written by a newer one")

    process = replace(fake_process("nats"), before_start=check)
    supervisor = Supervisor([process], tmp_path / "logs", said.append)
    supervisor.start()
    await supervisor.all_healthy()
    child = supervisor.children["nats"]
    assert (child.pid is not None, checks) == (True, [0])
    os.kill(child.pid or 0, signal.SIGKILL)
    await state_reached(supervisor, lambda: child.restarts == 2 and child.state in ("up", "ready"))
    assert await supervisor.stop() == []
    assert checks == [0, 1, 2]
    assert "nats: could not be started: its store was written by a newer one" in said


async def test_a_stop_while_a_process_is_looked_at_starts_it_no_more(
    fake_process: FakeProcess, events: Path, tmp_path: Path
) -> None:
    looked_at, go_on = threading.Event(), threading.Event()

    def check() -> None:
        looked_at.set()
        go_on.wait()

    supervisor = Supervisor([replace(fake_process("nats"), before_start=check)], tmp_path / "logs", ignore)
    supervisor.start()
    await asyncio.to_thread(looked_at.wait)
    stopping = asyncio.create_task(supervisor.stop())
    await state_reached(supervisor, lambda: supervisor.children["nats"].state == "stopped")
    go_on.set()
    assert await stopping == []
    assert lines(events) == []


async def test_r20_what_cannot_be_written_about_the_processes_ends_nobody(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    supervisor = Supervisor([fake_process("feed")], tmp_path / "logs", full, full)
    supervisor.start()
    await supervisor.all_healthy()
    feed = supervisor.children["feed"]
    first_pid = feed.pid
    assert first_pid is not None
    os.kill(first_pid, signal.SIGKILL)
    await state_reached(supervisor, lambda: feed.restarts == 1 and feed.state in ("up", "ready"))
    assert await supervisor.stop() == []


async def test_r20_a_process_whose_log_cannot_be_opened_runs_without_one(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    supervisor = Supervisor([fake_process("feed")], tmp_path / "logs", ignore)
    (tmp_path / "logs" / "feed.log").mkdir(parents=True)
    supervisor.start()
    await supervisor.all_healthy()
    assert await supervisor.stop() == []


@pytest.mark.usefixtures("quick_watch")
async def test_r80_a_server_that_does_not_work_is_stopped_and_started_again(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    said: list[str] = []
    nats = replace(fake_process("nats"), restart_unhealthy_s=0.1, stop_grace_s=0.2)
    feed = fake_process("feed")
    supervisor = Supervisor([nats, feed], tmp_path / "logs", said.append)
    supervisor.start()
    await supervisor.all_healthy()
    frozen = [supervisor.children[name] for name in ("nats", "feed")]
    pids = [child.pid for child in frozen]
    for pid in pids:
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
    await state_reached(supervisor, lambda: frozen[0].restarts == 1 and frozen[0].state in ("up", "ready"))
    assert frozen[0].pid != pids[0]
    assert said[0] == "nats: does not work for 0 s, stopped to start again"
    assert frozen[1].pid == pids[1], "a service that waits for others is not cut off"
    os.kill(pids[1] or 0, signal.SIGCONT)
    assert await supervisor.stop() == []


@pytest.mark.usefixtures("quick_watch")
async def test_r80_what_stopped_on_a_full_disk_starts_again_as_soon_as_there_is_room(
    fake_process: FakeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.platform.supervisor.ROOM_BYTES_MIN", 1 << 62)
    monkeypatch.setattr("toolkit.platform.supervisor.REPLACE_GRACE_S", 0.2)
    said: list[str] = []
    nats = replace(fake_process("nats"), restart_unhealthy_s=0.1, stop_grace_s=600.0, store=tmp_path)
    redis = replace(fake_process("redis"), restart_unhealthy_s=0.4, stop_grace_s=600.0)
    supervisor = Supervisor([nats, redis], tmp_path / "logs", said.append)
    supervisor.start()
    await supervisor.all_healthy()
    child, other = (supervisor.children[name] for name in ("nats", "redis"))
    pid = child.pid
    for frozen in (child, other):
        os.kill(frozen.pid or 0, signal.SIGSTOP)
    await state_reached(supervisor, lambda: other.restarts == 1)
    assert (child.out_of_room, child.pid) == (True, pid), "a start on a full disk helps nobody"
    said.clear()
    monkeypatch.setattr("toolkit.platform.supervisor.ROOM_BYTES_MIN", 0)
    await state_reached(supervisor, lambda: child.restarts == 1 and child.state in ("up", "ready"))
    assert child.pid != pid
    assert said[0] == "nats: its disk has room again, stopped to start again"
    assert await supervisor.stop() == []


async def test_r80_what_ended_on_a_full_disk_does_not_wait_longer_than_for_room(
    fake_process: FakeProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toolkit.platform.supervisor.ROOM_BYTES_MIN", 1 << 62)
    monkeypatch.setattr("toolkit.platform.supervisor.FIRST_RESTART_DELAY_S", 600.0)
    monkeypatch.setattr("toolkit.platform.supervisor.MAX_RESTART_DELAY_S", 600.0)
    supervisor = Supervisor([replace(fake_process("nats"), store=tmp_path)], tmp_path / "logs", ignore)
    supervisor.start()
    await supervisor.all_healthy()
    child = supervisor.children["nats"]
    os.kill(child.pid or 0, signal.SIGKILL)
    await state_reached(supervisor, lambda: child.state == "restarting")
    monkeypatch.setattr("toolkit.platform.supervisor.ROOM_BYTES_MIN", 0)
    await state_reached(supervisor, lambda: child.state in ("up", "ready"))
    assert await supervisor.stop() == []


@pytest.mark.usefixtures("quick_watch")
async def test_r1_an_answer_without_end_keeps_no_process_from_being_watched(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    odd = tmp_path / "odd"
    supervisor = Supervisor(
        [fake_process("feed", "--dribbles-from", str(odd)), fake_process("pricer")], tmp_path / "logs", ignore
    )
    supervisor.start()
    await supervisor.all_healthy()
    feed, pricer = supervisor.children["feed"], supervisor.children["pricer"]
    odd.touch()
    async with asyncio.timeout(20):
        await state_reached(supervisor, lambda: feed.state == "unhealthy")
        assert pricer.pid is not None
        os.kill(pricer.pid, signal.SIGSTOP)
        await state_reached(supervisor, lambda: pricer.state == "unhealthy")
        os.kill(pricer.pid, signal.SIGCONT)
        odd.unlink()
        await state_reached(supervisor, lambda: supervisor.unready() == [])
    assert await supervisor.stop() == []


async def test_workers_of_a_crashed_process_go_with_it(
    fake_process: FakeProcess, events: Path, tmp_path: Path, ends: Ends
) -> None:
    supervisor = Supervisor([fake_process("pricer", "--with-worker")], tmp_path / "logs", ignore)
    supervisor.start()
    await supervisor.all_healthy()
    worker_pid = int(lines(events)[0].removeprefix("worker=").split()[0])
    child = supervisor.children["pricer"]
    assert child.pid is not None
    os.kill(child.pid, signal.SIGKILL)
    await state_reached(supervisor, lambda: child.restarts == 1)
    assert ends(worker_pid)
    await supervisor.stop()


async def test_a_process_that_ignores_the_request_to_stop_is_killed_and_named(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    said: list[str] = []
    table = [fake_process("gateway", "--deaf", stop_grace_s=0.2)]
    supervisor = Supervisor(table, tmp_path / "logs", said.append)
    supervisor.start()
    await supervisor.all_healthy()
    assert await supervisor.stop() == []
    assert said == ["gateway: did not stop within 0 s, killed"]
    assert supervisor.children["gateway"].exit_code == -signal.SIGKILL


async def test_a_process_that_never_starts_fails_the_start_with_the_end_of_its_log(
    fake_process: FakeProcess, tmp_path: Path
) -> None:
    supervisor = Supervisor([fake_process("quoter", "--fails")], tmp_path / "logs", ignore)
    supervisor.start()
    with pytest.raises(StartFailedError, match="MM_ADMIN_PORT: must be a number"):
        await supervisor.all_healthy()
    assert await supervisor.stop() == []


async def test_a_program_that_is_not_there_fails_the_start(tmp_path: Path) -> None:
    said: list[str] = []
    table = [Process(name="nats", argv=("/nowhere/nats-server",), environment={})]
    supervisor = Supervisor(table, tmp_path / "logs", said.append)
    supervisor.start()
    with pytest.raises(StartFailedError, match="nats does not start"):
        await supervisor.all_healthy()
    await supervisor.stop()
    assert "nats: could not be started" in said[0]


async def test_what_follows_a_one_shot_waits_for_its_good_end(
    fake_process: FakeProcess, events: Path, tmp_path: Path
) -> None:
    note = f"open({str(events)!r}, 'a').write('done streams\\n')"
    streams = Process(name="streams", argv=(sys.executable, "-c", note), environment={}, one_shot=True)
    supervisor = Supervisor([streams, fake_process("risk", after=("streams",))], tmp_path / "logs", ignore)
    supervisor.start()
    await supervisor.all_healthy()
    assert await supervisor.late(timeout_s=20.0) == []
    assert supervisor.children["streams"].state == "done"
    await supervisor.stop()
    assert lines(events)[:2] == ["done streams", "start risk"]


async def test_a_stop_during_the_start_leaves_nothing_behind(fake_process: FakeProcess, tmp_path: Path) -> None:
    supervisor = Supervisor([fake_process("feed"), fake_process("risk", after=("feed",))], tmp_path / "logs", ignore)
    supervisor.start()
    await state_reached(supervisor, lambda: supervisor.children["feed"].state == "starting")
    pid = supervisor.children["feed"].pid
    assert pid is not None
    assert await supervisor.stop() == []
    assert start_ticks(pid) is None
    assert supervisor.children["risk"].pid is None


def test_no_process_outlives_a_supervisor_that_is_killed(fake_process: FakeProcess, tmp_path: Path, ends: Ends) -> None:
    table = [
        (process.name, process.argv, process.health_url) for process in (fake_process("feed"), fake_process("risk"))
    ]
    program = f"""
import asyncio
from pathlib import Path
from toolkit.platform.processes import Process
from toolkit.platform.supervisor import Supervisor

async def main():
    table = [Process(name, argv, {{}}, health_url=url) for name, argv, url in {table!r}]
    supervisor = Supervisor(table, Path({str(tmp_path / "logs")!r}), print)
    supervisor.start()
    await supervisor.all_healthy()
    print(*(child.pid for child in supervisor.children.values()), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    supervisor = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    pids = [int(pid) for pid in supervisor.stdout.readline().split()]
    supervisor.kill()
    supervisor.wait()
    assert len(pids) == 2
    assert all(ends(pid) for pid in pids)


async def test_a_child_sees_its_own_settings_and_no_other_mm_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MM_SOMETHING_ELSE", "1")
    monkeypatch.setenv("CLOUD_SECRET", "1")
    show = "import os; print(sorted(name for name in os.environ if name.startswith(('MM_', 'CLOUD_'))))"
    process = Process(name="feed", argv=(sys.executable, "-c", show), environment={"MM_SOURCE": "model"}, one_shot=True)
    supervisor = Supervisor([process], tmp_path / "logs", ignore)
    supervisor.start()
    await asyncio.wait_for(supervisor.all_healthy(), 20.0)
    await supervisor.stop()
    assert (tmp_path / "logs" / "feed.log").read_text() == "['MM_SOURCE']\n"


def test_restart_delays_grow_up_to_their_bound() -> None:
    assert [restart_delay_s(crashes) for crashes in (1, 2, 3)] == [0.2, 0.4, 0.8]
    assert restart_delay_s(40) == MAX_RESTART_DELAY_S


def test_healthy_life_makes_up_for_crashes() -> None:
    """Killed every 8 s a process starts at once each time; ending every second it waits ever longer."""
    now_and_then, at_once = 0, 0
    for _ in range(10):
        now_and_then, at_once = crashes_after(now_and_then, 8.0), crashes_after(at_once, 1.0)
    assert (now_and_then, at_once) == (1, 10)
    assert crashes_after(at_once, 30.0) == 5
    assert crashes_after(at_once, 600.0) == 1


async def test_r71_nobody_is_waited_for_where_one_stands_still(fake_process: FakeProcess, tmp_path: Path) -> None:
    table = [fake_process("quoter", "--stands-still"), fake_process("risk")]
    supervisor = Supervisor(table, tmp_path / "logs", ignore)
    supervisor.start()
    await supervisor.all_healthy()
    assert "quoter" in await supervisor.late(timeout_s=3600.0), "it tells at once"
    assert supervisor.standing() == ["quoter"]
    await state_reached(supervisor, lambda: supervisor.children["risk"].state == "ready")
    assert await supervisor.stop() == []
