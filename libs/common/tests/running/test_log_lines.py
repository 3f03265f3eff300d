"""A log whose reader stands still, is gone, or was never there: its process goes on, and lost lines are counted."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.running.log_lines import WAITING_BYTES_MAX

PATIENCE_S = 30.0
LINES = 3 * WAITING_BYTES_MAX // 1_000
SCRIPT = f"""
import asyncio, sys
from common.running.telemetry import configure_logging, lines_lost
log = configure_logging("feed", "info")

async def work():
    for number in range({LINES}):
        log.info("a line", number=number, filling="x" * 1_000)
        await asyncio.sleep(0)
    print(lines_lost(), flush=True)
    sys.stdin.readline()
    log.info("the last line")
    print(lines_lost(), flush=True)

asyncio.run(work())
"""


@contextmanager
def logging_into(descriptor: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that logs more than pipe and memory take; it waits for a line before its last one."""
    script = [sys.executable, "-c", SCRIPT]
    with subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=descriptor) as process:
        os.close(descriptor)
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[bytes]) -> int:
    """Return the next figure a process prints."""
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], PATIENCE_S)[0], "the process stands still"
    return int(process.stdout.readline())


def go_on(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


def test_r20_a_stopped_reader_of_the_log_holds_up_nothing_and_gets_whole_lines_later(tmp_path: Path) -> None:
    read, write = os.pipe()
    copy = tmp_path / "log"
    with copy.open("wb") as file, subprocess.Popen(["cat"], stdin=read, stdout=file) as reader:
        os.close(read)
        reader.send_signal(signal.SIGSTOP)
        with logging_into(write) as process:
            lost = said(process)
            assert lost > 0
            reader.send_signal(signal.SIGCONT)
            # What waits is read now, so that the last line finds room.
            until_s = time.monotonic() + PATIENCE_S
            while len(copy.read_bytes().splitlines()) < LINES - lost:
                assert time.monotonic() < until_s
                time.sleep(0.01)
            go_on(process)
            assert said(process) == lost
            assert process.wait(PATIENCE_S) == 0
        assert reader.wait(PATIENCE_S) == 0
    lines = [json.loads(line) for line in copy.read_bytes().splitlines()]
    assert len(lines) == LINES - lost + 1
    assert lines[-1]["event"] == "the last line"
    numbers = [line["number"] for line in lines[:-1]]
    assert numbers == sorted(set(numbers)), "in order, none torn, none twice"


def test_r20_a_process_ends_although_nobody_reads_its_last_lines() -> None:
    read, write = os.pipe()
    with logging_into(write) as process:
        assert said(process) > 0
        go_on(process)
        said(process)
        assert process.wait(PATIENCE_S) == 0
    os.close(read)


def test_r20_a_reader_that_is_gone_costs_every_line_and_nothing_else() -> None:
    read, write = os.pipe()
    os.close(read)
    with logging_into(write) as process:
        said(process)
        go_on(process)
        assert said(process) > 0
        assert process.wait(PATIENCE_S) == 0
