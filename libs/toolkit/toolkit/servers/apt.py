"""Install packages of Debian and Ubuntu without starting the services they bring."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence

APT_TIMEOUT_S = 300
PROBE_TIMEOUT_S = 5

# With this in place a package's own start-up script leaves its service stopped: the platform starts its own copies.
POLICY_FILE = "/usr/sbin/policy-rc.d"

Report = Callable[[str], None]


def can_apt() -> bool:
    """Say whether system packages may be installed: Debian or Ubuntu, as root or with sudo that asks no password."""
    return shutil.which("apt-get") is not None and _root_prefix() is not None


def apt_install(packages: Sequence[str], report: Report) -> None:
    """Install system packages without starting their services."""
    prefix = _root_prefix()
    assert prefix is not None, "callers ask can_apt first"
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
    # Not only the shell: a mirror that stalls keeps apt waiting, and us for its next line.
    bounded = ["timeout", "--kill-after=10", str(APT_TIMEOUT_S)] if shutil.which("timeout") else []
    with subprocess.Popen(
        [*prefix, *bounded, "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as installing:
        assert installing.stdout is not None
        last_lines: list[str] = []
        for line in installing.stdout:
            last_lines = [*last_lines[-4:], line.strip()]
            if line.startswith(("Get:", "Unpacking", "Setting up")):
                report(line.strip())
        if installing.wait() != 0:
            report("apt-get failed: " + " | ".join(last_lines))


def _root_prefix() -> list[str] | None:
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None
