"""What holds for every command, whichever it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from toolkit.testing.trial import free_port_base

SLOW = ("pytest", "pydantic", "yaml", "nats", "structlog", "websockets")
"""What takes longer to import than most commands take."""


def test_no_command_waits_for_what_another_one_imports() -> None:
    asked = f"import sys, toolkit.cli; print([name for name in {SLOW} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("command", [["status", "--json"], ["--help"], ["doctor"]])
def test_a_reader_that_leaves_early_sees_no_traceback(tmp_path: Path, command: list[str]) -> None:
    """As `head` does; it holds for what a command prints itself and for what it leaves to a library."""
    where = [] if command == ["--help"] else ["--data-dir", str(tmp_path), "--port-base", str(free_port_base())]
    reading, writing = os.pipe()
    os.close(reading)
    asked = [sys.executable, "-m", "toolkit", *command, *where]
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(asked, stdout=writing, stderr=subprocess.PIPE, text=True, env=buffered, check=False)
    os.close(writing)
    assert (done.returncode in (0, 1), done.stderr) == (True, "")
