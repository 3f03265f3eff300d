"""A platform under attack: relays between its processes and the bus, blows, and what is to hold after each of them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
from _attack_network import Relay
from _attack_plan import ON_THE_BUS, Scenario
from toolkit.layout import nats_store_dir, redis_store_dir
from toolkit.platform.listening import can_bind
from toolkit.testing.trial import QUOTING, SHORT_MARKETS, Trial, TrialError

# Long markets: a market's own end must not look like a failure to quote.
SETTINGS = {**SHORT_MARKETS, "exchange.MM_SERIES_LENGTH_S": "600", "exchange.MM_TAKER_NOISE_PER_S": "8"}
RELAYS_FROM = 150
"""Ports of the relays, from the platform's own base on: beyond the span it uses itself."""
RECOVERY_S = 90.0
DISK_MIB = 96
HALTED = "drill"


class Attacked(Trial):
    """A trial whose services reach the bus through relays."""

    def __init__(self, data_dir: Path, *, small_disk: str = "") -> None:
        super().__init__(data_dir, settings=SETTINGS)
        self.relays: dict[str, Relay] = {}
        self._small_disk = small_disk
        self._mounted: Path | None = None

    # --- life ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start everything and wait for the first two-sided quote."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self._small_disk:
            self._mount(self.data_dir / self._small_disk)
        port = self.port_base + RELAYS_FROM
        for name in ON_THE_BUS:
            while not can_bind(port):
                port += 1
            self.relays[name] = Relay(port, self.ports.nats)
            self.settings[f"{name}.MM_NATS_URL"] = f"nats://127.0.0.1:{port}"
            port += 1
        self.start()
        self.until("two-sided quote", self.two_sided)

    def close(self) -> None:
        super().close()
        for relay in self.relays.values():
            relay.close()
        if self._mounted is not None:
            _run("umount", "--lazy", str(self._mounted))

    def _mount(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder))
        self._mounted = folder

    # --- looking ------------------------------------------------------------------------------------------------

    def until(self, what: str, condition: Callable[[], bool], timeout_s: float = RECOVERY_S) -> float:
        """Wait until something holds, whoever is not there to be asked meanwhile; return the seconds it took."""

        def holds() -> bool:
            try:
                return condition()
            except (httpx.HTTPError, OSError, KeyError, ValueError, TrialError):
                return False

        return self.wait(what, holds, timeout_s)

    def quoting_anew(self) -> None:
        """Wait until every service is ready, and new orders rest on both sides after that."""
        self.until("readiness", lambda: self.ready(QUOTING))
        earlier: set[tuple[str, str]] = set()

        def known() -> bool:
            nonlocal earlier
            earlier = self.resting()
            return True

        self.until("an answer of the venue", known)
        self.until("new orders on both sides", lambda: bool(self.resting() - earlier) and self.two_sided())

    def halts(self) -> set[tuple[str, str]]:
        """Return the halts in force, as (scope, reason)."""
        return {(halt["scope"], halt["reason"]) for halt in self.status()["halts"]}

    def stands_still(self) -> bool:
        """Say whether nothing of ours rests and the platform tells that a store is not the one it knew."""
        return not self.open_orders() and any(reason.startswith("store") for _, reason in self.halts())

    # --- blows --------------------------------------------------------------------------------------------------

    def kill_and_wait(self, scenario: Scenario) -> float:
        """Kill, perhaps the successor too; return the seconds from the last kill until quotes are new."""
        before = {name: self.pid(name) for name in scenario.victims}
        for name in scenario.victims:
            self.kill(name)
        if scenario.again_after_s is not None:
            first = scenario.victims[0]
            self.until(f"successor of {first}", lambda: self.restarted(first, before[first]))
            time.sleep(scenario.again_after_s)
            before[first] = self.pid(first)
            with suppress(TrialError, ProcessLookupError):  # it may just have ended by itself
                self.kill(first)
        began = time.monotonic()
        for name, pid in before.items():
            self.until(f"new {name}", lambda name=name, pid=pid: self.restarted(name, pid))  # type: ignore[misc]
        self._and_quotes(scenario)
        return time.monotonic() - began

    def freeze_and_wait(self, scenario: Scenario) -> float:
        """Stop a process for a while; return the seconds from its thaw until quotes are new."""
        pid = self.pid(scenario.victims[0])
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(scenario.lasts_s)
        finally:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        began = time.monotonic()
        self._and_quotes(scenario)
        return time.monotonic() - began

    def cut_and_wait(self, scenario: Scenario) -> float:
        """Keep a process from the bus for a while; return the seconds from the end of it until quotes are new."""
        relay = self.relays[scenario.victims[0]]
        (relay.hold if scenario.half_open else relay.cut)()
        try:
            time.sleep(scenario.lasts_s)
        finally:
            relay.restore()
        began = time.monotonic()
        self._and_quotes(scenario)
        return time.monotonic() - began

    def fill_disk_and_wait(self, scenario: Scenario) -> float:
        """Leave a disk without a free byte for a while; return the seconds until quotes are new again."""
        assert self._mounted is not None, "a disk scenario runs on a small disk"
        filler = self._mounted / "filler"
        with filler.open("wb") as file, suppress(OSError):
            while True:
                file.write(b"\0" * (1 << 20))
                file.flush()
        time.sleep(scenario.lasts_s)
        filler.unlink()
        began = time.monotonic()
        self._and_quotes(scenario)
        return time.monotonic() - began

    def _and_quotes(self, scenario: Scenario) -> None:
        if not scenario.under_halt:
            self.quoting_anew()
            return
        self.until("readiness of the gateway", lambda: self.ready(("gateway",)))
        self.until("the halt given before", lambda: ("global", HALTED) in self.halts())

    # --- losses -------------------------------------------------------------------------------------------------

    def empty_stopped(self, *, redis: bool) -> None:
        self.stop()
        shutil.rmtree(nats_store_dir(self.data_dir))
        if redis:
            shutil.rmtree(redis_store_dir(self.data_dir))
        self.start()

    def empty_living(self) -> None:
        """Take NATS' store away under it: the broker is killed and starts on nothing, the services live on."""
        store, before = nats_store_dir(self.data_dir), self.pid("nats")
        self.kill("nats")
        shutil.rmtree(store, ignore_errors=True)
        store.mkdir(parents=True, exist_ok=True)
        self.until("new nats", lambda: self.restarted("nats", before))

    def keep_fill(self, seconds: float) -> None:
        """Keep a copy of FILL's files as they are, and let trading go on for so long."""
        shutil.copytree(self._fill_files(), self._fill_kept)
        time.sleep(seconds)

    def roll_fill_back(self) -> None:
        """Bring FILL's files back to the copy, as a restored volume would."""
        fill, before = self._fill_files(), self.pid("nats")
        self.kill("nats")
        shutil.rmtree(fill)
        self._fill_kept.rename(fill)
        self.until("new nats", lambda: self.restarted("nats", before))

    @property
    def _fill_kept(self) -> Path:
        return self.data_dir / "fill-of-before"

    def _fill_files(self) -> Path:
        # The account's name is part of the path.
        return next(nats_store_dir(self.data_dir).glob("jetstream/*/streams/FILL"))

    def lose_quoter_dir(self) -> None:
        self.stop()
        shutil.rmtree(self.data_dir / "quoter", ignore_errors=True)
        self.start()

    def flush_redis(self) -> None:
        """Empty Redis on disk and in memory."""
        before = self.pid("redis")
        self.kill("redis")
        shutil.rmtree(redis_store_dir(self.data_dir), ignore_errors=True)
        redis_store_dir(self.data_dir).mkdir(parents=True, exist_ok=True)
        self.until("new redis", lambda: self.restarted("redis", before))

    def resume(self) -> dict[str, Any]:
        """Let a person say that the platform may go on; return what the command told of each store."""
        answer: dict[str, Any] = json.loads(
            self.mm("resume", "--yes", "--who", "drill", "--reason", "attack", "--json", timeout_s=RECOVERY_S)
        )
        return answer


def _run(*command: str) -> None:
    subprocess.run(command, check=True)  # noqa: S603  our own words and a folder of ours
