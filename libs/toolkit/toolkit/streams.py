"""Run the `streams` step against a platform of this machine: as its own user, with the data directory's secrets."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from toolkit.gateway_client import NoAnswerError
from toolkit.instance import Instance
from toolkit.layout import nats_password_file, platform_id_file
from toolkit.ports import Ports
from toolkit.processes import nats_environment

USER = "streams"


def run(arguments: Sequence[str], data_dir: Path, ports: Ports) -> int:
    """Create, list or resize streams and return the exit code; NoAnswerError where no platform was ever set up."""
    if not nats_password_file(data_dir, USER).is_file():
        raise NoAnswerError(f"{data_dir}: no platform was set up here (./mm up does it; --data-dir names another)")
    instance = Instance(data_dir, ports, platform_id_file(data_dir).read_text().strip(), log_level="warning")
    # Settings of this shell are for nobody: the step refuses names it does not know.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MM_")}
    environment = inherited | nats_environment(instance, USER)
    return subprocess.run([sys.executable, "-m", "common.streams", *arguments], env=environment, check=False).returncode
