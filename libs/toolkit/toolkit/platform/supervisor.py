"""Keep the processes of one platform running: start in order, restart what crashes, stop in the safe order."""

import asyncio
import contextlib
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.network.webclient import WebClient

from toolkit.instance import CannotStartError, is_same_process
from toolkit.platform.child import RunningChild, last_lines, log_path, rotate
from toolkit.platform.health import Readiness, condition, is_healthy
from toolkit.platform.processes import Process, stop_waves

FIRST_RESTART_DELAY_S = 0.2
MAX_RESTART_DELAY_S = 10.0
# Seconds of healthy life that make up for one crash: a process that is killed now and then has recovered each time
# and starts at once; one that starts well and soon ends, again and again, waits ever longer.
MAKES_UP_S = 5.0
# A process that never became healthy and ended this often will not start at all.
START_ATTEMPTS = 4

START_POLL_S = 0.1
WATCH_POLL_S = 2.0
# After a start somebody waits for readiness: so long it is looked at as often as a start.
YOUNG_S = 30.0
# What a broker says of its streams is told when it has said it for so long.
LASTING_S = 1.0
ROTATE_POLL_S = 5.0
KILL_WAIT_S = 5.0

REPORTED_LOG_LINES = 12
# A disk with less than this is full: a broker needs room for a block of a stream to go on.
ROOM_BYTES_MIN = 8 * 1024 * 1024
ROOM_POLL_S = 0.1
# What has not worked for so long has nothing left to write. A broker whose disk was full does not end by itself.
REPLACE_GRACE_S = 1.0

# What a service exits with when its settings are wrong: another start would end the same way.
BAD_CONFIGURATION = 2

# What a process is in whose start is over, by what it says of its work.
STATES = {
    Readiness.READY: "ready",
    Readiness.LATE: "up",
    Readiness.STANDS_STILL: "standing",
    Readiness.UNHEALTHY: "unhealthy",
}
LIVING = tuple(STATES.values())

# The exit code a shell gives for a program that is not there.
NOT_STARTED = 127


class StartFailedError(Exception):
    """A process does not start; the message holds the end of its log."""


@dataclass
class Child:
    """What the supervisor knows of one process."""

    process: Process
    state: str = "waiting"
    running: RunningChild | None = None
    started_monotonic_s: float = 0.0
    healthy_from_s: float | None = None
    """When the newest process first was healthy, on the same clock; None before that."""
    restarts: int = 0
    crashes_in_row: int = 0
    exit_code: int | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    unhealthy_since_s: float | None = None
    out_of_room: bool = False
    """Whether its disk was full while it did not work."""
    words: str = ""
    """Of a broker: what it has said for some time is wrong with its streams; '' for nothing."""
    last_words: str = ""
    """What it said at the last look."""
    last_words_since_s: float = 0.0

    @property
    def pid(self) -> int | None:
        return self.running.pid if self.running is not None and self.running.exit_code is None else None

    def view(self) -> dict[str, Any]:
        """Return the row of the control file and of `mm status`."""
        alive = self.pid is not None
        return {
            "state": self.state,
            "pid": self.pid,
            "pid_started_ticks": self.running.started_ticks if self.running is not None and alive else None,
            "started_monotonic_s": round(self.started_monotonic_s, 3) if alive else None,
            "restarts": self.restarts,
            "exit_code": self.exit_code,
            "words": self.words,
        }


def crashes_after(crashes_in_row: int, healthy_s: float) -> int:
    """Return what counts as crashes in a row after another one, by how long the process was healthy; at least 1."""
    return max(1, crashes_in_row + 1 - int(healthy_s / MAKES_UP_S))


def restart_delay_s(crashes_in_row: int) -> float:
    """Return how long to wait before the next start, in seconds: 0.2, 0.4, 0.8 ... up to 10."""
    return min(FIRST_RESTART_DELAY_S * 2.0 ** (crashes_in_row - 1), MAX_RESTART_DELAY_S)


def how_it_ended(exit_code: int | None) -> str:
    """Say how a process ended: by itself with a code, or killed by a signal."""
    if exit_code is not None and exit_code < 0:
        return f"killed by {signal.Signals(-exit_code).name}"
    return f"ended with code {exit_code}"


class Supervisor:
    """Runs a table of processes until told to stop."""

    def __init__(
        self,
        table: Sequence[Process],
        logs_dir: Path,
        report: Callable[[str], None],
        on_change: Callable[["Supervisor"], None] = lambda supervisor: None,
    ) -> None:
        self.children = {process.name: Child(process) for process in table}
        self.failure: str | None = None
        self.logs_dir = logs_dir
        self._report = report
        self._on_change = on_change
        self._stopping = asyncio.Event()
        self._failed = asyncio.Event()
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._client = WebClient(trust_env=False)

    def start(self) -> None:
        """Begin starting everything; `all_healthy` tells when that is done."""
        self.logs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        for child in self.children.values():
            self._tasks.append(asyncio.create_task(self._keep(child), name=child.process.name))
        self._tasks.append(asyncio.create_task(self._watch(), name="watch"))
        self._tasks.append(asyncio.create_task(self._watch_disks(), name="disks"))
        self._tasks.append(asyncio.create_task(self._rotate_logs(), name="rotate"))

    async def all_healthy(self) -> None:
        """Return when every process works; raise StartFailedError when one does not start at all."""
        everything: asyncio.Future[Any] = asyncio.create_task(self._all_settled())
        failed: asyncio.Future[Any] = asyncio.create_task(self._failed.wait())
        await asyncio.wait({everything, failed}, return_when=asyncio.FIRST_COMPLETED)
        failed.cancel()
        if not everything.done():
            everything.cancel()
            raise StartFailedError(self.failure)

    async def _all_settled(self) -> None:
        for child in self.children.values():
            await child.settled.wait()

    def unready(self) -> list[str]:
        """Return the processes that do not have fresh inputs (yet)."""
        return [name for name, child in self.children.items() if child.state not in ("ready", "done")]

    def standing(self) -> list[str]:
        """Return the processes that stand still until a person resumes the platform."""
        return [name for name, child in self.children.items() if child.state == "standing"]

    async def late(self, timeout_s: float) -> list[str]:
        """Return the names of the processes that are not ready, at the latest after the timeout.

        It ends as soon as every process is ready, or one stands still: then no waiting makes the others ready.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.unready() and not self.standing():
                    self._changed.clear()
                    await self._changed.wait()
        return self.unready()

    async def stop(self) -> list[str]:
        """Stop wave by wave; return the names of processes that are still there (none, unless the kernel is stuck)."""
        self._stopping.set()
        for wave in stop_waves([child.process for child in self.children.values()]):
            await asyncio.gather(*(self._stop(self.children[process.name]) for process in wave))
        for child in self.children.values():
            if child.process.one_shot:
                await self._stop(child)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()
        return [name for name, child in self.children.items() if _remains(child)]

    async def _keep(self, child: Child) -> None:
        """Start one process when what it waits for is there, and again whenever it ends."""
        for name in child.process.after:
            if name in self.children:
                await self.children[name].settled.wait()
        while not self._stopping.is_set():
            await self._run_once(child)
            if child.state in ("done", "stopped") or self._stopping.is_set():
                return
            await self._pause_after_crash(child)

    async def _run_once(self, child: Child) -> None:
        """Start the process, wait until it works, then until it ends."""
        child.started_monotonic_s, child.healthy_from_s = time.monotonic(), None
        child.words = child.last_words = ""
        try:
            if child.process.before_start is not None:
                await asyncio.to_thread(child.process.before_start)
                if self._stopping.is_set():
                    return
            child.running = RunningChild(child.process, self.logs_dir)
        except (OSError, CannotStartError) as error:
            self._say(f"{child.process.name}: could not be started: {error}")
            child.exit_code = NOT_STARTED
            return
        self._enter(child, "starting")
        ended = asyncio.create_task(child.running.ended())
        if not child.process.one_shot:
            await self._until_healthy(child, ended)
        child.exit_code = await ended
        # Workers a crashed process leaves behind would hold its ports and its lease.
        child.running.kill_group()
        if child.process.one_shot and child.exit_code == 0:
            self._enter(child, "done")
            child.settled.set()

    async def _until_healthy(self, child: Child, ended: asyncio.Task[int]) -> None:
        deadline_s = time.monotonic() + child.process.start_timeout_s
        while not ended.done() and not self._stopping.is_set():
            if await is_healthy(child.process, self._client):
                if not ended.done():
                    child.healthy_from_s = time.monotonic()
                    self._enter(child, "up")
                    child.settled.set()
                return
            if time.monotonic() > deadline_s and child.running is not None:
                self._say(f"{child.process.name}: not healthy after {child.process.start_timeout_s:.0f} s, killed")
                child.running.kill_group()
                return
            await asyncio.wait({ended}, timeout=START_POLL_S)

    async def _pause_after_crash(self, child: Child) -> None:
        healthy_s = time.monotonic() - child.healthy_from_s if child.healthy_from_s is not None else 0.0
        child.crashes_in_row = crashes_after(child.crashes_in_row, healthy_s)
        hopeless = child.crashes_in_row >= START_ATTEMPTS or child.exit_code == BAD_CONFIGURATION
        if not child.settled.is_set() and hopeless:
            end_of_log = "\n  ".join(last_lines(self.logs_dir, child.process.name, REPORTED_LOG_LINES))
            self.failure = f"{child.process.name} does not start ({how_it_ended(child.exit_code)}):\n  {end_of_log}"
            self._enter(child, "failed")
            self._failed.set()
            await self._stopping.wait()
            return
        delay_s = restart_delay_s(child.crashes_in_row)
        child.restarts += 1
        self._enter(child, "restarting")
        self._say(f"{child.process.name}: {how_it_ended(child.exit_code)}, starts again in {delay_s:.1f} s")
        again_s, was_full = time.monotonic() + delay_s, _is_full(child.process.store)
        while not self._stopping.is_set() and (left_s := again_s - time.monotonic()) > 0:
            if was_full and not _is_full(child.process.store):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), min(left_s, ROOM_POLL_S) if was_full else left_s)

    async def _stop(self, child: Child) -> None:
        running = child.running
        if running is None or running.exit_code is not None:
            # Between two starts; it may have left workers, which the kill after each end has cleared.
            self._enter(child, "stopped" if child.state != "done" else "done")
            return
        self._enter(child, "stopping")
        running.ask_to_stop()
        try:
            child.exit_code = await asyncio.wait_for(running.ended(), child.process.stop_grace_s)
        except TimeoutError:
            self._say(f"{child.process.name}: did not stop within {child.process.stop_grace_s:.0f} s, killed")
            running.kill_group()
            with contextlib.suppress(TimeoutError):
                child.exit_code = await asyncio.wait_for(running.ended(), KILL_WAIT_S)
        running.kill_group()
        self._enter(child, "stopped")

    async def _watch(self) -> None:
        """Follow whether the inputs of running processes are fresh."""
        while not self._stopping.is_set():
            looked_at = [child for child in self.children.values() if child.state in LIVING]
            # Side by side: one that does not answer must not keep the others from being seen.
            await asyncio.gather(*(self._look_at(child) for child in looked_at))
            # Close together while the platform starts: somebody waits for it.
            await asyncio.sleep(START_POLL_S if self.unready() and self._young() else WATCH_POLL_S)

    async def _watch_disks(self) -> None:
        """Start again what stopped working on a full disk as soon as there is room."""
        while not self._stopping.is_set():
            for child in self.children.values():
                # Beside `_watch`, which waits for the answer of who cannot give one.
                if child.out_of_room and not _is_full(child.process.store):
                    child.out_of_room = False
                    self._replace(child, "its disk has room again")
            await asyncio.sleep(ROOM_POLL_S)

    async def _look_at(self, child: Child) -> None:
        running = child.running
        readiness, words = await condition(child.process, self._client)
        seen = STATES[readiness]
        still_there = running is child.running and running is not None and running.exit_code is None
        if still_there and child.state in LIVING:
            if self._told(child, words) or seen != child.state:
                self._enter(child, seen)
            self._end_hopeless(child, seen == "unhealthy")

    def _told(self, child: Child, words: str | None) -> bool:
        """Take in what a broker says of its streams; tell it, and say so, once it has lasted.

        A stream that is being made at this moment is one that the broker does not serve.
        """
        now_s = time.monotonic()
        if words is None or words == child.words:
            child.last_words = child.words
            return False
        if words != child.last_words:
            child.last_words, child.last_words_since_s = words, now_s
        if now_s - child.last_words_since_s < LASTING_S:
            return False
        child.words = words
        self._say(f"{child.process.name}: {words or 'every stream is there again'}")
        return True

    def _end_hopeless(self, child: Child, unhealthy: bool) -> None:
        """Have a server that has not worked for too long started again; on a full disk no start helps."""
        patience_s = child.process.restart_unhealthy_s
        if not unhealthy or patience_s is None:
            child.unhealthy_since_s, child.out_of_room = None, False
            return
        now_s = time.monotonic()
        child.out_of_room = child.out_of_room or _is_full(child.process.store)
        if child.unhealthy_since_s is None or child.out_of_room:
            child.unhealthy_since_s = now_s
        elif now_s - child.unhealthy_since_s >= patience_s:
            self._replace(child, f"does not work for {patience_s:.0f} s")

    def _replace(self, child: Child, why: str) -> None:
        """End a process; whoever keeps it starts the next one."""
        child.unhealthy_since_s = None
        if child.running is not None and child.state in LIVING:
            self._say(f"{child.process.name}: {why}, stopped to start again")
            grace_s = min(child.process.stop_grace_s, REPLACE_GRACE_S)
            self._tasks.append(asyncio.create_task(_end(child.running, grace_s)))

    def _young(self) -> bool:
        newest_s = max((child.started_monotonic_s for child in self.children.values()), default=0.0)
        return time.monotonic() - newest_s < YOUNG_S

    async def _rotate_logs(self) -> None:
        while not self._stopping.is_set():
            for name in self.children:
                with contextlib.suppress(OSError):  # without room the log goes on as it is
                    await asyncio.to_thread(rotate, log_path(self.logs_dir, name))
            await asyncio.sleep(ROTATE_POLL_S)

    def _enter(self, child: Child, state: str) -> None:
        child.state = state
        self._changed.set()
        try:
            self._on_change(self)
        except OSError as error:
            # What is written about the processes must not end who keeps them running.
            self._say(f"the state of the processes could not be written: {error.strerror}")

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):  # a full disk, a terminal that is gone
            self._report(text)


async def _end(running: RunningChild, grace_s: float) -> None:
    running.ask_to_stop()
    try:
        await asyncio.wait_for(running.ended(), grace_s)
    except TimeoutError:
        running.kill_group()


def _is_full(folder: Path | None) -> bool:
    if folder is None:
        return False
    try:
        return shutil.disk_usage(folder).free < ROOM_BYTES_MIN
    except OSError:
        return False


def _remains(child: Child) -> bool:
    running = child.running
    return (
        running is not None
        and running.started_ticks is not None
        and is_same_process(running.pid, running.started_ticks)
    )
