import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from toolkit.instance import (
    CannotStartError,
    Running,
    control_path,
    find_running,
    own_start_ticks,
    read_control,
    write_control,
)
from toolkit.platform.exclusive import end_survivors, sole_instance
from toolkit.platform.screen import Screen
from toolkit.ports import port_map

RUNNING = Running(
    pid=os.getpid(),
    pid_started_ticks=own_start_ticks(),
    started_at="2026-01-01T00:00:00+00:00",
    state="ready",
    source="model",
    ports=port_map(20_000),
    children={},
)


def test_a_running_platform_is_found_by_its_control_file(tmp_path: Path) -> None:
    write_control(tmp_path, RUNNING)
    assert find_running(tmp_path) == RUNNING


def test_a_control_file_of_a_dead_supervisor_counts_as_none(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    write_control(tmp_path, replace(RUNNING, pid=dead.pid))
    assert find_running(tmp_path) is None


def test_another_process_with_the_same_pid_is_not_taken_for_the_supervisor(tmp_path: Path) -> None:
    write_control(tmp_path, replace(RUNNING, pid_started_ticks=RUNNING.pid_started_ticks - 1))
    assert find_running(tmp_path) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"ports": 5}'])
def test_a_broken_control_file_counts_as_none(tmp_path: Path, content: str) -> None:
    control_path(tmp_path).write_text(content)
    assert read_control(tmp_path) is None


def test_a_second_start_on_one_data_directory_is_refused_in_one_sentence(tmp_path: Path) -> None:
    write_control(tmp_path, RUNNING)
    with sole_instance(tmp_path), pytest.raises(CannotStartError) as refused, sole_instance(tmp_path):
        pass
    assert f"a platform runs on {tmp_path} already as pid {os.getpid()}: stop it with ./mm down" in str(refused.value)


def test_the_data_directory_is_free_again_after_the_first_has_ended(tmp_path: Path) -> None:
    with sole_instance(tmp_path):
        pass
    with sole_instance(tmp_path):
        assert (tmp_path / "up.lock").exists()


def test_a_start_waits_for_the_children_of_a_killed_supervisor(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "print(input())"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    ticks = (Path("/proc") / str(child.pid) / "stat").read_text().rpartition(")")[2].split()[19]
    row = {"state": "up", "pid": child.pid, "pid_started_ticks": int(ticks)}
    write_control(tmp_path, replace(RUNNING, pid_started_ticks=0, children={"quoter": row}))
    assert json.loads(control_path(tmp_path).read_text())["children"]["quoter"]["pid"] == child.pid
    child.terminate()
    end_survivors(tmp_path, Screen(Console(quiet=True)))
    assert child.wait() != 0
