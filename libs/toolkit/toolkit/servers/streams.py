"""Run the `streams` step against a platform of this machine: as its own user, with the data directory's secrets."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from toolkit.instance import Instance
from toolkit.layout import nats_password_file, platform_id_file
from toolkit.operating.gateway_client import NoAnswerError
from toolkit.platform.processes import nats_environment
from toolkit.ports import Ports

USER = "streams"


def run(arguments: Sequence[str], data_dir: Path, ports: Ports) -> int:
    """Create, list or resize streams and return the exit code; NoAnswerError where no platform was ever set up."""
    command, environment = _command(arguments, data_dir, ports)
    return subprocess.run(command, env=environment, check=False).returncode


def ask(arguments: Sequence[str], data_dir: Path, ports: Ports) -> str:
    """Run a step and return what it printed; NoAnswerError says why it could not be done."""
    command, environment = _command(arguments, data_dir, ports)
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise NoAnswerError(done.stderr.strip() or f"the streams step ended with {done.returncode}")
    return done.stdout


def _command(arguments: Sequence[str], data_dir: Path, ports: Ports) -> tuple[list[str], dict[str, str]]:
    if not nats_password_file(data_dir, USER).is_file():
        raise NoAnswerError(f"{data_dir}: no platform was set up here (./mm up does it; --data-dir names another)")
    instance = Instance(data_dir, ports, platform_id_file(data_dir).read_text().strip(), log_level="warning")
    # Settings of this shell are for nobody: the step refuses names it does not know.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
    environment = inherited | nats_environment(instance, USER)
    return [sys.executable, "-m", "common.streams", *arguments], environment
