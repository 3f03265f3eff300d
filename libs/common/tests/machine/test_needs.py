"""Room on the disk, a stepped clock and lost log lines: told once a minute, shown in readiness and figures."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from common.clock import NS_PER_MS, NS_PER_S, SLEW_PPM_MAX, AnchoredClock
from common.events import AlertLevel
from common.machine.needs import DISK_FULL_BYTES, DISK_LOW_BYTES, STEP_LOOKS, Machine, free_bytes
from common.running import telemetry


class Time:
    """The machine's two clocks, moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_ns, self.monotonic_ns = 1_795_000_000 * NS_PER_S, 5 * NS_PER_S
        monkeypatch.setattr(time, "time_ns", lambda: self.wall_ns)
        monkeypatch.setattr(time, "monotonic_ns", lambda: self.monotonic_ns)

    def pass_by(self, s: float) -> None:
        self.wall_ns += int(s * NS_PER_S)
        self.monotonic_ns += int(s * NS_PER_S)

    def step(self, s: float) -> None:
        self.wall_ns += int(s * NS_PER_S)


@pytest.fixture
def machine_time(monkeypatch: pytest.MonkeyPatch) -> Time:
    return Time(monkeypatch)


@pytest.mark.parametrize("step_s", [60.0, -60.0, 0.5])
def test_r29_a_step_of_the_wall_clock_is_told_and_ends_the_process_to_start_anew(
    machine_time: Time, step_s: float
) -> None:
    clock = AnchoredClock()
    machine = Machine("quoter", Path("/"), clock)
    assert (machine.look(), machine.clock_stepped) == ([], False)
    machine_time.step(step_s)
    alerts = []
    for _ in range(STEP_LOOKS):
        machine_time.pass_by(1)
        alerts += machine.look()
    assert machine.clock_stepped
    assert [(alert.kind, alert.level) for alert in alerts] == [("clock_stepped", AlertLevel.CRITICAL)]
    assert f"{step_s:+.1f} s" in alerts[0].text
    assert AnchoredClock().now_ns() == machine_time.wall_ns  # what the next process reads


def test_r29_a_step_that_is_taken_back_at_once_ends_nothing(machine_time: Time) -> None:
    machine = Machine("quoter", Path("/"), AnchoredClock())
    for step_s in (60, -60):
        machine_time.step(step_s)
        machine_time.pass_by(1)
        assert machine.look() == []
    assert not machine.clock_stepped


@pytest.mark.parametrize("step_s", [0.4, -0.4, 0.001, -0.001])
def test_r29_a_small_difference_is_made_up_within_the_bound_and_never_backwards(
    machine_time: Time, step_s: float
) -> None:
    clock = AnchoredClock()
    machine_time.step(step_s)
    last_ns = clock.now_ns()
    for _ in range(1_000):
        machine_time.pass_by(0.2)
        now_ns = clock.now_ns()
        assert abs(now_ns - last_ns - 200 * NS_PER_MS) <= 200 * NS_PER_MS * SLEW_PPM_MAX // 1_000_000
        last_ns = now_ns
        clock.follow()
    assert abs(clock.drift_ns()) < NS_PER_MS


def machine_with(free: list[int]) -> Machine:
    return Machine("quoter", Path("/data"), AnchoredClock(), free=lambda path: free[0])


def test_r80_room_on_the_disk_is_a_figure_an_alert_and_part_of_readiness(machine_time: Time) -> None:
    free = [DISK_LOW_BYTES]
    machine = machine_with(free)
    assert (machine.look(), machine.unready()) == ([], [])
    free[0] -= 1
    (low,) = machine.look()
    assert (low.kind, low.level, "/data" in low.text, machine.unready()) == ("disk_low", AlertLevel.WARNING, True, [])
    free[0] = DISK_FULL_BYTES - 1
    (full,) = machine.look()
    assert (full.kind, full.level, "/data" in full.text) == ("disk_full", AlertLevel.CRITICAL, True)
    assert machine.unready() == ["disk of /data: 31 MiB free, needs 32"]
    (sample,) = [sample for sample in machine.samples() if sample.name == "mm_disk_free_bytes"]
    assert (sample.labels, sample.value) == ({"directory": "/data"}, DISK_FULL_BYTES - 1)


def test_r80_a_full_disk_is_told_once_a_minute_and_no_more_when_there_is_room(machine_time: Time) -> None:
    free = [0]
    machine = machine_with(free)
    told = []
    for _ in range(120):
        told += machine.look()
        machine_time.pass_by(1)
    assert len(told) == 2
    free[0] = DISK_LOW_BYTES
    assert (machine.look(), machine.unready()) == ([], [])


def test_a_disk_that_cannot_be_asked_is_told_and_ends_nothing() -> None:
    def fail(path: Path) -> int:
        raise OSError(5, "Input/output error")

    machine = Machine("quoter", Path("/data"), AnchoredClock(), free=fail)
    assert [alert.kind for alert in machine.look()] == ["disk_unknown"]


def test_room_is_asked_where_a_folder_will_be(tmp_path: Path) -> None:
    assert free_bytes(tmp_path / "not" / "yet") > 0


class Full:
    """A stream that takes nothing, as stderr on a full disk or with nobody reading."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise BrokenPipeError(32, "Broken pipe")


def test_r20_a_log_that_takes_nothing_loses_lines_counts_them_and_ends_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", Full())
    log = telemetry.configure_logging("feed", "info")
    for _ in range(3):
        log.info("a line " + "x" * 3_000)
    assert telemetry.lines_lost() >= 3
    machine = Machine("feed", Path("/"), AnchoredClock(), free=lambda path: 1 << 40, lines_lost=telemetry.lines_lost)
    assert [alert.kind for alert in machine.look()] == ["log_lines_lost"]
    assert machine.look() == []
