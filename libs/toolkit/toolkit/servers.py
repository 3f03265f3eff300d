"""Find the NATS and Redis servers, or install them: from PATH, from the system's packages, or through containers."""

import hashlib
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from toolkit.processes import Servers

# Debian puts servers where an ordinary user's PATH does not look.
SEARCH_PATH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"]
)

APT_TIMEOUT_S = 300
PROBE_TIMEOUT_S = 5
ENGINE_TIMEOUT_S = 60

# With this in place a package's own start-up script leaves its service stopped: the platform starts its own copies.
POLICY_FILE = "/usr/sbin/policy-rc.d"

Report = Callable[[str], None]


class ServerMissingError(Exception):
    """A server is not there and cannot be installed; the message says what the person can do."""


@dataclass(frozen=True)
class Program:
    """A server program: what it is called, where it comes from."""

    name: str
    package: str
    image: str


NATS = Program("nats-server", "nats-server", "nats:2.14-alpine")
REDIS = Program("redis-server", "redis-server", "redis:7-alpine")
CHROMIUM = Program("chromium", "chromium", "")


def find_servers(data_dir: Path, report: Report) -> Servers:
    """Return how to start NATS and Redis, installing what is missing."""
    missing = [program for program in (NATS, REDIS) if find(program) is None]
    if missing and can_apt():
        apt_install(missing, report)
        missing = [program for program in (NATS, REDIS) if find(program) is None]
    if missing and not engine_answers():
        packages = " ".join(program.package for program in missing)
        raise ServerMissingError(f"needs {packages}: install with 'apt-get install {packages}' (as root), then retry")
    return Servers(nats=_command(NATS, data_dir), redis=_command(REDIS, data_dir))


def find(program: Program) -> str | None:
    return shutil.which(program.name, path=SEARCH_PATH)


def version(program: Program) -> str | None:
    """Return a server's version such as `2.9.10`, or None when it is not installed."""
    path = find(program)
    if path is None:
        return None
    said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False)
    match = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
    return match.group() if match else None


def can_apt() -> bool:
    """Say whether system packages may be installed: Debian or Ubuntu, as root or with sudo that asks no password."""
    return shutil.which("apt-get") is not None and _root_prefix() is not None


def apt_install(programs: list[Program], report: Report) -> None:
    """Install system packages without starting their services."""
    prefix = _root_prefix()
    assert prefix is not None, "callers ask can_apt first"
    packages = [program.package for program in programs]
    report(f"installing {', '.join(packages)} with apt-get")
    script = (
        "set -e\n"
        f"if [ ! -e {POLICY_FILE} ]; then\n"
        f"  printf '#!/bin/sh\\nexit 101\\n' > {POLICY_FILE}; chmod 755 {POLICY_FILE}\n"
        f"  trap 'rm -f {POLICY_FILE}' EXIT\n"
        "fi\n"
        "export DEBIAN_FRONTEND=noninteractive\n"
        "apt-get update\n"
        f"apt-get install -y --no-install-recommends {' '.join(packages)}\n"
    )
    with subprocess.Popen(
        [*prefix, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as installing:
        assert installing.stdout is not None
        last_lines: list[str] = []
        for line in installing.stdout:
            last_lines = [*last_lines[-4:], line.strip()]
            if line.startswith(("Get:", "Unpacking", "Setting up")):
                report(line.strip())
        if installing.wait(APT_TIMEOUT_S) != 0:
            report("apt-get failed: " + " | ".join(last_lines))


def engine_answers() -> bool:
    """Say whether a container engine is there and answers."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def _command(program: Program, data_dir: Path) -> tuple[str, ...]:
    path = find(program)
    if path is not None:
        return (path,)
    # Host networking and the same paths inside as outside, so that one configuration serves both ways of starting.
    name = container_name(program, data_dir)
    run = ["docker", "run", "--rm", "--init", "--name", name, "--network", "host"]
    run += ["--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{data_dir}:{data_dir}"]
    run += ["--entrypoint", program.name, program.image]
    # A container outlives a killed `docker run`, and its name would be taken when that is started again.
    script = f'docker rm --force {name} >/dev/null 2>&1; exec {shlex.join(run)} "$@"'
    return ("/bin/sh", "-c", script, name)


def remove_left_over(data_dir: Path) -> None:
    """Remove the containers of a supervisor that was killed: they would hold the ports."""
    contained = [container_name(program, data_dir) for program in (NATS, REDIS) if find(program) is None]
    if contained and engine_answers():
        remove = ["docker", "rm", "--force", *contained]
        subprocess.run(remove, capture_output=True, timeout=ENGINE_TIMEOUT_S, check=False)


def container_name(program: Program, data_dir: Path) -> str:
    """Return the container's name, the same for every start on one data directory."""
    return f"mm-{hashlib.sha256(str(data_dir).encode()).hexdigest()[:10]}-{program.name}"


def _root_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None
