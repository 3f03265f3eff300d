"""A command whose reader leaves before it is done, as `head` does: no traceback, and no other fault is hidden."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WORDS = "print('word ' * 20_000)"
SHORT = "print('word')"
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
"""What is printed is written when there is enough of it, as it is for people."""


def run(body: str) -> tuple[int, str]:
    """Run a body as a command does whose reader has left; return its exit code and what it said of trouble."""
    lines = ["import sys", "from common.machine.output import reader_may_leave", "with reader_may_leave():"]
    program = "\n".join([*lines, *(f"    {line}" for line in body.splitlines())])
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, env=BUFFERED, check=False)
    os.close(writing)
    return done.returncode, done.stderr.decode()


def test_a_command_that_has_more_to_say_ends_without_a_word() -> None:
    assert run(WORDS) == (1, "")


@pytest.mark.parametrize("code", [0, 2])
def test_a_command_that_is_done_keeps_its_exit_code(code: int) -> None:
    assert run(f"{SHORT}\nsys.exit({code})") == (code, "")
    assert run(f"sys.exit({code})") == (code, "")


def test_a_connection_that_breaks_is_not_taken_for_the_reader() -> None:
    program = (
        "from common.machine.output import reader_may_leave\nwith reader_may_leave(): raise BrokenPipeError('a socket')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.endswith("BrokenPipeError: a socket\n")
